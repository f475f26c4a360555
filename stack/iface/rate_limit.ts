/**
 * So many of something within a second, in bursts of that many at most.
 *
 * @module
 */

import { SECOND } from "../environment.ts";

/** A bucket of tokens. */
export class RateLimit {
  readonly #perSecond: number;
  #tokens: number;
  #filledAt = 0;

  /** Makes a full bucket. @param perSecond how many there may be within a second */
  constructor(perSecond: number) {
    this.#perSecond = perSecond;
    this.#tokens = perSecond;
  }

  /** Takes a token. @param now the time in microseconds. @returns false when none is left */
  take(now: number): boolean {
    const filled = this.#tokens + (now - this.#filledAt) * this.#perSecond / SECOND;
    this.#tokens = Math.min(this.#perSecond, filled);
    this.#filledAt = now;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
