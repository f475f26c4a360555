/**
 * What a receiver knows as yes or no.
 *
 * @module
 */

/** Bits of `Receiver.bits`. */
export const ReceiverBit = {
  /** SACK, or timestamps, were agreed on. */
  SACK: 1 << 0,
  TIMESTAMPS: 1 << 1,
  /** A FIN has come; and everything before it. */
  FIN: 1 << 2,
  ENDED: 1 << 3,
  /** The program reads no more. */
  SHUT: 1 << 4,
  /** `SO_RCVBUF` was set: no tuning. */
  FIXED_BUFFER: 1 << 5,
  /** `SO_OOBINLINE`. */
  URGENT_INLINE: 1 << 6,
} as const;

/** Where the shift of windows is among those bits. */
export const WINDOW_SCALE = { shift: 8, mask: 15 } as const;
