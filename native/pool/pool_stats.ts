/**
 * What a pool counts.
 *
 * @module
 */

/** What a `ConnectionPool` has, and what it has done. */
export interface ConnectionPoolStats {
  /** Addresses that it has connections to, or waiters for. */
  readonly hosts: number;
  /** Connections that are open. */
  readonly open: number;
  /** Of those, connections that nobody uses. */
  readonly idle: number;
  /** Of those, connections that are lent. */
  readonly lent: number;
  /** Connections that are being made. */
  readonly connecting: number;
  /** Calls of `acquire` that wait. */
  readonly waiting: number;
  /** Connections that were made, ever. */
  readonly connects: number;
  /** Connections that could not be made. */
  readonly connectFailures: number;
  /** Times that a connection was lent once more. */
  readonly reuses: number;
  /** Connections that were closed because nobody used them for too long. */
  readonly expired: number;
  /** Connections that were closed because their peer spoke or ended while they were idle. */
  readonly spoiled: number;
  /** Connections that the health check refused. */
  readonly unhealthy: number;
  /** Connections that were not given back in order. */
  readonly discarded: number;
}

/** How the loans of a pool ended that was drained. */
export interface PoolDrainReport {
  /** Those that were given back in time. */
  readonly returned: number;
  /** Those that were closed when the time was over. */
  readonly cut: number;
}

/** What is counted from the beginning. */
export type Tally =
  | "connects"
  | "connectFailures"
  | "reuses"
  | "expired"
  | "spoiled"
  | "unhealthy"
  | "discarded";

/** Counters that have counted nothing. */
export function emptyTally(): Record<Tally, number> {
  return {
    connects: 0,
    connectFailures: 0,
    reuses: 0,
    expired: 0,
    spoiled: 0,
    unhealthy: 0,
    discarded: 0,
  };
}
