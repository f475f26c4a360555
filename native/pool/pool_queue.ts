/**
 * Who waits for connections of a pool, at each address in the order of asking.
 *
 * @module
 */

import { limitExceeded, timedOut } from "../errors.ts";
import type { PoolHost, PoolWaiter } from "./pool_host.ts";
import type { PooledStream } from "./pooled_stream.ts";
import type { OpOptions } from "../operation.ts";
import { Errno } from "../../ring/abi/errno.ts";
import type { Reactor } from "../../ring/reactor.ts";

/** The waiters of one pool. */
export class PoolQueue {
  /** How many there are. */
  length = 0;
  readonly #reactor: Reactor;
  readonly #most: number;
  readonly #onLeave: (host: PoolHost) => void;
  #numbers = 0;

  /**
   * @param most how many there may be
   * @param onLeave told of the host at which somebody has given up
   */
  constructor(reactor: Reactor, most: number, onLeave: (host: PoolHost) => void) {
    this.#reactor = reactor;
    this.#most = most;
    this.#onLeave = onLeave;
  }

  /** @throws {NetError} ENOBUFS when as many wait as may */
  requireRoom(): void {
    if (this.length < this.#most) return;
    throw limitExceeded("maxWaiting", this.#most, Errno.ENOBUFS, "acquire");
  }

  /** Waits at a host, alive. */
  enter(host: PoolHost, { signal, timeoutMs }: OpOptions): Promise<PooledStream> {
    const { promise, resolve, reject } = Promise.withResolvers<PooledStream>();
    const number = this.#numbers++;
    const waiter: PoolWaiter = { number, resolve, reject, deadline: null, cleanUp: null };
    host.waiters.push(waiter);
    this.length++;
    this.#reactor.reference();
    if (timeoutMs !== undefined) {
      const late = () => {
        this.#withdraw(host, waiter, timedOut("acquire", { remote: host.key, timeoutMs }));
      };
      waiter.deadline = this.#reactor.armDeadline(timeoutMs, { onDeadline: late }, 0);
    }
    if (signal !== undefined) {
      const onAbort = () => this.#withdraw(host, waiter, signal.reason);
      signal.addEventListener("abort", onAbort, { once: true });
      waiter.cleanUp = () => signal.removeEventListener("abort", onAbort);
    }
    return promise;
  }

  /** Takes the first waiter of a host out of line. */
  next(host: PoolHost): PoolWaiter | undefined {
    const waiter = host.waiters.shift();
    if (waiter !== undefined) this.#dismiss(waiter);
    return waiter;
  }

  /** Gives up for a waiter; what is under way for it is the next one's. */
  #withdraw(host: PoolHost, waiter: PoolWaiter, reason: unknown): void {
    const index = host.waiters.indexOf(waiter);
    if (index < 0) return;
    host.waiters.splice(index, 1);
    this.#dismiss(waiter);
    waiter.reject(reason);
    this.#onLeave(host);
  }

  #dismiss(waiter: PoolWaiter): void {
    this.length--;
    this.#reactor.dereference();
    if (waiter.deadline !== null) this.#reactor.disarmDeadline(waiter.deadline);
    waiter.cleanUp?.();
  }
}
