/**
 * Accepting: the machinery behind an endpoint. It arms accepts, asks for the addresses of what
 * arrives, and hands out streams.
 *
 * @module
 */

import type { NamedSocket, Network, SocketNames } from "./network.ts";
import { Want } from "./network.ts";
import { netError, timedOut } from "./errors.ts";
import type { Scope } from "./scope.ts";
import type { Socket } from "./socket.ts";
import type { OpOptions } from "./stream_receive.ts";
import type { StreamParts, StreamSocket } from "./stream_socket.ts";
import type { SocketAddress } from "../ring/abi/address.ts";
import { Errno } from "../ring/abi/errno.ts";
import { W_OPERATION_FLAGS } from "../ring/abi/layout.ts";
import { CqeFlag, DriverOp, IoPrio, Op, Sock } from "../ring/abi/opcodes.ts";
import { Counter } from "../ring/counters.ts";
import type { Deadline, DeadlineTarget } from "../ring/deadlines.ts";
import type { CompletionTarget } from "../ring/slots.ts";

/** What an endpoint has accepted and what stood in its way. */
export interface AcceptStats {
  /** Connections accepted. */
  readonly accepted: number;
  /** Connections that were gone before their addresses could be asked for. */
  readonly vanished: number;
  /** Connections refused for a limit of the capability. */
  readonly refused: number;
  /** Times that accepting paused because no descriptor or memory was left. */
  readonly exhausted: number;
  /** Accepted connections that wait for `accept()`. */
  readonly waiting: number;
}

/** Accepted streams that wait for `accept()` before accepting pauses. */
const QUEUE_HIGH = 1024;
/** Milliseconds until accepting is tried again after EMFILE and its like. */
const EXHAUSTED_RETRY_MS = 50;

const TAG_ACCEPT = 0;
const TAG_SHIFT = 1;
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

interface Waiter<S> {
  readonly resolve: (stream: S | null) => void;
  readonly reject: (reason: unknown) => void;
  deadline: Deadline | null;
  cleanUp: (() => void) | null;
}

/** What an endpoint is made of. */
export interface EndpointParts {
  readonly network: Network;
  readonly scope: Scope;
  readonly fd: number;
  readonly local: SocketAddress;
  readonly leasesPerStream: number;
}

/** Makes the stream of a connection. */
export type StreamMaker<S> = (parts: StreamParts) => S;

