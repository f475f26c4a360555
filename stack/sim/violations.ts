/**
 * What observers find wrong with a run.
 *
 * @module
 */

/** More are counted, but not kept. */
const MAXIMUM_VIOLATIONS = 64;

/** Something that must not happen, and did. */
export interface Violation {
  /** The virtual time, in microseconds. */
  readonly time: number;
  /** The name of the rule. */
  readonly rule: string;
  /** What happened, as a sentence. */
  readonly what: string;
}

/** Thrown at the end of a run in which something went wrong. */
export class InvariantError extends Error {
  override readonly name = "InvariantError";
  /** What the run's chance came from: with it the run can be repeated. */
  readonly seed: number;
  readonly violations: readonly Violation[];

  constructor(seed: number, violations: readonly Violation[], count: number) {
    const lines = violations.map(({ time, rule, what }) => `  at ${time} us: ${what} (${rule})`);
    super(`seed ${seed}: ${count} violations\n${lines.join("\n")}`);
    this.seed = seed;
    this.violations = violations;
  }
}

/** Collects violations. */
export class Violations {
  /** The first ones. */
  readonly list: Violation[] = [];
  /** How many there were. */
  count = 0;
  /** Told of each; a test may stop at the first one. */
  onViolation: ((violation: Violation) => void) | null = null;

  /** Notes one. */
  add(time: number, rule: string, what: string): void {
    const violation = { time, rule, what };
    if (this.count++ < MAXIMUM_VIOLATIONS) this.list.push(violation);
    this.onViolation?.(violation);
  }

  /** @throws {InvariantError} when there was one */
  assertNone(seed: number): void {
    if (this.count > 0) throw new InvariantError(seed, this.list, this.count);
  }
}
