/**
 * What a balancer is told, and the proof that it is what it should be.
 *
 * @module
 */

import { requireInteger } from "../authorization.ts";
import type { BackendOptions } from "./balancer_backend.ts";
import type { EjectionOptions } from "./balancer_health.ts";
import type { BalancerPolicy } from "./balancer_policies.ts";
import type { NetworkCapability } from "../capability.ts";
import { checkKeys } from "../options/options.ts";
import type { OpOptions } from "../operation.ts";
import type { StreamSocket } from "../stream/stream_socket.ts";
import type { ConnectOptions } from "../tcp/tcp_stream.ts";
import type { AddressInput } from "../../ring/abi/address_input.ts";

/** What a `LoadBalancer` takes. */
export interface LoadBalancerOptions {
  /** Must allow to connect to the backends. */
  readonly capability: NetworkCapability;
  /** Where connections go; more can be added later. */
  readonly backends: readonly (AddressInput | BackendOptions)[];
  /** Who is next: in turn (the default), with the fewest connections, or always the same. */
  readonly policy?: BalancerPolicy;
  /** Entries of the table of the policy "maglev", a prime; 65537. */
  readonly tableSize?: number;
  /** What the policy "maglev" goes by; the host of the client's address unless said otherwise. */
  readonly key?: (client: StreamSocket<Deno.Addr>) => string | Uint8Array;
  /** Further backends that are tried when one cannot be reached, 0 to 16; 2. */
  readonly retries?: number;
  /** Milliseconds that each attempt to connect may take, 1 to 2^31; 5000. */
  readonly connectTimeoutMs?: number;
  /** Options of the connections to backends. */
  readonly connect?: Omit<ConnectOptions, keyof OpOptions>;
  /** Milliseconds until a proxied connection is ended over which nothing moves; an hour. */
  readonly idleTimeoutMs?: number;
  /** Proxied clients for each endpoint at a time, 1 to 2^20; 65536. Others wait to be accepted. */
  readonly maxConnections?: number;
  /** When backends that fail are left out for a while; false for never. */
  readonly ejection?: EjectionOptions | false;
  /** Reads a clock that never goes back, in milliseconds, for ejections; `performance.now`. */
  readonly clock?: () => number;
}

type Chosen =
  | "policy"
  | "retries"
  | "connectTimeoutMs"
  | "idleTimeoutMs"
  | "maxConnections"
  | "clock";

/** Options with what was left out. */
export type CheckedOptions =
  & Omit<LoadBalancerOptions, Chosen>
  & Required<Pick<LoadBalancerOptions, Chosen>>;

const KEYS: readonly string[] = [
  "capability",
  "backends",
  "policy",
  "tableSize",
  "key",
  "retries",
  "connectTimeoutMs",
  "connect",
  "idleTimeoutMs",
  "maxConnections",
  "ejection",
  "clock",
];
const POLICIES: readonly string[] = ["round-robin", "least-connections", "maglev"];
const RETRIES = 2;
const RETRIES_MAX = 16;
const CONNECT_TIMEOUT_MS = 5000;
const IDLE_TIMEOUT_MS = 3_600_000;
const TIMEOUT_MAX_MS = 2 ** 31;
const CONNECTIONS = 65536;
const CONNECTIONS_MAX = 2 ** 20;

/**
 * Proves that options are what they should be, and adds what was left out.
 *
 * @throws {TypeError} for an unknown key or policy
 * @throws {RangeError} for a number out of its range, naming it
 */
export function checkBalancerOptions(options: LoadBalancerOptions): CheckedOptions {
  checkKeys("LoadBalancer", options, KEYS);
  const { policy = "round-robin", retries = RETRIES, maxConnections = CONNECTIONS } = options;
  const { connectTimeoutMs = CONNECT_TIMEOUT_MS, idleTimeoutMs = IDLE_TIMEOUT_MS } = options;
  const { clock = () => performance.now() } = options;
  if (!POLICIES.includes(policy)) {
    throw new TypeError(`policy must be one of ${POLICIES.join(", ")}, not ${String(policy)}`);
  }
  requireInteger("retries", retries, 0, RETRIES_MAX);
  requireInteger("connectTimeoutMs", connectTimeoutMs, 1, TIMEOUT_MAX_MS);
  requireInteger("idleTimeoutMs", idleTimeoutMs, 1, TIMEOUT_MAX_MS);
  requireInteger("maxConnections", maxConnections, 1, CONNECTIONS_MAX);
  return { ...options, policy, retries, connectTimeoutMs, idleTimeoutMs, maxConnections, clock };
}
