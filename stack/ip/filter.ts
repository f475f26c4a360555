/**
 * Where a filter sees packets, and what it can say.
 *
 * @module
 */

import type { Interface } from "../iface/types.ts";

/** Where a packet is when it is judged. */
export const FilterPoint = {
  /** It is for this stack, and whole. */
  INPUT: 0,
  /** It is on its way through, and its route is known. */
  FORWARD: 1,
  /** It is from this stack, and not yet taken apart. */
  OUTPUT: 2,
} as const;

/** One of {@linkcode FilterPoint}. */
export type FilterPoint = typeof FilterPoint[keyof typeof FilterPoint];

/** What is to become of it. */
export const Verdict = {
  ACCEPT: 0,
  /** It vanishes. */
  DROP: 1,
  /** It vanishes, and its sender is told that this is prohibited. */
  REJECT: 2,
} as const;

/** One of {@linkcode Verdict}. */
export type Verdict = typeof Verdict[keyof typeof Verdict];

/** Judges packets. */
export interface PacketFilter {
  /**
   * Judges a packet, whose data begin with the network header; its hold stays the caller's.
   *
   * @param link the interface that it came in by, or leaves by
   */
  judge(point: FilterPoint, packet: number, link: Interface): Verdict;
}
