/**
 * What TCP counts: what happened to connections, and every segment that it dropped, by reason.
 *
 * @module
 */

/** The counters of TCP; those of faults are the wire's. */
export const TcpCounter = {
  SEGMENTS_RECEIVED: 0,
  SEGMENTS_SENT: 1,
  RESETS_SENT: 2,
  RESETS_RECEIVED: 3,

  ACTIVE_OPENS: 4,
  PASSIVE_OPENS: 5,
  /** Attempts to connect, or to be connected to, that came to nothing. */
  ATTEMPTS_FAILED: 6,
  /** Connections that were established and ended by a reset. */
  ESTABLISHED_RESET: 7,
  /** Connections that ended because nothing was heard any more. */
  TIMED_OUT: 8,
  SYNS_RETRANSMITTED: 9,
  SYN_ACKS_RETRANSMITTED: 10,
  KEEPALIVES_SENT: 11,

  /** Wire: shorter than a header. */
  DROPPED_TOO_SHORT: 12,
  /** Wire: the header's length is impossible. */
  DROPPED_HEADER_LENGTH: 13,
  DROPPED_CHECKSUM: 14,
  DROPPED_PORT_ZERO: 15,
  /** Wire: an option is cut off. */
  DROPPED_OPTION_LENGTH: 16,
  /** The header does not lie in one piece: a tiny fragment. */
  DROPPED_SCATTERED_HEADER: 17,
  /** From or to a group, or everybody. */
  DROPPED_NOT_UNICAST: 18,
  /** Nobody is there: answered by a reset. */
  DROPPED_NO_CONNECTION: 19,
  /** A reset for nobody. */
  DROPPED_STRAY_RESET: 20,

  /** Outside the receive window. */
  DROPPED_OUT_OF_WINDOW: 21,
  /** An old timestamp: RFC 7323 section 5. */
  DROPPED_PAWS: 22,
  /** No timestamp, although timestamps were agreed on. */
  DROPPED_NO_TIMESTAMP: 23,
  /** A reset that is not at RCV.NXT: RFC 5961 section 3. */
  DROPPED_RESET: 24,
  /** A SYN on a connection that has long been there: RFC 5961 section 4. */
  DROPPED_SYN: 25,
  /** It acknowledges what was never sent, or long ago: RFC 5961 section 5. */
  DROPPED_ACKNOWLEDGMENT: 26,
  /** Without ACK, although the connection is synchronized. */
  DROPPED_NO_ACK: 27,
  CHALLENGES_SENT: 28,
  /** Acknowledgments of segments that were dropped, not sent since there were too many. */
  CHALLENGES_LIMITED: 29,

  /** SYNs that found the queue of half-open connections full, and got no cookie. */
  DROPPED_SYN_QUEUE_FULL: 30,
  /** Handshakes that found the queue of connections to accept full. */
  DROPPED_ACCEPT_QUEUE_FULL: 31,
  /** SYNs, and connects, that found no room in the table. */
  DROPPED_TABLE_FULL: 32,
  /** SYNs that no packet was left to answer. */
  DROPPED_NO_MEMORY: 33,
  /** Segments to a listener that begin nothing. */
  DROPPED_AT_LISTENER: 34,
  /** Bare acknowledgments that a listener waits out until data come. */
  DEFERRED_ACCEPTS: 35,
  COOKIES_SENT: 36,
  COOKIES_ACCEPTED: 37,
  COOKIES_REFUSED: 38,
  /** SYN-RECEIVED ended because no acknowledgment came. */
  HALF_OPEN_TIMED_OUT: 39,
  HALF_OPEN_RESET: 40,

  TIME_WAITS: 41,
  /** TIME-WAIT ended before its time since there was no room. */
  TIME_WAITS_EVICTED: 42,
  /** A SYN, or a connect, took the place of a TIME-WAIT: RFC 6191. */
  TIME_WAITS_REUSED: 43,
  /** Resets that TIME-WAIT did not believe: RFC 1337. */
  TIME_WAIT_RESETS_IGNORED: 44,

  /** Data arrived for a socket that is closed: RFC 9293 section 3.6.1. */
  ABORTED_ON_DATA: 45,
  /** Closed with data unread. */
  ABORTED_ON_CLOSE: 46,
  ABORTED_ON_LINGER: 47,
  /** No more connections without a socket are permitted. */
  ABORTED_ORPHANS: 48,
  /** The listener was closed before they were accepted. */
  ABORTED_UNACCEPTED: 49,
  FIN_WAIT_2_TIMED_OUT: 50,
  KEEPALIVE_TIMED_OUT: 51,

  FAST_OPEN_COOKIES_SENT: 52,
  FAST_OPEN_COOKIES_RECEIVED: 53,
  FAST_OPEN_ACTIVE: 54,
  FAST_OPEN_ACTIVE_FAILED: 55,
  FAST_OPEN_PASSIVE: 56,
  /** The cookie was none of ours. */
  FAST_OPEN_PASSIVE_REFUSED: 57,
  /** So many connections of that kind were pending that data of SYNs were left out. */
  FAST_OPEN_QUEUE_FULL: 58,
  FAST_OPEN_BLACKHOLES: 59,

  ICMP_HARD: 60,
  ICMP_SOFT: 61,
  ICMP_TOO_BIG: 62,
  /** About no connection, or not about what is in its window: RFC 5927. */
  ICMP_IGNORED: 63,
  /** Segments that IP did not take. */
  OUTPUT_REFUSED: 64,
  /** Segments that no packet was left for. */
  OUTPUT_NO_MEMORY: 65,
  /** ECN was asked for and refused, or does not get through. */
  ECN_FALLBACKS: 66,
  /** With fewer hops left than its socket asks for, or an error about such: RFC 5082. */
  DROPPED_TOO_FAR: 67,
} as const;
