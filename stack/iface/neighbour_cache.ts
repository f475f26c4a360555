/**
 * The neighbours of one family: where packets to them go, and what their messages change. For ARP
 * as well as for neighbour discovery (RFC 1122 section 2.3.2.1 asks for what RFC 4861 does).
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import type { IpAddress } from "../ip/types.ts";
import type { MacAddress } from "../wire/addresses.ts";
import { EtherType } from "../wire/numbers.ts";
import { NeighbourCounter } from "./counters.ts";
import type { NextHops } from "./link_hooks.ts";
import type { LinkInterface } from "./link_interface.ts";
import { type NeighbourCacheParts, NeighbourStates } from "./neighbour_states.ts";
import { NeighbourState, type NeighbourTable } from "./neighbour_table.ts";
import type { PendingPackets } from "./pending_packets.ts";
import type { ReachableTimes } from "./reachable_times.ts";
import type { Neighbours } from "./types.ts";

const NONE = -1;

/** What is known of a neighbour. */
export interface NeighbourDescription {
  readonly interface: number;
  readonly address: IpAddress;
  readonly mac: MacAddress;
  readonly state: NeighbourState;
  readonly isRouter: boolean;
}

/** What a message says about a neighbour. */
export interface Advertised {
  /** The first two bytes of its address on the link, -1 where the message has none. */
  high: number;
  /** The last four of them. */
  low: number;
  isSolicited: boolean;
  isOverride: boolean;
  /** Whether it is a router; null where the message does not say. */
  isRouter: boolean | null;
}

/** The neighbours of one family. */
export class NeighbourCache implements NextHops, Neighbours {
  /** How long neighbours count as reachable, and how often they are asked. */
  readonly times: ReachableTimes;
  readonly #parts: NeighbourCacheParts;
  readonly #states: NeighbourStates;
  readonly #table: NeighbourTable;
  readonly #pending: PendingPackets;
  readonly #type: number;

  /** Makes an empty cache. */
  constructor(parts: NeighbourCacheParts) {
    this.#parts = parts;
    this.#states = new NeighbourStates(parts);
    this.#table = this.#states.table;
    this.#pending = this.#states.pending;
    this.times = this.#states.times;
    this.#type = parts.family === 4 ? EtherType.IPV4 : EtherType.IPV6;
  }

  /** How many neighbours are known. */
  get size(): number {
    return this.#table.size;
  }

  /** See {@linkcode NextHops.output}. */
  output(link: LinkInterface, nextHop: IpAddress, packet: number): number {
    const table = this.#table;
    const entry = table.find(link.index, nextHop);
    if (entry < 0) return this.#begin(link, nextHop, packet);
    const state = table.state[entry];
    // RFC 4861 section 7.2.2 (SHOULD): packets wait while the address is being asked for.
    if (state === NeighbourState.INCOMPLETE) return this.#wait(entry, packet);
    table.usedAt[entry] = this.#parts.environment.now;
    // RFC 4861 section 7.3.3 (MUST): the first packet to a stale entry goes out, and starts the
    // delay.
    if (state === NeighbourState.STALE) this.#states.enter(entry, NeighbourState.DELAY);
    return link.transmit(packet, table.macHigh[entry], table.macLow[entry], this.#type);
  }

  /** Begins to ask for a neighbour that a packet is for. */
  #begin(link: LinkInterface, address: IpAddress, packet: number): number {
    const entry = this.#states.add(link.index, address);
    if (entry < 0) {
      this.#parts.environment.arena.release(packet);
      return -Errno.ENOBUFS;
    }
    const result = this.#wait(entry, packet);
    // RFC 4861 section 7.2.2 (SHOULD): an INCOMPLETE entry is made, and the address asked for.
    this.#states.enter(entry, NeighbourState.INCOMPLETE);
    return result;
  }

