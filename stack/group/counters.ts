/**
 * What IGMP and MLD count.
 *
 * @module
 */

/** Counters of one family's groups. */
export const GroupCounter = {
  RECEIVED: 0,
  DROPPED_MALFORMED: 1,
  /** From an address that may not send it. */
  DROPPED_SOURCE: 2,
  QUERIES_RECEIVED: 3,
  REPORTS_RECEIVED: 4,
  /** Queries for groups that nobody here listens to. */
  QUERIES_NOT_FOR_US: 5,
  REPORTS_SENT: 6,
  LEAVES_SENT: 7,
  /** Reports of older versions that were not sent because somebody else reported. */
  SUPPRESSED: 8,
  /** No packet was left. */
  DROPPED_NO_PACKET: 9,
  /** Groups that found no room. */
  REFUSED: 10,
  /** Sources that a report had no room for: RFC 3376 section 4.2.16. */
  SOURCES_TRUNCATED: 11,
} as const;
