/**
 * How long a thread looks for frames before it sleeps.
 *
 * To be woken takes longer than most answers do, and costs whoever sends. But where looking was in
 * vain, others need the core: a thread looks as long as would have been enough the last time that
 * it slept, and hardly at all where that would have been long.
 *
 * @module
 */

/** How long a thread looks that knows nothing of answers, or that they take long, in microseconds. */
const SHORTEST = 25;
/**
 * Longer than this, in microseconds, no thread looks: some times what it takes to be woken. Where
 * threads share cores with others, who looks for long keeps from them what it waits for.
 */
const LONGEST = 300;

/** Learns how long answers take from how long its thread sleeps. */
export class Patience {
  #microseconds = SHORTEST;
  /** When the thread fell asleep; Infinity while it is awake. */
  #asleepSince = Infinity;

  /** How long to look, in microseconds. */
  get microseconds(): number {
    return this.#microseconds;
  }

  /** Notes that the thread is about to sleep. @param now in microseconds */
  fallAsleep(now: number): void {
    this.#asleepSince = now;
  }

  /** Notes that the thread is awake, whether it has slept or not. @param now in microseconds */
  wakeUp(now: number): void {
    if (this.#asleepSince === Infinity) return;
    // Answers vary: half of the time that is looked for them is to spare.
    const enough = 2 * (now - this.#asleepSince);
    this.#microseconds = enough < LONGEST ? Math.max(enough, SHORTEST) : SHORTEST;
    this.#asleepSince = Infinity;
  }
}
