/**
 * Where a subject documentedly does something else than libc: each `why` is a row of
 * `docs/posix.md`.
 *
 * @module
 */

import { HOST_DIFFERENCES } from "./host_differences.ts";
import { STACK_DIFFERENCES } from "./stack_differences.ts";
import { SCRIPTS } from "./scripts/all.ts";

/** Scripts that come to something else on a backend, all for one reason. */
export interface Difference {
  /** The name of the subject. */
  readonly subject: string;
  /** What is different, and why; the words of `docs/posix.md`. */
  readonly why: string;
  /** Whether it depends on how the system is set up, so that the scripts may come to the same. */
  readonly isSystems?: boolean;
  /** The scripts by their whole names; `"group: *"` stands for a group, some of which differ. */
  readonly scripts: readonly string[];
}

/** Every difference there is. */
export const DIFFERENCES: readonly Difference[] = [...HOST_DIFFERENCES, ...STACK_DIFFERENCES];

/** Why a script may differ on a subject, undefined where it must not. */
export function whyDifferent(subject: string, script: string): string | undefined {
  return DIFFERENCES.find((difference) => {
    return difference.subject === subject && listed(difference).includes(script);
  })?.why;
}

/** Whether a script is listed by its own name, so that it does differ. */
export function mustDiffer(subject: string, script: string): boolean {
  return DIFFERENCES.some((difference) => {
    const isFixed = difference.subject === subject && difference.isSystems !== true;
    return isFixed && difference.scripts.includes(script);
  });
}

/** The names of the scripts of a difference; one that does not exist is an error. */
export function listed({ scripts }: Difference): string[] {
  return scripts.flatMap((pattern) => {
    const names = SCRIPTS.map(({ name }) => name).filter((name) => {
      return pattern.endsWith(": *") ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
    });
    if (names.length === 0) throw new Error(`there is no script "${pattern}"`);
    return names;
  });
}