  /** Queues a packet; takes over the hold. */
  #wait(entry: number, packet: number): number {
    const { options, counters, environment } = this.#parts;
    if (this.#table.pendingCount[entry] >= options.pendingPackets) {
      // RFC 4861 section 7.2.2 (SHOULD): when a queue overflows, the new packet replaces the
      // oldest.
      environment.arena.release(this.#pending.shift(entry));
      counters.add(NeighbourCounter.DROPPED_PENDING_OLDEST);
    } else if (this.#pending.total >= options.pendingPacketsTotal) {
      environment.arena.release(packet);
      counters.add(NeighbourCounter.DROPPED_PENDING_TOTAL);
      return -Errno.ENOBUFS;
    }
    counters.add(NeighbourCounter.QUEUED);
    this.#pending.push(entry, packet);
    return 0;
  }

  /**
   * Takes an advertisement, or an answer of ARP. RFC 4861 section 7.2.5.
   *
   * @returns false when it was of no use
   */
  advertise(interfaceIndex: number, address: IpAddress, said: Advertised): boolean {
    const table = this.#table;
    const entry = table.find(interfaceIndex, address);
    // RFC 4861 section 7.2.5 (SHOULD): without an entry nobody wants to know: none is made.
    if (entry < 0 || table.state[entry] === NeighbourState.PERMANENT) return entry >= 0;
    const hasMac = said.high >= 0;
    if (table.state[entry] === NeighbourState.INCOMPLETE) {
      // RFC 4861 section 7.2.5 (SHOULD): without an address it is of no use to an INCOMPLETE entry.
      if (!hasMac) return false;
      this.#setRouter(entry, said.isRouter);
      this.#setMac(entry, said.high, said.low);
      // RFC 4861 section 7.2.5 (MUST): a solicited answer makes it REACHABLE, any other one STALE.
      this.#states.enter(entry, said.isSolicited ? NeighbourState.REACHABLE : NeighbourState.STALE);
      this.#flush(entry);
      return true;
    }
    const differs = hasMac && !this.#hasMac(entry, said.high, said.low);
    if (differs && !said.isOverride) {
      // RFC 4861 section 7.2.5 (MUST): without the override flag another address does not replace
      // the one that is known, but raises doubts about a REACHABLE one.
      if (table.state[entry] === NeighbourState.REACHABLE) {
        this.#states.enter(entry, NeighbourState.STALE);
      }
      return true;
    }
    if (differs) this.#setMac(entry, said.high, said.low);
    // RFC 4861 section 7.2.5 (MUST): solicited, it is REACHABLE; else STALE if the address is new.
    if (said.isSolicited) this.#states.enter(entry, NeighbourState.REACHABLE);
    else if (differs) this.#states.enter(entry, NeighbourState.STALE);
    this.#setRouter(entry, said.isRouter);
    return true;
  }

  /**
   * Learns a neighbour's address from what it asked or announced. RFC 4861 sections 6.3.4, 7.2.3.
   *
   * @param isRouter what its flag becomes; null leaves it
   * @param creates whether an entry is made where there is none
   */
  learn(
    interfaceIndex: number,
    address: IpAddress,
    high: number,
    low: number,
    isRouter: boolean | null,
    creates: boolean,
  ): void {
    const table = this.#table;
    let entry = table.find(interfaceIndex, address);
    if (entry < 0) {
      if (!creates) return;
      entry = this.#states.add(interfaceIndex, address);
      if (entry < 0) return;
    } else if (table.state[entry] === NeighbourState.PERMANENT) {
      return;
    } else if (
      table.state[entry] !== NeighbourState.INCOMPLETE && this.#hasMac(entry, high, low)
    ) {
      this.#setRouter(entry, isRouter);
      return;
    }
    this.#setMac(entry, high, low);
    this.#setRouter(entry, isRouter);
    // RFC 4861 section 7.2.3 (MUST): an address that was not asked for makes the entry STALE.
    this.#states.enter(entry, NeighbourState.STALE);
    this.#flush(entry);
  }

  /** Notes whether a neighbour is a router, where it is known. */
  setRouter(interfaceIndex: number, address: IpAddress, isRouter: boolean): void {
    const entry = this.#table.find(interfaceIndex, address);
    if (entry >= 0) this.#setRouter(entry, isRouter);
  }

