/**
 * The addresses of a pool.
 *
 * @module
 */

import type { PoolConnection } from "./pool_connection.ts";
import { PoolHost } from "./pool_host.ts";
import { type AddressInput, isHostPort, parseAddress } from "../../ring/abi/address_input.ts";

/** Who lacks connections. */
export interface Need {
  /** The host of the oldest waiter that lacks one; null when nobody does. */
  readonly host: PoolHost | null;
  /** That waiter's number. */
  readonly number: number;
  /** How many connections are lacking in all. */
  readonly lacking: number;
}

/** Addresses that have connections or waiters. */
export class PoolHosts {
  readonly #hosts = new Map<string, PoolHost>();
  readonly #maxPerHost: number;

  /** @param maxPerHost connections that each may have */
  constructor(maxPerHost: number) {
    this.#maxPerHost = maxPerHost;
  }

  /** How many there are. */
  get size(): number {
    return this.#hosts.size;
  }

  /** All of them. */
  all(): PoolHost[] {
    return [...this.#hosts.values()];
  }

  /** The host of an address, a new one if need be. */
  get(address: AddressInput): PoolHost {
    const parsed = parseAddress(address);
    const key = isHostPort(parsed) ? `${parsed.name}:${parsed.port}` : parsed.toString();
    let host = this.#hosts.get(key);
    if (host === undefined) {
      host = new PoolHost(key, isHostPort(parsed) ? key : parsed);
      this.#hosts.set(key, host);
    }
    return host;
  }

  /** Forgets a host that nobody would miss. */
  forget(host: PoolHost): void {
    if (host.isEmpty) this.#hosts.delete(host.key);
  }

  /** Who lacks connections that its host may have. */
  need(): Need {
    let found: PoolHost | null = null;
    let number = Infinity;
    let lacking = 0;
    for (const host of this.#hosts.values()) {
      const room = this.#maxPerHost - host.size;
      if (host.unserved <= 0 || room <= 0) continue;
      lacking += Math.min(host.unserved, room);
      if (host.waiters[0].number < number) {
        found = host;
        number = host.waiters[0].number;
      }
    }
    return { host: found, number, lacking };
  }

  /** Takes a connection that rests, the one that has rested longest at its host. */
  takeIdle(): PoolConnection | undefined {
    for (const { idle } of this.#hosts.values()) {
      if (idle.length > 0) return idle.shift();
    }
    return undefined;
  }
}
