/**
 * The receiving half of a stream: it arms receives, queues what arrives, and hands out leases.
 *
 * A multishot receive stays armed between reads and may run ahead of its reader; what it brings is
 * queued up to a bound, then it is cancelled until the reader caught up. Nothing that arrived is
 * ever dropped: what a cancelled reader did not take waits for the next one.
 *
 * @module
 */

import { type IteratingReader, ReceiveState, ReceivingHalf } from "../receiving_half.ts";
import type { OpOptions } from "../operation.ts";
import type { RingBuffer } from "../ring_buffer.ts";
import type { Socket } from "../socket.ts";
import { netError } from "../errors.ts";
import { BufferLease, type Lease, type LeaseIssuer } from "../lease.ts";
import { LeaseQueue } from "./lease_queue.ts";
import type { Starved } from "../../ring/reactor.ts";
import type { CompletionTarget } from "../../ring/slots.ts";
import { BUFFER_GROUP, type ProvidedBuffers } from "../../ring/buffers.ts";
import { Counter } from "../../ring/counters.ts";
import type { RingMemory } from "../../ring/memory.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { W_ADDRESS, W_BUFFER_GROUP, W_LENGTH } from "../../ring/abi/layout.ts";
import { CQE_BUFFER_SHIFT, CqeFlag, IoPrio, Op, SqeFlag } from "../../ring/abi/opcodes.ts";

/** Leases that wait for a reader before a multishot receive is paused. */
const QUEUE_HIGH = 16;
/** Below this share of free buffers, leases are copies, so that no stream starves the others. */
const SCARCE_SHARE = 4;

const HEAD_SINGLE = Op.RECV | (SqeFlag.BUFFER_SELECT << 8);
const HEAD_MULTISHOT = HEAD_SINGLE | (IoPrio.RECV_MULTISHOT << 16);
const HEAD_MESSAGE = Op.RECVMSG | (SqeFlag.BUFFER_SELECT << 8);

/** A message that came without a buffer. */
const NO_BUFFER = -1;

/** The value of `#ended` at the end of the stream. */
const END_OF_STREAM = -1;

/** Who reads: only one at a time. The reader of one lease is none any more when that is there. */
export const Reader = { NONE: 0, ONCE: 1, MANY: 2, STREAM: 3, LEASE: 4 } as const;
/** See {@linkcode Reader}. */
export type Reader = typeof Reader[keyof typeof Reader];

/** Shapes what one reader is given, where that is not the lease itself. */
export type LeaseReader = IteratingReader<BufferLease, Lease>;

/** Takes what arrives within the turn that brought it: without a promise for each lease. */
export interface LeaseSink {
  /** Whether receiving may run ahead: else one lease comes for each receive. */
  readonly runsAhead: boolean;
  /** @param lease the next one, the sink's own to release */
  take(lease: BufferLease): void;
  /** Nothing more comes. @param reason null at the end of the stream, else why */
  end(reason: unknown): void;
}

/** What {@linkcode MessageReceiver.arrived} says at the end of the stream. */
export const END_OF_MESSAGES = -1;

/** Receives more than bytes: whole messages, and what comes beside them. */
export interface MessageReceiver {
  /** What messages are received into. */
  readonly buffers: ProvidedBuffers;
  /** Whether the socket keeps messages apart. */
  readonly isMessages: boolean;
  /** Makes ready for a receive. @returns false when `starved` will be resumed for another try */
  prepare(starved: Starved): boolean;
  /** Fills the RECVMSG entry at `at`; scratch bytes of `slot` are the operation's own. */
  fill(at: number, slot: number): void;
  /**
   * Looks at what came, and takes over what is not bytes.
   *
   * @param isClosed whether nobody will want it
   * @returns bytes of the message, {@linkcode END_OF_MESSAGES}, or why it cannot be handed out
   */
  arrived(slot: number, result: number, isClosed: boolean): number | Error;
}

