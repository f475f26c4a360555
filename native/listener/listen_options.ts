/**
 * Options of listening, and what becomes of them.
 *
 * @module
 */

import { requireInteger } from "../authorization.ts";
import type { GuardPlan } from "./connection_guard.ts";
import {
  checkKeys,
  checkOptionValues,
  LISTEN_OPTIONS,
  type ListenOptionValues,
} from "../options/options.ts";
import type { ProxyVersions } from "../proxy/proxy_protocol.ts";
import { HEADER_TIMEOUT_MS, type ProxyPlan } from "../proxy/proxy_reader.ts";
import type { AddressLimiter } from "../limits/rate_limiter.ts";
import { requireLeases } from "../stream/stream_socket.ts";
import { TrustedProxies } from "../proxy/trusted_proxies.ts";

/** Options of `listen`. */
export interface ListenOptions extends Partial<ListenOptionValues> {
  /** Connections that may wait to be accepted, 1 to 65535; the system may allow fewer. */
  readonly backlog?: number;
  /** The most leases a program may hold of one accepted stream; 64 unless said otherwise. */
  readonly leasesPerStream?: number;
  /**
   * The most streams of this endpoint that may be open at a time, 1 to 2^20; no bound unless said
   * otherwise. Beyond, accepting pauses, and connections wait in the backlog until a stream closes.
   */
  readonly maxConnections?: number;
  /**
   * The longest that a program waits for the first byte of a stream, in milliseconds, 1 to 2^31: an
   * accepted stream that a reader awaits for longer is ended. It bounds PROXY headers, too, from
   * the acceptance to their last byte; those have 5 seconds where it is left out.
   */
  readonly handshakeTimeoutMs?: number;
  /**
   * The longest that a program waits for an accepted stream on which nothing moves in either
   * direction, in milliseconds, 1 to 2^31: beyond, it is ended. The time counts while a reader
   * waits or bytes wait to be sent, not while the program is busy.
   */
  readonly idleTimeoutMs?: number;
  /**
   * The least bytes a second, 1 to 2^30, that an accepted stream's peer sends on average over 5
   * seconds, once a message is under way: from its first byte until the program sends something,
   * and while a reader waits. A slower one is ended.
   */
  readonly minimumReceiveBytesPerSecond?: number;
  /**
   * Whether connections begin with a PROXY header that says where the client is, and of which
   * version: "off" unless said otherwise. Then only connections from `trustedProxies` with a header
   * are accepted.
   */
  readonly proxyProtocol?: "off" | ProxyVersions;
  /**
   * The networks whose PROXY headers are believed, such as `"10.0.0.0/8"` or `"::1"`, and `"unix:"`
   * for every peer of a Unix socket.
   */
  readonly trustedProxies?: readonly string[];
  /** Asked for each connection, with the client's address; what it refuses is reset. */
  readonly rateLimiter?: AddressLimiter;
}

/** How an endpoint accepts. */
export interface AcceptPlan {
  readonly leasesPerStream: number;
  /** Infinity for no bound. */
  readonly maxConnections: number;
  /** Null where streams are held to nothing. */
  readonly guard: GuardPlan | null;
  /** Null where connections have no PROXY headers. */
  readonly proxy: ProxyPlan | null;
  readonly rateLimiter: AddressLimiter | null;
}

/** What options of `listen` amount to. */
export interface ListenPlan extends AcceptPlan {
  readonly backlog: number;
}

/** The keys of the options that say how an endpoint accepts. */
export const ACCEPT_KEYS: readonly string[] = [
  "leasesPerStream",
  "maxConnections",
  "handshakeTimeoutMs",
  "idleTimeoutMs",
  "minimumReceiveBytesPerSecond",
  "proxyProtocol",
  "trustedProxies",
  "rateLimiter",
];
const LISTEN_KEYS: readonly string[] = [...LISTEN_OPTIONS, "backlog", ...ACCEPT_KEYS];
/** Connections that may wait to be accepted; the system caps it (`net.core.somaxconn`). */
const BACKLOG = 4096;
const BACKLOG_MAX = 65535;
const CONNECTIONS_MAX = 2 ** 20;
const TIMEOUT_MAX_MS = 2 ** 31;
const RATE_MAX = 2 ** 30;
const PROTOCOLS: readonly string[] = ["off", "v1", "v2", "any"];

/**
 * Checks the options of `listen`.
 *
 * @throws {TypeError} for an unknown key or a value of the wrong type, naming it
 * @throws {RangeError} for a number out of its range, naming it
 */
export function planListen(options: ListenOptions): ListenPlan {
  checkKeys("listen", options, LISTEN_KEYS);
  checkOptionValues("listener", options);
  const backlog = requireInteger("backlog", options.backlog ?? BACKLOG, 1, BACKLOG_MAX);
  return { backlog, ...planAccept(options) };
}

/** Checks the options that say how an endpoint accepts: those of a socket that is there already. */
export function planAccept(options: ListenOptions): AcceptPlan {
  const { maxConnections, rateLimiter } = options;
  if (maxConnections !== undefined) {
    requireInteger("maxConnections", maxConnections, 1, CONNECTIONS_MAX);
  }
  if (rateLimiter !== undefined && typeof rateLimiter?.tryConsume !== "function") {
    throw new TypeError("rateLimiter must have a method tryConsume(address, amount)");
  }
  return {
    leasesPerStream: requireLeases(options.leasesPerStream),
    maxConnections: maxConnections ?? Infinity,
    guard: planGuard(options),
    proxy: planProxy(options),
    rateLimiter: rateLimiter ?? null,
  };
}

function planGuard(options: ListenOptions): GuardPlan | null {
  const { handshakeTimeoutMs, idleTimeoutMs, minimumReceiveBytesPerSecond } = options;
  const least = minimumReceiveBytesPerSecond;
  if (least !== undefined) requireInteger("minimumReceiveBytesPerSecond", least, 1, RATE_MAX);
  for (const [name, value] of Object.entries({ handshakeTimeoutMs, idleTimeoutMs })) {
    if (value !== undefined) requireInteger(name, value, 1, TIMEOUT_MAX_MS);
  }
  if (handshakeTimeoutMs === undefined && idleTimeoutMs === undefined && least === undefined) {
    return null;
  }
  return {
    handshakeTimeoutMs: handshakeTimeoutMs ?? Infinity,
    idleTimeoutMs: idleTimeoutMs ?? Infinity,
    minimumReceiveBytesPerSecond: least ?? 0,
  };
}

function planProxy(options: ListenOptions): ProxyPlan | null {
  const { proxyProtocol, trustedProxies, handshakeTimeoutMs } = options;
  if (proxyProtocol !== undefined && !PROTOCOLS.includes(proxyProtocol)) {
    const known = PROTOCOLS.map((name) => JSON.stringify(name)).join(", ");
    throw new TypeError(`proxyProtocol must be one of ${known}, not ${String(proxyProtocol)}`);
  }
  const trusted = trustedProxies === undefined ? null : new TrustedProxies(trustedProxies);
  if (proxyProtocol === undefined) {
    if (trusted === null) return null;
    throw new TypeError("trustedProxies is for a proxyProtocol, and there is none");
  }
  if (proxyProtocol === "off") return null;
  if (trusted === null) {
    throw new TypeError("proxyProtocol needs trustedProxies: who may say where a client is");
  }
  return {
    versions: proxyProtocol,
    trusted,
    headerTimeoutMs: handshakeTimeoutMs ?? HEADER_TIMEOUT_MS,
  };
}
