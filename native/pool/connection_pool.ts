/**
 * Connections that are used again.
 *
 * @module
 */

import {
  type CheckedPoolOptions,
  checkPoolOptions,
  type ConnectionPoolOptions,
} from "./pool_options.ts";
import { endsWithin } from "../deadline_wait.ts";
import { badResource } from "../errors.ts";
import { checkOperation, checkTimeout, type OpOptions } from "../operation.ts";
import { checkKeys } from "../options/options.ts";
import { PoolConnection, type Spoilage } from "./pool_connection.ts";
import type { PoolHost } from "./pool_host.ts";
import { PoolHosts } from "./pool_hosts.ts";
import { PoolQueue } from "./pool_queue.ts";
import { type ConnectionPoolStats, emptyTally, type PoolDrainReport } from "./pool_stats.ts";
import { PooledStream } from "./pooled_stream.ts";
import type { AddressInput } from "../../ring/abi/address_input.ts";

/**
 * A pool of connections: whoever needs one borrows it, and gives it back for the next.
 *
 * Waiting is fair: first come, first served for each address. What is given back is lent again only
 * if its peer is still there and has sent nothing meanwhile; what rests too long is closed.
 *
 * @example
 * ```ts
 * import { ConnectionPool, NetworkCapability } from "../../mod.ts";
 * await using capability = await NetworkCapability.request();
 * await using echo = await capability.listen("127.0.0.1:0");
 * (async () => {
 *   for await (const stream of echo) stream.readable.pipeTo(stream.writable).catch(() => {});
 * })();
 * await using pool = new ConnectionPool({ capability });
 * for (const text of ["one", "two"]) {
 *   await pool.use(echo.addr, async (stream) => {
 *     await stream.send(new TextEncoder().encode(text));
 *     using lease = await stream.receive();
 *     console.log(new TextDecoder().decode(lease!.bytes), stream.isReused); // one false, two true
 *   });
 * }
 * ```
 */
export class ConnectionPool implements AsyncDisposable {
  readonly #options: CheckedPoolOptions;
  readonly #hosts: PoolHosts;
  readonly #lent = new Set<PoolConnection>();
  readonly #queue: PoolQueue;
  readonly #tally = emptyTally();
  readonly #attempts = new AbortController();
  /** Connections, those that are being made or closed among them. */
  #size = 0;
  /** Connections that are being closed. */
  #closing = 0;
  #isEnding = false;
  #ended: Promise<void> | null = null;
  #watchers: (() => void)[] = [];

  /**
   * Makes a pool; it connects to nobody before somebody asks for it.
   *
   * @throws {TypeError} for an unknown key
   * @throws {RangeError} for a number out of its range, naming it
   */
  constructor(options: ConnectionPoolOptions) {
    const checked = checkPoolOptions(options);
    const { reactor } = checked.capability.network;
    this.#options = checked;
    this.#hosts = new PoolHosts(checked.maxPerHost);
    this.#queue = new PoolQueue(reactor, checked.maxWaiting, (host) => this.#hosts.forget(host));
  }

