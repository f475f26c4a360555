/**
 * Outlier ejection: who fails again and again is given no connections for a while.
 *
 * ```text
 *            failures in a row                      time is over
 *   TRUSTED ------------------> EJECTED, no longer ------------> ON TRIAL
 *      ^                           ^                              |    |
 *      |                           +-------- one failure ---------+    |
 *      +------------------------------- one success -------------------+
 * ```
 *
 * Each ejection that follows soon lasts twice as long; time without failures shortens the next.
 *
 * @module
 */

import { checkKeys } from "../options/options.ts";

/** When a backend is ejected, and for how long. */
export interface EjectionOptions {
  /** Failures in a row that eject, 1 to 1000; 5. */
  readonly failures?: number;
  /** Milliseconds of the first ejection, 1 to 1e9; each further one lasts twice as long; 10 000. */
  readonly baseMs?: number;
  /** Milliseconds of the longest ejection, `baseMs` to 1e9; 300 000. */
  readonly maxMs?: number;
  /** The share of backends that may be ejected at a time, 0 to 1; 0.5, rounded down. */
  readonly maxShare?: number;
}

/** {@linkcode EjectionOptions} with everything said. */
export type EjectionPlan = Required<EjectionOptions>;

const KEYS: readonly string[] = ["failures", "baseMs", "maxMs", "maxShare"];
const FAILURES_MAX = 1000;
const MILLISECONDS_MAX = 1e9;

/**
 * Makes a plan of options.
 *
 * @throws {TypeError} for an unknown key
 * @throws {RangeError} for a number out of its range, naming it
 */
export function ejectionPlan(options: EjectionOptions = {}): EjectionPlan {
  checkKeys("ejection", options, KEYS);
  const { failures = 5, baseMs = 10_000, maxShare = 0.5 } = options;
  const { maxMs = Math.max(300_000, baseMs) } = options;
  const isCount = Number.isInteger(failures) && failures >= 1 && failures <= FAILURES_MAX;
  if (!isCount) throw new RangeError(`ejection: failures must be 1 to ${FAILURES_MAX}`);
  for (const [name, value, least] of [["baseMs", baseMs, 1], ["maxMs", maxMs, baseMs]] as const) {
    if (!(value >= least && value <= MILLISECONDS_MAX)) {
      throw new RangeError(`ejection: ${name} must be ${least} to ${MILLISECONDS_MAX}`);
    }
  }
  if (!(maxShare >= 0 && maxShare <= 1)) throw new RangeError("ejection: maxShare must be 0 to 1");
  return { failures, baseMs, maxMs, maxShare };
}

/** The health of one backend. Times are in milliseconds on one clock. */
export class Health {
  /** Times it was ejected, ever. */
  ejections = 0;
  readonly #plan: EjectionPlan | null;
  #failuresInRow = 0;
  #isOnTrial = false;
  #ejectedUntilMs = -Infinity;
  /** How many times the next ejection doubles. */
  #doublings = 0;

  /** @param plan null never to eject */
  constructor(plan: EjectionPlan | null) {
    this.#plan = plan;
  }

  /** Whether it is given no connections now. */
  isEjected(nowMs: number): boolean {
    return nowMs < this.#ejectedUntilMs;
  }

  /** Notes that it served. */
  succeed(nowMs: number): void {
    if (this.isEjected(nowMs)) return;
    this.#failuresInRow = 0;
    this.#isOnTrial = false;
  }

  /**
   * Notes that it failed.
   *
   * @param mayEject whether the share of ejected backends allows one more
   * @returns whether it is ejected by this
   */
  fail(nowMs: number, mayEject: boolean): boolean {
    const plan = this.#plan;
    // What began before it was ejected says nothing new.
    if (plan === null || this.isEjected(nowMs)) return false;
    this.#failuresInRow++;
    const needed = this.#isOnTrial ? 1 : plan.failures;
    if (this.#failuresInRow < needed || !mayEject) return false;
    const calmMs = nowMs - this.#ejectedUntilMs;
    this.#doublings = Math.max(0, this.#doublings - Math.floor(calmMs / plan.baseMs));
    const durationMs = Math.min(plan.maxMs, plan.baseMs * 2 ** this.#doublings);
    this.#doublings++;
    this.#ejectedUntilMs = nowMs + durationMs;
    this.#failuresInRow = 0;
    this.#isOnTrial = true;
    this.ejections++;
    return true;
  }
}
