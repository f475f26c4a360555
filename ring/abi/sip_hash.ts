/**
 * HalfSipHash-1-3: a keyed hash for tables that strangers choose the keys of.
 *
 * Whoever does not know the key cannot choose inputs that collide, so a table that is hashed by it
 * cannot be flooded into its worst case. Linux hashes its own tables with it on 32-bit machines,
 * and its words suit JavaScript's integers. It protects tables and nothing else: its key has 64
 * bits, and whoever sees its values can search for it. What others get to see is hashed by SipHash.
 * Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF"; Linux, lib/siphash.c.
 *
 * @module
 */

const CONSTANT_2 = 0x6c796765;
const CONSTANT_3 = 0x74656462;
const FINISH = 0xff;
const FINISH_ROUNDS = 3;

/** Two words of 32 bits: what makes the hash this one and no other. */
export interface SipKey {
  readonly low: number;
  readonly high: number;
}

/**
 * Hashes words.
 *
 * @param words where they are
 * @param count how many of them count, from the first on
 * @returns 32 bits, as a signed integer
 */
export function hashWords(key: SipKey, words: Int32Array, count: number): number {
  return hash(key, words, count, (count << 26) | 0);
}

/**
 * Hashes bytes.
 *
 * @param bytes any number of them
 * @returns 32 bits, as a signed integer
 */
export function hashBytes(key: SipKey, bytes: Uint8Array): number {
  const count = bytes.length >>> 2;
  const words = new Int32Array(count);
  for (let index = 0; index < count; index++) {
    const at = index << 2;
    words[index] = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
  }
  // The last word has the bytes that fill none, and the length in its highest byte.
  let last = (bytes.length & 0xff) << 24;
  for (let at = count << 2; at < bytes.length; at++) last |= bytes[at] << ((at & 3) << 3);
  return hash(key, words, count, last);
}

/** The rounds are written out: a call for each would cost more than the round. */
function hash(key: SipKey, words: Int32Array, count: number, last: number): number {
  let v0 = key.low | 0;
  let v1 = key.high | 0;
  let v2 = CONSTANT_2 ^ key.low;
  let v3 = CONSTANT_3 ^ key.high;
  for (let index = 0; index <= count + FINISH_ROUNDS; index++) {
    const isWord = index <= count;
    const word = index < count ? words[index] : last;
    if (isWord) v3 ^= word;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    if (isWord) v0 ^= word;
    if (index === count) v2 ^= FINISH;
  }
  return v1 ^ v3;
}