  /**
   * Borrows a connection: one that rests, or a new one, or, where there are as many as there may
   * be, the next that is given back.
   *
   * @param address where to; a name is resolved for each new connection
   * @param options `timeoutMs` is for all of it, waiting and connecting
   * @throws {NetError} what connecting failed with; ENOBUFS when too many wait already, ETIMEDOUT
   * at the deadline, EBADF once the pool is closed or drained
   */
  acquire(address: AddressInput, options: OpOptions = {}): Promise<PooledStream> {
    try {
      checkOperation("acquire", options);
      options.signal?.throwIfAborted();
      if (this.#isEnding) throw this.#endedError();
      this.#queue.requireRoom();
      const host = this.#hosts.get(address);
      const waiting = this.#queue.enter(host, options);
      this.#pump(host);
      return waiting;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Borrows a connection for a function. It is given back when the function returns, and closed
   * when it throws, for then nobody knows what is still to come over it.
   *
   * @returns what the function returns
   */
  async use<Result>(
    address: AddressInput,
    body: (stream: PooledStream) => Result | Promise<Result>,
    options?: OpOptions,
  ): Promise<Result> {
    const stream = await this.acquire(address, options);
    try {
      const result = await body(stream);
      await stream.release();
      return result;
    } catch (error) {
      await stream.discard();
      throw error;
    }
  }

  /**
   * Lends nothing any more, closes what rests, and waits for what is lent; what is not back after
   * `timeoutMs` is closed.
   *
   * @returns when no connection is left
   */
  async drain(options: { readonly timeoutMs: number }): Promise<PoolDrainReport> {
    checkKeys("drain", options, ["timeoutMs"]);
    checkTimeout("drain", options.timeoutMs);
    this.#refuse();
    const lent = this.#lent.size;
    const { network } = this.#options.capability;
    await endsWithin(network, this.#until(() => this.#size === 0), options.timeoutMs);
    const cut = this.#lent.size;
    await this.close();
    return { returned: lent - cut, cut };
  }

  /** Closes every connection, those that are lent too. @returns when none is left */
  close(): Promise<void> {
    return this.#ended ??= this.#close();
  }

  /** What it has, and what it has done. */
  stats(): ConnectionPoolStats {
    let [open, idle, connecting] = [0, 0, 0];
    for (const host of this.#hosts.all()) {
      open += host.connections.size;
      idle += host.idle.length;
      connecting += host.connecting;
    }
    return {
      hosts: this.#hosts.size,
      open,
      idle,
      lent: this.#lent.size,
      connecting,
      waiting: this.#queue.length,
      ...this.#tally,
    };
  }

  /** Closes every connection. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** An idle connection is of no more use. */
  readonly #onSpoiled = (connection: PoolConnection, why: Spoilage): void => {
    connection.host.takeIdle(connection);
    this.#tally[why]++;
    this.#dispose(connection);
  };

  /** Sets something under way for everybody who waits for a host, as far as limits allow. */
  #pump(host: PoolHost): void {
    const { maxPerHost, maxTotal } = this.#options;
    while (host.unserved > 0 && !this.#isEnding) {
      const connection = host.idle.pop();
      if (connection !== undefined) {
        this.#check(connection);
      } else if (host.size >= maxPerHost) {
        return;
      } else if (this.#size >= maxTotal) {
        this.#makeRoom();
        return;
      } else {
        this.#connect(host);
      }
    }
  }

  /** After a connection is gone: the host whose first waiter is the oldest may make one. */
  #pumpOldest(): void {
    let host = this.#hosts.need().host;
    while (host !== null && this.#size < this.#options.maxTotal && !this.#isEnding) {
      this.#pump(host);
      const next = this.#hosts.need().host;
      if (next === host) return;
      host = next;
    }
  }

  /** Closes a connection that rests. */
  #makeRoom(): void {
    if (this.#closing >= this.#hosts.need().lacking) return;
    const connection = this.#hosts.takeIdle();
    if (connection === undefined) return;
    connection.wake();
    this.#dispose(connection);
  }

  async #connect(host: PoolHost): Promise<void> {
    const { capability, connect, connectTimeoutMs } = this.#options;
    const { signal } = this.#attempts;
    host.connecting++;
    this.#size++;
    let connection: PoolConnection;
    try {
      const options = { ...connect, signal, timeoutMs: connectTimeoutMs };
      const stream = await capability.connect(host.address, options);
      connection = new PoolConnection(host, stream, this.#onSpoiled);
      host.connecting--;
    } catch (error) {
      host.connecting--;
      this.#tally.connectFailures++;
      this.#queue.next(host)?.reject(error);
      this.#gone(host);
      return;
    }
    this.#tally.connects++;
    host.connections.add(connection);
    connection.stream.closed.then(() => this.#closed(connection));
    this.#offer(connection);
  }

  /** Looks at a connection that rested, and lends it when it is well. */
  async #check(connection: PoolConnection): Promise<void> {
    const { host } = connection;
    host.checking++;
    const isThere = await connection.wake();
    const isWell = isThere && await this.#isHealthy(connection);
    host.checking--;
    if (isWell) {
      this.#offer(connection);
      return;
    }
    this.#tally[isThere ? "unhealthy" : "spoiled"]++;
    this.#dispose(connection);
    this.#pump(host);
  }

  async #isHealthy({ stream }: PoolConnection): Promise<boolean> {
    const { capability, healthCheck, healthCheckTimeoutMs } = this.#options;
    if (healthCheck === undefined) return true;
    let isHealthy = false;
    const checking = (async () => {
      try {
        isHealthy = await healthCheck(stream) === true;
      } catch {
        // Whoever cannot tell is told no.
      }
    })();
    return await endsWithin(capability.network, checking, healthCheckTimeoutMs) && isHealthy;
  }

