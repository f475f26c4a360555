/**
 * The sending half of a stream: a queue of segments, one operation in the ring at a time.
 *
 * Segments leave in the order of the `send` calls. While one operation is in flight, later segments
 * gather and leave together in one SENDMSG. Bytes come from where they are when that is safe (a
 * lease's provided buffer, a program's ring buffer: both are pinned), else from a copy made before
 * `send` returns, in the arena or, when that is full or the data is large, on the heap.
 *
 * @module
 */

import type { Network } from "./network.ts";
import { BufferLease, type Lease } from "./lease.ts";
import type { RingBuffer } from "./ring_buffer.ts";
import type { Socket } from "./socket.ts";
import type { OpOptions } from "./stream_receive.ts";
import { badResource, completionError, netError, PartialSendError, timedOut } from "./errors.ts";
import { ARENA_BLOCK_BYTES } from "../ring/arena.ts";
import type { Deadline, DeadlineTarget } from "../ring/deadlines.ts";
import type { InlineTarget, Starved } from "../ring/reactor.ts";
import { Scratch, SCRATCH_IOVECS } from "../ring/slots.ts";
import { Counter } from "../ring/counters.ts";
import { Errno } from "../ring/abi/errno.ts";
import { IOVEC, MSGHDR, W_ADDRESS, W_LENGTH, W_OPERATION_FLAGS } from "../ring/abi/layout.ts";
import { Msg, Op, Shut, SqeFlag } from "../ring/abi/opcodes.ts";

/** The most bytes of one copy in the arena; more goes out piece by piece. */
const CHUNK_BYTES = 256 * 1024;
/** The most bytes that wait in one stream's queue: beyond, `send` rejects with ENOBUFS. */
export const SEND_QUEUE_BYTES_MAX: number = 256 * 1024 * 1024;

const SEND_FLAGS = Msg.NOSIGNAL | Msg.WAITALL;
/** A send that is over when it is submitted: all of it, or an error and a completion. */
const INLINE_FLAGS = SEND_FLAGS | Msg.DONTWAIT;
const INLINE_HEAD = Op.SEND | (SqeFlag.CQE_SKIP_SUCCESS << 8);
const TAG_QUEUED = 0;
const TAG_INLINE = 1;
/** The deadline of the rate limit; others are those of calls. */
const TAG_GATE = 1;
const GATE_MOST_MS = 2 ** 31;
const NOWHERE = -1;

/** Options of `send`. */
export type SendOptions = OpOptions;

/** Bytes that leave in one piece of the queue. */
class Segment {
  next: Segment | null = null;
  /** Byte offset in ring memory, -1 while the bytes are on the heap. */
  offset = NOWHERE;
  length = 0;
  /** The provided buffer they are pinned in, else -1. */
  bufferId = NOWHERE;
  /** The arena block they were copied to, else -1. */
  block = NOWHERE;
  /** The program's own buffer they are pinned in. */
  ringBuffer: RingBuffer | null = null;
  /** The copy on the heap. */
  heap: Uint8Array | null = null;
  /** Bytes of copies that count against a limit. */
  charged = 0;
  readonly call: SendCall;

  constructor(call: SendCall) {
    this.call = call;
  }
}

/** One call of `send`. */
class SendCall implements Parked {
  total = 0;
  moved = 0;
  segments = 0;
  resolve: ((bytes: number) => void) | null = null;
  reject: ((reason: unknown) => void) | null = null;
  reason: unknown = undefined;
  hasReason = false;
  deadline: Deadline | null = null;
  cleanUp: (() => void) | null = null;
}

/** Where the executor of a promise, shared by all sends, puts its resolvers. */
interface Parked {
  resolve: ((bytes: number) => void) | null;
  reject: ((reason: unknown) => void) | null;
}

let parking: Parked;
function park(resolve: (bytes: number) => void, reject: (reason: unknown) => void): void {
  parking.resolve = resolve;
  parking.reject = reject;
}

