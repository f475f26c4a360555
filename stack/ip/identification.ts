/**
 * Identifications: what the fragments of a packet have in common. RFC 791, RFC 6864, RFC 8200
 * section 4.5, RFC 7739.
 *
 * @module
 */

import { hashWords, type SipKey } from "../../ring/abi/sip_hash.ts";
import { randomBelow, type RandomSource, randomTableKey } from "../random.ts";
import type { IpAddress } from "./types.ts";

/** Pairs of ends share counters: as many as Linux has at least. */
const COUNTERS = 2048;
/** A counter goes on by 1 to this: nobody can tell how many others were counted. */
const GREATEST_STEP = 4;
const KEY_WORDS = 9;

/**
 * Identifications that come again as late as can be, and that nobody can guess: a counter for each
 * pair of addresses, chosen by a keyed hash, which begins anywhere and goes on by random steps.
 * RFC 7739 section 5.3.
 */
export class Identifications {
  readonly #random: RandomSource;
  readonly #hashKey: SipKey;
  readonly #counters: Uint32Array;
  readonly #words: Int32Array = new Int32Array(KEY_WORDS);

  /** Draws where the counters begin. */
  constructor(random: RandomSource) {
    this.#random = random;
    this.#hashKey = randomTableKey(random);
    this.#counters = Uint32Array.from({ length: COUNTERS }, () => random.uint32());
  }

  /**
   * The next identification of packets between two ends.
   *
   * @param packets how many packets will have it, and those that follow it
   * @returns 32 bits, never 0; IPv4 takes the lower 16
   */
  next(
    source: IpAddress,
    destination: IpAddress,
    protocol: number,
    packets: number = 1,
  ): number {
    const words = this.#words;
    let count = 3;
    if (typeof source === "number" || typeof destination === "number") {
      words[0] = source as number;
      words[1] = destination as number;
      words[2] = protocol;
    } else {
      words.set(source, 0);
      words.set(destination, 4);
      words[8] = protocol;
      count = KEY_WORDS;
    }
    const place = hashWords(this.#hashKey, words, count) & COUNTERS - 1;
    const counters = this.#counters;
    counters[place] += 1 + randomBelow(this.#random, GREATEST_STEP);
    if ((counters[place] & 0xffff) === 0) counters[place]++;
    const first = counters[place];
    counters[place] += packets - 1;
    return first;
  }
}
