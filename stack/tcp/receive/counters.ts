/**
 * What receivers count.
 *
 * @module
 */

import type { Counters } from "../../statistics.ts";

/** The counters of all receivers of a stack. */
export const ReceiverCounter = {
  /** Bytes that arrived in order, or for which the gap before them was filled. */
  BYTES_RECEIVED: 0,
  /** Bytes that programs have read, or had thrown away. */
  BYTES_READ: 1,
  /** Segments that were kept behind a gap. */
  OUT_OF_ORDER: 2,
  /** Bytes that were there before; they are dropped. */
  DROPPED_DUPLICATE_BYTES: 3,
  /** Bytes beyond the window. */
  DROPPED_BEYOND_WINDOW_BYTES: 4,
  /** Bytes behind a FIN. */
  DROPPED_BEHIND_FIN_BYTES: 5,
  /** FINs whose number is not that of the first one, or beyond the window. */
  DROPPED_FIN: 6,
  /** Segments behind a gap for which the table of ranges had no room. */
  DROPPED_RANGES_FULL: 7,
  /** Segments behind a gap for which the receive buffer had no memory. */
  DROPPED_OUT_OF_ORDER_MEMORY: 8,
  /** Segments in order for which the receive buffer had no memory. */
  DROPPED_MEMORY: 9,
  /** Segments for which the arena had no slice or packet. */
  DROPPED_NO_PACKET: 10,
  /** Bytes behind a gap that were given up for bytes before it, or for memory. RFC 2018. */
  PRUNED_BYTES: 11,
  /** Segments whose payload was copied behind that of another, or into a packet of its size. */
  COALESCED: 12,
  /** Acknowledgments that the delay's end has sent. */
  DELAYED_ACKNOWLEDGMENTS: 13,
  /** Duplicates that were reported. RFC 2883. */
  DUPLICATES_REPORTED: 14,
  /** Windows that were announced because a program has read. */
  WINDOW_UPDATES: 15,
  /** Receive buffers that autotuning has enlarged. */
  BUFFERS_ENLARGED: 16,
  /** Windows that memory pressure has held back. */
  PRESSED_WINDOWS: 17,
  /** Segments that had met congestion. */
  CONGESTION_EXPERIENCED: 18,
  /** Marks of urgent data. */
  URGENT: 19,
} as const;

/** The counters of all receivers of a stack. */
export type ReceiverCounters = Counters<typeof ReceiverCounter>;
