/**
 * What is true of a connection, as bits.
 *
 * @module
 */

/** What is true of a connection: bits of `Connection.bits`. */
export const Bit = {
  /** Timestamps, SACK, window scaling: both ends want them. */
  TIMESTAMPS: 1 << 0,
  SACK: 1 << 1,
  SCALING: 1 << 2,
  /** ECN: neither bit for none. */
  ECN_CLASSIC: 1 << 3,
  ECN_ACCURATE: 1 << 4,
  /** Whether ECT is sent: not where it does not get through (RFC 9768 section 3.2.2.3). */
  ECN_CAPABLE: 1 << 5,
  /** It was opened from here. */
  ACTIVE: 1 << 6,
  /** Our SYN is not acknowledged; it was lost once. */
  SYN_UNACKNOWLEDGED: 1 << 7,
  SYN_LOST: 1 << 8,
  /** The sender and the receiver know what was agreed on. */
  SENDER_AGREED: 1 << 9,
  RECEIVER_AGREED: 1 << 10,
  /** `shutdown` for reading. */
  READ_SHUT: 1 << 11,
  /** Its socket is closed. */
  ORPHAN: 1 << 12,
  /** The path, or its MTU, has changed: the sender is to be told; something was too big. */
  PATH_CHANGED: 1 << 13,
  TOO_BIG: 1 << 14,
  /** The SYN asked for a cookie of Fast Open, or carried data. */
  FAST_OPEN: 1 << 15,
  SYN_DATA: 1 << 16,
  /** The first acknowledgment tells how the peer's SYN was marked (RFC 9768). */
  ECN_HANDSHAKE: 1 << 17,
  /** Our SYN arrived with a mark of congestion. */
  ECN_DELIVERED_MARK: 1 << 18,
  /** The other end is to be acknowledged as soon as what can be sent was sent. */
  ACKNOWLEDGMENT_DUE: 1 << 19,
  /** It counts against its listener's queue of Fast Open. */
  FAST_OPEN_PENDING: 1 << 20,
  /** Its SYN waits for the first data (`TCP_FASTOPEN_CONNECT`). */
  DEFERRED: 1 << 21,
  /** It has a deadline of its own. */
  DEADLINE: 1 << 22,
  /** A segment outside its window was answered once. */
  CHALLENGED: 1 << 23,
  /** Its owner is being told of something. */
  TELLING: 1 << 24,
  /** It waits to be accepted. */
  QUEUED: 1 << 25,
  /** It is to settle once everything that has arrived is dealt with. */
  OWING: 1 << 26,
  /** Its path takes less than the shortest full segment: IP takes segments apart. */
  NARROW: 1 << 27,
} as const;
