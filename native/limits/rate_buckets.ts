/**
 * Token buckets for keys that strangers choose, in a fixed amount of memory.
 *
 * A bucket is one number, the moment at which it will be full again (a virtual scheduling
 * algorithm, ITU-T I.371 annex A). A bucket that is full is the same as none: such an entry may be
 * replaced without anybody being better or worse off, and no other entry ever is. Were the entry
 * used longest ago evicted instead, whoever has more addresses than the table has entries would
 * begin each round with full buckets.
 *
 * Where all entries that a new key could have are in use, the key shares a bucket with its
 * neighbours instead: keys of the same wider network. A flood from one network therefore takes
 * from its own, and from others only as far as their buckets are full, in which case they lose
 * nothing.
 *
 * @module
 */

import { hashWords, type SipKey } from "../../ring/abi/sip_hash.ts";

/** Entries that a key may have: their tags fill one cache line. */
const WAYS = 16;
const WAYS_SHIFT = 4;
/** Entries for each shared bucket. */
const ENTRIES_PER_SHARED = 16;
/** What is left of a token that was rounded away must not refuse the last one of a burst. */
const ROUNDING = 1e-6;
const MILLISECONDS = 1000;

/** What became of a key. */
export const Outcome = { REFUSED: 0, OWN: 1, SHARED: 2, SHARED_REFUSED: 3 } as const;
/** See {@linkcode Outcome}. */
export type Outcome = typeof Outcome[keyof typeof Outcome];

/** A table of token buckets. Times are in tokens: milliseconds times tokens per millisecond. */
export class BucketTable {
  /** Entries: keys that can have a bucket of their own at a time. */
  readonly capacity: number;
  readonly #key: SipKey;
  readonly #burst: number;
  readonly #tokensPerMs: number;
  readonly #keyWords: number;
  readonly #shift: number;
  /** Hash and kind of the key in each entry: compared first, 16 at a time. */
  readonly #tags: Int32Array;
  readonly #keys: Int32Array;
  /** When each entry's bucket is full. */
  readonly #fullAt: Float64Array;
  readonly #sharedFullAt: Float64Array;

  /**
   * @param entries at least how many keys have buckets of their own; memory is `8 * keyWords + 24`
   * bytes for each, up to twice that
   * @param keyWords words of a key, 1 or more
   * @param key makes places in the table unknowable
   */
  constructor(
    entries: number,
    keyWords: number,
    perSecond: number,
    burst: number,
    key: SipKey,
  ) {
    // Keys do not spread evenly: of sets that are filled to three quarters few are full.
    let capacity = WAYS;
    while (capacity * 3 < entries * 4) capacity *= 2;
    this.capacity = capacity;
    this.#key = key;
    this.#burst = burst;
    this.#tokensPerMs = perSecond / MILLISECONDS;
    this.#keyWords = keyWords;
    this.#shift = Math.clz32(capacity / WAYS) + 1;
    this.#tags = new Int32Array(capacity);
    this.#keys = new Int32Array(capacity * keyWords);
    this.#fullAt = new Float64Array(capacity);
    this.#sharedFullAt = new Float64Array(Math.max(1, capacity / ENTRIES_PER_SHARED));
  }

  /** Entries in use at a time in milliseconds. */
  inUse(nowMs: number): number {
    const now = nowMs * this.#tokensPerMs;
    let count = 0;
    for (const fullAt of this.#fullAt) if (fullAt > now) count++;
    return count;
  }

  /**
   * Takes tokens from the bucket of a key.
   *
   * @param words the key, padded with zeros
   * @param count words of it that are hashed
   * @param wider the same for the network around it
   * @param kind 0 or 1: keys of different kinds are never the same
   * @param nowMs milliseconds, 0 or more, never less than before
   */
  take(
    words: Int32Array,
    count: number,
    wider: Int32Array,
    kind: number,
    amount: number,
    nowMs: number,
  ): Outcome {
    const now = nowMs * this.#tokensPerMs;
    const hash = hashWords(this.#key, words, count);
    const tag = (hash & ~1) | kind;
    const first = this.#setOf(hash) << WAYS_SHIFT;
    const tags = this.#tags;
    let free = -1;
    for (let entry = first; entry < first + WAYS; entry++) {
      if (tags[entry] === tag && this.#hasKey(entry, words)) {
        return this.#charge(this.#fullAt, entry, amount, now) ? Outcome.OWN : Outcome.REFUSED;
      }
    }
    for (let entry = first; entry < first + WAYS; entry++) {
      if (this.#fullAt[entry] <= now) {
        free = entry;
        break;
      }
    }
    if (free < 0) return this.#share(wider, count, kind, amount, now);
    if (!this.#charge(this.#fullAt, free, amount, now)) return Outcome.REFUSED;
    tags[free] = tag;
    const keyWords = this.#keyWords;
    for (let word = 0; word < keyWords; word++) this.#keys[free * keyWords + word] = words[word];
    return Outcome.OWN;
  }

  /** Takes tokens from a bucket that stands at `place` of `fullAt`. @returns whether it had them */
  #charge(fullAt: Float64Array, place: number, amount: number, now: number): boolean {
    const before = fullAt[place];
    const after = (before > now ? before : now) + amount;
    if (after - now > this.#burst + ROUNDING) return false;
    fullAt[place] = after;
    return true;
  }

  #share(wider: Int32Array, count: number, kind: number, amount: number, now: number): Outcome {
    const hash = hashWords(this.#key, wider, count) ^ kind;
    const place = (hash >>> 1) % this.#sharedFullAt.length;
    const has = this.#charge(this.#sharedFullAt, place, amount, now);
    return has ? Outcome.SHARED : Outcome.SHARED_REFUSED;
  }

  #setOf(hash: number): number {
    return this.#shift === 32 ? 0 : hash >>> this.#shift;
  }

  #hasKey(entry: number, words: Int32Array): boolean {
    const keyWords = this.#keyWords;
    for (let word = 0; word < keyWords; word++) {
      if (this.#keys[entry * keyWords + word] !== words[word]) return false;
    }
    return true;
  }
}