  #setRouter(entry: number, isRouter: boolean | null): void {
    const table = this.#table;
    if (isRouter === null) return;
    const wasRouter = table.isRouter[entry] !== 0;
    table.isRouter[entry] = Number(isRouter);
    // RFC 4861 section 7.2.5 (MUST): a router that ceases to be one is no default router any more.
    if (wasRouter && !isRouter) {
      const address = table.address[entry] as IpAddress;
      this.#parts.watcher.onRouterGone(table.interface[entry], address);
    }
  }

  #hasMac(entry: number, high: number, low: number): boolean {
    return this.#table.macHigh[entry] === high && this.#table.macLow[entry] === low;
  }

  #setMac(entry: number, high: number, low: number): void {
    this.#table.macHigh[entry] = high;
    this.#table.macLow[entry] = low;
  }

  /** Sends what waited. */
  #flush(entry: number): void {
    const table = this.#table;
    const link = this.#parts.interfaceOf(table.interface[entry]);
    const address = table.address[entry] as IpAddress;
    for (let packet = this.#pending.detach(entry); packet !== NONE;) {
      const next = this.#pending.follow(packet);
      if (link === undefined) this.#parts.environment.arena.release(packet);
      else this.output(link, address, packet);
      packet = next;
    }
  }

  /** See {@linkcode Neighbours.confirm}. */
  confirm(interfaceIndex: number, nextHop: IpAddress): void {
    const table = this.#table;
    const entry = table.find(interfaceIndex, nextHop);
    if (entry < 0) return;
    const state = table.state[entry];
    table.confirmedAt[entry] = this.#parts.environment.now;
    if (state === NeighbourState.REACHABLE || state === NeighbourState.PERMANENT) return;
    // RFC 4861 section 7.3.3 (MUST): hints from above count only where the address is known.
    if (state === NeighbourState.INCOMPLETE) return;
    this.#states.enter(entry, NeighbourState.REACHABLE);
  }

  /** The state of a neighbour. */
  stateOf(interfaceIndex: number, address: IpAddress): NeighbourState {
    const entry = this.#table.find(interfaceIndex, address);
    return (entry < 0 ? NeighbourState.NONE : this.#table.state[entry]) as NeighbourState;
  }

  /** Whether a question to a neighbour has no answer yet. */
  isAwaited(interfaceIndex: number, address: IpAddress): boolean {
    const state = this.stateOf(interfaceIndex, address);
    return state === NeighbourState.INCOMPLETE || state === NeighbourState.PROBE;
  }

  /** Enters a neighbour for good. @returns 0 or `-errno`: ENOBUFS */
  setPermanent(interfaceIndex: number, address: IpAddress, high: number, low: number): number {
    const known = this.#table.find(interfaceIndex, address);
    const entry = known >= 0 ? known : this.#states.add(interfaceIndex, address);
    if (entry < 0) return -Errno.ENOBUFS;
    this.#setMac(entry, high, low);
    this.#states.enter(entry, NeighbourState.PERMANENT);
    this.#flush(entry);
    return 0;
  }

  /** Forgets a neighbour, whatever its state. @returns 0 or `-errno`: ENOENT */
  remove(interfaceIndex: number, address: IpAddress): number {
    const entry = this.#table.find(interfaceIndex, address);
    if (entry < 0) return -Errno.ENOENT;
    this.#states.forget(entry);
    return 0;
  }

  /** Forgets the neighbours of an interface. @param isPermanent whether those for good, too */
  flush(interfaceIndex: number, isPermanent: boolean): void {
    const table = this.#table;
    for (let entry = 0; entry < table.capacity; entry++) {
      const state = table.state[entry];
      if (state === NeighbourState.NONE || table.interface[entry] !== interfaceIndex) continue;
      if (isPermanent || state !== NeighbourState.PERMANENT) this.#states.forget(entry);
    }
  }

  /** All neighbours. */
  list(): NeighbourDescription[] {
    const table = this.#table;
    const found: NeighbourDescription[] = [];
    for (let entry = 0; entry < table.capacity; entry++) {
      const state = table.state[entry] as NeighbourState;
      const address = table.address[entry];
      if (state === NeighbourState.NONE || address === null) continue;
      const isRouter = table.isRouter[entry] !== 0;
      const mac = this.#states.macOf(entry);
      found.push({ interface: table.interface[entry], address, mac, state, isRouter });
    }
    return found;
  }
}
