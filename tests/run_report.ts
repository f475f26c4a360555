/**
 * Reads what `deno test` prints.
 *
 * @module
 */

import { parseSkip } from "./support/skip.ts";

/** A skipped test as the run ends up reporting it. */
export interface ReportedSkip {
  /** The name of the test or step. */
  readonly name: string;
  /** Why it did not run; undefined if nobody said. */
  readonly reason: string | undefined;
}

/** What a whole run came to. */
export interface RunTotals {
  /** Tests that passed, without their steps. */
  readonly passed: number;
  /** Tests that failed; a run that broke off counts as one more. */
  readonly failed: number;
  /** Tests and steps that did not run. */
  readonly skipped: readonly ReportedSkip[];
}

const SUMMARY = /^(?:ok|FAILED) \| (\d+) passed(?: \(\d+ steps?\))? \| (\d+) failed\b/;
const IGNORED = /^\s*(.+) \.\.\. ignored\b/;
const PASSED = /^\S.* \.\.\. ok \(/;
const FAILED = /^\S.* \.\.\. FAILED\b/;

// deno-lint-ignore no-control-regex -- an escape character is what starts a colour
const COLOUR = /\x1b\[[0-9;]*m/g;

/** Takes the output of one `deno test` line by line. */
export class RunReport {
  readonly #reasons = new Map<string, string>();
  readonly #ignored: string[] = [];
  #summary: { passed: number; failed: number } | undefined;
  #passedSoFar = 0;
  #failedSoFar = 0;

  /**
   * @param line One line of output, colours and all.
   */
  addLine(line: string): void {
    const text = line.replaceAll(COLOUR, "");
    const skip = parseSkip(text);
    if (skip) {
      this.#reasons.set(skip.name, skip.reason);
      return;
    }
    const ignored = IGNORED.exec(text);
    if (ignored) this.#ignored.push(ignored[1]);
    if (PASSED.test(text)) this.#passedSoFar++;
    if (FAILED.test(text)) this.#failedSoFar++;
    const summary = SUMMARY.exec(text);
    // A test may run Deno and print its summary: the last one is the run's own.
    if (summary) this.#summary = { passed: Number(summary[1]), failed: Number(summary[2]) };
  }

  /**
   * @param exitCode What `deno test` ended with.
   * @returns The totals. A run that failed without saying which test did (it crashed, or did
   * not compile) has one failure more than it printed.
   */
  totals(exitCode: number): RunTotals {
    const seen = this.#summary ?? { passed: this.#passedSoFar, failed: this.#failedSoFar };
    const unexplained = (exitCode !== 0 && seen.failed === 0) || this.#summary === undefined;
    return {
      passed: seen.passed,
      failed: seen.failed + (unexplained ? 1 : 0),
      skipped: this.#ignored.map((name) => ({ name, reason: this.#reasons.get(name) })),
    };
  }
}

/**
 * @param totals What a run came to.
 * @returns The lines that end it; the last one is `N passed, N failed`, then the skipped ones.
 */
export function formatTotals(totals: RunTotals): string[] {
  const { passed, failed, skipped } = totals;
  const lines = skipped.map(({ name, reason }) =>
    `SKIPPED ${name}: ${reason ?? "no reason given: use skipUnless() of tests/support/skip.ts"}`
  );
  const counts = `${passed} passed, ${failed} failed`;
  if (skipped.length === 0) return [counts];
  return ["", ...lines, "", `${counts}, ${skipped.length} skipped`];
}
