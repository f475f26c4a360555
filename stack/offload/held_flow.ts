/**
 * What is known of a packet that waits for more of its flow.
 *
 * @module
 */

import type { Interface } from "../iface/types.ts";

/** What its identifications are, as far as is known. */
export const IdentificationUse = { UNKNOWN: 0, INCREASING: 1, FIXED: 2 } as const;

/** Which of its segments have CWR, as far as is known. */
export const CwrUse = { UNKNOWN: 0, FIRST: 1, ALL: 2 } as const;

/** A packet that waits, and what may follow it; a place for one, filled again and again. */
export class HeldFlow {
  /** The packet, or -1. */
  packet = -1;
  /** The last segment of its chain. */
  tail = -1;
  link: Interface | null = null;
  isIpv4 = true;
  /** Where its headers are. */
  networkAt = 0;
  transportAt = 0;
  /** The bytes of both. */
  headerBytes = 0;
  /** The payload of the first segment; only the last one may have less. */
  segmentBytes = 0;
  /** Headers and all payload. */
  totalBytes = 0;
  /** How many segments there are. */
  count = 0;
  /** The flags of all of them. */
  flags = 0;
  /** The sequence number that follows. */
  nextSequence = 0;
  identificationUse: number = IdentificationUse.UNKNOWN;
  cwrUse: number = CwrUse.UNKNOWN;
  /** Which slot this is. */
  slot = -1;
  /** Where that is among those that hold something. */
  place = 0;
}
