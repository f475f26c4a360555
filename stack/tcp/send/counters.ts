/**
 * What the senders of a stack count.
 *
 * @module
 */

/** What senders did, and what they did not believe. */
export const SendCounter = {
  /** Segments that were sent again. */
  RETRANSMITTED: 0,
  /** Fast recoveries, and reductions because of marks of ECN. */
  FAST_RECOVERIES: 1,
  ECN_REDUCTIONS: 2,
  /** Retransmission timeouts. */
  TIMEOUTS: 3,
  /** Tail loss probes, and losses that only such a probe repaired. */
  LOSS_PROBES: 4,
  LOSS_PROBE_RECOVERIES: 5,
  /** Reductions that were for nothing, as timestamps, D-SACK or F-RTO found out. */
  SPURIOUS_BY_TIMESTAMP: 6,
  SPURIOUS_BY_DUPLICATE_SACK: 7,
  SPURIOUS_BY_FORWARD_RTO: 8,
  /** Probes of windows that were closed, or too small to be worth a segment. */
  WINDOW_PROBES: 9,
  /** Connections that were given up. */
  GIVEN_UP: 10,
  /** Blocks that tell of duplicates. RFC 2883. */
  DUPLICATE_SACKS: 11,
  /** Blocks that were ignored, since nothing of the kind was sent. */
  IGNORED_SACK_BLOCKS: 12,
  /** Acknowledgments of what was not sent. */
  DROPPED_ACKNOWLEDGMENT_TOO_NEW: 13,
  /** Times that a receiver took back what it had acknowledged selectively. RFC 2018 section 8. */
  RENEGED: 14,
  /** Times that there was no packet, slice or record left. */
  PACKETS_EXHAUSTED: 15,
  RECORDS_EXHAUSTED: 16,
  /** Segments that could not be sent at once. */
  TRANSMIT_REFUSED: 17,
  /** Connections whose feedback of accurate ECN made no sense. RFC 9768 section 3.2.2. */
  ECN_FEEDBACK_LOST: 18,
  /** Probes of the path's MTU, and those that arrived. RFC 4821. */
  PATH_PROBES: 19,
  PATH_PROBES_DELIVERED: 20,
} as const;
