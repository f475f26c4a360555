/**
 * The time of the host backend: the system's, with one of Deno's timers.
 *
 * @module
 */

import type { Clock } from "../machine/clock.ts";
import type { Rounds } from "./rounds.ts";

/** The longest that Deno's timers can wait, in milliseconds. */
const LONGEST_MS = 2 ** 31 - 1;

/** The system's time, as the program of a ring sees it. */
export class HostClock implements Clock {
  readonly #rounds: Rounds;
  readonly #aheadMs: number;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param rounds how to find out what is ready
   * @param timeOrigin when the program's clock began, where that is another thread's
   */
  constructor(rounds: Rounds, timeOrigin: number) {
    this.#rounds = rounds;
    this.#aheadMs = performance.timeOrigin - timeOrigin;
  }

  /** {@inheritDoc Clock.now} */
  now(): number {
    return performance.now() + this.#aheadMs;
  }

  /** {@inheritDoc Clock.date} */
  date(): number {
    return Date.now();
  }

  /** {@inheritDoc Clock.wakeAt} */
  wakeAt(at: number, onTime: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (at === Infinity) return;
    const delayMs = Math.min(LONGEST_MS, Math.max(0, Math.ceil(at - this.now())));
    this.#timer = setTimeout(onTime, delayMs);
    // What keeps the process alive is not for a timer to say.
    Deno.unrefTimer(this.#timer);
  }

  /** {@inheritDoc Clock.soon} */
  soon(done: () => void): void {
    this.#rounds.after(done);
  }
}
