/**
 * The window that connections begin with.
 *
 * @module
 */

/** Segments of the initial window, and the bytes that bound it: RFC 6928 section 2. */
const INITIAL_SEGMENTS = 10;
const INITIAL_BYTES = 14_600;

/**
 * The initial window.
 *
 * @param segment bytes of payload of a full segment
 * @returns bytes
 */
export function initialWindow(segment: number): number {
  // RFC 6928 section 2 (MAY): min(10 * MSS, max(2 * MSS, 14600)).
  return Math.min(INITIAL_SEGMENTS * segment, Math.max(2 * segment, INITIAL_BYTES));
}
