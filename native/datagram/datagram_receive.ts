/**
 * The receiving half of a datagram endpoint: one multishot RECVMSG into provided buffers.
 *
 * ```text
 *  IDLE --arm--> ARMED --completion without MORE--> IDLE
 *                  | cancel (abort, deadline, break, too much ahead, close)
 *                  v
 *              CANCELLING --terminal completion--> IDLE
 * ```
 *
 * Completions of a turn gather in frames; a waiting reader is told once, at the end of the turn.
 * What a reader does not take waits for the next one, up to a bound, beyond which the receive is
 * cancelled and the kernel's own queue holds, and then drops, what comes.
 *
 * @module
 */

import type { Datagram, MessageDatagram } from "./datagram.ts";
import { tooManyHeld } from "./datagram_errors.ts";
import { type Frame, FRAME_MESSAGES } from "./datagram_frames.ts";
import { DatagramInbox } from "./datagram_inbox.ts";
import { type ReceiveLayout, writeTemplate } from "./datagram_template.ts";
import { badResource, busy, completionError, timedOut } from "../errors.ts";
import type { Network } from "../network.ts";
import type { Socket } from "../socket.ts";
import type { OpOptions } from "../stream/stream_receive.ts";
import { DATAGRAM_GROUP } from "../../ring/buffers.ts";
import type { Deadline, DeadlineTarget } from "../../ring/deadlines.ts";
import type { Starved, TurnEnd } from "../../ring/reactor.ts";
import type { CompletionTarget } from "../../ring/slots.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { W_ADDRESS, W_BUFFER_GROUP, W_LENGTH } from "../../ring/abi/layout.ts";
import { CQE_BUFFER_SHIFT, CqeFlag, IoPrio, Op, SqeFlag } from "../../ring/abi/opcodes.ts";

/** Messages that wait for a reader before the receive is cancelled. */
const PENDING_HIGH = 2 * FRAME_MESSAGES;
/** Messages that may wait when it is armed again. */
const PENDING_LOW = FRAME_MESSAGES;

const HEAD_SINGLE = Op.RECVMSG | (SqeFlag.BUFFER_SELECT << 8);
const HEAD_MULTISHOT = HEAD_SINGLE | (IoPrio.RECV_MULTISHOT << 16);

const State = { IDLE: 0, ARMED: 1, CANCELLING: 2, STARVED: 3 } as const;
type State = typeof State[keyof typeof State];

/** Shapes what an iterating reader is given. */
export interface BatchReader {
  /** @param frame the next batch, null at the end */
  accept(frame: Frame | null): IteratorResult<readonly Datagram[]>;
  /** Notes that reading ended. */
  fail(): void;
}

type Outcome = MessageDatagram | IteratorResult<readonly Datagram[]>;
type Resolve = (value: Outcome) => void;
type Reject = (reason: unknown) => void;

// One waiter per endpoint: its resolvers go from the promise's executor here without a closure.
let parking: DatagramReceiver;
function park(resolve: Resolve, reject: Reject): void {
  parking.resolve = resolve;
  parking.reject = reject;
}

/** The receiving half of one datagram endpoint. */
export class DatagramReceiver implements CompletionTarget, DeadlineTarget, Starved, TurnEnd {
  /** Whether somebody reads: only one at a time. */
  hasReader = false;
  readonly inbox: DatagramInbox;
  /** The waiter's resolvers; set by `park`. */
  resolve: Resolve | null = null;
  /** See {@linkcode DatagramReceiver.resolve}. */
  reject: Reject | null = null;
  readonly #socket: Socket;
  readonly #network: Network;
  readonly #leasesMax: number;
  readonly #isMultishot: boolean;
  #state: State = State.IDLE;
  #slot = -1;
  #isTurnAwaited = false;
  /** An error of the socket's that no reader was told of yet. */
  #errno = 0;
  #isClosed = false;
  #closedBy: Error | null = null;
  #batchReader: BatchReader | null = null;
  /** Why the waiter gave up, wrapped because a reason may be anything. */
  #interrupt: { readonly reason: unknown } | null = null;
  #deadline: Deadline | null = null;
  #idle: (() => void) | null = null;

  constructor(socket: Socket, layout: ReceiveLayout) {
    this.#socket = socket;
    this.#network = socket.network;
    this.#leasesMax = layout.leasesMax;
    this.#isMultishot = socket.network.reactor.driver.features.multishotReceive;
    this.inbox = new DatagramInbox(socket.network, layout);
  }

  /** Whether it was closed by `close()`, not by a revocation. */
  get isClosedOrdinarily(): boolean {
    return this.#isClosed && this.#closedBy === null;
  }

