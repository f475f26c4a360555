/**
 * How many challenge ACKs leave: RFC 5961 section 7.
 *
 * A limit that everybody shares tells an attacker, by what is left of it, whether a guess of his
 * was near (CVE-2016-5696). So each connection has a limit of its own in time, and the shared one
 * changes from second to second in a way that nobody can guess.
 *
 * @module
 */

import { type Environment, SECOND } from "../environment.ts";
import { randomBelow } from "../random.ts";

/** The limit that all connections share. */
export class ChallengeLimit {
  readonly #environment: Environment;
  readonly #perSecond: number;
  #second = -1;
  #left = 0;

  /** @param perSecond how many there are in a second; half to one and a half of that, by lot */
  constructor(environment: Environment, perSecond: number) {
    this.#environment = environment;
    this.#perSecond = perSecond;
  }

  /** Takes one. @returns whether there was one */
  take(): boolean {
    const second = Math.floor(this.#environment.now / SECOND);
    if (second !== this.#second) {
      this.#second = second;
      const half = this.#perSecond / 2;
      this.#left = Math.ceil(half) + randomBelow(this.#environment.random, this.#perSecond + 1);
    }
    if (this.#left === 0) return false;
    this.#left--;
    return true;
  }
}
