/**
 * The time that a stack runs on: the system's, or a virtual one of a simulation.
 *
 * @module
 */

/** A clock, and who is called when a time has come. */
export interface StackClock {
  /** Now, in whole microseconds on a clock that never goes back. */
  now(): number;
  /** Now, in milliseconds since 1970. */
  date(): number;
  /**
   * Has `run` called once, at a time of {@linkcode StackClock.now} or soon after it, in place of
   * what was asked for before; `Infinity` for never.
   */
  wakeAt(at: number, run: () => void): void;
  /** Runs something soon; where there is none, the event loop does. */
  defer?(run: () => void): void;
}

/** The longest that Deno's timers can wait, in milliseconds. */
const LONGEST_MS = 2 ** 31 - 1;
const MICROSECONDS = 1000;

/** The system's time, with one of Deno's timers. */
export class SystemClock implements StackClock {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #at = Infinity;

  /** {@inheritDoc StackClock.now} */
  now(): number {
    return Math.floor(performance.now() * MICROSECONDS);
  }

  /** {@inheritDoc StackClock.date} */
  date(): number {
    return Date.now();
  }

  /** {@inheritDoc StackClock.wakeAt} */
  wakeAt(at: number, run: () => void): void {
    // Most steps change nothing about what is due next.
    if (at === this.#at) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#at = at;
    if (at === Infinity) return;
    const delayMs = Math.max(0, Math.ceil((at - this.now()) / MICROSECONDS));
    this.#timer = setTimeout(() => {
      this.#at = Infinity;
      run();
    }, Math.min(LONGEST_MS, delayMs));
    // What keeps the process alive is the work that is pending, not the stack.
    Deno.unrefTimer(this.#timer);
  }
}
