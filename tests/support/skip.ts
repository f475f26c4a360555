/**
 * Tests that cannot run here are left out loudly: the name and the reason are printed in a
 * line of fixed form, which `tests/run.ts` collects and counts.
 *
 * @module
 */

/** A test that did not run, and why. */
export interface Skip {
  /** The name of the test. */
  readonly name: string;
  /** Why it did not run. */
  readonly reason: string;
}

/**
 * Names a test that needs something this machine may not have.
 *
 * @param name The name of the test or step.
 * @param condition Whether it can run.
 * @param reason What is missing if it cannot, such as `needs root`.
 * @returns Options for `Deno.test` and `t.step`.
 *
 * @example
 * ```ts
 * Deno.test(skipUnless("a TAP device echoes", isRoot(), "needs root"), async () => {});
 * ```
 */
export function skipUnless(
  name: string,
  condition: boolean,
  reason: string,
): { name: string; ignore: boolean } {
  if (!condition) console.error(formatSkip({ name, reason }));
  return { name, ignore: !condition };
}

/**
 * @param skip What was skipped.
 * @returns The line that records it.
 */
export function formatSkip(skip: Skip): string {
  return `[skipped] ${JSON.stringify(skip.name)} ${skip.reason}`;
}

/**
 * @param line A line of test output, without colours.
 * @returns The skip it records, if it records one.
 */
export function parseSkip(line: string): Skip | undefined {
  const match = /^\[skipped\] ("(?:[^"\\]|\\.)*") (.*)$/.exec(line);
  return match ? { name: JSON.parse(match[1]), reason: match[2] } : undefined;
}

/** @returns Whether this process runs as root, which raw sockets and devices ask for. */
export function isRoot(): boolean {
  return Deno.build.os !== "windows" && Deno.uid() === 0;
}

/**
 * @param program The name of a program.
 * @returns Whether it lies on the search path.
 */
export function hasProgram(program: string): boolean {
  for (const folder of (Deno.env.get("PATH") ?? "").split(":")) {
    try {
      const { isFile, mode } = Deno.statSync(`${folder}/${program}`);
      if (isFile && ((mode ?? 0) & 0o111) !== 0) return true;
    } catch {
      // Not in this folder, or a folder that is not there.
    }
  }
  return false;
}
