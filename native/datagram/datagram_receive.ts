/**
 * The receiving half of a datagram endpoint: one multishot RECVMSG into provided buffers.
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
import type { OpOptions } from "../operation.ts";
import { type IteratingReader, ReceiveState, ReceivingHalf } from "../receiving_half.ts";
import type { Socket } from "../socket.ts";
import { DATAGRAM_GROUP } from "../../ring/buffers.ts";
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

/** Shapes what an iterating reader is given. */
export type BatchReader = IteratingReader<Frame, readonly Datagram[]>;

/** The receiving half of one datagram endpoint. */
export class DatagramReceiver extends ReceivingHalf<Frame, readonly Datagram[], MessageDatagram>
  implements CompletionTarget, Starved, TurnEnd {
  /** Whether somebody reads: only one at a time. */
  hasReader = false;
  readonly inbox: DatagramInbox;
  readonly #leasesMax: number;
  readonly #isMultishot: boolean;
  #isTurnAwaited = false;
  /** An error of the socket's that no reader was told of yet. */
  #errno = 0;

  constructor(socket: Socket, layout: ReceiveLayout) {
    super(socket);
    this.#leasesMax = layout.leasesMax;
    this.#isMultishot = socket.network.reactor.driver.features.multishotReceive;
    this.inbox = new DatagramInbox(socket.network, layout);
  }

  /** Waits for one datagram. */
  next(options: OpOptions | undefined): Promise<MessageDatagram> {
    const { inbox } = this;
    if (inbox.leases >= this.#leasesMax) {
      return Promise.reject(tooManyHeld(inbox.leases, this.names()));
    }
    const refusal = this.#refusal(options);
    if (refusal !== null) return Promise.reject(refusal.reason);
    if (inbox.pending > 0) return Promise.resolve(inbox.takeOne());
    return this.wait<MessageDatagram>(null, options);
  }

  /** Waits for a batch and keeps receiving; the reader shapes the outcome. */
  nextFor(
    reader: BatchReader,
    options: OpOptions | undefined,
  ): Promise<IteratorResult<readonly Datagram[]>> {
    const { inbox } = this;
    if (inbox.pending > 0 && options?.signal?.aborted !== true) {
      const frame = inbox.takeFrame();
      if (this.state === ReceiveState.IDLE && inbox.pending < PENDING_LOW) this.arm();
      return Promise.resolve(reader.accept(frame));
    }
    if (this.isClosedOrdinarily) return Promise.resolve(reader.accept(null));
    const refusal = this.#refusal(options);
    if (refusal !== null) {
      reader.fail();
      return Promise.reject(refusal.reason);
    }
    return this.wait<IteratorResult<readonly Datagram[]>>(reader, options);
  }

  /** {@inheritDoc CompletionTarget.onCompletion} */
  onCompletion(_tag: number, result: number, flags: number, slot: number): void {
    const isTerminal = (flags & CqeFlag.MORE) === 0;
    if (isTerminal) {
      this.slot = -1;
      this.state = ReceiveState.IDLE;
    }
    const hasBuffer = (flags & CqeFlag.BUFFER) !== 0;
    if (result < 0) this.#failed(-result);
    else if (hasBuffer) this.#arrived(flags >>> CQE_BUFFER_SHIFT, result, slot);
    // A single receive takes no buffer for an empty datagram.
    else if (!this.#isMultishot) this.#arrived(-1, result, slot);
    if (isTerminal) this.disarmed();
  }

  /** {@inheritDoc TurnEnd.onTurnEnd} */
  onTurnEnd(): void {
    this.#isTurnAwaited = false;
    const { inbox, resolve } = this;
    if (resolve === null || inbox.pending === 0) return;
    const reader = this.iterating;
    // A program may take its time with a batch; other endpoints must not starve meanwhile.
    if (inbox.isScarce) inbox.moveToHeap();
    const value = reader === null ? inbox.takeOne() : reader.accept(inbox.takeFrame());
    this.unpark();
    resolve(value);
  }

  /** {@inheritDoc Starved.resume} */
  resume(): boolean {
    if (this.state !== ReceiveState.STARVED) return true;
    this.state = ReceiveState.IDLE;
    if (this.resolve !== null) this.arm();
    return true;
  }

  /** What is in the way of waiting, wrapped because a reason may be anything. */
  #refusal(options: OpOptions | undefined): { readonly reason: unknown } | null {
    if (options?.signal?.aborted === true) return { reason: options.signal.reason };
    if (this.isClosed) return { reason: this.closedError() };
    if (this.inbox.pending > 0 || this.#errno === 0) return null;
    const errno = this.#errno;
    this.#errno = 0;
    return { reason: this.error(errno) };
  }

  /** {@inheritDoc ReceivingHalf.arm} */
  protected arm(): void {
    const { reactor } = this.network;
    if (reactor.datagramBuffers.available === 0) {
      this.state = ReceiveState.STARVED;
      reactor.awaitBuffers(this, reactor.datagramBuffers);
      return;
    }
    const slot = reactor.slots.take(this, 0);
    if (slot < 0) {
      this.fail(this.network.inFlightExceeded("receive"));
      return;
    }
    this.slot = slot;
    this.state = ReceiveState.ARMED;
    const head = this.#isMultishot ? HEAD_MULTISHOT : HEAD_SINGLE;
    const header = writeTemplate(reactor, slot, this.inbox.nameRoom, this.#isMultishot);
    const at = reactor.entry(head, this.socket.descriptor, slot);
    reactor.setLong(at + W_ADDRESS, reactor.memory.base + header);
    reactor.entries[at + W_LENGTH] = 1;
    reactor.entries[at + W_BUFFER_GROUP] = DATAGRAM_GROUP;
  }

  /** A message has come. @param id of the buffer it is in, -1 for one without a payload */
  #arrived(id: number, result: number, slot: number): void {
    const { inbox } = this;
    const { reactor } = this.network;
    if (id >= 0) reactor.datagramBuffers.arrive(id);
    if (this.isClosed) {
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
    if (inbox.pending >= PENDING_HIGH) this.cancel();
  }

  #failed(errno: number): void {
    if (errno === Errno.ENOBUFS) {
      if (this.resolve === null || this.isInterrupted) return;
      this.state = ReceiveState.STARVED;
      const { reactor } = this.network;
      reactor.awaitBuffers(this, reactor.datagramBuffers);
      return;
    }
    if (errno === Errno.ECANCELED || errno === Errno.EINTR || errno === Errno.EAGAIN) return;
    // An ICMP error, say: it is told once, and the endpoint lives on.
    this.#errno = errno;
  }

  /** {@inheritDoc ReceivingHalf.disarmed} */
  protected disarmed(): void {
    this.tellDisarmed();
    // Who is given something at the end of the turn is not told of anything else.
    if (this.resolve === null || (this.#isTurnAwaited && this.inbox.pending > 0)) return;
    if (this.failInVain()) return;
    if (this.#errno !== 0) {
      const errno = this.#errno;
      this.#errno = 0;
      this.failCompletion(errno);
    } else if (this.state === ReceiveState.IDLE) this.arm();
  }

  /** {@inheritDoc ReceivingHalf.letGo} */
  protected letGo(): void {
    this.inbox.close();
  }

  /** {@inheritDoc ReceivingHalf.closedDetail} */
  protected get closedDetail(): string {
    return "the endpoint is closed";
  }
}
