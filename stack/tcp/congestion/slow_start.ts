/**
 * Slow start that ends before it overshoots: HyStart++, RFC 9406.
 *
 * While the round trip of a round is hardly longer than that of the one before, the window doubles
 * each round. Once it is longer, the window grows by a quarter of that for up to five rounds
 * (conservative slow start), in which the delay may turn out to have been jitter.
 *
 * @module
 */

import type { RateSample } from "../types.ts";

/** RFC 9406 section 4.3: the recommended constants. Times in microseconds. */
const MINIMUM_THRESHOLD = 4000;
const MAXIMUM_THRESHOLD = 16_000;
const RTT_DIVISOR = 8;
const RTT_SAMPLES = 8;
const GROWTH_DIVISOR = 4;
const CONSERVATIVE_ROUNDS = 5;

/** The first slow start of one connection. Others have it as long as that lasts only. */
export class SlowStart {
  #lastRoundRtt = Infinity;
  #roundRtt = Infinity;
  #samples = 0;
  /** The end of the round: SND.NXT when it began. */
  #roundEnd = 0;
  #hasRound = false;
  /** The round trip that conservative slow start began with; Infinity outside of it. */
  #baselineRtt = Infinity;
  #conservativeRounds = 0;

  /** Whether it is conservative now. */
  get isConservative(): boolean {
    return this.#baselineRtt !== Infinity;
  }

  /**
   * An acknowledgment in slow start.
   *
   * @param sample what it tells
   * @param limit bytes that count at most; Infinity where data are paced
   * @returns by how many bytes the window grows, or -1 when slow start is over
   */
  grow(sample: RateSample, limit: number): number {
    if (this.#hasRound && ((sample.acknowledgment - this.#roundEnd) | 0) >= 0) {
      // A round that began in the middle of one counts, too.
      if (this.isConservative && ++this.#conservativeRounds >= CONSERVATIVE_ROUNDS) return -1;
      this.#hasRound = false;
    }
    if (!this.#hasRound) this.#beginRound(sample.sendNext);
    if (sample.rtt >= 0) {
      if (sample.rtt < this.#roundRtt) this.#roundRtt = sample.rtt;
      this.#samples++;
    }
    // RFC 9406 section 4.2 (MUST): without pacing no more than L segments count: no bursts.
    const counted = Math.min(sample.acknowledgedBytes, limit);
    const wasConservative = this.isConservative;
    this.#judge();
    return wasConservative ? Math.floor(counted / GROWTH_DIVISOR) : counted;
  }

  #beginRound(sendNext: number): void {
    this.#lastRoundRtt = this.#roundRtt;
    this.#roundRtt = Infinity;
    this.#samples = 0;
    this.#roundEnd = sendNext;
    this.#hasRound = true;
  }

  #judge(): void {
    if (this.#samples < RTT_SAMPLES) return;
    if (this.isConservative) {
      // RFC 9406 section 4.2 (MUST): the delay has gone again: it was jitter.
      if (this.#roundRtt < this.#baselineRtt) this.#baselineRtt = Infinity;
      return;
    }
    if (this.#lastRoundRtt === Infinity || this.#roundRtt === Infinity) return;
    const share = Math.min(this.#lastRoundRtt / RTT_DIVISOR, MAXIMUM_THRESHOLD);
    // RFC 9406 section 4.2 (MUST): RttThresh is within its bounds, and delay by it begins the
    // conservative slow start.
    if (this.#roundRtt < this.#lastRoundRtt + Math.max(MINIMUM_THRESHOLD, share)) return;
    this.#baselineRtt = this.#roundRtt;
    this.#conservativeRounds = 0;
  }
}
