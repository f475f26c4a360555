/**
 * What keeps the process alive while work is pending: everything of Deno's that the host backend
 * holds is unreferenced, and one timer stands for all of it.
 *
 * @module
 */

/** A timer that has nothing to do fires as rarely as it can. */
const LONGEST_PERIOD_MS = 2 ** 31 - 1;

/** Keeps the process alive, or does not. */
export class KeepAlive {
  readonly #periodMs: number;
  readonly #onTick: () => void;
  #timer: ReturnType<typeof setInterval> | undefined;
  #isAlive = false;

  /**
   * @param onTick called every so often, whether the process is kept alive or not
   * @param periodMs how often, in milliseconds
   */
  constructor(onTick: () => void = () => {}, periodMs: number = LONGEST_PERIOD_MS) {
    this.#onTick = onTick;
    this.#periodMs = periodMs;
  }

  /** Starts ticking, if it has not. */
  start(): void {
    if (this.#timer !== undefined) return;
    const timer = setInterval(this.#onTick, this.#periodMs);
    if (!this.#isAlive) Deno.unrefTimer(timer);
    this.#timer = timer;
  }

  /** Changes whether the process must stay alive; cheap when it is as before. */
  set(alive: boolean): void {
    if (alive === this.#isAlive) return;
    this.#isAlive = alive;
    if (this.#timer === undefined) this.start();
    else if (alive) Deno.refTimer(this.#timer);
    else Deno.unrefTimer(this.#timer);
  }

  /** Lets go for good. */
  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#isAlive = false;
  }
}