  /** Waits for one datagram. */
  next(options: OpOptions | undefined): Promise<MessageDatagram> {
    const { inbox } = this;
    if (inbox.leases >= this.#leasesMax) {
      return Promise.reject(tooManyHeld(inbox.leases, this.#names()));
    }
    const refusal = this.#refusal(options);
    if (refusal !== null) return Promise.reject(refusal.reason);
    if (inbox.pending > 0) return Promise.resolve(inbox.takeOne());
    return this.#wait<MessageDatagram>(null, options);
  }

  /** Waits for a batch and keeps receiving; the reader shapes the outcome. */
  nextFor(
    reader: BatchReader,
    options: OpOptions | undefined,
  ): Promise<IteratorResult<readonly Datagram[]>> {
    const { inbox } = this;
    if (inbox.pending > 0 && options?.signal?.aborted !== true) {
      const frame = inbox.takeFrame();
      if (this.#state === State.IDLE && inbox.pending < PENDING_LOW) this.#arm();
      return Promise.resolve(reader.accept(frame));
    }
    if (this.isClosedOrdinarily) return Promise.resolve(reader.accept(null));
    const refusal = this.#refusal(options);
    if (refusal !== null) {
      reader.fail();
      return Promise.reject(refusal.reason);
    }
    return this.#wait<IteratorResult<readonly Datagram[]>>(reader, options);
  }

  /** Stops receiving ahead. @returns when nothing is armed any more; what came is kept */
  stop(): Promise<void> {
    if (this.#state === State.STARVED) this.#state = State.IDLE;
    if (this.#slot < 0) return Promise.resolve();
    this.#cancel();
    return this.#whenDisarmed();
  }

  /**
   * Ends the side.
   *
   * @param reason what a waiting reader rejects with, null for an ordinary close
   * @returns when no receive is armed any more, null when none is now
   */
  terminate(reason: Error | null): Promise<void> | null {
    this.#isClosed = true;
    this.#closedBy = reason;
    this.inbox.close();
    if (this.#state === State.STARVED) this.#state = State.IDLE;
    if (this.#slot < 0) {
      if (this.resolve !== null) this.#failClosed();
      return null;
    }
    this.#cancel();
    return this.#whenDisarmed();
  }

  /** {@inheritDoc CompletionTarget.onCompletion} */
  onCompletion(_tag: number, result: number, flags: number, slot: number): void {
    const isTerminal = (flags & CqeFlag.MORE) === 0;
    if (isTerminal) {
      this.#slot = -1;
      this.#state = State.IDLE;
    }
    const hasBuffer = (flags & CqeFlag.BUFFER) !== 0;
    if (result < 0) this.#failed(-result);
    else if (hasBuffer) this.#arrived(flags >>> CQE_BUFFER_SHIFT, result, slot);
    // A single receive takes no buffer for an empty datagram.
    else if (!this.#isMultishot) this.#arrived(-1, result, slot);
    if (isTerminal) this.#disarmed();
  }

  /** {@inheritDoc TurnEnd.onTurnEnd} */
  onTurnEnd(): void {
    this.#isTurnAwaited = false;
    const { inbox, resolve } = this;
    if (resolve === null || inbox.pending === 0) return;
    const reader = this.#batchReader;
    // A program may take its time with a batch; other endpoints must not starve meanwhile.
    if (inbox.isScarce) inbox.moveToHeap();
    const value = reader === null ? inbox.takeOne() : reader.accept(inbox.takeFrame());
    this.#unpark();
    resolve(value);
  }

  /** {@inheritDoc DeadlineTarget.onDeadline} */
  onDeadline(_tag: number): void {
    this.#deadline = null;
    this.#interruptWith(timedOut("receive", this.#names()));
  }

  /** {@inheritDoc Starved.resume} */
  resume(): boolean {
    if (this.#state !== State.STARVED) return true;
    this.#state = State.IDLE;
    if (this.resolve !== null) this.#arm();
    return true;
  }

  #wait<Value extends Outcome>(
    reader: BatchReader | null,
    options: OpOptions | undefined,
  ): Promise<Value> {
    if (this.resolve !== null) {
      return Promise.reject(busy("receive", "the last call still waits", this.#names()));
    }
    const refusal = this.#socket.admit("receive");
    if (refusal !== null) {
      reader?.fail();
      return Promise.reject(refusal);
    }
    this.#batchReader = reader;
    this.#socket.beginWait();
    parking = this;
    const promise = new Promise<Outcome>(park);
    if (options !== undefined) this.#guard(options);
    if (this.#state === State.IDLE) this.#arm();
    return promise as Promise<Value>;
  }

  /** What is in the way of waiting, wrapped because a reason may be anything. */
  #refusal(options: OpOptions | undefined): { readonly reason: unknown } | null {
    if (options?.signal?.aborted === true) return { reason: options.signal.reason };
    if (this.#isClosed) return { reason: this.#closedError() };
    if (this.inbox.pending > 0 || this.#errno === 0) return null;
    const errno = this.#errno;
    this.#errno = 0;
    return { reason: this.#error(errno) };
  }

  #guard(options: OpOptions): void {
    const { signal, timeoutMs } = options;
    if (timeoutMs !== undefined) {
      this.#deadline = this.#network.reactor.armDeadline(timeoutMs, this, 0);
    }
    if (signal === undefined) return;
    const onAbort = () => this.#interruptWith(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    const [resolve, reject] = [this.resolve!, this.reject!];
    this.resolve = (value) => {
      signal.removeEventListener("abort", onAbort);
      resolve(value);
    };
    this.reject = (reason) => {
      signal.removeEventListener("abort", onAbort);
      reject(reason);
    };
  }

  /** Cancels for a waiter that gave up; it is told when the receive ended with nothing for it. */
  #interruptWith(reason: unknown): void {
    if (this.resolve === null) return;
    this.#interrupt = { reason };
    if (this.#state === State.STARVED) this.#state = State.IDLE;
    if (this.#slot >= 0) this.#cancel();
    else this.#disarmed();
  }

  #arm(): void {
    const { reactor } = this.#network;
    if (reactor.datagramBuffers.available === 0) {
      this.#state = State.STARVED;
      reactor.awaitBuffers(this, reactor.datagramBuffers);
      return;
    }
    const slot = reactor.slots.take(this, 0);
    if (slot < 0) {
      this.#fail(this.#network.inFlightExceeded("receive"));
      return;
    }
    this.#slot = slot;
    this.#state = State.ARMED;
    const head = this.#isMultishot ? HEAD_MULTISHOT : HEAD_SINGLE;
    const header = writeTemplate(reactor, slot, this.inbox.nameRoom, this.#isMultishot);
    const at = reactor.entry(head, this.#socket.descriptor, slot);
    reactor.setLong(at + W_ADDRESS, reactor.memory.base + header);
    reactor.entries[at + W_LENGTH] = 1;
    reactor.entries[at + W_BUFFER_GROUP] = DATAGRAM_GROUP;
  }

  #cancel(): void {
    if (this.#state !== State.ARMED) return;
    this.#state = State.CANCELLING;
    this.#network.reactor.cancel(this.#slot);
  }

  /** A message has come. @param id of the buffer it is in, -1 for one without a payload */
  #arrived(id: number, result: number, slot: number): void {
    const { inbox } = this;
    const { reactor } = this.#network;
    if (id >= 0) reactor.datagramBuffers.arrive(id);
    if (this.#isClosed) {
      if (id >= 0) reactor.datagramBuffers.release(id);
      return;
    }
    const message = inbox.add(id, result, slot);
    if (message === null) return;
    if (this.resolve !== null) {
      if (this.#isTurnAwaited) return;
      this.#isTurnAwaited = true;
      reactor.atTurnEnd(this);
      return;
    }
    if (inbox.isScarce) message.moveToHeap();
    if (inbox.pending >= PENDING_HIGH) this.#cancel();
  }

  #failed(errno: number): void {
    if (errno === Errno.ENOBUFS) {
      if (this.resolve === null || this.#interrupt !== null) return;
      this.#state = State.STARVED;
      const { reactor } = this.#network;
      reactor.awaitBuffers(this, reactor.datagramBuffers);
      return;
    }
    if (errno === Errno.ECANCELED || errno === Errno.EINTR || errno === Errno.EAGAIN) return;
    // An ICMP error, say: it is told once, and the endpoint lives on.
    this.#errno = errno;
  }

  /** After a terminal completion: whoever still waits is told why, or waits on. */
  #disarmed(): void {
    this.#idle?.();
    this.#idle = null;
    // Who is given something at the end of the turn is not told of anything else.
    if (this.resolve === null || (this.#isTurnAwaited && this.inbox.pending > 0)) return;
    if (this.#isClosed) this.#failClosed();
    else if (this.#interrupt !== null) this.#fail(this.#interrupt.reason);
    else if (this.#errno !== 0) {
      const errno = this.#errno;
      this.#errno = 0;
      this.#fail(this.#error(errno));
    } else if (this.#state === State.IDLE) this.#arm();
  }

  /** The endpoint was closed under a waiting reader. */
  #failClosed(): void {
    const reader = this.#batchReader;
    if (reader === null || !this.isClosedOrdinarily) {
      this.#fail(this.#closedError());
      return;
    }
    const resolve = this.resolve!;
    this.#unpark();
    resolve(reader.accept(null));
  }

  #fail(reason: unknown): void {
    const { reject } = this;
    if (reject === null) return;
    const reader = this.#batchReader;
    this.#unpark();
    reader?.fail();
    reject(reason);
  }

  #unpark(): void {
    this.#batchReader = null;
    this.resolve = null;
    this.reject = null;
    this.#interrupt = null;
    if (this.#deadline !== null) {
      this.#network.reactor.disarmDeadline(this.#deadline);
      this.#deadline = null;
    }
    this.#socket.endWait();
  }

  #whenDisarmed(): Promise<void> {
    const { reactor } = this.#network;
    // Whoever awaits it is alive until it is done.
    reactor.reference();
    return new Promise((resolve) => {
      const before = this.#idle;
      this.#idle = () => {
        before?.();
        reactor.dereference();
        resolve();
      };
    });
  }

  #closedError(): Error {
    return this.#closedBy ?? badResource("receive", "the endpoint is closed", this.#names());
  }

  #error(errno: number): Error {
    return completionError(errno, { operation: "receive", ...this.#names() });
  }

  #names(): { local: string; remote: string } {
    return this.#network.namesOf(this.#socket);
  }
}