/** Accepts for one endpoint. */
export class Acceptor<S extends StreamSocket<Deno.Addr>>
  implements CompletionTarget, DeadlineTarget {
  readonly #network: Network;
  readonly #endpoint: Socket & NamedSocket;
  readonly #local: SocketAddress;
  readonly #scope: Scope;
  readonly #leasesPerStream: number;
  readonly #want: number;
  readonly #isMultishot: boolean;
  readonly #make: StreamMaker<S>;
  readonly #queue: S[] = [];
  readonly #waiters: Waiter<S>[] = [];
  #slot = -1;
  #naming = 0;
  #isCancelling = false;
  #isPaused = false;
  #isClosed = false;
  #closedBy: Error | undefined;
  #retry: Deadline | null = null;
  #drained: (() => void) | null = null;
  #accepted = 0;
  #vanished = 0;
  #refused = 0;
  #exhausted = 0;

  /**
   * @param endpoint whom it works for
   * @param make makes the streams it hands out
   */
  constructor(parts: EndpointParts, endpoint: Socket & NamedSocket, make: StreamMaker<S>) {
    this.#make = make;
    this.#network = parts.network;
    this.#endpoint = endpoint;
    this.#local = parts.local;
    this.#scope = parts.scope;
    this.#leasesPerStream = parts.leasesPerStream;
    // A connection to a wildcard address has a local address of its own.
    this.#want = parts.local.isUnspecified ? Want.BOTH : Want.PEER;
    this.#isMultishot = parts.network.reactor.driver.features.multishotAccept;
  }

  /** Why it was closed, undefined for an ordinary close or while it is open. */
  get closedBy(): Error | undefined {
    return this.#closedBy;
  }

  /** Delivers nothing more until {@linkcode Acceptor.resume}. */
  pause(): void {
    this.#isPaused = true;
    this.#cancel();
  }

  /** Delivers again, first what was held. */
  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#deliver();
    this.#arm();
  }

  /** What it has accepted, and what stood in its way. */
  stats(): AcceptStats {
    return {
      accepted: this.#accepted,
      vanished: this.#vanished,
      refused: this.#refused,
      exhausted: this.#exhausted,
      waiting: this.#queue.length,
    };
  }

  /** {@inheritDoc CompletionTarget.onCompletion} */
  onCompletion(tag: number, result: number, flags: number, slot: number): void {
    if (tag !== TAG_ACCEPT) {
      this.#named(tag >> TAG_SHIFT, result, slot);
      return;
    }
    if ((flags & CqeFlag.MORE) === 0) {
      this.#slot = -1;
      this.#isCancelling = false;
    }
    if (result >= 0) this.#greet(result);
    else this.#failed(-result);
    if (this.#slot < 0) this.#arm();
    this.#checkDrained();
  }

  /** {@inheritDoc DeadlineTarget.onDeadline} */
  onDeadline(tag: number): void {
    if (tag === TAG_ACCEPT) {
      this.#retry = null;
      this.#arm();
      return;
    }
    // The one that fired, not another that is due too: that one fires by itself.
    const waiter = this.#waiters.find(({ deadline }) => deadline !== null && deadline.place < 0);
    if (waiter === undefined) return;
    this.#withdraw(waiter, timedOut("accept", { local: this.#endpoint.localName }));
  }

  /** @returns the next stream, null when the endpoint was closed ordinarily */
  next(options: OpOptions | undefined): Promise<S | null> {
    if (this.#isClosed) {
      return this.#closedBy === undefined ? Promise.resolve(null) : Promise.reject(this.#closedBy);
    }
    if (!this.#isPaused && this.#queue.length > 0 && this.#waiters.length === 0) {
      const stream = this.#queue.shift()!;
      if (this.#slot < 0) this.#arm();
      return Promise.resolve(stream);
    }
    const refusal = this.#endpoint.admit("accept");
    if (refusal !== null) return Promise.reject(refusal);
    this.#endpoint.beginWait();
    const { promise, resolve, reject } = Promise.withResolvers<S | null>();
    const waiter: Waiter<S> = { resolve, reject, deadline: null, cleanUp: null };
    this.#waiters.push(waiter);
    if (options !== undefined) this.#guard(waiter, options);
    if (this.#slot < 0) this.#arm();
    return promise;
  }

  #guard(waiter: Waiter<S>, options: OpOptions): void {
    const { signal, timeoutMs } = options;
    if (timeoutMs !== undefined) {
      waiter.deadline = this.#network.reactor.armDeadline(timeoutMs, this, 1);
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
    if (waiter.deadline !== null) this.#network.reactor.disarmDeadline(waiter.deadline);
    waiter.cleanUp?.();
    this.#endpoint.endWait();
  }

  get #isHeld(): boolean {
    return this.#isClosed || this.#isPaused || this.#queue.length >= QUEUE_HIGH;
  }

  #arm(): void {
    if (this.#slot >= 0 || this.#retry !== null || this.#isHeld) return;
    if (!this.#isMultishot && this.#waiters.length === 0) return;
    const { reactor } = this.#network;
    const delayMs = this.#scope.acceptGate === null ? 0 : this.#rateDelayMs();
    const slot = delayMs > 0 ? -1 : reactor.slots.take(this, TAG_ACCEPT);
    if (slot < 0) {
      this.#retry = reactor.armDeadline(delayMs || EXHAUSTED_RETRY_MS, this, TAG_ACCEPT);
      return;
    }
    this.#slot = slot;
    const isMultishot = this.#isMultishot && this.#scope.acceptGate === null;
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
    return Math.min(delayMs, 2 ** 31);
  }

  #isBooked = false;

  #cancel(): void {
    if (this.#slot < 0 || this.#isCancelling) return;
    this.#isCancelling = true;
    this.#network.reactor.cancel(this.#slot);
  }

  /** A connection came: its addresses are asked for at once, before it can be gone. */
  #greet(fd: number): void {
    const network = this.#network;
    network.opened(fd);
    const slot = network.reactor.slots.take(this, (fd << TAG_SHIFT) | 1);
    if (this.#isClosed || slot < 0) {
      if (slot >= 0) network.reactor.slots.abandon(slot);
      else this.#refuse();
      network.discard(fd);
      return;
    }
    this.#naming++;
    const at = network.reactor.entry(DriverOp.NAMES, fd, slot);
    network.fillNames(at, slot, this.#want);
  }

  /** Counts a connection that a limit stands against. */
  #refuse(): void {
    this.#refused++;
    this.#network.reactor.counters.add(Counter.refused, 1);
  }

  #named(fd: number, result: number, slot: number): void {
    this.#naming--;
    const network = this.#network;
    const { counters } = network.reactor;
    if (result < 0 || this.#isClosed) {
      if (result < 0) this.#vanished++;
      network.discard(fd);
    } else if (this.#scope.acquire("sockets", 1, "accept") !== null) {
      this.#refuse();
      network.discard(fd);
    } else {
      this.#accepted++;
      counters.add(Counter.accepted, 1);
      this.#queue.push(this.#open(fd, network.readNames(slot, this.#want)));
      this.#deliver();
      if (this.#queue.length >= QUEUE_HIGH) this.#cancel();
    }
    this.#checkDrained();
  }

  #open(fd: number, names: SocketNames): S {
    return this.#make({
      network: this.#network,
      owner: this.#scope,
      fd,
      local: names.local ?? this.#local,
      remote: names.peer ?? this.#local,
      leasesPerStream: this.#leasesPerStream,
    });
  }

  #deliver(): void {
    while (!this.#isPaused && this.#queue.length > 0 && this.#waiters.length > 0) {
      const waiter = this.#waiters.shift()!;
      const stream = this.#queue.shift()!;
      this.#endWaiter(waiter);
      waiter.resolve(stream);
    }
  }

  #failed(errno: number): void {
    if (EXHAUSTED.has(errno)) {
      this.#exhausted++;
      const { reactor } = this.#network;
      this.#retry ??= reactor.armDeadline(EXHAUSTED_RETRY_MS, this, TAG_ACCEPT);
    } else if (BROKEN.has(errno) && !this.#isClosed) {
      this.#endpoint.terminate(
        netError(errno, { operation: "accept", local: this.#endpoint.localName }),
      );
    }
  }

  #checkDrained(): void {
    if (this.#slot >= 0 || this.#naming > 0) return;
    this.#drained?.();
    this.#drained = null;
  }

  /** Stops accepting and closes what nobody took. @returns when nothing is left of it */
  async close(reason: Error | undefined): Promise<void> {
    this.#isClosed = true;
    this.#closedBy = reason;
    if (this.#retry !== null) this.#network.reactor.disarmDeadline(this.#retry);
    this.#retry = null;
    for (const waiter of this.#waiters.splice(0)) {
      this.#endWaiter(waiter);
      if (reason === undefined) waiter.resolve(null);
      else waiter.reject(reason);
    }
    const ending: Promise<unknown>[] = this.#queue.splice(0).map((stream) => stream.close());
    this.#cancel();
    ending.push(this.#network.close(this.#endpoint.descriptor));
    if (this.#slot >= 0 || this.#naming > 0) {
      ending.push(new Promise<void>((resolve) => this.#drained = resolve));
    }
    // Whoever awaits the close is alive until it is done.
    this.#network.reactor.reference();
    await Promise.all(ending);
    this.#network.reactor.dereference();
  }
}
