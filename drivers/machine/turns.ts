/**
 * When the reactor's next turn runs.
 *
 * @module
 */

import { setImmediate } from "node:timers";

/**
 * Turns in microtasks before one goes through the event loop, which costs little. Deno looks for
 * I/O each 61st time that its event loop comes round, and so often enough; a timer would have it
 * look at once, but takes two milliseconds.
 */
const MICROTASK_TURNS = 16;

/** Runs turns soon, and lets Deno have its own share of the event loop. */
export class Turns {
  readonly #run: () => void;
  #microtaskTurns = 0;

  /** @param run runs one turn */
  constructor(run: () => void) {
    this.#run = run;
  }

  /** Runs a turn soon: a microtask costs least, but a chain of them would starve Deno. */
  defer(): void {
    if (++this.#microtaskTurns <= MICROTASK_TURNS) return queueMicrotask(this.#run);
    this.#microtaskTurns = 0;
    setImmediate(this.#run);
  }

  /** Runs a turn after everything else had its chance. */
  breathe(): void {
    setImmediate(this.#run);
  }

  /** Notes that Deno's own work came in between: a chain of microtasks has ended. */
  interrupted(): void {
    this.#microtaskTurns = 0;
  }
}