/** The receiving half of one stream. */
export class ReceiveSide extends ReceivingHalf<BufferLease, Lease, BufferLease | null>
  implements CompletionTarget, Starved, LeaseIssuer {
  /** Who reads now. */
  reader: Reader = Reader.NONE;
  /** Leases a program holds now. */
  leases = 0;
  /** The most leases a program may hold. */
  leasesMax: number;
  /** Who receives instead, where plain bytes are not all; null for RECV. */
  messages: MessageReceiver | null = null;
  /** Whose receive is in the ring, null for RECV. */
  #armed: MessageReceiver | null = null;
  /** Why a message that nobody waited for could not be handed out. */
  #complaint: Error | null = null;
  #isMultishot = false;
  readonly #queue = new LeaseQueue();
  /** 0 while open, else why no more bytes come: EOF or an errno. */
  #ended = 0;
  #sink: LeaseSink | null = null;
  /** Whether the sink takes nothing at the moment. */
  #isHeld = false;
  #into: RingBuffer | null = null;
  /** Bytes of the last receive into a program's own memory. */
  #received = 0;

  /** @param socket whose bytes these are */
  constructor(socket: Socket, leasesMax: number) {
    super(socket);
    this.leasesMax = leasesMax;
  }

  /** Whether an operation of this side is in the ring. */
  get isArmed(): boolean {
    return this.slot >= 0;
  }

  /** Whether somebody waits for bytes. */
  get isAwaited(): boolean {
    return this.resolve !== null || (this.#sink !== null && !this.#isHeld);
  }

  /** Waits for bytes that a program will hold, once. */
  next(options: OpOptions | undefined): Promise<BufferLease | null> {
    if (this.leases < this.leasesMax) return this.take(options);
    this.#leave();
    return Promise.reject(this.#hoarding());
  }

  /** {@linkcode ReceiveSide.next} without the bound on leases: for readers that copy. */
  take(options: OpOptions | undefined): Promise<BufferLease | null> {
    const queue = this.#queue;
    if (queue.length > 0 && options?.signal?.aborted !== true) {
      return Promise.resolve(this.#handOut(queue.shift()));
    }
    const settled = this.#settledNow(options);
    if (settled !== null) {
      this.#leave();
      return settled;
    }
    this.#isMultishot = false;
    const promise = this.wait<BufferLease | null>(null, options);
    // Refused, nobody waits.
    if (this.resolve === null) this.#leave();
    return promise;
  }

  /** What a reader of one lease leaves to do is done here. @param lease null at the end */
  #handOut(lease: BufferLease | null): BufferLease | null {
    if (this.reader === Reader.LEASE) {
      this.reader = Reader.NONE;
      if (lease !== null) lease.issue(this);
    }
    return lease;
  }

  /** The reader of one lease goes without. */
  #leave(): void {
    if (this.reader === Reader.LEASE) this.reader = Reader.NONE;
  }

  /** {@linkcode ReceiveSide.take} for a reader that is told within the turn that brought bytes. */
  takeFor(reader: LeaseReader): Promise<IteratorResult<Lease>> {
    const queue = this.#queue;
    if (queue.length > 0) {
      return Promise.resolve(reader.accept(queue.shift()));
    }
    if (this.isClosed || this.#ended !== 0 || this.#complaint !== null) {
      return this.#endFor(reader, false, undefined);
    }
    this.#isMultishot = false;
    return this.wait<IteratorResult<Lease>>(reader, undefined);
  }

  /** Lets go of a waiter that nobody listens to any more: what comes is for the next reader. */
  abandon(): void {
    const { resolve } = this;
    if (resolve === null) return;
    this.unpark();
    resolve(null);
  }

  /** Waits for bytes and keeps receiving; the reader shapes the outcome. */
  nextFor(
    reader: LeaseReader,
    options: OpOptions | undefined,
  ): Promise<IteratorResult<Lease>> {
    const queue = this.#queue;
    const isHoarding = this.leases >= this.leasesMax;
    if (queue.length > 0 && !isHoarding && options?.signal?.aborted !== true) {
      return Promise.resolve(reader.accept(queue.shift()));
    }
    const isOver = this.isClosed || this.#ended !== 0 || this.#complaint !== null;
    if (isHoarding || isOver || options?.signal?.aborted) {
      return this.#endFor(reader, isHoarding, options);
    }
    this.#isMultishot = this.network.reactor.driver.features.multishotReceive;
    return this.wait<IteratorResult<Lease>>(reader, options);
  }

  /**
   * Hands everything that arrives to a sink, until its end.
   *
   * @throws {NetError} when no operation may begin
   */
  flow(sink: LeaseSink): void {
    const refusal = this.socket.admit("receive");
    if (refusal !== null) throw refusal;
    this.socket.beginWait();
    this.#sink = sink;
    this.#isHeld = false;
    this.#proceed();
  }

  /** Lets the sink rest: at most what is on its way arrives meanwhile, and waits. */
  hold(): void {
    this.#isHeld = true;
    if (this.slot >= 0) this.cancel();
  }

  /** Goes on, first with what waited. */
  proceed(): void {
    this.#isHeld = false;
    if (this.#sink !== null) this.#proceed();
  }

  #proceed(): void {
    const queue = this.#queue;
    while (queue.length > 0) {
      if (this.#isHeld || this.#sink === null) return;
      this.#sink.take(queue.shift());
    }
    if (this.#isHeld || this.#sink === null) return;
    if (this.isClosed) this.#endFlow(this.closedError());
    else if (this.#ended === END_OF_STREAM) this.#endFlow(null);
    else if (this.#ended !== 0) this.#endFlow(this.error(this.#ended));
    else if (this.state === ReceiveState.IDLE) this.#armFlow();
  }

  #armFlow(): void {
    const { multishotReceive } = this.network.reactor.driver.features;
    this.#isMultishot = this.#sink!.runsAhead && multishotReceive;
    this.arm();
  }

  #endFlow(reason: unknown): void {
    const sink = this.#sink!;
    this.#sink = null;
    this.reader = Reader.NONE;
    this.socket.endWait();
    sink.end(reason);
  }

  async #endFor(
    reader: LeaseReader,
    isHoarding: boolean,
    options: OpOptions | undefined,
  ): Promise<IteratorResult<Lease>> {
    try {
      if (isHoarding) throw this.#hoarding();
      if (this.isClosedOrdinarily) return reader.accept(null);
      return reader.accept(await this.#settledNow(options));
    } catch (error) {
      reader.fail();
      throw error;
    }
  }

  /** Receives into memory of the program's own. @returns bytes received, 0 at the end */
  async takeInto(into: RingBuffer, options: OpOptions | undefined): Promise<number> {
    const queue = this.#queue;
    if (queue.length === 0) {
      const settled = this.#settledNow(options);
      if (settled !== null) {
        await settled;
        return 0;
      }
      // A receive that is still being cancelled may yet bring bytes: they come first.
      if (this.state === ReceiveState.IDLE) return await this.#receiveInto(into, options);
    }
    const lease = await this.take(options);
    if (lease === null) return 0;
    const count = Math.min(lease.size, into.length);
    lease.copyTo(into.bytes, 0, count);
    this.putBack(lease, count);
    return count;
  }

  /** Takes back what a reader did not use of a lease; it is first in line again. */
  putBack(lease: BufferLease, used: number): void {
    lease.advance(used);
    if (lease.size === 0) lease.release();
    else this.#queue.unshift(lease);
  }

  /** {@inheritDoc CompletionTarget.onCompletion} */
  onCompletion(_tag: number, result: number, flags: number, slot: number): void {
    const isTerminal = (flags & CqeFlag.MORE) === 0;
    const messages = this.#armed;
    if (isTerminal) {
      this.slot = -1;
      this.state = ReceiveState.IDLE;
      this.#armed = null;
    }
    if (messages !== null && result >= 0) this.#messageArrived(messages, slot, result, flags);
    else if (result > 0) this.#arrived(result, flags);
    else if (result === 0) this.#endOfStream(flags);
    else this.#failed(-result);
    if (isTerminal) this.disarmed();
  }

  /** {@inheritDoc Starved.resume} */
  resume(): boolean {
    if (this.state !== ReceiveState.STARVED) return true;
    this.state = ReceiveState.IDLE;
    if (this.resolve !== null) this.arm();
    else if (this.#sink !== null) this.#proceed();
    return true;
  }

  /** {@inheritDoc LeaseIssuer.leaseTaken} */
  leaseTaken(): void {
    this.leases++;
    this.network.leases++;
  }

  /** {@inheritDoc LeaseIssuer.leaseReturned} */
  leaseReturned(): void {
    this.leases--;
    this.network.leases--;
  }

  /** What needs no waiting: an end, an error, an aborted signal. */
  #settledNow(options: OpOptions | undefined): Promise<null> | null {
    if (options?.signal?.aborted === true) return Promise.reject(options.signal.reason);
    if (this.isClosed) return Promise.reject(this.closedError());
    if (this.#complaint !== null) {
      const complaint = this.#complaint;
      this.#complaint = null;
      return Promise.reject(complaint);
    }
    if (this.#ended === END_OF_STREAM) return Promise.resolve(null);
    if (this.#ended > 0) return this.rejection(this.#ended);
    return null;
  }

  /** {@inheritDoc ReceivingHalf.arm} */
  protected arm(): void {
    const { reactor } = this.network;
    const { messages } = this;
    const buffers = messages === null ? reactor.buffers : messages.buffers;
    if (buffers.available === 0) {
      this.state = ReceiveState.STARVED;
      reactor.awaitBuffers(this, buffers);
      return;
    }
    if (messages !== null && !messages.prepare(this)) {
      this.state = ReceiveState.STARVED;
      return;
    }
    const slot = messages === null ? reactor.slots.takeBare(this, 0) : reactor.slots.take(this, 0);
    if (slot < 0) {
      const exceeded = this.network.inFlightExceeded("receive");
      if (this.#sink !== null) this.#endFlow(exceeded);
      else this.fail(exceeded);
      return;
    }
    this.slot = slot;
    this.state = ReceiveState.ARMED;
    if (messages !== null) {
      this.#armed = messages;
      messages.fill(reactor.entry(HEAD_MESSAGE, this.socket.descriptor, slot), slot);
      return;
    }
    const head = this.#isMultishot ? HEAD_MULTISHOT : HEAD_SINGLE;
    const at = reactor.entry(head, this.socket.descriptor, slot);
    reactor.entries[at + W_BUFFER_GROUP] = BUFFER_GROUP;
  }

  async #receiveInto(into: RingBuffer, options: OpOptions | undefined): Promise<number> {
    const { reactor } = this.network;
    const slot = reactor.slots.takeBare(this, 0);
    if (slot < 0) throw this.network.inFlightExceeded("receive");
    const refusal = this.socket.admit("receive");
    if (refusal !== null) {
      reactor.slots.abandon(slot);
      throw refusal;
    }
    const promise = this.park(options);
    into.pin();
    this.#into = into;
    this.slot = slot;
    this.state = ReceiveState.ARMED;
    this.#received = 0;
    const at = reactor.entry(Op.RECV, this.socket.descriptor, slot);
    reactor.setLong(at + W_ADDRESS, reactor.memory.base + into.offset);
    reactor.entries[at + W_LENGTH] = into.length;
    await promise;
    return this.#received;
  }

  #arrived(count: number, flags: number): void {
    const { reactor } = this.network;
    const { buffers, memory, counters } = reactor;
    counters.add(Counter.receives, 1);
    counters.add(Counter.bytesReceived, count);
    const { meter } = this.socket;
    if (meter !== null) meter.addReceived(count);
    if (this.#into !== null) {
      this.#received = count;
      this.#settle(null);
      return;
    }
    const id = flags >>> CQE_BUFFER_SHIFT;
    buffers.arrive(id);
    if (this.isClosed) {
      buffers.release(id);
      return;
    }
    this.#deliver(leaseOn(memory, buffers, id, count));
  }

  #deliver(lease: BufferLease): void {
    if (this.#sink !== null && !this.#isHeld) {
      this.#sink.take(lease);
      return;
    }
    if (this.resolve !== null) {
      this.#settle(lease);
      return;
    }
    this.#queue.push(lease);
    if (this.#queue.length >= QUEUE_HIGH) this.cancel();
  }

  #messageArrived(messages: MessageReceiver, slot: number, result: number, flags: number): void {
    const { counters, memory } = this.network.reactor;
    const { buffers } = messages;
    const arrival = messages.arrived(slot, result, this.isClosed);
    if (arrival === END_OF_MESSAGES) {
      this.#endOfStream(flags, buffers);
      return;
    }
    // An empty message takes no buffer, or hands it out unused.
    const id = (flags & CqeFlag.BUFFER) === 0 ? NO_BUFFER : flags >>> CQE_BUFFER_SHIFT;
    if (id !== NO_BUFFER) buffers.arrive(id);
    counters.add(Counter.receives, 1);
    const { meter } = this.socket;
    // An empty message is a sign of life, too.
    if (meter !== null && typeof arrival === "number") meter.addReceived(Math.max(1, arrival));
    if (typeof arrival === "number" && arrival > 0 && !this.isClosed) {
      counters.add(Counter.bytesReceived, arrival);
      this.#deliver(leaseOn(memory, buffers, id, arrival));
      return;
    }
    if (id !== NO_BUFFER) buffers.release(id);
    if (this.isClosed) return;
    if (typeof arrival === "number") this.#deliver(BufferLease.empty(memory, buffers));
    else if (this.resolve !== null) this.fail(arrival);
    else if (this.#sink !== null) this.#endFlow(arrival);
    else this.#complaint = arrival;
  }

  #endOfStream(flags: number, buffers: ProvidedBuffers = this.network.reactor.buffers): void {
    // Some kernels hand a buffer out with the end: it comes back unused.
    if ((flags & CqeFlag.BUFFER) !== 0) {
      const id = flags >>> CQE_BUFFER_SHIFT;
      buffers.arrive(id);
      buffers.release(id);
    }
    this.#ended = END_OF_STREAM;
    if (this.resolve !== null) this.#settle(null);
    else if (this.#sink !== null) this.#proceed();
  }

  #failed(errno: number): void {
    if (errno === Errno.ENOBUFS) {
      const isWanted = this.#sink === null ? this.resolve !== null : !this.#isHeld;
      if (!isWanted || this.isInterrupted) return;
      this.state = ReceiveState.STARVED;
      this.network.reactor.awaitBuffers(this, this.messages?.buffers);
      return;
    }
    if (errno === Errno.ECANCELED || errno === Errno.EINTR || errno === Errno.EAGAIN) return;
    this.#ended = errno;
    if (this.resolve !== null) this.failCompletion(errno);
    else if (this.#sink !== null) this.#proceed();
  }

  /** {@inheritDoc ReceivingHalf.disarmed} */
  protected disarmed(): void {
    this.tellDisarmed();
    if (this.#sink !== null && this.state === ReceiveState.IDLE) this.#proceed();
    if (this.resolve === null || this.failInVain() || this.state !== ReceiveState.IDLE) return;
    if (this.#into === null) this.arm();
    else this.failCompletion(Errno.ECANCELED);
  }

  /** {@inheritDoc ReceivingHalf.letGo} */
  protected letGo(): void {
    while (this.#queue.length > 0) this.#queue.shift().release();
    if (this.#sink !== null) this.#endFlow(this.closedError());
  }

  /** {@inheritDoc ReceivingHalf.dismiss} */
  protected override dismiss(): ((reason: unknown) => void) | null {
    this.#leave();
    return super.dismiss();
  }

  /** {@inheritDoc ReceivingHalf.unpark} */
  protected override unpark(): void {
    if (this.#into !== null) {
      this.#into.unpin();
      this.#into = null;
    }
    super.unpark();
  }

  /** {@inheritDoc ReceivingHalf.closedDetail} */
  protected get closedDetail(): string {
    return "the stream is closed";
  }

  #settle(value: BufferLease | null): void {
    const resolve = this.resolve!;
    const reader = this.iterating;
    this.unpark();
    resolve(reader === null ? this.#handOut(value) : reader.accept(value));
  }

  #hoarding(): Error {
    const detail = `the stream holds ${this.leases} leases, its leasesPerStream`;
    return netError(Errno.ENOBUFS, { operation: "receive", ...this.names(), detail });
  }
}

/** A lease on what arrived; on a copy of it while buffers are scarce. */
function leaseOn(
  memory: RingMemory,
  buffers: ProvidedBuffers,
  id: number,
  size: number,
): BufferLease {
  const isScarce = buffers.available < buffers.count / SCARCE_SHARE;
  return isScarce
    ? BufferLease.copied(memory, buffers, id, size)
    : BufferLease.view(memory, buffers, id, size);
}
