/**
 * What an RFC requires, and what there is in the source that says how it is met.
 *
 * @module
 */

/** A rule that a catalogue lists. */
export interface Requirement {
  readonly rfc: number;
  /** "MUST-22" where the RFC numbers its rules, else "R22": the number that the catalogue gives. */
  readonly id: string;
  readonly section: string;
  /** The rule, in our own words. */
  readonly text: string;
  /** Words of the comments that are about it, where it has no number: see `catalogue.ts`. */
  readonly phrases?: readonly string[];
  /** Why it is not obeyed, where there is no line of code to say so above. */
  readonly exception?: string;
}

/** A comment that names a rule. */
export interface Annotation {
  readonly file: string;
  readonly line: number;
  readonly rfc: number;
  readonly section: string;
  /** "MUST-22", or "MUST" where the RFC has no numbers; at least one. */
  readonly ids: readonly string[];
  /** Whether the rule is not obeyed on purpose: the text says why. */
  readonly isException: boolean;
  readonly text: string;
}

/** A test that fails when a rule is not obeyed. */
export interface Coverage {
  readonly file: string;
  readonly line: number;
  readonly rfc: number;
  readonly section: string;
  readonly ids: readonly string[];
  /** The name of the test. */
  readonly test: string;
}
