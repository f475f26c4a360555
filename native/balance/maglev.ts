/**
 * Consistent hashing by a lookup table.
 *
 * Source: Eisenbud and others, "Maglev: A Fast and Reliable Software Network Load Balancer"
 * (NSDI 2016), section 3.4.
 *
 * @module
 */

import { hashBytes, type SipKey } from "../../ring/abi/sip_hash.ts";

/** Who shares the keys: a name, or something with a name and, where shares differ, a weight. */
export type MaglevBackend = string | {
  /** Tells it from the others, and decides which keys it has. */
  readonly name: string;
  /** Its share in proportion to the others', above 0 and up to 1e6; 1. */
  readonly weight?: number;
};

/** Section 3.4 wants a prime, and more than a hundred times the number of backends. */
const TABLE_SIZE = 65537;
const TABLE_SIZE_MAX = 2 ** 27;
const WEIGHT_MAX = 1e6;
const EMPTY = -1;

// The same on every machine, so that all balancers with the same backends agree.
const OFFSET_KEY: SipKey = { low: 0x6d61676c, high: 0x6f666673 };
const SKIP_KEY: SipKey = { low: 0x6d61676c, high: 0x736b6970 };
const LOOKUP_KEY: SipKey = { low: 0x6d61676c, high: 0x6c6f6f6b };

const encoder = new TextEncoder();

/**
 * A table that maps keys to backends: evenly, in constant time, and so that few keys move when a
 * backend comes or goes. It depends on names and weights only: whoever makes one of the same
 * backends, on whatever machine and in whatever order, has the same.
 *
 * @example
 * ```ts
 * import { Maglev } from "./maglev.ts";
 * const maglev = new Maglev(["a", "b", "c"]);
 * console.log(maglev.lookup("192.0.2.1") === maglev.lookup("192.0.2.1")); // true
 * ```
 */
export class Maglev<Backend extends MaglevBackend = string> {
  /** Entries of the table, a prime. */
  readonly tableSize: number;
  /** The backends, by name. */
  readonly backends: readonly Backend[];
  readonly #table: Int32Array;

  /**
   * Fills the table.
   *
   * @param backends 1 or more with different names; with weights that differ, shares do
   * @param tableSize a prime; more spreads keys more evenly and moves fewer of them
   * @throws {TypeError} when a name is missing or there twice
   * @throws {RangeError} when there are no backends or more than entries, a weight is out of its
   * range, or the size is no prime
   */
  constructor(backends: readonly Backend[], tableSize: number = TABLE_SIZE) {
    if (!isPrime(tableSize) || tableSize > TABLE_SIZE_MAX) {
      const range = `a prime up to ${TABLE_SIZE_MAX}`;
      throw new RangeError(`Maglev: tableSize must be ${range}, not ${String(tableSize)}`);
    }
    if (backends.length === 0 || backends.length > tableSize) {
      throw new RangeError(`Maglev: there must be 1 to ${tableSize} backends`);
    }
    checkNames(backends.map(nameOf));
    this.tableSize = tableSize;
    // In an order of their own, so that the order in which they were given does not count.
    this.backends = backends.toSorted((a, b) => nameOf(a) < nameOf(b) ? -1 : 1);
    this.#table = populate(this.backends, tableSize);
  }

