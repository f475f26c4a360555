/**
 * The streams that one endpoint accepted: how many are open, and who ends them.
 *
 * They are not listed here: the capability lists them anyway, and their owner tells whose they are.
 * An open connection therefore costs a count.
 *
 * @module
 */

import type { Scope } from "../scope.ts";
import { type Owned, Socket, type SocketOwner } from "../socket.ts";
import type { StreamSocket } from "../stream/stream_socket.ts";
import type { Authority, CountedLimit, RateGate } from "../../ring/authority/mod.ts";

/** Any stream. */
export type AnyStream = StreamSocket<Deno.Addr>;

/** Owns the streams of an endpoint on behalf of a capability, and counts them. */
export class EndpointStreams implements SocketOwner {
  /** {@inheritDoc SocketOwner.authority} */
  readonly authority: Authority;
  /** {@inheritDoc SocketOwner.isCounted} */
  readonly isCounted: boolean;
  /** {@inheritDoc SocketOwner.sendGate} */
  readonly sendGate: RateGate | null;
  /** Connections that are open, those that are being greeted among them. */
  open = 0;
  /** The most that were open at a time. */
  peak = 0;
  /** Streams that were closed, ever. */
  closed = 0;
  /** Runs when a stream was closed. */
  onClosed: ((stream: AnyStream) => void) | null = null;
  readonly #scope: Scope;
  readonly #waiting: (() => void)[] = [];

  /** @param scope the books of the capability that the endpoint was made under */
  constructor(scope: Scope) {
    this.#scope = scope;
    this.authority = scope.authority;
    this.isCounted = scope.isCounted;
    this.sendGate = scope.sendGate;
  }

  /** {@inheritDoc SocketOwner.acquire} */
  acquire(limit: CountedLimit, amount: number, operation: string): Error | null {
    return this.#scope.acquire(limit, amount, operation);
  }

  /** {@inheritDoc SocketOwner.release} */
  release(limit: CountedLimit, amount: number): void {
    this.#scope.release(limit, amount);
  }

  /** Counts a connection that came. */
  enter(): void {
    this.open++;
    if (this.open > this.peak) this.peak = this.open;
  }

  /** Counts one that left without having become a stream. */
  leave(): void {
    this.open--;
    if (this.open === 0) this.#tellEmpty();
  }

  /** {@inheritDoc SocketOwner.adopt} */
  adopt(owned: Owned): void {
    this.#scope.adopt(owned);
  }

  /** {@inheritDoc SocketOwner.forget} */
  forget(owned: Owned): void {
    this.#scope.forget(owned);
    if (!this.#isOwn(owned)) return;
    this.closed++;
    this.leave();
    this.onClosed?.(owned);
  }

  /** Resolves as soon as none is open. */
  whenEmpty(): Promise<void> {
    if (this.open === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /**
   * Ends the streams that nobody is closing yet.
   *
   * @param reason what their pending operations reject with
   * @returns how many there were
   */
  terminate(reason: Error): number {
    let count = 0;
    for (const owned of this.#scope.sockets) {
      if (!this.#isOwn(owned) || owned.isClosing) continue;
      count++;
      owned.terminate(reason);
    }
    return count;
  }

  /** Streams may own descriptors that were passed to them: those are no connections. */
  #isOwn(owned: Owned): owned is AnyStream {
    return owned instanceof Socket && owned.owner === this;
  }

  #tellEmpty(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