/**
 * The sending half of one stream.
 *
 * The one send that meets an idle stream, the usual case, is kept in the fields of the side itself
 * and first tried inline: submitted so that it is over, without a completion, when the ring was
 * entered. Whatever goes otherwise (the socket is full, more sends queue up behind it) turns it
 * into an ordinary segment at the head of the queue.
 */
export class SendSide implements InlineTarget, DeadlineTarget, Starved, Parked {
  /** The resolvers of the inline send, set by `park`. */
  resolve: ((bytes: number) => void) | null = null;
  /** See {@linkcode SendSide.resolve}. */
  reject: ((reason: unknown) => void) | null = null;
  readonly #socket: Socket;
  readonly #network: Network;
  #head: Segment | null = null;
  #tail: Segment | null = null;
  /** Segments of the operation in flight. */
  #inFlight = 0;
  #slot = NOWHERE;
  readonly #canInline: boolean;
  /** An inline send is submitted and has not failed. */
  #isInline = false;
  /** The inline send, as long as it is no segment: its bytes and where they are. */
  #inlineBytes = 0;
  #inlineOffset = 0;
  #inlineBuffer = NOWHERE;
  #inlineBlock = NOWHERE;
  #queuedBytes = 0;
  #isWaitingForArena = false;
  /** Runs while what is first in line waits for the rate limit. */
  #gated: Deadline | null = null;
  /** What is first in line has waited, and may leave. */
  #isBooked = false;
  /** Calls that were withdrawn while an operation of theirs was in flight. */
  #interrupted = 0;
  #isClosed = false;
  /** Why nothing more can be sent, null for an ordinary close. */
  #closedBy: Error | null = null;
  #idle: (() => void) | null = null;

  /** @param socket where the bytes go */
  constructor(socket: Socket) {
    this.#socket = socket;
    this.#network = socket.network;
    this.#canInline = socket.network.reactor.driver.features.inlineSend;
  }

  /** Whether an operation of this side is in the ring. */
  get isArmed(): boolean {
    return this.#slot >= 0;
  }

