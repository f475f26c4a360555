/**
 * Which frames an interface takes: its own, everybody's, and those of the groups it listens to.
 *
 * @module
 */

import { type MacAddress, macHigh, macLow } from "./addresses.ts";
import { destinationHigh, destinationLow } from "./ethernet.ts";
import type { PacketBytes } from "./packet_bytes.ts";

/** For whom a frame is. */
export const Cast = {
  /** For another station. */
  OTHER: 0,
  /** For this station alone. */
  UNICAST: 1,
  /** For a group that this station listens to. */
  MULTICAST: 2,
  /** For everybody. */
  BROADCAST: 3,
} as const;

/** One of {@linkcode Cast}. */
export type Cast = typeof Cast[keyof typeof Cast];

/** The numbers that describe a filter. */
export interface MacFilterOptions {
  /**
   * The most groups that are told apart; with more of them, every group is taken, as network cards
   * do it.
   */
  readonly groups: number;
}

/** The filter of one interface. */
export class MacFilter {
  readonly #own: MacAddress;
  readonly #ownHigh: number;
  readonly #ownLow: number;
  readonly #high: Uint16Array;
  readonly #low: Int32Array;
  readonly #members: Int32Array;
  #count = 0;
  /** Memberships that found no room. */
  #overflow = 0;
  /** Whether every group is taken. */
  isAllMulticast = false;
  /** Whether every frame is taken; {@linkcode MacFilter.castOf} still tells for whom it is. */
  isPromiscuous = false;

  /**
   * Makes a filter that takes no group.
   *
   * @param own The address of the interface.
   * @param options The size of its table.
   */
  constructor(own: MacAddress, options: MacFilterOptions) {
    this.#own = own;
    this.#ownHigh = macHigh(own);
    this.#ownLow = macLow(own);
    this.#high = new Uint16Array(options.groups);
    this.#low = new Int32Array(options.groups);
    this.#members = new Int32Array(options.groups);
  }

  /** The address of the interface. */
  get own(): MacAddress {
    return this.#own;
  }

  /** Listens to a group; each call is to be undone by one of {@linkcode MacFilter.leave}. */
  join(group: MacAddress): void {
    const at = this.#find(macHigh(group), macLow(group));
    if (at >= 0) {
      this.#members[at]++;
    } else if (this.#count === this.#high.length) {
      this.#overflow++;
    } else {
      this.#high[this.#count] = macHigh(group);
      this.#low[this.#count] = macLow(group);
      this.#members[this.#count++] = 1;
    }
  }

  /** Listens to a group no more, once everybody who joined it has left. */
  leave(group: MacAddress): void {
    const at = this.#find(macHigh(group), macLow(group));
    if (at < 0) {
      if (this.#overflow > 0) this.#overflow--;
      return;
    }
    if (--this.#members[at] > 0) return;
    const last = --this.#count;
    this.#high[at] = this.#high[last];
    this.#low[at] = this.#low[last];
    this.#members[at] = this.#members[last];
  }

  /**
   * For whom a frame is.
   *
   * @param packets The memory.
   * @param at The offset of a frame of at least 14 bytes.
   * @returns Its {@linkcode Cast}.
   */
  castOf(packets: PacketBytes, at: number): Cast {
    const high = destinationHigh(packets, at);
    const low = destinationLow(packets, at);
    if (low === this.#ownLow && high === this.#ownHigh) return Cast.UNICAST;
    if ((high & 0x100) === 0) return Cast.OTHER;
    if (high === 0xffff && low === -1) return Cast.BROADCAST;
    if (this.isAllMulticast || this.#overflow > 0) return Cast.MULTICAST;
    return this.#find(high, low) >= 0 ? Cast.MULTICAST : Cast.OTHER;
  }

  /** Whether the interface takes the frame at an offset. */
  takes(packets: PacketBytes, at: number): boolean {
    return this.isPromiscuous || this.castOf(packets, at) !== Cast.OTHER;
  }

  #find(high: number, low: number): number {
    for (let i = 0; i < this.#count; i++) {
      if (this.#low[i] === low && this.#high[i] === high) return i;
    }
    return -1;
  }
}