  /** A connection that is well: for the next waiter, or to rest. */
  #offer(connection: PoolConnection): void {
    const { host } = connection;
    if (this.#isEnding || !host.connections.has(connection)) {
      this.#dispose(connection);
      return;
    }
    if (host.waiters.length === 0) {
      host.idle.push(connection);
      connection.rest(this.#options.idleTimeoutMs);
      if (this.#size >= this.#options.maxTotal) this.#makeRoom();
      return;
    }
    const isReused = connection.loans++ > 0;
    if (isReused) this.#tally.reuses++;
    this.#lent.add(connection);
    const stream = new PooledStream(connection.stream, {
      takeBack: () => this.#takeBack(connection),
      throwAway: () => this.#throwAway(connection),
    }, isReused);
    this.#queue.next(host)!.resolve(stream);
  }

  #takeBack(connection: PoolConnection): void {
    this.#lent.delete(connection);
    const { host } = connection;
    if (this.#isEnding || !host.connections.has(connection) || this.#isOwedElsewhere(host)) {
      this.#dispose(connection);
      return;
    }
    host.idle.push(connection);
    connection.rest(this.#options.idleTimeoutMs);
    this.#pump(host);
  }

  /** Whether somebody has waited longer at a host that can have no connection for the total. */
  #isOwedElsewhere(host: PoolHost): boolean {
    if (this.#size < this.#options.maxTotal) return false;
    const { number, lacking } = this.#hosts.need();
    return this.#closing < lacking && number < (host.waiters[0]?.number ?? Infinity);
  }

  async #throwAway(connection: PoolConnection): Promise<void> {
    this.#lent.delete(connection);
    this.#tally.discarded++;
    await this.#dispose(connection);
  }

  async #dispose(connection: PoolConnection): Promise<void> {
    if (!connection.host.connections.has(connection)) return;
    this.#closing++;
    await connection.stream.close();
    this.#closing--;
  }

  /** A connection is closed, whoever closed it. */
  #closed(connection: PoolConnection): void {
    const { host } = connection;
    host.connections.delete(connection);
    host.takeIdle(connection);
    this.#lent.delete(connection);
    this.#gone(host);
  }

  #gone(host: PoolHost): void {
    this.#size--;
    this.#hosts.forget(host);
    this.#pumpOldest();
    for (const watch of this.#watchers) watch();
  }

  /** Lends nothing any more, and closes what rests. */
  #refuse(): void {
    this.#isEnding = true;
    this.#attempts.abort(this.#endedError());
    for (const host of this.#hosts.all()) {
      while (host.waiters.length > 0) this.#queue.next(host)!.reject(this.#endedError());
      for (const connection of host.idle.splice(0)) {
        connection.wake();
        this.#dispose(connection);
      }
    }
  }

  async #close(): Promise<void> {
    this.#refuse();
    for (const host of this.#hosts.all()) {
      for (const connection of host.connections) this.#dispose(connection);
    }
    const { reactor } = this.#options.capability.network;
    // Whoever awaits the close is alive until it is done.
    reactor.reference();
    await this.#until(() => this.#size === 0);
    reactor.dereference();
  }

  /** Resolves once something holds that changes when a connection is gone. */
  #until(holds: () => boolean): Promise<void> {
    if (holds()) return Promise.resolve();
    return new Promise((resolve) => {
      const watch = () => {
        if (!holds()) return;
        this.#watchers = this.#watchers.filter((other) => other !== watch);
        resolve();
      };
      this.#watchers = [...this.#watchers, watch];
    });
  }

  #endedError(): Error {
    return badResource("acquire", "the pool is closed");
  }
}
