/**
 * Accepted streams that wait for `accept()`, or calls of it that wait for a stream.
 *
 * @module
 */

import { timedOut } from "../errors.ts";
import type { NamedSocket } from "../network.ts";
import type { Socket } from "../socket.ts";
import type { OpOptions } from "../operation.ts";
import type { Deadline, DeadlineTarget } from "../../ring/deadlines.ts";

interface Waiter<S> {
  resolve(stream: S | null): void;
  reject(reason: unknown): void;
  deadline: Deadline | null;
  cleanUp: (() => void) | null;
}

/** Brings streams and those who wait for them together, both in their order. */
export class AcceptQueue<S> implements DeadlineTarget {
  readonly #endpoint: Socket & NamedSocket;
  readonly #streams: S[] = [];
  readonly #waiters: Waiter<S>[] = [];
  #isPaused = false;

  /** @param endpoint whose operations the calls are */
  constructor(endpoint: Socket & NamedSocket) {
    this.#endpoint = endpoint;
  }

  /** Streams that wait. */
  get size(): number {
    return this.#streams.length;
  }

  /** Whether somebody waits for a stream. */
  get isAwaited(): boolean {
    return this.#waiters.length > 0;
  }

  /** Whether streams are held back. */
  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Holds streams back. */
  pause(): void {
    this.#isPaused = true;
  }

  /** Hands them out again, first those that were held. */
  resume(): void {
    this.#isPaused = false;
    this.#deliver();
  }

  /** Adds a stream. */
  push(stream: S): void {
    this.#streams.push(stream);
    this.#deliver();
  }

  /** @returns the next stream where one waits and nobody is ahead, else undefined */
  takeNow(): S | undefined {
    if (this.#isPaused || this.#waiters.length > 0) return undefined;
    return this.#streams.shift();
  }

  /** Waits for the next stream. @returns it, null when the queue was ended ordinarily */
  take(options: OpOptions | undefined): Promise<S | null> {
    const refusal = this.#endpoint.admit("accept");
    if (refusal !== null) return Promise.reject(refusal);
    this.#endpoint.beginWait();
    const { promise, resolve, reject } = Promise.withResolvers<S | null>();
    const waiter: Waiter<S> = { resolve, reject, deadline: null, cleanUp: null };
    this.#waiters.push(waiter);
    if (options !== undefined) this.#guard(waiter, options);
    return promise;
  }

  /**
   * Ends the waiting of everybody.
   *
   * @param reason what they are told, undefined for an ordinary end
   */
  end(reason: Error | undefined): void {
    for (const waiter of this.#waiters.splice(0)) {
      this.#endWaiter(waiter);
      if (reason === undefined) waiter.resolve(null);
      else waiter.reject(reason);
    }
  }

  /** Takes out what waits. */
  clear(): S[] {
    return this.#streams.splice(0);
  }

  /** {@inheritDoc DeadlineTarget.onDeadline} */
  onDeadline(_tag: number): void {
    // The one that fired, not another that is due too: that one fires by itself.
    const waiter = this.#waiters.find(({ deadline }) => deadline !== null && deadline.place < 0);
    if (waiter === undefined) return;
    this.#withdraw(waiter, timedOut("accept", { local: this.#endpoint.localName }));
  }

  #guard(waiter: Waiter<S>, options: OpOptions): void {
    const { signal, timeoutMs } = options;
    if (timeoutMs !== undefined) {
      waiter.deadline = this.#endpoint.network.reactor.armDeadline(timeoutMs, this, 0);
    }
    if (signal === undefined) return;
    const onAbort = () => this.#withdraw(waiter, signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    waiter.cleanUp = () => signal.removeEventListener("abort", onAbort);
  }

  /** A waiter gives up; a connection that arrives later waits for the next one. */
  #withdraw(waiter: Waiter<S>, reason: unknown): void {
    const index = this.#waiters.indexOf(waiter);
    if (index < 0) return;
    this.#waiters.splice(index, 1);
    this.#endWaiter(waiter);
    waiter.reject(reason);
  }

  #endWaiter(waiter: Waiter<S>): void {
    if (waiter.deadline !== null) this.#endpoint.network.reactor.disarmDeadline(waiter.deadline);
    waiter.cleanUp?.();
    this.#endpoint.endWait();
  }

  #deliver(): void {
    while (!this.#isPaused && this.#streams.length > 0 && this.#waiters.length > 0) {
      const waiter = this.#waiters.shift()!;
      const stream = this.#streams.shift()!;
      this.#endWaiter(waiter);
      waiter.resolve(stream);
    }
  }
}
