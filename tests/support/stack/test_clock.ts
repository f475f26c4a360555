/**
 * A clock that goes on when a test says so.
 *
 * @module
 */

import type { StackClock } from "../../../drivers/stack/clock.ts";

/** Virtual time, in microseconds. */
export class TestClock implements StackClock {
  #now = 1_000_000;
  #at = Infinity;
  #run: () => void = () => {};

  now(): number {
    return this.#now;
  }

  date(): number {
    return 1_700_000_000_000 + this.#now / 1000;
  }

  wakeAt(at: number, run: () => void): void {
    this.#at = at;
    this.#run = run;
  }

  /** When it is to call next. */
  get at(): number {
    return this.#at;
  }

  /** Goes on to a time, and calls on the way. */
  async advance(microseconds: number): Promise<void> {
    const end = this.#now + microseconds;
    while (this.#at <= end) {
      this.#now = Math.max(this.#now, this.#at);
      this.#at = Infinity;
      this.#run();
      // Whoever was told has his say before time goes on.
      await new Promise<void>((resolve) => setTimeout(resolve, 0));
    }
    this.#now = end;
  }
}