  /** Bytes that wait or are in flight. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Queues bytes. @returns how many, once all are accepted */
  send(
    data: Uint8Array | Lease | readonly (Uint8Array | Lease)[],
    options: SendOptions | undefined,
  ): Promise<number> {
    if (options === undefined && this.#isIdle) {
      if (data instanceof BufferLease) {
        if (data.isHeld && data.isInPlace) return this.#sendLeaseInline(data);
      } else if (data instanceof Uint8Array && data.length > 0 && data.length <= CHUNK_BYTES) {
        const block = this.#network.reactor.arena.take(data.length);
        if (block >= 0) return this.#sendBytesInline(data, block);
      }
    }
    const refusal = this.#refusal(options) ?? this.#charge(copiedBytes(data));
    if (refusal !== null) return Promise.reject(refusal.reason);
    if (this.#inlineBytes > 0) this.#promote();
    const call = new SendCall();
    if (data instanceof BufferLease) {
      this.#addLease(call, data);
    } else if (data instanceof Uint8Array) {
      this.#addBytes(call, data);
    } else {
      this.#addAll(call, data as readonly (Uint8Array | Lease)[]);
    }
    return this.#begin(call, options);
  }

  /** Queues a program's own ring buffer, in place. */
  sendBuffer(buffer: RingBuffer, options: SendOptions | undefined): Promise<number> {
    const refusal = this.#refusal(options);
    if (refusal !== null) return Promise.reject(refusal.reason);
    if (this.#inlineBytes > 0) this.#promote();
    const call = new SendCall();
    if (buffer.length > 0) {
      const segment = this.#append(call, buffer.length);
      buffer.pin();
      segment.ringBuffer = buffer;
      segment.offset = buffer.offset;
    }
    return this.#begin(call, options);
  }

  /** Resolves when the queue is empty, however its sends ended. */
  async whenEmpty(): Promise<void> {
    while (this.#head !== null || this.#inlineBytes > 0) {
      await new Promise<void>((resolve) => {
        const before = this.#idle;
        this.#idle = () => {
          before?.();
          resolve();
        };
      });
    }
  }

  /** Lets nothing more be queued; what is queued still leaves. */
  refuse(reason: Error): void {
    this.#closedBy ??= reason;
    this.#isClosed = true;
  }

  /** Ends the side. @param reason what pending sends reject with, null for an ordinary close */
  async terminate(reason: Error | null): Promise<void> {
    this.#closedBy = reason;
    this.#isClosed = true;
    if (this.#inlineBytes > 0) this.#promote();
    for (let segment = this.#head; segment !== null; segment = segment.next) {
      this.#giveUp(segment.call, this.#closedError());
    }
    if (this.#gated !== null) this.#network.reactor.disarmDeadline(this.#gated);
    this.#gated = null;
    this.#dropWaiting();
    if (this.#slot >= 0) this.#network.reactor.cancel(this.#slot);
    await this.whenEmpty();
  }

  /** {@inheritDoc CompletionTarget.onCompletion} */
  onCompletion(tag: number, result: number): void {
    this.#slot = NOWHERE;
    if (tag === TAG_INLINE) {
      this.#isInline = false;
      if (this.#inlineBytes > 0) this.#promote();
    }
    this.#conclude(result);
  }

  /** {@inheritDoc InlineTarget.onInline} */
  onInline(): void {
    if (!this.#isInline) return;
    this.#isInline = false;
    const { slots, counters } = this.#network.reactor;
    slots.abandon(this.#slot);
    this.#slot = NOWHERE;
    if (this.#inlineBytes === 0) {
      this.#conclude(this.#promotedBytes);
      return;
    }
    const bytes = this.#inlineBytes;
    counters.add(Counter.sends, 1);
    counters.add(Counter.bytesSent, bytes);
    const resolve = this.resolve!;
    this.#forgetInline();
    resolve(bytes);
    if (this.#idle !== null) this.#tellIdle();
  }

  /** What follows from the end of an operation: its bytes are gone, and the next ones go. */
  #conclude(result: number): void {
    if (result >= 0) this.#moved(result);
    else this.#failed(-result);
    if (this.#isClosed) this.#dropWaiting();
    if (this.#head !== null) this.#pump();
    else if (this.#idle !== null) this.#tellIdle();
  }

  #tellIdle(): void {
    const idle = this.#idle!;
    this.#idle = null;
    idle();
  }

  get #isIdle(): boolean {
    const { owner } = this.#socket;
    if (owner.isCounted || owner.sendGate !== null) return false;
    return this.#canInline && this.#slot < 0 && this.#head === null && !this.#isClosed;
  }

  #sendLeaseInline(lease: BufferLease): Promise<number> {
    const { reactor } = this.#network;
    const slot = reactor.slots.take(this, TAG_INLINE);
    if (slot < 0) return Promise.reject(this.#network.inFlightExceeded("send"));
    reactor.buffers.retain(lease.id);
    this.#inlineBuffer = lease.id;
    return this.#submitInline(slot, lease.start, lease.size);
  }

  #sendBytesInline(bytes: Uint8Array, block: number): Promise<number> {
    const { reactor } = this.#network;
    const slot = reactor.slots.take(this, TAG_INLINE);
    if (slot < 0) {
      reactor.giveArena(block);
      return Promise.reject(this.#network.inFlightExceeded("send"));
    }
    reactor.memory.bytes.set(bytes, block);
    this.#inlineBlock = block;
    return this.#submitInline(slot, block, bytes.length);
  }

  #submitInline(slot: number, offset: number, length: number): Promise<number> {
    const { reactor } = this.#network;
    this.#slot = slot;
    this.#isInline = true;
    this.#inlineOffset = offset;
    this.#inlineBytes = length;
    const at = reactor.inlineEntry(INLINE_HEAD, this.#socket.descriptor, slot, this);
    const address = reactor.memory.base + offset;
    const words = reactor.entries;
    words[at + W_ADDRESS] = address | 0;
    words[at + W_ADDRESS + 1] = (address / 4294967296) | 0;
    words[at + W_LENGTH] = length;
    words[at + W_OPERATION_FLAGS] = INLINE_FLAGS;
    this.#socket.beginWait();
    parking = this;
    return new Promise<number>(park);
  }

  /** Ends the inline send: what it held goes back. */
  #forgetInline(): void {
    const { reactor } = this.#network;
    if (this.#inlineBuffer >= 0) reactor.buffers.release(this.#inlineBuffer);
    else reactor.giveArena(this.#inlineBlock);
    this.#clearInline();
    this.#socket.endWait();
  }

  #clearInline(): void {
    this.#inlineBytes = 0;
    this.#inlineBuffer = NOWHERE;
    this.#inlineBlock = NOWHERE;
    this.resolve = null;
    this.reject = null;
  }

  /** Turns the inline send into the first segment of the queue, whose operation is in flight. */
  #promote(): void {
    const call = new SendCall();
    call.resolve = this.resolve;
    call.reject = this.reject;
    const segment = this.#append(call, this.#inlineBytes);
    segment.offset = this.#inlineOffset;
    segment.bufferId = this.#inlineBuffer;
    segment.block = this.#inlineBlock;
    this.#inFlight = 1;
    this.#promotedBytes = this.#inlineBytes;
    this.#clearInline();
  }

  /** Bytes of an inline send that became a segment while it was in flight. */
  #promotedBytes = 0;

  /** {@inheritDoc DeadlineTarget.onDeadline} */
  onDeadline(tag: number): void {
    if (tag === TAG_GATE) {
      this.#gated = null;
      this.#isBooked = true;
      if (this.#slot < 0 && this.#head !== null) this.#pump();
      return;
    }
    const now = this.#network.reactor.now;
    for (let segment = this.#head; segment !== null; segment = segment.next) {
      const { call } = segment;
      if (call.deadline === null || call.deadline.at > now) continue;
      call.deadline = null;
      this.#interrupt(call, timedOut("send", this.#names()));
      return;
    }
  }

  /** {@inheritDoc Starved.resume} */
  resume(): boolean {
    this.#isWaitingForArena = false;
    if (this.#slot < 0 && this.#head !== null) this.#pump();
    return !this.#isWaitingForArena;
  }

  #refusal(options: SendOptions | undefined): { reason: unknown } | null {
    if (this.#isClosed) return { reason: this.#closedError() };
    if (options?.signal?.aborted === true) return { reason: options.signal.reason };
    if (this.#queuedBytes < SEND_QUEUE_BYTES_MAX) return null;
    const detail = `${this.#queuedBytes} bytes wait in the stream's queue, its most`;
    const context = { operation: "send", ...this.#names(), detail };
    return { reason: netError(Errno.ENOBUFS, context) };
  }

  /** Counts copies against the capability's limit; they are given back segment by segment. */
  #charge(bytes: number): { reason: unknown } | null {
    const { owner } = this.#socket;
    if (!owner.isCounted || bytes === 0) return null;
    const reached = owner.acquire("bufferBytes", bytes, "send");
    return reached === null ? null : { reason: reached };
  }

  #begin(call: SendCall, options: SendOptions | undefined): Promise<number> {
    if (call.total === 0) return Promise.resolve(0);
    const refusal = this.#socket.admit("send");
    if (refusal !== null) {
      this.#dropCall(call);
      return Promise.reject(refusal);
    }
    this.#socket.beginWait();
    parking = call;
    const promise = new Promise<number>(park);
    if (options !== undefined) this.#guard(call, options);
    if (this.#slot < 0) this.#pump();
    return promise;
  }

  #guard(call: SendCall, options: SendOptions): void {
    const { signal, timeoutMs } = options;
    if (timeoutMs !== undefined) {
      call.deadline = this.#network.reactor.armDeadline(timeoutMs, this, 0);
    }
    if (signal === undefined) return;
    const onAbort = () => this.#interrupt(call, signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    call.cleanUp = () => signal.removeEventListener("abort", onAbort);
  }

  #append(call: SendCall, length: number): Segment {
    const segment = new Segment(call);
    segment.length = length;
    call.total += length;
    call.segments++;
    this.#queuedBytes += length;
    if (this.#tail === null) this.#head = segment;
    else this.#tail.next = segment;
    this.#tail = segment;
    return segment;
  }

  #addLease(call: SendCall, lease: BufferLease): void {
    if (!lease.isInPlace) {
      this.#addBytes(call, lease.bytes);
      return;
    }
    const segment = this.#append(call, lease.size);
    this.#network.reactor.buffers.retain(lease.id);
    segment.bufferId = lease.id;
    segment.offset = lease.start;
  }

  #addBytes(call: SendCall, bytes: Uint8Array): void {
    const { arena, memory } = this.#network.reactor;
    let start = 0;
    // The head of the data goes straight to the arena; what is left of it is copied once more.
    if (bytes.length > 0 && !this.#isWaitingForArena) {
      const count = Math.min(bytes.length, CHUNK_BYTES);
      const block = arena.take(count);
      if (block >= 0) {
        memory.bytes.set(count === bytes.length ? bytes : bytes.subarray(0, count), block);
        const segment = this.#append(call, count);
        segment.block = block;
        segment.offset = block;
        segment.charged = count;
        start = count;
      }
    }
    if (start < bytes.length) {
      const segment = this.#append(call, bytes.length - start);
      segment.heap = bytes.slice(start);
      segment.charged = segment.length;
    }
  }

  #addAll(call: SendCall, parts: readonly (Uint8Array | Lease)[]): void {
    for (const part of parts) {
      if (part instanceof BufferLease) this.#addLease(call, part);
      else this.#addBytes(call, part as Uint8Array);
    }
  }

  /** Puts what is first in line into the ring. */
  #pump(): void {
    if (this.#gated !== null) return;
    const { reactor } = this.#network;
    let count = 0;
    for (let segment = this.#head; segment !== null; segment = segment.next) {
      if (count === SCRATCH_IOVECS || !this.#settle(segment)) break;
      count++;
    }
    if (count === 0) return;
    if (this.#socket.owner.sendGate !== null && !this.#passGate(count)) return;
    const slot = reactor.slots.take(this, TAG_QUEUED);
    if (slot < 0) {
      this.#failed(Errno.ENOBUFS);
      return;
    }
    this.#slot = slot;
    this.#inFlight = count;
    if (count > 1) {
      this.#pumpVector(slot, count);
      return;
    }
    const segment = this.#head!;
    const at = reactor.entry(Op.SEND, this.#socket.descriptor, slot);
    const address = reactor.memory.base + segment.offset;
    const words = reactor.entries;
    words[at + W_ADDRESS] = address | 0;
    words[at + W_ADDRESS + 1] = (address / 4294967296) | 0;
    words[at + W_LENGTH] = segment.length;
    words[at + W_OPERATION_FLAGS] = SEND_FLAGS;
  }

  /** Books what is about to leave. @returns false when it has to wait for its turn */
  #passGate(count: number): boolean {
    if (this.#isBooked) {
      this.#isBooked = false;
      return true;
    }
    let bytes = 0;
    let segment = this.#head!;
    for (let index = 0; index < count; index++) {
      bytes += segment.length;
      segment = segment.next!;
    }
    const { reactor } = this.#network;
    const delayMs = this.#socket.owner.sendGate!.delayMs(reactor.driver.now(), bytes);
    if (delayMs === 0) return true;
    this.#gated = reactor.armDeadline(Math.min(delayMs, GATE_MOST_MS), this, TAG_GATE);
    return false;
  }

  #pumpVector(slot: number, count: number): void {
    const { reactor } = this.#network;
    const { base, words } = reactor.memory;
    const scratch = reactor.scratchOf(slot);
    const header = scratch + Scratch.MSGHDR;
    words.fill(0, header >> 2, (header + MSGHDR.SIZE) >> 2);
    putLong(words, header + MSGHDR.IOV, base + scratch + Scratch.IOVEC);
    putLong(words, header + MSGHDR.IOV_LENGTH, count);
    let vector = scratch + Scratch.IOVEC;
    let segment = this.#head!;
    for (let index = 0; index < count; index++) {
      putLong(words, vector + IOVEC.BASE, base + segment.offset);
      putLong(words, vector + IOVEC.LENGTH, segment.length);
      vector += IOVEC.SIZE;
      segment = segment.next!;
    }
    const at = reactor.entry(Op.SENDMSG, this.#socket.descriptor, slot);
    reactor.setLong(at + W_ADDRESS, base + header);
    reactor.entries[at + W_LENGTH] = 1;
    reactor.entries[at + W_OPERATION_FLAGS] = SEND_FLAGS;
  }

  /** Makes sure that a segment's bytes are in ring memory. @returns false when there is no room */
  #settle(segment: Segment): boolean {
    const { heap } = segment;
    if (heap === null) return true;
    const { reactor } = this.#network;
    let count = Math.min(heap.length, CHUNK_BYTES);
    let block = reactor.arena.take(count);
    // Short of memory, the first in line makes do with less: a block as large may never be free.
    while (block < 0 && this.#head === segment && count > ARENA_BLOCK_BYTES) {
      count >>= 1;
      block = reactor.arena.take(count);
    }
    if (block < 0) {
      if (this.#head === segment && !this.#isWaitingForArena) {
        this.#isWaitingForArena = true;
        reactor.awaitArena(this);
      }
      return false;
    }
    reactor.memory.bytes.set(heap.subarray(0, count), block);
    if (count < heap.length) {
      const rest = new Segment(segment.call);
      rest.heap = heap.subarray(count);
      rest.length = heap.length - count;
      rest.charged = rest.length;
      segment.charged = count;
      rest.next = segment.next;
      segment.next = rest;
      segment.call.segments++;
      if (this.#tail === segment) this.#tail = rest;
    }
    segment.heap = null;
    segment.length = count;
    segment.block = block;
    segment.offset = block;
    return true;
  }

  #moved(bytes: number): void {
    const { counters } = this.#network.reactor;
    counters.add(Counter.sends, 1);
    counters.add(Counter.bytesSent, bytes);
    this.#inFlight = 0;
    let left = bytes;
    while (left > 0) {
      const segment = this.#head!;
      const count = Math.min(left, segment.length);
      left -= count;
      segment.call.moved += count;
      segment.length -= count;
      segment.offset += count;
      this.#queuedBytes -= count;
      if (segment.length > 0) break;
      this.#removeHead();
      if (segment.call.moved === segment.call.total) this.#finish(segment.call);
    }
    this.#endAllInterrupted();
  }

  #failed(errno: number): void {
    this.#inFlight = 0;
    const call = this.#head!.call;
    if (errno === Errno.ECANCELED || errno === Errno.EINTR || errno === Errno.EAGAIN) {
      this.#endAllInterrupted();
      return;
    }
    const error = completionError(errno, { operation: "send", ...this.#names() });
    this.#closedBy ??= error;
    this.#isClosed = true;
    this.#giveUp(call, error);
    this.#dropCall(call);
    for (let segment = this.#head; segment !== null; segment = segment.next) {
      this.#giveUp(segment.call, error);
    }
    this.#dropWaiting();
  }

  #endAllInterrupted(): void {
    if (this.#interrupted === 0) return;
    const calls = new Set<SendCall>();
    for (let segment = this.#head; segment !== null; segment = segment.next) {
      if (segment.call.hasReason) calls.add(segment.call);
    }
    this.#interrupted = 0;
    for (const call of calls) this.#endInterrupted(call);
  }

  /** An interrupted call whose operation is over: nothing of it may leave any more. */
  #endInterrupted(call: SendCall): void {
    this.#dropCall(call);
    if (call.moved === 0) {
      this.#giveUp(call, call.reason);
      return;
    }
    const isDeadline = (call.reason as { errno?: number } | null)?.errno === Errno.ETIMEDOUT;
    const error = new PartialSendError({
      errno: isDeadline ? Errno.ETIMEDOUT : Errno.ECANCELED,
      ...this.#names(),
      bytesTransferred: call.moved,
      cause: call.reason,
    });
    this.#giveUp(call, error);
    // The peer would take later bytes for the rest of these: the write side ends here.
    this.#closedBy ??= error;
    this.#isClosed = true;
    for (let segment = this.#head; segment !== null; segment = segment.next) {
      const behind = segment.call;
      this.#giveUp(behind, behind.hasReason ? behind.reason : error);
    }
    this.#dropWaiting();
    this.#network.shutdown(this.#socket, Shut.WR);
  }

  /** Withdraws a call: at once when nothing of it is in flight, else when its operation ends. */
  #interrupt(call: SendCall, reason: unknown): void {
    if (call.resolve === null || call.hasReason) return;
    call.reason = reason;
    call.hasReason = true;
    let index = 0;
    for (let segment = this.#head; segment !== null; segment = segment.next, index++) {
      if (segment.call !== call) continue;
      if (index < this.#inFlight) {
        this.#interrupted++;
        this.#network.reactor.cancel(this.#slot);
        return;
      }
      break;
    }
    this.#endInterrupted(call);
  }

  #finish(call: SendCall): void {
    const { resolve } = call;
    if (resolve === null) return;
    this.#unpark(call);
    resolve(call.total);
  }

  #giveUp(call: SendCall, reason: unknown): void {
    const { reject } = call;
    if (reject === null) return;
    this.#unpark(call);
    reject(reason);
  }

  #unpark(call: SendCall): void {
    call.resolve = null;
    call.reject = null;
    call.cleanUp?.();
    if (call.deadline !== null) this.#network.reactor.disarmDeadline(call.deadline);
    call.deadline = null;
    this.#socket.endWait();
  }

  /** Removes a call's segments, which are not in flight. */
  #dropCall(call: SendCall): void {
    this.#drop((segment) => segment.call === call);
  }

  /** Removes everything that is not in flight. */
  #dropWaiting(): void {
    let index = 0;
    this.#drop(() => index++ >= this.#inFlight);
  }

  #drop(isDropped: (segment: Segment) => boolean): void {
    let last: Segment | null = null;
    let segment = this.#head;
    this.#head = null;
    while (segment !== null) {
      const next: Segment | null = segment.next;
      if (isDropped(segment)) {
        this.#queuedBytes -= segment.length;
        this.#free(segment);
      } else {
        segment.next = null;
        if (last === null) this.#head = segment;
        else last.next = segment;
        last = segment;
      }
      segment = next;
    }
    this.#tail = last;
  }

