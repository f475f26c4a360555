/**
 * Packets that wait for the address of a neighbour: a list for each, linked by a column.
 *
 * @module
 */

import type { Environment } from "../environment.ts";
import type { NeighbourTable } from "./neighbour_table.ts";

const NONE = -1;

/** The lists of one cache. */
export class PendingPackets {
  readonly #environment: Environment;
  readonly #table: NeighbourTable;
  readonly #next: Int32Array;
  #total = 0;

  /** Makes empty lists. */
  constructor(environment: Environment, table: NeighbourTable) {
    this.#environment = environment;
    this.#table = table;
    this.#next = new Int32Array(environment.arena.capacity).fill(NONE);
  }

  /** How many packets wait for all neighbours together. */
  get total(): number {
    return this.#total;
  }

  /** Puts a packet behind the others; takes over the hold. */
  push(entry: number, packet: number): void {
    const { pendingHead, pendingTail, pendingCount } = this.#table;
    this.#next[packet] = NONE;
    if (pendingHead[entry] === NONE) pendingHead[entry] = packet;
    else this.#next[pendingTail[entry]] = packet;
    pendingTail[entry] = packet;
    pendingCount[entry]++;
    this.#total++;
  }

  /** Takes the packet that waits longest, whose hold is the caller's now; -1 when none waits. */
  shift(entry: number): number {
    const { pendingHead, pendingTail, pendingCount } = this.#table;
    const packet = pendingHead[entry];
    if (packet === NONE) return NONE;
    pendingHead[entry] = this.#next[packet];
    if (pendingHead[entry] === NONE) pendingTail[entry] = NONE;
    pendingCount[entry]--;
    this.#total--;
    return packet;
  }

  /**
   * Takes all packets off an entry, which may be removed then.
   *
   * @returns the first one; {@linkcode follow} has the others
   */
  detach(entry: number): number {
    const { pendingHead, pendingTail, pendingCount } = this.#table;
    const first = pendingHead[entry];
    this.#total -= pendingCount[entry];
    pendingHead[entry] = NONE;
    pendingTail[entry] = NONE;
    pendingCount[entry] = 0;
    return first;
  }

  /** The packet behind one that was detached, or -1; to be asked before that one goes on. */
  follow(packet: number): number {
    return this.#next[packet];
  }

  /** Releases what waits. @returns how many packets */
  release(entry: number): number {
    const count = this.#table.pendingCount[entry];
    for (let packet = this.detach(entry); packet !== NONE;) {
      const next = this.#next[packet];
      this.#environment.arena.release(packet);
      packet = next;
    }
    return count;
  }
}
