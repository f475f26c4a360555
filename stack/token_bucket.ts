/**
 * A bucket of tokens: so many of something within a second, and a burst of them at most.
 *
 * @module
 */

import { SECOND } from "./environment.ts";

/** A bucket that tokens drip into. */
export class TokenBucket {
  readonly #perSecond: number;
  readonly #burst: number;
  #tokens: number;
  #filledAt: number;

  /**
   * Makes a bucket that is full.
   *
   * @param perSecond how many tokens drip into it
   * @param burst how many it has room for
   * @param now the time, in microseconds
   */
  constructor(perSecond: number, burst: number, now: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#tokens = burst;
    this.#filledAt = now;
  }

  /** How many tokens there are. */
  available(now: number): number {
    const dripped = (now - this.#filledAt) * this.#perSecond / SECOND;
    this.#tokens = Math.min(this.#burst, this.#tokens + dripped);
    this.#filledAt = now;
    return this.#tokens;
  }

  /** Takes tokens that are there, or soon will be. */
  take(tokens: number): void {
    this.#tokens -= tokens;
  }

  /** Takes one token. @returns false when there is none */
  takeOne(now: number): boolean {
    if (this.available(now) < 1) return false;
    this.#tokens--;
    return true;
  }
}
