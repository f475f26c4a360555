/**
 * When the reactor's next turn runs.
 *
 * @module
 */

import { setImmediate } from "node:timers";

/** Turns in microtasks before one goes through the event loop. */
const MICROTASK_TURNS = 64;
/** Of those that go through the event loop, one in this many lets it poll for I/O too. */
const POLL_INTERVAL = 16;

/** Runs turns soon, and lets Deno have its own share of the event loop. */
export class Turns {
  readonly #run: () => void;
  #microtaskTurns = 0;
  #yields = 0;

  /** @param run runs one turn */
  constructor(run: () => void) {
    this.#run = run;
  }

  /** Runs a turn soon: a microtask costs least, but a chain of them would starve Deno. */
  defer(): void {
    if (++this.#microtaskTurns <= MICROTASK_TURNS) return queueMicrotask(this.#run);
    this.#microtaskTurns = 0;
    // Immediates alone would keep Deno from polling: it looks for I/O when it has to wait.
    if (++this.#yields % POLL_INTERVAL === 0) setTimeout(this.#run, 0);
    else setImmediate(this.#run);
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
