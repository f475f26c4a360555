/**
 * What a pool is told, and the proof that it is what it should be.
 *
 * @module
 */

import { requireInteger } from "../authorization.ts";
import type { NetworkCapability } from "../capability.ts";
import { checkKeys } from "../options/options.ts";
import type { OpOptions } from "../operation.ts";
import type { StreamSocket } from "../stream/stream_socket.ts";
import type { ConnectOptions } from "../tcp/tcp_stream.ts";

/** What a `ConnectionPool` takes. */
export interface ConnectionPoolOptions {
  /** Must allow to connect to the addresses that are asked for. */
  readonly capability: NetworkCapability;
  /** Connections to each address at a time, 1 to 65536; 16. */
  readonly maxPerHost?: number;
  /** Connections in all, 1 to 2^20; 1024. */
  readonly maxTotal?: number;
  /** Calls of `acquire` that may wait, 0 to 2^20; 4096. */
  readonly maxWaiting?: number;
  /** Milliseconds that a connection may rest, 1 to 2^31; 60 000. */
  readonly idleTimeoutMs?: number;
  /** Milliseconds that connecting may take, 1 to 2^31; 10 000. */
  readonly connectTimeoutMs?: number;
  /** Options of new connections. */
  readonly connect?: Omit<ConnectOptions, keyof OpOptions>;
  /**
   * Looks at a connection that has rested before it is lent; it may speak with the peer. Whoever
   * does not return true in time, or throws, has it closed.
   */
  readonly healthCheck?: (stream: StreamSocket<Deno.Addr>) => boolean | Promise<boolean>;
  /** Milliseconds that the health check may take, 1 to 2^31; 5000. */
  readonly healthCheckTimeoutMs?: number;
}

const NUMBERS = {
  maxPerHost: { otherwise: 16, least: 1, most: 65536 },
  maxTotal: { otherwise: 1024, least: 1, most: 2 ** 20 },
  maxWaiting: { otherwise: 4096, least: 0, most: 2 ** 20 },
  idleTimeoutMs: { otherwise: 60_000, least: 1, most: 2 ** 31 },
  connectTimeoutMs: { otherwise: 10_000, least: 1, most: 2 ** 31 },
  healthCheckTimeoutMs: { otherwise: 5000, least: 1, most: 2 ** 31 },
} as const;
const KEYS: readonly string[] = [...Object.keys(NUMBERS), "capability", "connect", "healthCheck"];

/** Options with what was left out. */
export type CheckedPoolOptions =
  & Omit<ConnectionPoolOptions, keyof typeof NUMBERS>
  & Record<keyof typeof NUMBERS, number>;

/**
 * Proves that options are what they should be, and adds what was left out.
 *
 * @throws {TypeError} for an unknown key, or a health check that is no function
 * @throws {RangeError} for a number out of its range, naming it
 */
export function checkPoolOptions(options: ConnectionPoolOptions): CheckedPoolOptions {
  checkKeys("ConnectionPool", options, KEYS);
  const { healthCheck } = options;
  if (healthCheck !== undefined && typeof healthCheck !== "function") {
    throw new TypeError("ConnectionPool: healthCheck must be a function");
  }
  const numbers = {} as Record<keyof typeof NUMBERS, number>;
  for (const [name, { otherwise, least, most }] of Object.entries(NUMBERS)) {
    const key = name as keyof typeof NUMBERS;
    numbers[key] = requireInteger(name, options[key] ?? otherwise, least, most);
  }
  return { ...options, ...numbers };
}
