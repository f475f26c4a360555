/**
 * Sequence numbers: signed 32-bit words that are compared by difference. RFC 9293 section 3.4.
 *
 * @module
 */

/** The later one of two sequence numbers. */
export function laterOf(one: number, other: number): number {
  return (one - other | 0) > 0 ? one : other;
}