  /**
   * Finds the backend of a key.
   *
   * @param key text or bytes: the client's address, say, or the name of a session
   * @returns the backend
   */
  lookup(key: string | Uint8Array): Backend;
  /**
   * Finds the backend of a key among those that can be used. One that cannot is passed over: its
   * keys, and no others, go to the rest in even shares, until it can be used again.
   *
   * @param key text or bytes: the client's address, say, or the name of a session
   * @param isUsable says which
   * @returns the backend; undefined when `isUsable` refused all of them
   */
  lookup(
    key: string | Uint8Array,
    isUsable: (backend: Backend) => boolean,
  ): Backend | undefined;
  /** What both of the above do. */
  lookup(
    key: string | Uint8Array,
    isUsable?: (backend: Backend) => boolean,
  ): Backend | undefined {
    const bytes = typeof key === "string" ? encoder.encode(key) : key;
    const first = hashBytes(LOOKUP_KEY, bytes) >>> 0;
    const place = first % this.tableSize;
    const backend = this.backends[this.#table[place]];
    if (isUsable === undefined || isUsable(backend)) return backend;
    return this.#lookupBehind(place, bytes, isUsable);
  }

  /** The share of the table that each backend has, in the order of {@linkcode backends}. */
  shares(): number[] {
    const counts = this.backends.map(() => 0);
    for (const index of this.#table) counts[index]++;
    return counts.map((count) => count / this.tableSize);
  }

  /** Walks the table from the key's place, in steps of the key's own, which visit every entry. */
  #lookupBehind(
    place: number,
    bytes: Uint8Array,
    isUsable: (backend: Backend) => boolean,
  ): Backend | undefined {
    const size = this.tableSize;
    const step = (hashBytes(SKIP_KEY, bytes) >>> 0) % (size - 1) + 1;
    const refused = new Uint8Array(this.backends.length);
    refused[this.#table[place]] = 1;
    let left = this.backends.length - 1;
    for (let count = 1; count < size && left > 0; count++) {
      place = (place + step) % size;
      const index = this.#table[place];
      if (refused[index] === 1) continue;
      if (isUsable(this.backends[index])) return this.backends[index];
      refused[index] = 1;
      left--;
    }
    return undefined;
  }
}

function nameOf(backend: MaglevBackend): string {
  return typeof backend === "string" ? backend : backend?.name;
}

function weightOf(backend: MaglevBackend): number {
  const weight = typeof backend === "string" ? 1 : backend.weight ?? 1;
  if (typeof weight !== "number" || !(weight > 0 && weight <= WEIGHT_MAX)) {
    const range = `above 0 and up to ${WEIGHT_MAX}`;
    throw new RangeError(`Maglev: the weight of "${nameOf(backend)}" must be ${range}`);
  }
  return weight;
}

function checkNames(names: readonly string[]): void {
  const seen = new Set<string>();
  for (const [index, name] of names.entries()) {
    if (typeof name !== "string" || name === "") {
      throw new TypeError(`Maglev: backend ${index} has no name`);
    }
    if (seen.has(name)) throw new TypeError(`Maglev: there are two backends "${name}"`);
    seen.add(name);
  }
}

/**
 * Fills the table as the paper's pseudocode 1 does: in turns, each backend takes the next entry of
 * its own permutation that is still free. One with half of the greatest weight has a turn in every
 * second round.
 */
function populate(backends: readonly MaglevBackend[], size: number): Int32Array {
  const table = new Int32Array(size).fill(EMPTY);
  const heaviest = Math.max(...backends.map(weightOf));
  const turns = backends.map((backend) => weightOf(backend) / heaviest);
  const owed = new Float64Array(backends.length);
  const place = new Int32Array(backends.length);
  const skip = new Int32Array(backends.length);
  for (const [index, backend] of backends.entries()) {
    const name = encoder.encode(nameOf(backend));
    place[index] = (hashBytes(OFFSET_KEY, name) >>> 0) % size;
    skip[index] = (hashBytes(SKIP_KEY, name) >>> 0) % (size - 1) + 1;
  }
  for (let filled = 0; filled < size;) {
    for (let index = 0; index < backends.length && filled < size; index++) {
      owed[index] += turns[index];
      if (owed[index] < 1) continue;
      owed[index]--;
      let next = place[index];
      while (table[next] !== EMPTY) next = (next + skip[index]) % size;
      table[next] = index;
      place[index] = (next + skip[index]) % size;
      filled++;
    }
  }
  return table;
}

function isPrime(value: number): boolean {
  if (!Number.isSafeInteger(value) || value < 2) return false;
  for (let factor = 2; factor * factor <= value; factor++) {
    if (value % factor === 0) return false;
  }
  return true;
}
