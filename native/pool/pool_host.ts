/**
 * What a pool knows of one address: its connections, and who waits for one.
 *
 * @module
 */

import type { PoolConnection } from "./pool_connection.ts";
import type { PooledStream } from "./pooled_stream.ts";
import type { Deadline } from "../../ring/deadlines.ts";
import type { AddressInput } from "../../ring/abi/address_input.ts";

/** Somebody who waits for a connection. */
export interface PoolWaiter {
  /** Grows from waiter to waiter of the pool. */
  readonly number: number;
  readonly resolve: (stream: PooledStream) => void;
  readonly reject: (reason: unknown) => void;
  deadline: Deadline | null;
  cleanUp: (() => void) | null;
}

/** One address of a pool. */
export class PoolHost {
  readonly key: string;
  readonly address: AddressInput;
  /** In the order in which they came. */
  readonly waiters: PoolWaiter[] = [];
  /** The one that has rested least is last. */
  readonly idle: PoolConnection[] = [];
  /** Connections that are open, idle ones among them. */
  readonly connections = new Set<PoolConnection>();
  /** Connections that are being made. */
  connecting = 0;
  /** Connections that are looked at before they are lent. */
  checking = 0;

  constructor(key: string, address: AddressInput) {
    this.key = key;
    this.address = address;
  }

  /** Connections, those that are being made among them. */
  get size(): number {
    return this.connections.size + this.connecting;
  }

  /** Waiters for whom nothing is under way. */
  get unserved(): number {
    return this.waiters.length - this.connecting - this.checking;
  }

  /** Whether nobody would miss it. */
  get isEmpty(): boolean {
    return this.size === 0 && this.waiters.length === 0;
  }

  /** Takes a connection out of those that rest. @returns whether it was there */
  takeIdle(connection: PoolConnection): boolean {
    const index = this.idle.indexOf(connection);
    if (index < 0) return false;
    this.idle.splice(index, 1);
    return true;
  }
}
