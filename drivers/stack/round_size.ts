/**
 * How many frames of a port are taken in one round.
 *
 * What comes of a few frames is on its way while the next ones are dealt with; but each round costs
 * something, and frames of one flow become one segment only within a round. Two stacks that hand
 * each other all there is take turns instead of working at the same time: so whoever finds nothing
 * to do takes fewer at a time from then on, and whoever always finds more takes more.
 *
 * @module
 */

/**
 * Of 4 to 32, 4 to 24, 6 to 24 and 8 to 24, this pair had the best rate of echoes with 16, 32 and 64
 * connections. With 32 at all times 64 of them have half the rate, and bulk gains nothing by more.
 */
const SMALLEST = 4;
/** The most frames of one port in a round. */
export const LARGEST_ROUND = 24;

/** Learns how many frames to take from how often there are none. */
export class RoundSize {
  #frames = LARGEST_ROUND;

  /** How many frames to take of a port, at most. */
  get frames(): number {
    return this.#frames;
  }

  /** Notes what a round has taken of one port. @param count of frames */
  took(count: number): void {
    if (count >= this.#frames && this.#frames < LARGEST_ROUND) this.#frames++;
  }

  /** Notes that there was nothing to do. */
  starved(): void {
    this.#frames = Math.max(SMALLEST, this.#frames >> 1);
  }
}
