/**
 * The capture of a run that failed.
 *
 * @module
 */

/** A run that failed. */
export interface FailedRun {
  readonly seed: number;
  /** Virtual milliseconds. */
  readonly now: number;
  /** Where its capture goes, null for nowhere. */
  readonly path: string | null;
  /** Its newest packets, null where none are kept. */
  readonly capture: Uint8Array | null;
}

/** Prints how to repeat a run that failed, and writes its capture. */
export function reportFailure({ seed, now, path, capture }: FailedRun): void {
  const written = path === null || capture === null ? null : writeFailure(path, capture);
  const where = written === null ? "" : `; its newest packets are in ${written}`;
  console.error(`simulation with seed ${seed} failed at ${now} ms${where}`);
}

/**
 * Writes a capture, if that is permitted: nothing prompts.
 *
 * @param path where it goes
 * @returns the path, or null where nothing was written
 */
export function writeFailure(path: string, capture: Uint8Array): string | null {
  const { state } = Deno.permissions.querySync({ name: "write", path });
  if (state !== "granted" || capture.length === 0) return null;
  try {
    Deno.writeFileSync(path, capture);
    return path;
  } catch (error) {
    // That it cannot be written must not hide why the run failed.
    console.error(`the capture was not written: ${error}`);
    return null;
  }
}
