/**
 * Closing what may be closed already.
 *
 * @module
 */

/** Closes something of Deno's that the behaviour may have closed itself. */
export function closeQuietly(resource: { close(): void }): void {
  try {
    resource.close();
  } catch {
    // It was closed already.
  }
}
