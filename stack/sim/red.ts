/**
 * Random early detection: Floyd and Jacobson, "Random Early Detection Gateways for Congestion
 * Avoidance", IEEE/ACM Transactions on Networking 1 (1993), with the gentle slope above the maximum
 * that Floyd recommends (2000).
 *
 * @module
 */

import type { RandomSource } from "../random.ts";
import type { QueueParameters } from "./link_options.ts";

const RANGE = 2 ** 32;

/** The average length of one queue, and what follows from it. */
export class Red {
  #average = 0;
  /** Frames since the last one that was dropped or marked; -1 while the average is low. */
  #count = -1;

  /** The average length, in packets. */
  get average(): number {
    return this.#average;
  }

  /**
   * Decides about a frame that arrives.
   *
   * @param waiting how many frames wait before it
   * @param idleFrames how many frames could have left since the queue ran empty; 0 unless it is
   * @returns whether it is to be dropped, or marked
   */
  isEarly(
    random: RandomSource,
    waiting: number,
    idleFrames: number,
    parameters: QueueParameters,
  ): boolean {
    const { weight, minimum, maximum, probability } = parameters;
    if (waiting === 0) this.#average *= (1 - weight) ** idleFrames;
    this.#average += weight * (waiting - this.#average);
    const average = this.#average;
    if (average < minimum) {
      this.#count = -1;
      return false;
    }
    this.#count++;
    const base = average < maximum
      ? probability * (average - minimum) / (maximum - minimum)
      : probability + (1 - probability) * (average - maximum) / Math.max(1, maximum);
    // Drops are spread evenly: the longer ago the last one, the likelier the next one.
    const spread = 1 - this.#count * base;
    const chance = spread <= 0 ? 1 : base / spread;
    if (random.uint32() >= chance * RANGE) return false;
    this.#count = 0;
    return true;
  }
}
