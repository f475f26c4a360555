/**
 * What the offloads count.
 *
 * @module
 */

/** Counters of segmentation and coalescing in software. */
export const OffloadCounter = {
  /** Checksums that were completed. */
  CHECKSUMS: 0,
  /** Packets that were taken apart. */
  SEGMENTED: 1,
  /** What they became. */
  SEGMENTS: 2,
  /** Packets that could not be taken apart whole, because no packets were left. */
  DROPPED_NO_PACKET: 3,
  /** Packets whose headers say something else than their columns. */
  DROPPED_MALFORMED: 4,
  /** Received segments that were put behind another one. */
  COALESCED: 5,
  /** Received segments, for TCP, whose checksum was wrong. */
  BAD_CHECKSUM: 6,
} as const;
