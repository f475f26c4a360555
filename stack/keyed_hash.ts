/**
 * SipHash-2-4: a keyed hash for numbers that others get to see and must not guess, such as initial
 * sequence numbers (RFC 6528 section 3), ports (RFC 6056 section 3.3), SYN cookies and stable
 * addresses (RFC 7217).
 *
 * Tables are hashed by the shorter HalfSipHash of `ring/abi/sip_hash.ts`, whose values stay inside.
 * Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF", sections 2 and 3.
 *
 * @module
 */

import type { RandomSource } from "./random.ts";

/** Words of 32 bits in a key. */
export const KEY_WORDS = 4;

/**
 * What the key is mixed with: "somepseudorandomlygeneratedbytes", as four numbers of 64 bits whose
 * lower words come first, like those of the state.
 */
const CONSTANTS: readonly number[] = [
  0x70736575,
  0x736f6d65,
  0x6e646f6d,
  0x646f7261,
  0x6e657261,
  0x6c796765,
  0x79746573,
  0x74656462,
];

const FINISH = 0xff;
const BLOCK_ROUNDS = 2;
const FINISH_ROUNDS = 4;

/** A hash that only who has the key can compute. */
export class KeyedHash {
  /** The upper half of the value that was computed last, as a signed integer. */
  high = 0;
  readonly #start: Int32Array;
  readonly #state: Int32Array = new Int32Array(CONSTANTS.length);

  /**
   * Makes a hash with a key.
   *
   * @param key {@linkcode KEY_WORDS} words.
   * @throws {RangeError} When it has another length.
   *
   * @example
   * ```ts
   * const hash = KeyedHash.random(new SeededRandom(1));
   * const words = Int32Array.of(0x0a000001, 0x0a000002, (80 << 16) | 40000);
   * const offset = hash.hash(words, 3);
   * ```
   */
  constructor(key: ArrayLike<number>) {
    if (key.length !== KEY_WORDS) throw new RangeError(`a key has 4 words, not ${key.length}`);
    this.#start = Int32Array.from(CONSTANTS, (word, at) => word ^ key[at & (KEY_WORDS - 1)]);
  }

  /** Makes a hash with a key that is drawn. */
  static random(random: RandomSource): KeyedHash {
    return new KeyedHash(Array.from({ length: KEY_WORDS }, () => random.uint32()));
  }

  /**
   * Hashes words, as their bytes in little-endian order.
   *
   * @param words Where they are.
   * @param count How many of them count, from the first on.
   * @returns The lower 32 bits of the value, as a signed integer; {@linkcode high} has the others.
   */
  hash(words: Int32Array, count: number): number {
    const state = this.#state;
    state.set(this.#start);
    const pairs = count & ~1;
    for (let at = 0; at < pairs; at += 2) mixBlock(state, words[at], words[at + 1]);
    // The last block has the word that is left over, if one is, and on top the length in bytes.
    mixBlock(state, pairs < count ? words[pairs] : 0, count << 26);
    state[4] ^= FINISH;
    for (let round = 0; round < FINISH_ROUNDS; round++) mix(state);
    this.high = state[1] ^ state[3] ^ state[5] ^ state[7];
    return state[0] ^ state[2] ^ state[4] ^ state[6];
  }
}

function mixBlock(state: Int32Array, low: number, high: number): void {
  state[6] ^= low;
  state[7] ^= high;
  for (let round = 0; round < BLOCK_ROUNDS; round++) mix(state);
  state[0] ^= low;
  state[1] ^= high;
}

/** SipRound: figure 2.1 of the paper. Places in the state are those of lower words. */
function mix(state: Int32Array): void {
  add(state, 0, 2);
  add(state, 4, 6);
  rotate(state, 2, 13);
  rotate(state, 6, 16);
  xor(state, 2, 0);
  xor(state, 6, 4);
  swap(state, 0);
  add(state, 4, 2);
  add(state, 0, 6);
  rotate(state, 2, 17);
  rotate(state, 6, 21);
  xor(state, 2, 4);
  xor(state, 6, 0);
  swap(state, 4);
}

function add(state: Int32Array, to: number, from: number): void {
  const low = (state[to] >>> 0) + (state[from] >>> 0);
  const carry = low > 0xffffffff ? 1 : 0;
  state[to] = low;
  state[to + 1] += state[from + 1] + carry;
}

function xor(state: Int32Array, to: number, from: number): void {
  state[to] ^= state[from];
  state[to + 1] ^= state[from + 1];
}

/** Rotates to the left, by less than 32 bits. */
function rotate(state: Int32Array, at: number, bits: number): void {
  const low = state[at];
  const high = state[at + 1];
  state[at] = (low << bits) | (high >>> (32 - bits));
  state[at + 1] = (high << bits) | (low >>> (32 - bits));
}

/** Rotates by 32 bits. */
function swap(state: Int32Array, at: number): void {
  const low = state[at];
  state[at] = state[at + 1];
  state[at + 1] = low;
}
