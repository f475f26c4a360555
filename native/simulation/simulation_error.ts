/**
 * Errors of simulations.
 *
 * @module
 */

/** What went wrong with a simulation. */
export type SimulationFailure =
  /** Programs wait, and nothing will ever happen on the network: a deadlock. */
  | "STALLED"
  /** More virtual time passed than `limitMs` allows. */
  | "LIMIT"
  /** Somebody broke a rule of TCP, or an arena's books are wrong. */
  | "INVARIANT"
  /** Something is left after everything was closed. */
  | "LEAK"
  /** A call that comes too early, or too late. */
  | "STATE";

/**
 * A simulation that cannot go on, or in which something happened that must not.
 *
 * @example
 * ```ts
 * import { SimulationError } from "./simulation_error.ts";
 * const error: unknown = new SimulationError("STALLED", 7, "nothing will ever happen");
 * if (!(error instanceof SimulationError)) throw new Error("unreachable");
 * console.log(error.message); // seed 7: nothing will ever happen
 * ```
 */
export class SimulationError extends Error {
  /** The name of the class. */
  override readonly name = "SimulationError";
  /** What went wrong. */
  readonly code: SimulationFailure;
  /** The seed of the simulation: with it the run can be repeated. */
  readonly seed: number;

  /**
   * Makes the error.
   *
   * @param code What went wrong.
   * @param seed The seed of the simulation.
   * @param what What happened, as a sentence.
   * @param options The error behind this one.
   */
  constructor(code: SimulationFailure, seed: number, what: string, options?: ErrorOptions) {
    super(`seed ${seed}: ${what}`, options);
    this.code = code;
    this.seed = seed;
  }
}
