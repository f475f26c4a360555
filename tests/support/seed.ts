/**
 * Randomness that can be repeated: every random test prints its seed, and `MILLRACE_SEED`
 * runs it again with the same one.
 *
 * @module
 */

import { SeededRandom } from "../../stack/random.ts";

const SEED_VARIABLE = "MILLRACE_SEED";
const LONG_VARIABLE = "MILLRACE_LONG";

/** The seed of this run: `MILLRACE_SEED`, else a random unsigned 32-bit number. */
export const SEED: number = readSeed();

/** Whether tests run whole (`deno task test:long`) or scaled down. */
export const LONG: boolean = Deno.env.get(LONG_VARIABLE) === "1";

function readSeed(): number {
  const text = Deno.env.get(SEED_VARIABLE);
  if (text === undefined) return crypto.getRandomValues(new Uint32Array(1))[0];
  const seed = Number(text);
  if (text.trim() === "" || seed !== seed >>> 0) {
    throw new RangeError(`${SEED_VARIABLE} is "${text}", expected a number from 0 to 2^32 - 1`);
  }
  return seed;
}

/**
 * Chooses a count by how long tests may take.
 *
 * @param ci The count for every run.
 * @param long The count for `deno task test:long`.
 * @returns One of the two.
 */
export function scale(ci: number, long: number): number {
  return LONG ? long : ci;
}

/**
 * Wraps a random test: prints the seed and hands the test a generator started from it.
 *
 * @param body The test; two runs with one seed draw the same numbers.
 * @returns A function for `Deno.test`.
 *
 * @example
 * ```ts
 * Deno.test("any bytes come back", withSeed((random) => echo(random.bytes(100))));
 * ```
 */
export function withSeed(
  body: (random: Random, t: Deno.TestContext) => void | Promise<void>,
): (t: Deno.TestContext) => Promise<void> {
  return async (t) => {
    console.log(`seed ${SEED} (${SEED_VARIABLE}=${SEED} repeats it): ${t.name}`);
    await body(new Random(SEED), t);
  };
}

/** The generator of simulations, and what tests draw from it besides numbers. */
export class Random extends SeededRandom {
  /** @returns A number from 0 up to 1, without 1. */
  float(): number {
    return this.uint32() / 2 ** 32;
  }

  /**
   * @param low The smallest integer.
   * @param high The largest integer, at most 2^32 - 1 away.
   * @returns An integer from `low` to `high`, both included.
   */
  integer(low: number, high: number): number {
    if (!(low <= high)) throw new RangeError(`no integer from ${low} to ${high}`);
    return low + Math.floor(this.float() * (high - low + 1));
  }

  /**
   * @param probability From 0 to 1.
   * @returns Whether it happens this time.
   */
  chance(probability: number): boolean {
    return this.float() < probability;
  }

  /**
   * @param items A list that is not empty.
   * @returns One of its items.
   */
  pick<T>(items: readonly T[]): T {
    return items[this.integer(0, items.length - 1)];
  }

  /**
   * @param length How many bytes.
   * @returns That many random bytes.
   */
  bytes(length: number): Uint8Array<ArrayBuffer> {
    const words = new Uint32Array(Math.ceil(length / 4));
    for (let i = 0; i < words.length; i++) words[i] = this.uint32();
    return new Uint8Array(words.buffer, 0, length);
  }

  /**
   * Puts a list into random order, in place.
   *
   * @param items The list.
   * @returns The same list.
   */
  shuffle<T>(items: T[]): T[] {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.integer(0, i);
      [items[i], items[j]] = [items[j], items[i]];
    }
    return items;
  }
}
