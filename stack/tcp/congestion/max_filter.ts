/**
 * The largest value of a recent time, in constant space: the algorithm of Kathleen Nichols that
 * Linux has in `lib/win_minmax.c`. It keeps the largest value, the largest one since, and the
 * largest one since that, so that there is a good one left when the first is too old.
 *
 * @module
 */

/** The maximum over a window of time, whatever time is counted in. */
export class MaxFilter {
  #value0 = 0;
  #time0 = 0;
  #value1 = 0;
  #time1 = 0;
  #value2 = 0;
  #time2 = 0;

  /** The maximum. */
  get value(): number {
    return this.#value0;
  }

  /**
   * Takes a value into account.
   *
   * @param time not before that of the last one
   * @param length how long values count
   * @returns the maximum
   */
  update(value: number, time: number, length: number): number {
    if (value >= this.#value0 || time - this.#time2 > length) {
      this.#value0 = this.#value1 = this.#value2 = value;
      this.#time0 = this.#time1 = this.#time2 = time;
      return value;
    }
    if (value >= this.#value1) {
      this.#value1 = this.#value2 = value;
      this.#time1 = this.#time2 = time;
    } else if (value >= this.#value2) {
      this.#value2 = value;
      this.#time2 = time;
    }
    this.#age(value, time, length);
    return this.#value0;
  }

  #age(value: number, time: number, length: number): void {
    const age = time - this.#time0;
    if (age > length) {
      // The best one is too old: the others move up.
      this.#value0 = this.#value1;
      this.#time0 = this.#time1;
      this.#value1 = this.#value2;
      this.#time1 = this.#time2;
      this.#value2 = value;
      this.#time2 = time;
      if (time - this.#time0 > length) {
        this.#value0 = this.#value1;
        this.#time0 = this.#time1;
        this.#value1 = this.#value2;
        this.#time1 = this.#time2;
        this.#value2 = value;
        this.#time2 = time;
      }
    } else if (this.#time1 === this.#time0 && age > length / 4) {
      // A quarter has passed without a second one: take the newest.
      this.#value1 = this.#value2 = value;
      this.#time1 = this.#time2 = time;
    } else if (this.#time2 === this.#time1 && age > length / 2) {
      this.#value2 = value;
      this.#time2 = time;
    }
  }
}
