/**
 * Accepting: the machinery behind an endpoint. It arms accepts, has what arrives greeted, and hands
 * out streams.
 *
 * ```text
 *  ACCEPTING --stop()--> STOPPED --close()--> CLOSED
 *      |                                        ^
 *      +----------------close()-----------------+
 * ```
 *
 * STOPPED, nothing new is accepted, and what came is still handed out.
 *
 * @module
 */

import { AcceptQueue } from "./accept_queue.ts";
import { AcceptCounts, type AcceptStats } from "./accept_stats.ts";
import { ConnectionGuard, Verdict } from "./connection_guard.ts";
import { EndpointStreams } from "./endpoint_streams.ts";
import { netError } from "../errors.ts";
import { Greeter, type GreeterOwner } from "./greeter.ts";
import type { AcceptPlan } from "./listen_options.ts";
import type { NamedSocket, Network } from "../network.ts";
import type { Scope } from "../scope.ts";
import type { Socket } from "../socket.ts";
import type { OpOptions } from "../operation.ts";
import type { StreamParts, StreamSocket } from "../stream/stream_socket.ts";
import type { SocketAddress } from "../../ring/abi/address.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { W_OPERATION_FLAGS } from "../../ring/abi/layout.ts";
import { CqeFlag, IoPrio, Op, Sock } from "../../ring/abi/opcodes.ts";
import { Counter } from "../../ring/counters.ts";
import type { Deadline, DeadlineTarget } from "../../ring/deadlines.ts";
import type { CompletionTarget } from "../../ring/slots.ts";

/** Accepted streams that wait for `accept()` before accepting pauses. */
const QUEUE_HIGH = 1024;
/** Milliseconds until accepting is tried again after EMFILE and its like. */
const EXHAUSTED_RETRY_MS = 50;
const DELAY_MOST_MS = 2 ** 31;
/** Connections that are taken after the last accept was cancelled, at most. */
const SWEEP_MOST = 4096;

const EXHAUSTED: ReadonlySet<number> = new Set<number>([
  Errno.EMFILE,
  Errno.ENFILE,
  Errno.ENOBUFS,
  Errno.ENOMEM,
]);
const BROKEN: ReadonlySet<number> = new Set<number>([
  Errno.EBADF,
  Errno.EINVAL,
  Errno.ENOTSOCK,
  Errno.EOPNOTSUPP,
  Errno.EFAULT,
]);

const Stage = { ACCEPTING: 0, STOPPED: 1, CLOSED: 2 } as const;
type Stage = typeof Stage[keyof typeof Stage];

/** What an endpoint is made of. */
export interface EndpointParts {
  readonly network: Network;
  readonly scope: Scope;
  readonly fd: number;
  readonly local: SocketAddress;
  readonly plan: AcceptPlan;
}

/** Makes the stream of a connection. */
export type StreamMaker<S> = (parts: StreamParts) => S;

/** Whoever waits for what is under way to come to its end. */
interface Settling {
  /** Whether PROXY headers count, too. */
  readonly withHeaders: boolean;
  readonly resolve: () => void;
}

