/**
 * What is known of neighbours, in columns: one cache for each family, of a fixed size.
 *
 * When it is full, one of a few entries that the hand of a clock comes by gives way: first those
 * whose address is not known yet, then those that were not used for longest. Permanent entries
 * stay, and routers do while there is anything else (RFC 6583 section 7.1).
 *
 * @module
 */

import type { Environment } from "../environment.ts";
import type { IpAddress } from "../ip/types.ts";
import { randomTableKey } from "../random.ts";
import { KeyTable } from "../tables/mod.ts";
import { putWords } from "./ip_address.ts";

/** The states of RFC 4861 section 7.3.2, and one for entries that somebody configured. */
export const NeighbourState = {
  NONE: 0,
  INCOMPLETE: 1,
  REACHABLE: 2,
  STALE: 3,
  DELAY: 4,
  PROBE: 5,
  PERMANENT: 6,
} as const;

/** One of {@linkcode NeighbourState}. */
export type NeighbourState = typeof NeighbourState[keyof typeof NeighbourState];

const NAMES = Object.keys(NeighbourState);
const NONE = -1;
/** So many entries are looked at for one that gives way. */
const EVICTION_CANDIDATES = 16;

/** The name of a state. */
export function neighbourStateName(state: number): string {
  return NAMES[state];
}

/** The columns. */
export class NeighbourTable {
  /** Entries' numbers are less than this. */
  readonly capacity: number;
  readonly state: Uint8Array;
  readonly interface: Int32Array;
  readonly address: (IpAddress | null)[];
  /** The first two bytes of its address on the link. */
  readonly macHigh: Uint16Array;
  /** The last four of them. */
  readonly macLow: Int32Array;
  readonly isRouter: Uint8Array;
  /** Requests that were sent without an answer. */
  readonly probes: Uint8Array;
  readonly usedAt: Float64Array;
  readonly confirmedAt: Float64Array;
  /** The confirmation that its timer runs from. */
  readonly armedFrom: Float64Array;
  /** Packets that wait, the oldest first. */
  readonly pendingHead: Int32Array;
  readonly pendingTail: Int32Array;
  readonly pendingCount: Int32Array;
  readonly timer: Int32Array;
  readonly #keys: KeyTable;
  readonly #words = new Int32Array(5);
  readonly #next: Int32Array;
  #free = NONE;
  #size = 0;
  #hand = 0;

  /**
   * Makes an empty table.
   *
   * @param addressWords words of an address: 1 or 4
   */
  constructor(environment: Environment, capacity: number, addressWords: 1 | 4) {
    this.capacity = capacity;
    this.state = new Uint8Array(capacity);
    this.interface = new Int32Array(capacity);
    this.address = new Array(capacity).fill(null);
    this.macHigh = new Uint16Array(capacity);
    this.macLow = new Int32Array(capacity);
    this.isRouter = new Uint8Array(capacity);
    this.probes = new Uint8Array(capacity);
    this.usedAt = new Float64Array(capacity);
    this.confirmedAt = new Float64Array(capacity);
    this.armedFrom = new Float64Array(capacity);
    this.pendingHead = new Int32Array(capacity).fill(NONE);
    this.pendingTail = new Int32Array(capacity).fill(NONE);
    this.pendingCount = new Int32Array(capacity);
    this.timer = new Int32Array(capacity).fill(NONE);
    this.#next = new Int32Array(capacity);
    const hashKey = randomTableKey(environment.random);
    this.#keys = new KeyTable({ capacity, keyWords: 1 + addressWords, hashKey });
    for (let entry = capacity - 1; entry >= 0; entry--) this.#give(entry);
  }

  /** How many entries there are. */
  get size(): number {
    return this.#size;
  }

  #give(entry: number): void {
    this.#next[entry] = this.#free;
    this.#free = entry;
  }

  /** The entry of a neighbour, or -1. */
  find(interfaceIndex: number, address: IpAddress): number {
    this.#words[0] = interfaceIndex;
    putWords(this.#words, 1, address);
    return this.#keys.lookup(this.#words);
  }

  /** Makes an entry, which must not be there. @returns -1 when the table is full */
  add(interfaceIndex: number, address: IpAddress): number {
    const entry = this.#free;
    if (entry === NONE) return NONE;
    this.#free = this.#next[entry];
    this.#words[0] = interfaceIndex;
    putWords(this.#words, 1, address);
    this.#keys.insert(this.#words, entry);
    this.interface[entry] = interfaceIndex;
    this.address[entry] = address;
    this.isRouter[entry] = 0;
    this.probes[entry] = 0;
    this.macHigh[entry] = 0;
    this.macLow[entry] = 0;
    this.#size++;
    return entry;
  }

  /** Removes an entry, which must have no packets and no timer. */
  remove(entry: number): void {
    this.#words[0] = this.interface[entry];
    putWords(this.#words, 1, this.address[entry] as IpAddress);
    this.#keys.remove(this.#words);
    this.state[entry] = NeighbourState.NONE;
    this.address[entry] = null;
    this.#give(entry);
    this.#size--;
  }

  /** The entry that is to give way to another one, or -1 when none can. */
  candidate(): number {
    let best = NONE;
    const looks = Math.min(EVICTION_CANDIDATES, this.capacity);
    for (let look = 0; look < looks; look++) {
      const entry = this.#hand;
      this.#hand = (this.#hand + 1) % this.capacity;
      const state = this.state[entry];
      if (state === NeighbourState.NONE || state === NeighbourState.PERMANENT) continue;
      if (best === NONE || this.#isLessUseful(entry, best)) best = entry;
    }
    return best;
  }

  #isLessUseful(entry: number, other: number): boolean {
    const rank = this.#rank(entry) - this.#rank(other);
    return rank !== 0 ? rank < 0 : this.usedAt[entry] < this.usedAt[other];
  }

  #rank(entry: number): number {
    if (this.isRouter[entry] !== 0) return 2;
    return this.state[entry] === NeighbourState.INCOMPLETE ? 0 : 1;
  }
}
