/**
 * A hash table from keys of a few words to numbers: connections by their addresses and ports,
 * neighbours by their addresses, fragments by what they have in common.
 *
 * An index has a word for each place, free or with an entry's number and some bits of its hash. The
 * search begins at the place that the hash says and goes on to the next one (open addressing with
 * linear probing). At most five eighths of the places are in use. Whoever removes an entry moves
 * the words behind it that would not be found any more, so that the table is as fast after a million
 * removals as before them. A lookup costs a cache miss in the index and one in the entry, hardly
 * ever one for another entry, and neither where the entry is the one that was found last.
 *
 * Keys are strangers' addresses: the hash is keyed, so that nobody can choose such that collide.
 *
 * Source: Knuth, The Art of Computer Programming, volume 3, section 6.4, algorithms L and R.
 *
 * @module
 */

import { hashWords, type SipKey } from "../../ring/abi/sip_hash.ts";

/** No entry. */
const NONE = -1;

/** Bits of a word of the index that have an entry's number and one more; 0 is a free place. */
const ENTRY_MASK = (1 << 22) - 1;
/** The other bits are those of the entry's hash. */
const HASH_MASK = ~ENTRY_MASK;

/** More entries than this are refused. */
export const MAXIMUM_ENTRIES: number = ENTRY_MASK - 1;

/** Values are 0 to this. */
export const MAXIMUM_VALUE = 2 ** 31 - 1;

/** Five of eight places may be in use. */
const LOAD_PLACES = 8;
const LOAD_ENTRIES = 5;

/** An entry: the hash of its key; its value, or the next one where it is free; and the key. */
const HASH = 0;
const VALUE = 1;
const KEY = 2;

/** What a table is made of. */
export interface KeyTableOptions {
  /** How many entries there are at most. */
  readonly capacity: number;
  /** Words of a key, 1 or more. */
  readonly keyWords: number;
  /** What keys are hashed with: 64 bits that nobody can guess. */
  readonly hashKey: SipKey;
}

/** What became of a table's entries. */
export interface KeyTableStatistics {
  /** How many entries there are at most. */
  readonly capacity: number;
  /** How many entries there are. */
  readonly size: number;
  /** How many there were at a time, at most. */
  readonly peak: number;
  /** How often an entry found no room. */
  readonly refused: number;
}

/** A table with a fixed number of entries. */
export class KeyTable {
  /** How many entries there are at most. */
  readonly capacity: number;
  readonly #keyWords: number;
  readonly #hashKey: SipKey;
  readonly #mask: number;
  readonly #index: Int32Array;
  readonly #stride: number;
  readonly #entries: Int32Array;
  #free = NONE;
  /** Where the entry lies that was found last: packets of one flow come in trains. */
  #last = NONE;
  #size = 0;
  #peak = 0;
  #refused = 0;

  /**
   * Makes a table without entries.
   *
   * @param options What it is made of.
   * @throws {RangeError} When it would have too many entries, or keys of no words.
   *
   * @example
   * ```ts
   * const table = new KeyTable({ capacity: 100, keyWords: 4, hashKey: { low: 1, high: 2 } });
   * const key = new Int32Array(4);
   * setIpv4Flow(key, 0x0a000001, 0x0a000002, 80 << 16 | 40000, 6, 0);
   * table.insert(key, 7);
   * table.lookup(key); // 7
   * ```
   */
  constructor({ capacity, keyWords, hashKey }: KeyTableOptions) {
    if (!(Number.isInteger(capacity) && capacity >= 0 && capacity <= MAXIMUM_ENTRIES)) {
      throw new RangeError(`a table has up to ${MAXIMUM_ENTRIES} entries, not ${capacity}`);
    }
    if (!(Number.isInteger(keyWords) && keyWords >= 1)) {
      throw new RangeError(`a key has 1 word or more, not ${keyWords}`);
    }
    let places = LOAD_PLACES;
    while (places * LOAD_ENTRIES < capacity * LOAD_PLACES) places *= 2;
    this.capacity = capacity;
    this.#keyWords = keyWords;
    this.#hashKey = hashKey;
    this.#mask = places - 1;
    this.#index = new Int32Array(places);
    this.#stride = KEY + keyWords;
    this.#entries = new Int32Array(capacity * this.#stride);
    for (let entry = capacity - 1; entry >= 0; entry--) this.#give(entry);
  }

  /** How many entries there are. */
  get size(): number {
    return this.#size;
  }

