/**
 * Virtual time: a number that goes on only when somebody says so.
 *
 * @module
 */

/** Microseconds of a millisecond, for those who speak of milliseconds. */
const MICROSECONDS = 1000;

/** A clock that never goes back, and never goes on by itself. */
export class VirtualClock {
  #now: number;

  /**
   * Starts a clock.
   *
   * @param now what it shows, in microseconds: an integer
   * @throws {RangeError} when that is no integer, or negative
   */
  constructor(now: number = 0) {
    this.#now = whole(now);
  }

  /** The time, in microseconds. */
  get now(): number {
    return this.#now;
  }

  /** The time in milliseconds, as programs count it. */
  get nowMs(): number {
    return this.#now / MICROSECONDS;
  }

  /**
   * Puts the clock forward.
   *
   * @param time what it shows from now on, in microseconds
   * @throws {RangeError} when that has passed
   */
  advanceTo(time: number): void {
    if (whole(time) < this.#now) {
      throw new RangeError(`time does not go back from ${this.#now} to ${time}`);
    }
    this.#now = time;
  }
}

function whole(time: number): number {
  if (!Number.isSafeInteger(time) || time < 0) {
    throw new RangeError(`a time is a whole number of microseconds, not ${time}`);
  }
  return time;
}
