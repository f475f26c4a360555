/**
 * What a connection of an event loop can do at a time.
 *
 * @module
 */

/** What a step came to. */
export const Step = {
  /** Bytes moved: another step may move more. */
  MOVED: 0,
  /** Nothing to read now. */
  READ_BLOCKED: 1,
  /** No room to write now. */
  WRITE_BLOCKED: 2,
  /** Over: to be closed. */
  ENDED: 3,
} as const;

/** One of {@linkcode Step}. */
export type Step = typeof Step[keyof typeof Step];
