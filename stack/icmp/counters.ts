/**
 * What ICMP of both families counts. Bad messages are counted by `Fault` besides.
 *
 * @module
 */

/** The counters of ICMP. */
export const IcmpCounter = {
  RECEIVED: 0,
  ECHOES_ANSWERED: 1,
  ECHO_REPLIES_RECEIVED: 2,
  TIMESTAMPS_ANSWERED: 3,
  /** Errors that went on to the protocol whose packet they are about. */
  ERRORS_DELIVERED: 4,
  ERRORS_SENT: 5,
  REDIRECTS_SENT: 6,
  REDIRECTS_TAKEN: 7,
  /** A message that its checks found bad: `Fault` has the reason. */
  DROPPED_MESSAGE: 8,
  /** An echo to many, or to a host that does not answer. */
  DROPPED_ECHO: 9,
  /** Too many echoes in too little time. */
  DROPPED_ECHO_RATE: 10,
  /** An answer that nobody waits for. */
  DROPPED_ECHO_REPLY: 11,
  DROPPED_TIMESTAMP: 12,
  /** An error about what is no packet of ours. */
  DROPPED_ERROR_QUOTE: 13,
  /** An error about a packet that its protocol has not sent, or does not know. */
  DROPPED_ERROR_UNKNOWN: 14,
  /** What nobody sends any more: source quench. RFC 6633. */
  DROPPED_OBSOLETE: 15,
  DROPPED_REDIRECT: 16,
  /** No memory to look at it, or to answer. */
  DROPPED_MEMORY: 17,
  /** Errors that must not be sent. */
  ERRORS_FORBIDDEN: 18,
  /** Too many errors in too little time: in all, or to one destination. */
  ERRORS_LIMITED: 19,
  ERRORS_LIMITED_DESTINATION: 20,
  /** Errors that could not be sent. */
  ERRORS_FAILED: 21,
} as const;