  /**
   * Looks up a key.
   *
   * @param words The key, in the first words.
   * @returns Its value, or -1 when it is not there.
   */
  lookup(words: Int32Array): number {
    const last = this.#last;
    if (last !== NONE && this.#hasKey(last, words)) return this.#entries[last + VALUE];
    const found = this.#index[this.#find(words, this.#hash(words))];
    if (found === 0) return NONE;
    this.#last = this.#placeOf(found);
    return this.#entries[this.#last + VALUE];
  }

  /**
   * Adds an entry, unless its key has one.
   *
   * @param words The key, in the first words.
   * @param value 0 to {@linkcode MAXIMUM_VALUE}.
   * @returns The value that the key has now, which is another one when it had that before; or -1
   * when the table is full.
   * @throws {RangeError} When the value is none.
   */
  insert(words: Int32Array, value: number): number {
    if (!(Number.isInteger(value) && value >= 0 && value <= MAXIMUM_VALUE)) {
      throw new RangeError(`${value} is no value of a table`);
    }
    const hash = this.#hash(words);
    const place = this.#find(words, hash);
    if (this.#index[place] !== 0) return this.#valueOf(this.#index[place]);
    const entry = this.#free;
    if (entry === NONE) {
      this.#refused++;
      return NONE;
    }
    const entries = this.#entries;
    const at = entry * this.#stride;
    this.#free = entries[at + VALUE];
    entries[at + HASH] = hash;
    entries[at + VALUE] = value;
    for (let word = 0; word < this.#keyWords; word++) entries[at + KEY + word] = words[word];
    this.#index[place] = (hash & HASH_MASK) | (entry + 1);
    if (++this.#size > this.#peak) this.#peak = this.#size;
    return value;
  }

  /**
   * Removes an entry.
   *
   * @param words The key, in the first words.
   * @returns The value that it had, or -1 when it was not there.
   */
  remove(words: Int32Array): number {
    const place = this.#find(words, this.#hash(words));
    const found = this.#index[place];
    if (found === 0) return NONE;
    const value = this.#valueOf(found);
    if (this.#placeOf(found) === this.#last) this.#last = NONE;
    this.#close(place);
    this.#give((found & ENTRY_MASK) - 1);
    this.#size--;
    return value;
  }

  /** The values of all entries, in no order. */
  values(): number[] {
    const found: number[] = [];
    for (const word of this.#index) if (word !== 0) found.push(this.#valueOf(word));
    return found;
  }

  /** What became of the entries so far. */
  statistics(): KeyTableStatistics {
    const { capacity } = this;
    return { capacity, size: this.#size, peak: this.#peak, refused: this.#refused };
  }

  /**
   * Checks that every entry is found, and that they are as many as are counted. For tests.
   *
   * @throws {Error} When that does not hold; it says what.
   */
  verify(): void {
    const key = new Int32Array(this.#keyWords);
    let count = 0;
    for (const [place, word] of this.#index.entries()) {
      if (word === 0) continue;
      count++;
      const at = this.#placeOf(word);
      key.set(this.#entries.subarray(at + KEY, at + this.#stride));
      if (this.#find(key, this.#hash(key)) !== place) throw new Error(`key ${key} is not found`);
    }
    if (count !== this.#size) throw new Error(`${count} entries are there, not ${this.#size}`);
    for (let entry = this.#free; entry !== NONE; count++) {
      entry = this.#entries[entry * this.#stride + VALUE];
    }
    if (count !== this.capacity) throw new Error(`${this.capacity - count} entries are lost`);
  }

  #give(entry: number): void {
    this.#entries[entry * this.#stride + VALUE] = this.#free;
    this.#free = entry;
  }

  #hash(words: Int32Array): number {
    return hashWords(this.#hashKey, words, this.#keyWords);
  }

  /** Where the entry lies that a word of the index means. */
  #placeOf(word: number): number {
    return ((word & ENTRY_MASK) - 1) * this.#stride;
  }

  #valueOf(word: number): number {
    return this.#entries[this.#placeOf(word) + VALUE];
  }

  /** The place of a key or, when it is not there, where it would be: some are always free. */
  #find(words: Int32Array, hash: number): number {
    const index = this.#index;
    const mask = this.#mask;
    let place = hash & mask;
    let word = index[place];
    while (word !== 0) {
      if (((word ^ hash) & HASH_MASK) === 0 && this.#hasKey(this.#placeOf(word), words)) {
        return place;
      }
      place = (place + 1) & mask;
      word = index[place];
    }
    return place;
  }

  /** Whether the entry that lies at `at` has a key. */
  #hasKey(at: number, words: Int32Array): boolean {
    for (let word = 0; word < this.#keyWords; word++) {
      if (this.#entries[at + KEY + word] !== words[word]) return false;
    }
    return true;
  }

  /** Frees a place, and moves words behind it into the gap that could not be found over it. */
  #close(place: number): void {
    const index = this.#index;
    const mask = this.#mask;
    let gap = place;
    for (let next = (place + 1) & mask; index[next] !== 0; next = (next + 1) & mask) {
      const home = this.#entries[this.#placeOf(index[next]) + HASH] & mask;
      const isReachedOverGap = ((next - home) & mask) >= ((next - gap) & mask);
      if (isReachedOverGap) {
        index[gap] = index[next];
        gap = next;
      }
    }
    index[gap] = 0;
  }
}
