/**
 * What TCP is told when it is made: the size of each of its tables, and the defaults of its timers.
 *
 * @module
 */

import { MILLISECOND, MINUTE, SECOND } from "../environment.ts";

/** What TCP is made of. Times are in microseconds. */
export interface TcpSettings {
  /** Connections, half-open ones aside, that there are at most. */
  readonly connections: number;
  /** Half-open connections of all listeners. */
  readonly halfOpen: number;
  /** Connections in TIME-WAIT; the oldest one goes when there is no room. */
  readonly timeWaits: number;
  /** Connections whose sockets are closed. */
  readonly orphans: number;
  /** Bindings to a port. */
  readonly bindings: number;
  /** The longest queue of connections to accept that a listener may have. */
  readonly maximumBacklog: number;
  /** Destinations whose cookies for Fast Open are remembered. */
  readonly fastOpenCache: number;
  /** The ports that are chosen of their own accord. */
  readonly firstEphemeralPort: number;
  readonly lastEphemeralPort: number;

  /** How long TIME-WAIT lasts: twice the maximum segment lifetime. */
  readonly timeWait: number;
  /** How long FIN-WAIT-2 lasts once the socket is closed (`TCP_LINGER2`). */
  readonly finWait2: number;
  /** How long whoever is gone may keep a connection of a closed socket alive by not answering. */
  readonly orphanTimeout: number;
  /** The first timeout of a SYN; it doubles up to the maximum. */
  readonly synTimeout: number;
  readonly maximumSynTimeout: number;
  /** How often a SYN is sent again (`TCP_SYNCNT`), and a SYN with ACK. */
  readonly synRetries: number;
  readonly synAckRetries: number;
  /** `TCP_KEEPIDLE`, `TCP_KEEPINTVL` and `TCP_KEEPCNT`. */
  readonly keepAliveIdle: number;
  readonly keepAliveInterval: number;
  readonly keepAliveCount: number;

  /** When listeners answer by cookies: RFC 4987. */
  readonly synCookies: "never" | "when-full" | "always";
  readonly timestamps: boolean;
  readonly windowScaling: boolean;
  readonly selectiveAcknowledgment: boolean;
  /** Whether ECN is offered, or agreed to when it is offered, and which kind. */
  readonly ecn: "off" | "passive" | "classic" | "accurate";
  /** Whether SYNs may carry data: RFC 7413. */
  readonly fastOpen: "off" | "client" | "server" | "both";
  /** How long Fast Open is not tried after it was seen to vanish; it doubles each time. */
  readonly fastOpenBlackhole: number;
  /** How often the key of cookies changes; the one before stays good for as long. */
  readonly fastOpenKeyLife: number;
  /** Whether `TCP_USER_TIMEOUT` is told to the other end: RFC 5482. */
  readonly userTimeoutOption: boolean;
  /** No segment has more bytes of payload and options than this. */
  readonly maximumSegment: number;
  /** Challenge ACKs of the whole stack in a second: RFC 5961 section 7. */
  readonly challengesPerSecond: number;
  /** The least time between two answers to segments outside a connection's window. */
  readonly challengeInterval: number;
  /** The congestion control of whoever does not choose one. */
  readonly congestionControl: string;
}

/** What holds if nothing else is said. */
export const TCP_DEFAULTS: TcpSettings = {
  connections: 16384,
  halfOpen: 4096,
  timeWaits: 16384,
  orphans: 16384,
  bindings: 65536,
  maximumBacklog: 4096,
  fastOpenCache: 256,
  firstEphemeralPort: 32768,
  lastEphemeralPort: 60999,

  // RFC 9293 section 3.4.2 (MUST) excepted: 2MSL is one minute, as on Linux, not four. Sequence
  // numbers go on and timestamps tell old segments, so that reuse is safe much earlier (RFC 6191).
  timeWait: MINUTE,
  finWait2: MINUTE,
  orphanTimeout: 100 * SECOND,
  synTimeout: SECOND,
  maximumSynTimeout: MINUTE,
  // RFC 9293 section 3.8.3 (MUST-23): a SYN is sent again for at least three minutes: 1, 2, 4, 8,
  // 16, 32, 60 and 60 seconds.
  synRetries: 7,
  synAckRetries: 7,
  // RFC 9293 section 3.8.4 (MUST-28): no less than two hours by default.
  keepAliveIdle: 120 * MINUTE,
  keepAliveInterval: 75 * SECOND,
  keepAliveCount: 9,

  synCookies: "when-full",
  timestamps: true,
  windowScaling: true,
  selectiveAcknowledgment: true,
  ecn: "passive",
  fastOpen: "client",
  fastOpenBlackhole: 60 * MINUTE,
  fastOpenKeyLife: 60 * MINUTE,
  userTimeoutOption: false,
  maximumSegment: 65535,
  challengesPerSecond: 1000,
  challengeInterval: 500 * MILLISECOND,
  congestionControl: "cubic",
};

/** For a machine with little memory: 32 connections with buffers of 8 KB. */
export const TCP_SMALL: TcpSettings = {
  ...TCP_DEFAULTS,
  connections: 32,
  halfOpen: 16,
  timeWaits: 32,
  orphans: 32,
  bindings: 64,
  maximumBacklog: 16,
  fastOpenCache: 4,
};

/** For a server with very many connections. */
export const TCP_SERVER: TcpSettings = {
  ...TCP_DEFAULTS,
  connections: 262144,
  halfOpen: 65536,
  timeWaits: 262144,
  orphans: 262144,
  bindings: 524288,
  maximumBacklog: 65535,
  fastOpenCache: 4096,
};