  #removeHead(): void {
    const segment = this.#head!;
    this.#head = segment.next;
    if (this.#head === null) this.#tail = null;
    this.#free(segment);
  }

  #free(segment: Segment): void {
    const { reactor } = this.#network;
    if (segment.bufferId >= 0) reactor.buffers.release(segment.bufferId);
    if (segment.block >= 0) reactor.giveArena(segment.block);
    if (segment.ringBuffer !== null) segment.ringBuffer.unpin();
    const { owner } = this.#socket;
    if (segment.charged > 0 && owner.isCounted) owner.release("bufferBytes", segment.charged);
  }

  #closedError(): Error {
    return this.#closedBy ?? badResource("send", "the stream is closed", this.#names());
  }

  #names(): { local: string; remote: string } {
    return this.#network.namesOf(this.#socket);
  }
}

/**
 * Bytes of a send that will be copied; proves, before anything is queued, that it can be sent.
 *
 * @throws {TypeError} naming the part that is neither bytes nor a lease, or was released
 */
function copiedBytes(data: unknown, what = "the data"): number {
  if (data instanceof Uint8Array) return data.length;
  if (data instanceof BufferLease) {
    if (!data.isHeld) throw new TypeError(`send: ${what}: the lease was released`);
    return data.isInPlace ? 0 : data.size;
  }
  if (!Array.isArray(data) || what !== "the data") {
    throw new TypeError(`send: ${what} is neither bytes nor a lease`);
  }
  return data.reduce((bytes, part, index) => bytes + copiedBytes(part, `part ${index}`), 0);
}

function putLong(words: Int32Array<ArrayBufferLike>, offset: number, value: number): void {
  words[offset >> 2] = value | 0;
  words[(offset >> 2) + 1] = Math.floor(value / 4294967296);
}
