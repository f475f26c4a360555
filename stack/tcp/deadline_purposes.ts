/**
 * What a connection's own deadline is for, beside those of its sender and its receiver.
 *
 * @module
 */

/** What the deadline is for: a connection never needs two of them at a time. */
export const Purpose = {
  NONE: 0,
  /** Our SYN is to be sent again. */
  SYN: 1,
  /** The peer is to be asked whether it is still there. */
  KEEPALIVE: 2,
  /** The other end has not sent its FIN, and nobody waits for it any more. */
  FIN_WAIT_2: 3,
} as const;
/** One of {@linkcode Purpose}. */
export type Purpose = typeof Purpose[keyof typeof Purpose];
