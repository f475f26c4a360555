/**
 * The sending half of a stream: one operation in the ring at a time.
 *
 * Bytes leave in the order of the `send` calls. While one operation is in flight, later segments
 * gather and leave together in one SENDMSG. A lease that is sent with nothing in line, which most
 * replies are, waits for its completion by itself, and lines up only when something comes behind it
 * or it does not leave in one piece.
 *
 * @module
 */

import type { Network } from "../network.ts";
import { BufferLease, type Lease } from "../lease.ts";
import type { RingBuffer } from "../ring_buffer.ts";
import { LoneSend } from "./lone_send.ts";
import {
  copiedBytes,
  parked,
  type Segment,
  SendCall,
  SendQueue,
  type TurnTaker,
} from "./send_queue.ts";
import { SendCancel } from "./send_cancel.ts";
import { ZERO_COPY_BYTES, type ZeroCopyHost, ZeroCopySends } from "./zero_copy_send.ts";
import { writeVector } from "./send_vector.ts";
import { sendFlags } from "./stream_meter.ts";
import type { Socket } from "../socket.ts";
import type { OpOptions } from "../operation.ts";
import { badResource, completionError, netError, partialSend, timedOut } from "../errors.ts";
import { GateWait } from "../limits/gate_wait.ts";
import type { DeadlineTarget } from "../../ring/deadlines.ts";
import type { Starved } from "../../ring/reactor.ts";
import { type CompletionTarget, SCRATCH_IOVECS } from "../../ring/slots.ts";
import { Counter } from "../../ring/counters.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { IOVEC, W_ADDRESS, W_LENGTH, W_OPERATION_FLAGS } from "../../ring/abi/layout.ts";
import { setLong } from "../../ring/abi/long.ts";
import { Op, Shut } from "../../ring/abi/opcodes.ts";

/** The most bytes that wait in one stream's queue: beyond, `send` rejects with ENOBUFS. */
const SEND_QUEUE_BYTES_MAX = 256 * 1024 * 1024;

/** The most segments that leave in one operation, so that small sends keep up with a fast writer. */
const VECTOR_MOST = 256;

const NONE = -1;

/**
 * Told of what was forwarded by functions that are made once, where a promise for each lease would
 * cost more than the lease. They are called in the midst of a turn, and must not send.
 */
export interface SendReceipt {
  /** @param bytes of one lease that were accepted */
  readonly sent: (bytes: number) => void;
  /** @param reason why a lease was not accepted, for each one */
  readonly failed: (reason: unknown) => void;
}

/** Options of `send`. */
export type SendOptions = OpOptions;