/** Accepts for one endpoint. */
export class Acceptor<S extends StreamSocket<Deno.Addr>>
  implements CompletionTarget, DeadlineTarget, GreeterOwner<S> {
  /** The streams it has accepted. */
  readonly streams: EndpointStreams;
  readonly #network: Network;
  readonly #endpoint: Socket & NamedSocket;
  readonly #scope: Scope;
  readonly #plan: AcceptPlan;
  readonly #isMultishot: boolean;
  readonly #queue: AcceptQueue<S>;
  readonly #greeter: Greeter<S>;
  readonly #guard: ConnectionGuard | null;
  readonly #counts = new AcceptCounts();
  #stage: Stage = Stage.ACCEPTING;
  #slot = -1;
  #isCancelling = false;
  #isBooked = false;
  #closedBy: Error | undefined;
  #retry: Deadline | null = null;
  #listenerClosing: Promise<void> | null = null;
  /** Whether the queue is looked through once more before the listener is closed. */
  #isSweeping = false;
  #onDisarmed: () => void = () => {};
  #settling: Settling[] = [];

  /**
   * @param endpoint whom it works for
   * @param make makes the streams it hands out
   */
  constructor(parts: EndpointParts, endpoint: Socket & NamedSocket, make: StreamMaker<S>) {
    const { network, scope, plan } = parts;
    this.#network = network;
    this.#endpoint = endpoint;
    this.#scope = scope;
    this.#plan = plan;
    this.#isMultishot = network.reactor.driver.features.multishotAccept;
    this.#queue = new AcceptQueue(endpoint);
    this.streams = new EndpointStreams(scope);
    this.streams.onClosed = (stream) => this.#left(stream);
    this.#greeter = new Greeter(parts, this.streams, this.#counts, make, this);
    this.#guard = plan.guard === null
      ? null
      : new ConnectionGuard(network, plan.guard, (verdict) => this.#violated(verdict));
  }

  /** Why it was closed, undefined for an ordinary close or while it is open. */
  get closedBy(): Error | undefined {
    return this.#closedBy;
  }

  /** Delivers nothing more until {@linkcode Acceptor.resume}. */
  pause(): void {
    this.#queue.pause();
    this.#cancel();
  }

  /** Delivers again, first what was held. */
  resume(): void {
    if (!this.#queue.isPaused) return;
    this.#queue.resume();
    this.#arm();
    this.#checkSettled();
  }

  /** What it has accepted, and what stood in its way. */
  stats(): AcceptStats {
    const { open, peak } = this.streams;
    return { ...this.#counts, open, peak, waiting: this.#queue.size };
  }

  /** {@inheritDoc CompletionTarget.onCompletion} */
  onCompletion(_tag: number, result: number, flags: number): void {
    if ((flags & CqeFlag.MORE) === 0) {
      this.#slot = -1;
      this.#isCancelling = false;
      this.#onDisarmed();
    }
    if (result >= 0) this.#greeter.greet(result);
    else this.#failed(-result);
    this.onGreeted();
  }

  /** {@inheritDoc DeadlineTarget.onDeadline} */
  onDeadline(_tag: number): void {
    this.#retry = null;
    this.#arm();
  }

  /** {@inheritDoc GreeterOwner.onStream} */
  onStream(stream: S, received: number): void {
    this.#counts.accepted++;
    this.#network.reactor.counters.add(Counter.accepted, 1);
    this.#guard?.watch(stream, received);
    this.#queue.push(stream);
    if (this.#isHeld) this.#cancel();
  }

  /** {@inheritDoc GreeterOwner.onGreeted} */
  onGreeted(): void {
    if (this.#slot < 0) this.#arm();
    else if (this.#greeter.isFull) this.#cancel();
    if (this.#stage !== Stage.ACCEPTING) this.#checkSettled();
  }

  /** @returns the next stream, null when there will be none and nothing went wrong */
  next(options: OpOptions | undefined): Promise<S | null> {
    if (this.#stage === Stage.CLOSED) {
      return this.#closedBy === undefined ? Promise.resolve(null) : Promise.reject(this.#closedBy);
    }
    const stream = this.#queue.takeNow();
    if (stream !== undefined) {
      if (this.#slot < 0) this.#arm();
      return Promise.resolve(stream);
    }
    const next = this.#queue.take(options);
    if (this.#slot < 0) this.#arm();
    this.#checkSettled();
    return next;
  }

  /**
   * Accepts nothing more and closes the listening socket; what came is still handed out.
   *
   * @param isShared whether another process goes on accepting from the same socket
   * @returns when every connection that came is a stream, or is gone
   */
  async stop(isShared: boolean): Promise<void> {
    if (this.#stage === Stage.ACCEPTING) {
      this.#stage = Stage.STOPPED;
      this.#isSweeping = isShared && this.#slot >= 0;
    }
    await this.#closeListener();
    await this.#whenSettled(false);
  }

  /** Accepts nothing more and closes what nobody took. @returns when nothing is left of it */
  async close(reason: Error | undefined): Promise<void> {
    this.#stage = Stage.CLOSED;
    this.#closedBy = reason;
    this.#queue.end(reason);
    const ending: Promise<unknown>[] = this.#queue.clear().map((stream) => stream.close());
    this.#greeter.close();
    ending.push(this.#closeListener(), this.#whenSettled(true));
    // Whoever awaits the close is alive until it is done.
    this.#network.reactor.reference();
    await Promise.all(ending);
    this.#network.reactor.dereference();
  }

  get #isHeld(): boolean {
    return this.#stage !== Stage.ACCEPTING || this.#queue.isPaused ||
      this.#queue.size >= QUEUE_HIGH || this.#greeter.isFull ||
      this.streams.open >= this.#plan.maxConnections;
  }

  #arm(): void {
    if (this.#slot >= 0 || this.#retry !== null || this.#isHeld) return;
    if (!this.#isMultishot && !this.#queue.isAwaited) return;
    const { reactor } = this.#network;
    const { acceptGate } = this.#scope;
    const delayMs = acceptGate === null ? 0 : this.#rateDelayMs();
    const slot = delayMs > 0 ? -1 : reactor.slots.take(this, 0);
    if (slot < 0) {
      this.#retry = reactor.armDeadline(delayMs || EXHAUSTED_RETRY_MS, this, 0);
      return;
    }
    this.#slot = slot;
    // One that goes on would bring more than the bound allows before it is cancelled.
    const isMultishot = this.#isMultishot && acceptGate === null &&
      this.#plan.maxConnections === Infinity;
    const head = isMultishot ? Op.ACCEPT | (IoPrio.ACCEPT_MULTISHOT << 16) : Op.ACCEPT;
    const at = reactor.entry(head, this.#endpoint.descriptor, slot);
    reactor.entries[at + W_OPERATION_FLAGS] = Sock.CLOEXEC;
    reactor.expectDescriptors(slot);
  }

  /** Books one accept. @returns how long to wait for it first, in milliseconds */
  #rateDelayMs(): number {
    if (this.#isBooked) {
      this.#isBooked = false;
      return 0;
    }
    const delayMs = this.#scope.acceptGate!.delayMs(this.#network.reactor.driver.now(), 1);
    this.#isBooked = delayMs > 0;
    return Math.min(delayMs, DELAY_MOST_MS);
  }

  #cancel(): void {
    if (this.#slot < 0 || this.#isCancelling) return;
    this.#isCancelling = true;
    this.#network.reactor.cancel(this.#slot);
  }

  #failed(errno: number): void {
    if (EXHAUSTED.has(errno)) {
      this.#counts.exhausted++;
      if (this.#stage !== Stage.ACCEPTING) return;
      const { reactor } = this.#network;
      this.#retry ??= reactor.armDeadline(EXHAUSTED_RETRY_MS, this, 0);
    } else if (BROKEN.has(errno) && this.#stage === Stage.ACCEPTING) {
      this.#endpoint.terminate(
        netError(errno, { operation: "accept", local: this.#endpoint.localName }),
      );
    }
  }

  #violated(verdict: Verdict): void {
    if (verdict === Verdict.HANDSHAKE) this.#counts.handshakeTimeouts++;
    else if (verdict === Verdict.IDLE) this.#counts.idleCloses++;
    else this.#counts.slowCloses++;
  }

  /** A stream is closed: there is room for another. */
  #left(stream: Socket): void {
    this.#guard?.forget(stream);
    if (this.#slot < 0) this.#arm();
  }

  #closeListener(): Promise<void> {
    if (this.#listenerClosing !== null) return this.#listenerClosing;
    if (this.#retry !== null) this.#network.reactor.disarmDeadline(this.#retry);
    this.#retry = null;
    this.#cancel();
    return this.#listenerClosing = this.#isSweeping
      ? this.#sweepAndClose()
      : this.#network.close(this.#endpoint.descriptor);
  }

  /**
   * Takes what came while the accept was cancelled. A connection wakes one of those that wait on a
   * listener; were that this one, and its accept cancelled by then, another process that has the
   * same listener would not hear of it.
   */
  async #sweepAndClose(): Promise<void> {
    const { reactor } = this.#network;
    // Whoever awaits it is alive until it is done.
    reactor.reference();
    if (this.#slot >= 0) await new Promise<void>((resolve) => this.#onDisarmed = resolve);
    for (let swept = 0; swept < SWEEP_MOST && this.#hasRoom; swept++) {
      const fd = await this.#acceptAtOnce();
      if (fd < 0) break;
      this.#greeter.greet(fd);
    }
    await this.#network.close(this.#endpoint.descriptor);
    reactor.dereference();
    this.#isSweeping = false;
    this.onGreeted();
  }

  get #hasRoom(): boolean {
    return this.#stage !== Stage.CLOSED && !this.#greeter.isFull &&
      this.streams.open < this.#plan.maxConnections;
  }

  /** @returns a descriptor, or `-errno`: EAGAIN when nobody waits to be accepted */
  async #acceptAtOnce(): Promise<number> {
    const head = Op.ACCEPT | (IoPrio.ACCEPT_DONTWAIT << 16);
    const result = await this.#acceptOnce(head, false);
    // Before Linux 6.10 it is begun, which looks at the queue, and cancelled with the same entry.
    return result === -Errno.EINVAL ? await this.#acceptOnce(Op.ACCEPT, true) : result;
  }

  #acceptOnce(head: number, isCancelled: boolean): Promise<number> {
    const network = this.#network;
    const operation = network.start(head, this.#endpoint.descriptor, (reactor, at, slot) => {
      reactor.entries[at + W_OPERATION_FLAGS] = Sock.CLOEXEC;
      reactor.expectDescriptors(slot);
    });
    if (isCancelled && operation.slot >= 0) network.reactor.cancel(operation.slot);
    return operation.done;
  }

  #whenSettled(withHeaders: boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#settling.push({ withHeaders, resolve });
      this.#checkSettled();
    });
  }

  #checkSettled(): void {
    if (this.#stage === Stage.ACCEPTING || this.#slot >= 0 || this.#isSweeping) return;
    if (!this.#greeter.isSettled) return;
    const { hasHeaders } = this.#greeter;
    const settling = this.#settling;
    this.#settling = hasHeaders ? settling.filter(({ withHeaders }) => withHeaders) : [];
    for (const { withHeaders, resolve } of settling) {
      if (!hasHeaders || !withHeaders) resolve();
    }
    if (!hasHeaders && this.#queue.size === 0) this.#queue.end(undefined);
  }
}
