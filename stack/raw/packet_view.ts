/**
 * A packet as programs may look at it: only while they are asked about it, and without being able
 * to change it.
 *
 * @module
 */

import type { Environment } from "../environment.ts";
import type { IpAddress } from "../ip/types.ts";
import { chainLength } from "../memory/chains.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";

/** What a program sees of a packet. */
export interface PacketView {
  /** Who sent it: a signed word of IPv4, or four of IPv6. */
  readonly source: number | readonly [number, number, number, number];
  /** Which of our addresses or groups it is for. */
  readonly destination: number | readonly [number, number, number, number];
  /** The number of its protocol. */
  readonly protocol: number;
  /** The index of the interface that it came in by. */
  readonly interface: number;
  /** Hops left. */
  readonly timeToLive: number;
  /** Differentiated services and ECN. */
  readonly typeOfService: number;
  /** How many bytes follow the headers of IP. */
  readonly length: number;
  /**
   * One of these bytes.
   *
   * @throws {RangeError} when there is none at that offset
   */
  byteAt(offset: number): number;
  /** A copy of these bytes, for good. */
  copy(): Uint8Array<ArrayBuffer>;
}

/** The view of one packet after the other. */
export class OpenPacketView implements PacketView {
  source: IpAddress = 0;
  destination: IpAddress = 0;
  protocol = 0;
  readonly #environment: Environment;
  #packet = -1;
  #at = 0;
  #length = 0;

  /** Looks at nothing. */
  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /**
   * Looks at a packet, whose data begin with its network header, until {@linkcode close}.
   *
   * @param packet its hold stays the caller's
   */
  open(packet: number, protocol: number, source: IpAddress, destination: IpAddress): void {
    const { arena, packets } = this.#environment;
    this.source = source;
    this.destination = destination;
    this.protocol = protocol;
    this.#packet = packet;
    this.#at = packets.transport[packet] - arena.start(packet);
    this.#length = chainLength(arena, packet) - this.#at;
  }

  /** Looks at nothing any more: whoever kept the view has nothing. */
  close(): void {
    this.#packet = -1;
  }

  #require(): number {
    if (this.#packet < 0) {
      throw new TypeError(
        "a view of a packet is for the call that it was given to: copy() it there",
      );
    }
    return this.#packet;
  }

  /** See {@linkcode PacketView.interface}. */
  get interface(): number {
    return this.#environment.packets.interface[this.#require()];
  }

  /** See {@linkcode PacketView.timeToLive}. */
  get timeToLive(): number {
    const { arena: { memory }, packets } = this.#environment;
    const at = packets.network[this.#require()];
    return isIpv4At(memory.view, at) ? ipv4.timeToLive(memory, at) : ipv6.hopLimit(memory, at);
  }

  /** See {@linkcode PacketView.typeOfService}. */
  get typeOfService(): number {
    const { arena: { memory }, packets } = this.#environment;
    const at = packets.network[this.#require()];
    const { view } = memory;
    return isIpv4At(view, at) ? ipv4.typeOfService(memory, at) : ipv6.trafficClass(memory, at);
  }

  /** See {@linkcode PacketView.length}. */
  get length(): number {
    this.#require();
    return this.#length;
  }

  /** See {@linkcode PacketView.byteAt}. */
  byteAt(offset: number): number {
    const { arena } = this.#environment;
    let packet = this.#require();
    if (!(Number.isInteger(offset) && offset >= 0 && offset < this.#length)) {
      throw new RangeError(`a packet of ${this.#length} bytes has none at ${offset}`);
    }
    let skip = this.#at + offset;
    while (skip >= arena.length(packet)) {
      skip -= arena.length(packet);
      packet = arena.next(packet);
    }
    return arena.memory.view.getUint8(arena.start(packet) + skip);
  }

  /** See {@linkcode PacketView.copy}. */
  copy(): Uint8Array<ArrayBuffer> {
    const { arena } = this.#environment;
    let packet = this.#require();
    const bytes = new Uint8Array(this.#length);
    let skip = this.#at;
    for (let filled = 0; filled < bytes.length;) {
      const part = arena.length(packet) - skip;
      if (part > 0) {
        const from = arena.start(packet) + skip;
        bytes.set(arena.memory.bytes.subarray(from, from + part), filled);
        filled += part;
        skip = 0;
      } else skip -= arena.length(packet);
      packet = arena.next(packet);
    }
    return bytes;
  }
}

function isIpv4At(view: DataView, at: number): boolean {
  return view.getUint8(at) >> 4 === 4;
}
