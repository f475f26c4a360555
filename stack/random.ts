/**
 * Randomness, which a stack is given: a simulator gives it a seeded generator, so that a run can be
 * repeated, and a driver one that nobody can guess.
 *
 * @module
 */

import type { SipKey } from "../ring/abi/sip_hash.ts";

/** Whatever draws random numbers. */
export interface RandomSource {
  /**
   * Draws a number.
   *
   * @returns 0 to 2^32 - 1.
   */
  uint32(): number;
}

/** Rounds that mix the seed into the state before the first number is drawn. */
const WARM_UP_ROUNDS = 15;

/**
 * A seeded generator: sfc32 of Chris Doty-Humphrey's PractRand. It is fast and passes its tests,
 * but whoever sees some of its numbers can tell the next ones: it is for simulations only.
 */
export class SeededRandom implements RandomSource {
  #a: number;
  #b: number;
  #c = 0;
  #counter = 1;

  /**
   * Starts a sequence.
   *
   * @param seed Any number; its lower 32 bits count.
   * @param stream Tells apart generators that share a seed, such as the stacks of a simulation.
   */
  constructor(seed: number, stream: number = 0) {
    this.#a = seed | 0;
    this.#b = stream | 0;
    for (let round = 0; round < WARM_UP_ROUNDS; round++) this.uint32();
  }

  /** See {@linkcode RandomSource.uint32}. */
  uint32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }
}

/** Numbers that are fetched at a time. */
const BATCH = 256;

/**
 * A source over something that fills arrays, which is fetched in batches: a call of
 * `crypto.getRandomValues` for each number would cost twenty times as much.
 *
 * @example
 * ```ts
 * const random = new BatchedRandom((words) => crypto.getRandomValues(words));
 * const number = random.uint32();
 * ```
 */
export class BatchedRandom implements RandomSource {
  readonly #fill: (words: Uint32Array<ArrayBuffer>) => void;
  readonly #words: Uint32Array<ArrayBuffer> = new Uint32Array(BATCH);
  #next = BATCH;

  /**
   * Draws nothing yet.
   *
   * @param fill Overwrites all words with random ones.
   */
  constructor(fill: (words: Uint32Array<ArrayBuffer>) => void) {
    this.#fill = fill;
  }

  /** See {@linkcode RandomSource.uint32}. */
  uint32(): number {
    if (this.#next === BATCH) {
      this.#fill(this.#words);
      this.#next = 0;
    }
    const word = this.#words[this.#next];
    // What was drawn is of use to nobody else.
    this.#words[this.#next++] = 0;
    return word;
  }
}

const RANGE = 2 ** 32;

/**
 * Draws an integer.
 *
 * @param random Where from.
 * @param limit 1 to 2^32. No integer is more likely than another one by more than `limit` / 2^32.
 * @returns An integer from 0 to `limit` - 1.
 */
export function randomBelow(random: RandomSource, limit: number): number {
  return Math.floor(random.uint32() * limit / RANGE);
}

/**
 * Decides by lot.
 *
 * @param random Where from.
 * @param probability 0, never, to 1, always.
 * @returns Whether it happens.
 */
export function randomChance(random: RandomSource, probability: number): boolean {
  return random.uint32() < probability * RANGE;
}

/**
 * Draws a key for the hash of a table.
 *
 * @param random Where from.
 * @returns 64 bits.
 */
export function randomTableKey(random: RandomSource): SipKey {
  return { low: random.uint32() | 0, high: random.uint32() | 0 };
}
