/**
 * How long a ring that has nothing to do looks for completions before it sleeps: for long while they
 * soon come, and not at all while they take their time, as hypervisors poll before they halt.
 *
 * A look costs the processor's time, which others may need on the same core: the kernel's own
 * threads that work for the ring among them. Sleeping costs a wake-up.
 *
 * @module
 */

/** Empty turns before sleeping, at most: about 100 microseconds, twice what a wake-up costs. */
const TURNS_MOST = 8;
/** A sleep shorter than this, in milliseconds and with the wake-up, was not worth it. */
const SHORT_SLEEP_MS = 0.2;

/** The pace of one ring; all times are milliseconds on one clock. */
export class SpinPace {
  /** Empty turns before sleeping, now. */
  turns: number = TURNS_MOST;
  #asleepSince = 0;

  /** The ring falls asleep. */
  slept(now: number): void {
    this.#asleepSince = now;
  }

  /** The ring is awake. */
  awoke(now: number): void {
    const isShort = now - this.#asleepSince < SHORT_SLEEP_MS;
    // From nothing it is one turn, then two; after long sleeps nothing again.
    this.turns = isShort ? Math.min(TURNS_MOST, this.turns * 2 + 1) : this.turns >> 1;
  }
}
