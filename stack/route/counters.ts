/**
 * What routes count.
 *
 * @module
 */

/** Counters of routes. */
export const RouteCounter = {
  LOOKUPS: 0,
  /** No route leads there. */
  UNREACHABLE: 1,
  /** Routes of the kinds that refuse packets. */
  BLACKHOLE: 2,
  PROHIBITED: 3,
  /** Routes that found no room. */
  REFUSED: 4,
  /** Redirects that were followed, and that were not believed. */
  REDIRECTED: 5,
  REDIRECTS_REFUSED: 6,
  /** Redirected destinations that gave way to others. */
  REDIRECTS_EVICTED: 7,
} as const;
