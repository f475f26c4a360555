/**
 * What an endpoint counts.
 *
 * @module
 */

/** What an endpoint has accepted and what stood in its way. */
export interface AcceptStats {
  /** Connections accepted. */
  readonly accepted: number;
  /** Connections that are open now, those that are being greeted among them. */
  readonly open: number;
  /** The most connections that were open at a time. */
  readonly peak: number;
  /** Accepted connections that wait for `accept()`. */
  readonly waiting: number;
  /** Connections that were gone before their addresses could be asked for. */
  readonly vanished: number;
  /** Connections refused for a limit of the capability. */
  readonly refused: number;
  /** Connections refused by the endpoint's `rateLimiter`. */
  readonly refusedByRateLimiter: number;
  /** Connections refused because no PROXY header came that could be believed. */
  readonly refusedByProxyHeader: number;
  /** Times that accepting paused because no descriptor or memory was left. */
  readonly exhausted: number;
  /** Streams ended because nothing came within `handshakeTimeoutMs`. */
  readonly handshakeTimeouts: number;
  /** Streams ended because nothing moved within `idleTimeoutMs`. */
  readonly idleCloses: number;
  /** Streams ended because less came than `minimumReceiveBytesPerSecond`. */
  readonly slowCloses: number;
}

/** The counts that only grow. */
export class AcceptCounts {
  accepted = 0;
  vanished = 0;
  refused = 0;
  refusedByRateLimiter = 0;
  refusedByProxyHeader = 0;
  exhausted = 0;
  handshakeTimeouts = 0;
  idleCloses = 0;
  slowCloses = 0;
}