/** The sending half of one stream. */
export class SendSide implements CompletionTarget, DeadlineTarget, Starved, ZeroCopyHost {
  readonly #socket: Socket;
  readonly #network: Network;
  readonly #queue: SendQueue;
  readonly #lone = new LoneSend();
  /** Segments of the operation in flight. */
  #inFlight = 0;
  #slot = NONE;
  /** The arena block of a vector too long for scratch bytes, while it is in flight. */
  #vector = NONE;
  #isWaitingForArena = false;
  /** Has what is first in line wait for the rate limit; null without one. */
  readonly #gate: GateWait | null;
  /** While what is in flight is being cancelled. */
  #cancelling: SendCancel | null = null;
  /** The call whose taker has the write side alone, at the head of the queue. */
  #turn: SendCall | null = null;
  /** Sends without a copy; made for the first large segment. */
  #zeroCopy: ZeroCopySends | null = null;
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
    const { network: { reactor }, owner } = socket;
    this.#queue = new SendQueue(reactor, owner);
    const { sendGate } = owner;
    this.#gate = sendGate === null ? null : new GateWait(sendGate, reactor, () => this.#pump());
  }

  /** Whether an operation of this side is in the ring. */
  get isArmed(): boolean {
    return this.#slot >= 0;
  }

  /** Whether something waits to be sent, or is in flight. */
  get isAwaited(): boolean {
    return this.#lone.isInFlight || this.#queue.head !== null;
  }

  /** Bytes that wait or are in flight. */
  get queuedBytes(): number {
    return this.#lone.length + this.#queue.bytes;
  }

  /** Queues bytes. @returns how many, once all are accepted */
  send(
    data: Uint8Array | Lease | readonly (Uint8Array | Lease)[],
    options: SendOptions | undefined,
  ): Promise<number> {
    if (options === undefined && data instanceof BufferLease && this.#isFreeFor(data)) {
      const slot = this.#network.reactor.slots.take(this, 0);
      if (slot >= 0) return this.#sendAlone(data, slot);
    }
    const copied = copiedBytes(data, this.#network.reactor.buffers);
    const refusal = this.#refusal(options) ?? this.#charge(copied);
    if (refusal !== null) return Promise.reject(refusal.reason);
    const call = SendCall.begin();
    this.#line.add(call, data, this.#mayUseArena);
    return this.#begin(call, options);
  }

  /** Queues a lease, which the caller may release then. @param receipt is told of its end */
  forward(lease: BufferLease, receipt: SendReceipt): void {
    const copied = lease.isIn(this.#network.reactor.buffers) ? 0 : lease.size;
    const refusal = this.#refusal(undefined) ?? this.#charge(copied);
    if (refusal !== null) {
      receipt.failed(refusal.reason);
      return;
    }
    const call = SendCall.begin();
    this.#line.add(call, lease, this.#mayUseArena);
    const exceeded = this.#socket.admit("send");
    if (exceeded !== null) {
      this.#queue.dropCall(call);
      receipt.failed(exceeded);
      return;
    }
    this.#socket.beginWait();
    call.resolve = receipt.sent;
    call.reject = receipt.failed;
    if (this.#slot < 0) this.#pump();
  }

  /** Queues a program's own ring buffer, in place. */
  sendBuffer(buffer: RingBuffer, options: SendOptions | undefined): Promise<number> {
    const refusal = this.#refusal(options);
    if (refusal !== null) return Promise.reject(refusal.reason);
    const call = SendCall.begin();
    this.#line.addBuffer(call, buffer);
    return this.#begin(call, options);
  }

  /**
   * Waits in line for the write side, which `taker` then has alone until it leaves.
   *
   * @param options end the waiting, not what follows
   */
  async enterTurn(taker: TurnTaker, options: SendOptions | undefined): Promise<void> {
    const refusal = this.#refusal(options);
    if (refusal !== null) throw refusal.reason;
    const call = SendCall.begin();
    this.#line.addTurn(call, taker);
    await this.#park(call, options);
  }

  /**
   * Gives the write side back.
   *
   * @param error why nothing more can be sent: the peer would take later bytes for missing ones
   */
  leaveTurn(error: Error | null): void {
    const turn = this.#turn!;
    this.#turn = null;
    this.#inFlight = 0;
    this.#queue.dropCall(turn);
    if (error !== null) this.#breakOff(error);
    if (this.#queue.head !== null) {
      if (this.#isClosed) this.#queue.dropBehind(0);
      else this.#pump();
    }
    this.#checkEmpty();
  }

  /** Resolves when the queue is empty, however its sends ended. */
  async whenEmpty(): Promise<void> {
    while (this.#line.head !== null) {
      await new Promise<void>((resolve) => {
        const before = this.#idle;
        this.#idle = () => {
          before?.();
          resolve();
        };
      });
    }
  }

  /**
   * Ends the side.
   *
   * @param reason what pending sends reject with, null for an ordinary close
   * @returns when nothing of it is in flight, null when nothing is now
   */
  terminate(reason: Error | null): Promise<void> | null {
    this.#closedBy = reason;
    this.#isClosed = true;
    for (const call of [...this.#draining]) this.#giveUp(call, this.#closedError());
    if (this.#line.head === null) return null;
    for (const call of this.#queue.calls()) this.#giveUp(call, this.#closedError());
    this.#gate?.stop();
    this.#queue.dropBehind(this.#inFlight);
    if (this.#slot >= 0) this.#cancel();
    this.#turn?.taker?.stop(this.#closedError());
    return this.whenEmpty();
  }

  /** Sees to it that memory comes back after the close: {@linkcode ZeroCopySends.limitDelivery}. */
  limitDelivery(isRevoked: boolean): Promise<void> | null {
    return this.#zeroCopy?.limitDelivery(isRevoked) ?? null;
  }

  /** Notes that the option `zeroCopy` was set. */
  zeroCopyChanged(): void {
    this.#zeroCopy?.askAgain();
  }

  /** {@inheritDoc ZeroCopyHost.goOn} */
  goOn(): void {
    if (this.#slot < 0) this.#pump();
  }

  /** {@inheritDoc ZeroCopyHost.finish} */
  finish(call: SendCall): void {
    this.#finish(call);
  }

  /** {@inheritDoc CompletionTarget.onCompletion} */
  onCompletion(_tag: number, result: number): void {
    this.#slot = NONE;
    if (this.#lone.isInFlight) {
      if (result === this.#lone.length) return this.#leftAlone(result);
      this.#lineUp();
    }
    this.#inFlight = 0;
    if (this.#cancelling !== null) this.#cancelling.end();
    this.#cancelling = null;
    if (this.#vector !== NONE) {
      this.#network.reactor.giveArena(this.#vector);
      this.#vector = NONE;
    }
    if (result >= 0) this.#moved(result);
    else this.#failed(-result);
    if (this.#queue.head !== null) {
      if (this.#isClosed) this.#queue.dropBehind(0);
      else this.#pump();
    }
    this.#checkEmpty();
  }

  /** {@inheritDoc DeadlineTarget.onDeadline} */
  onDeadline(): void {
    // The one that fired has left the heap.
    const calls = [...this.#queue.calls(), ...this.#draining];
    const due = calls.find(({ deadline }) => deadline !== null && deadline.place < 0);
    if (due === undefined) return;
    due.deadline = null;
    this.#interrupt(due, timedOut("send", this.#names()));
  }

  /** {@inheritDoc Starved.resume} */
  resume(): boolean {
    this.#isWaitingForArena = false;
    this.#pump();
    return !this.#isWaitingForArena;
  }

  /** The queue, with everything that is in flight in it. */
  get #line(): SendQueue {
    if (this.#lone.isInFlight) this.#lineUp();
    return this.#queue;
  }

  /** Whether nothing is to be asked or done before a lease is sent but that. */
  #isFreeFor(lease: BufferLease): boolean {
    const { owner, meter } = this.#socket;
    return this.#slot < 0 && this.#queue.head === null && !this.#isClosed && !owner.isCounted &&
      this.#gate === null && meter === null && lease.size > 0 && lease.size < ZERO_COPY_BYTES &&
      lease.isHeld && lease.isIn(this.#network.reactor.buffers);
  }

  #sendAlone(lease: BufferLease, slot: number): Promise<number> {
    this.#slot = slot;
    this.#submit(slot, Op.SEND, lease.start, lease.size);
    this.#socket.beginWait();
    return this.#lone.begin(lease, this.#network.reactor.buffers);
  }

  #leftAlone(bytes: number): void {
    const { counters, buffers } = this.#network.reactor;
    counters.add(Counter.sends, 1);
    counters.add(Counter.bytesSent, bytes);
    this.#socket.endWait();
    this.#lone.end(buffers);
  }

  #lineUp(): void {
    this.#lone.lineUp(this.#queue);
    this.#inFlight = 1;
  }

  #refusal(options: SendOptions | undefined): { reason: unknown } | null {
    if (this.#isClosed) return { reason: this.#closedError() };
    if (options?.signal?.aborted === true) return { reason: options.signal.reason };
    if (this.#queue.bytes < SEND_QUEUE_BYTES_MAX) return null;
    const detail = `${this.#queue.bytes} bytes wait in the stream's queue, its most`;
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

  /** Not before what is first in line is in the arena: it might find none left, for ever. */
  get #mayUseArena(): boolean {
    if (this.#isWaitingForArena) return false;
    const { head } = this.#queue;
    return head === null || head.heap === null;
  }

  #checkEmpty(): void {
    if (this.#queue.head !== null || this.#idle === null) return;
    const idle = this.#idle;
    this.#idle = null;
    idle();
  }

  #begin(call: SendCall, options: SendOptions | undefined): Promise<number> {
    if (call.total === 0) return Promise.resolve(0);
    return this.#park(call, options);
  }

  #park(call: SendCall, options: SendOptions | undefined): Promise<number> {
    const refusal = this.#socket.admit("send");
    if (refusal !== null) {
      this.#queue.dropCall(call);
      return Promise.reject(refusal);
    }
    this.#socket.beginWait();
    const promise = parked(call);
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

  /** Puts what is first in line into the ring, unless something is there already. */
  #pump(): void {
    const queue = this.#queue;
    if (this.#slot >= 0 || this.#turn !== null) return;
    if (this.#gate !== null && this.#gate.isWaiting) return;
    if (queue.head !== null && queue.head.call.taker !== null) {
      this.#beginTurn(queue.head.call);
      return;
    }
    if (queue.head !== null && queue.head.length >= ZERO_COPY_BYTES && this.#mustAsk()) return;
    let count = this.#settleFront();
    if (count === 0) return;
    if (this.#gate !== null) {
      count = this.#passGate(this.#gate, count);
      if (count === 0) return;
    }
    const { reactor } = this.#network;
    const isCopied = !this.#isZeroCopy(queue.head!);
    const slot = isCopied ? reactor.slots.take(this, 0) : this.#zeroCopy!.takeSlot(queue.head!);
    if (slot < 0) {
      this.#interrupt(queue.head!.call, this.#network.inFlightExceeded("send"));
      this.#pump();
      return;
    }
    this.#slot = slot;
    if (isCopied && queue.head!.length >= ZERO_COPY_BYTES) this.#zeroCopy?.passed();
    if (count > 1) {
      this.#submitVector(slot, count);
      return;
    }
    this.#inFlight = 1;
    const { offset, length } = queue.head!;
    this.#submit(slot, isCopied ? Op.SEND : this.#zeroCopy!.head, offset, length);
  }

  #submit(slot: number, head: number, offset: number, length: number): void {
    const { reactor } = this.#network;
    const at = reactor.entry(head, this.#socket.descriptor, slot);
    const words = reactor.entries;
    setLong(words, at + W_ADDRESS, reactor.memory.base + offset);
    words[at + W_LENGTH] = length;
    words[at + W_OPERATION_FLAGS] = sendFlags(this.#socket);
  }

  #beginTurn(call: SendCall): void {
    this.#turn = call;
    this.#inFlight = 1;
    const resolve = call.resolve!;
    this.#unpark(call);
    resolve(0);
  }

  /** Brings the front of the queue into ring memory. @returns how many segments can leave */
  #settleFront(): number {
    const queue = this.#queue;
    let count = 0;
    for (let segment = queue.head; segment !== null; segment = segment.next) {
      if (count === VECTOR_MOST || segment.call.taker !== null || !queue.settle(segment)) break;
      // What is sent without a copy is sent alone.
      const isLarge = segment.length >= ZERO_COPY_BYTES;
      if (isLarge && count > 0 && (this.#mustAsk() || this.#isZeroCopy(segment))) break;
      count++;
      if (isLarge && this.#isZeroCopy(segment)) break;
    }
    if (count === 0 && queue.head !== null && !this.#isWaitingForArena) {
      this.#isWaitingForArena = true;
      this.#network.reactor.awaitArena(this);
    }
    return count;
  }

  /** Whether a segment is sent without a copy. */
  #isZeroCopy(segment: Segment): boolean {
    return segment.length >= ZERO_COPY_BYTES && this.#zeroCopy !== null && this.#zeroCopy.isOn;
  }

  /** Finds out whether large segments are sent without a copy. @returns whether to wait for that */
  #mustAsk(): boolean {
    this.#zeroCopy ??= new ZeroCopySends(this.#socket, this.#queue, this);
    return this.#zeroCopy.ask();
  }

  get #draining(): readonly SendCall[] {
    return this.#zeroCopy === null ? [] : this.#zeroCopy.draining;
  }

  #submitVector(slot: number, most: number): void {
    const { reactor } = this.#network;
    if (most > SCRATCH_IOVECS) this.#vector = reactor.arena.take(most * IOVEC.SIZE);
    this.#inFlight = this.#vector === NONE ? Math.min(most, SCRATCH_IOVECS) : most;
    const header = writeVector(reactor, slot, this.#queue.head!, this.#inFlight, this.#vector);
    const at = reactor.entry(Op.SENDMSG, this.#socket.descriptor, slot);
    reactor.setLong(at + W_ADDRESS, header);
    reactor.entries[at + W_LENGTH] = 1;
    reactor.entries[at + W_OPERATION_FLAGS] = sendFlags(this.#socket);
  }

  /** Books what is about to leave. @returns how many segments may, 0 when they have to wait */
  #passGate(gate: GateWait, count: number): number {
    let bytes = 0;
    let booked = 0;
    let segment = this.#queue.head!;
    for (let index = 0; index < count; index++) {
      bytes += segment.length;
      if (bytes <= gate.booked) booked++;
      segment = segment.next!;
    }
    // What came later must not have those wait again who have waited.
    if (booked > 0) return booked;
    return gate.pass(bytes) ? count : 0;
  }

  #moved(bytes: number): void {
    const { counters } = this.#network.reactor;
    counters.add(Counter.sends, 1);
    counters.add(Counter.bytesSent, bytes);
    const { meter } = this.#socket;
    if (meter !== null) meter.addSent(bytes);
    if (this.#gate !== null) this.#gate.left(bytes);
    const queue = this.#queue;
    let left = bytes;
    while (left > 0) {
      left = queue.take(left);
      if (queue.finished !== null) this.#finish(queue.finished);
    }
    if (this.#interrupted > 0) this.#endAllInterrupted();
  }

  #failed(errno: number): void {
    if (errno === Errno.ECANCELED || errno === Errno.EINTR || errno === Errno.EAGAIN) {
      if (this.#interrupted > 0) this.#endAllInterrupted();
      return;
    }
    this.#end(completionError(errno, { operation: "send", ...this.#names() }));
  }

  #endAllInterrupted(): void {
    this.#interrupted = 0;
    for (const call of this.#queue.calls()) {
      if (call.hasReason && call.reject !== null) this.#endInterrupted(call);
    }
  }

  /** An interrupted call whose operation is over: nothing of it may leave any more. */
  #endInterrupted(call: SendCall): void {
    this.#queue.dropCall(call);
    if (call.moved === 0) {
      this.#giveUp(call, call.reason);
      return;
    }
    const error = partialSend(call.moved, call.reason, this.#names());
    this.#giveUp(call, error);
    this.#breakOff(error);
  }

  /** The peer would take later bytes for the rest of those that moved: the write side ends here. */
  #breakOff(error: Error): void {
    // Once the stream is closed the descriptor may be another connection's.
    const isOpen = !this.#isClosed;
    this.#end(error);
    if (isOpen) this.#network.shutdown(this.#socket, Shut.WR);
  }

  /** Nothing more can be sent: whoever waits is told why. */
  #end(error: Error): void {
    this.#closedBy ??= error;
    this.#isClosed = true;
    for (const call of this.#queue.calls()) {
      this.#giveUp(call, call.hasReason ? call.reason : error);
    }
    this.#queue.dropBehind(0);
  }

  /** Cancels what is in flight. */
  #cancel(): void {
    this.#cancelling ??= new SendCancel(this.#network.reactor, this.#slot);
  }

  /** Withdraws a call: at once when nothing of it is in flight, else when its operation ends. */
  #interrupt(call: SendCall, reason: unknown): void {
    if (call.resolve === null || call.hasReason) return;
    // Everything is sent, and only its memory is awaited: no longer, then.
    if (this.#draining.includes(call)) return this.#complete(call);
    call.reason = reason;
    call.hasReason = true;
    let segment = this.#queue.head;
    for (let index = 0; index < this.#inFlight; index++) {
      if (segment!.call === call) {
        this.#interrupted++;
        this.#cancel();
        return;
      }
      segment = segment!.next;
    }
    this.#endInterrupted(call);
  }

  #finish(call: SendCall): void {
    if (call.resolve === null || (this.#zeroCopy !== null && this.#zeroCopy.drain(call))) return;
    this.#complete(call);
    call.end();
  }

  #complete(call: SendCall): void {
    const resolve = call.resolve!;
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
    if (call.hold !== null) this.#zeroCopy!.release(call);
    call.resolve = null;
    call.reject = null;
    if (call.cleanUp !== null) call.cleanUp();
    if (call.deadline !== null) this.#network.reactor.disarmDeadline(call.deadline);
    call.deadline = null;
    this.#socket.endWait();
  }

  #closedError(): Error {
    return this.#closedBy ?? badResource("send", "the stream is closed", this.#names());
  }

  #names(): { local: string; remote: string } {
    return this.#network.namesOf(this.#socket);
  }
}
