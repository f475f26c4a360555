/**
 * Sending over Unix sockets what must not be mixed with other sends: a whole message, or bytes that
 * carry descriptors. Each takes its turn on the write side of its stream.
 *
 * ```text
 *  block in the arena:  msghdr | vector | control message with descriptors | bytes
 * ```
 *
 * Descriptors go with the first byte: what a partial send leaves over follows without them.
 *
 * @module
 */

import { completionError, netError, partialSend, timedOut } from "../errors.ts";
import { GateWait } from "../limits/gate_wait.ts";
import type { Network } from "../network.ts";
import type { RingBuffer } from "../ring_buffer.ts";
import { SendCancel } from "../stream/send_cancel.ts";
import type { TurnTaker } from "../stream/send_queue.ts";
import type { Socket } from "../socket.ts";
import type { SendOptions, SendSide } from "../stream/stream_send.ts";
import { OwnedFd } from "./unix_descriptors.ts";
import { Counter } from "../../ring/counters.ts";
import type { DeadlineTarget } from "../../ring/deadlines.ts";
import type { Starved } from "../../ring/reactor.ts";
import type { CompletionTarget } from "../../ring/slots.ts";
import { controlSpace, writeControl } from "../../ring/abi/control.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { IOVEC, MSGHDR, W_ADDRESS, W_LENGTH, W_OPERATION_FLAGS } from "../../ring/abi/layout.ts";
import { putLong } from "../../ring/abi/long.ts";
import { Msg, Op, Scm, SockOpt } from "../../ring/abi/opcodes.ts";

/** Bytes of a stream's send that are in the arena at a time. */
const CHUNK_BYTES = 64 * 1024;
const HEADER_BYTES = MSGHDR.SIZE + IOVEC.SIZE;
/** What Linux takes off the send buffer before it compares: `unix_dgram_sendmsg` in af_unix.c. */
const SEND_BUFFER_OVERHEAD = 32;
const NONE = -1;

/** What is to be sent. */
export interface Outgoing {
  readonly operation: "send" | "sendFds" | "sendZeroCopy";
  /** Bytes of the sender's own, or memory in the ring that is sent in place. */
  readonly data: Uint8Array | RingBuffer;
  readonly descriptors: readonly (number | OwnedFd)[];
  /** Whether it is a message, which leaves whole or not at all. */
  readonly isMessage: boolean;
}

/** One message, or the bytes of one `sendFds`, on their way. */
export class UnixSender implements CompletionTarget, DeadlineTarget, TurnTaker, Starved {
  readonly #socket: Socket;
  readonly #network: Network;
  readonly #sending: SendSide;
  readonly #outgoing: Outgoing;
  readonly #bytes: Uint8Array | null;
  readonly #buffer: RingBuffer | null;
  readonly #total: number;
  /** Numbers of the descriptors that did not leave yet. */
  #descriptors: number[] = [];
  #moved = 0;
  /** Bytes up to which the block is filled. */
  #filled = 0;
  #hasLeft = false;
  #block = NONE;
  #slot = NONE;
  #cancelling: SendCancel | null = null;
  #isQueued = false;
  /** Has it wait for the rate limit; null without one. */
  readonly #gate: GateWait | null;
  #failure: Error | null = null;
  #isTooLong = false;
  #interruption: { readonly reason: unknown } | null = null;
  #isStopped = false;
  #wake: (() => void) | null = null;

  constructor(socket: Socket, sending: SendSide, outgoing: Outgoing) {
    this.#socket = socket;
    this.#network = socket.network;
    this.#sending = sending;
    this.#outgoing = outgoing;
    const { data } = outgoing;
    this.#bytes = data instanceof Uint8Array ? data : null;
    this.#buffer = data instanceof Uint8Array ? null : data;
    this.#total = data.length;
    const { network: { reactor }, owner: { sendGate } } = socket;
    this.#gate = sendGate === null ? null : new GateWait(sendGate, reactor, () => this.#wake?.());
  }

  /**
   * Sends it when its turn among the stream's sends comes.
   *
   * @returns how many bytes there were
   */
  async run(options: SendOptions | undefined): Promise<number> {
    const release = this.#acquire();
    const { reactor } = this.#network;
    const { signal, timeoutMs } = options ?? {};
    const deadline = timeoutMs === undefined ? null : reactor.armDeadline(timeoutMs, this, 0);
    const onAbort = () => this.#interrupt(signal!.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      await this.#sending.enterTurn(this, options);
      return await this.#sendInTurn();
    } finally {
      if (deadline !== null) reactor.disarmDeadline(deadline);
      signal?.removeEventListener("abort", onAbort);
      release();
    }
  }

  /** {@inheritDoc TurnTaker.stop} */
  stop(reason: Error): void {
    this.#isStopped = true;
    this.#interrupt(reason);
  }

  /** {@inheritDoc Starved.resume} */
  resume(): boolean {
    if (!this.#isQueued) return true;
    this.#block = this.#network.reactor.arena.take(this.#dataStart + this.#roomBytes);
    if (this.#block === NONE) return false;
    this.#isQueued = false;
    this.#wake?.();
    return true;
  }

  /** {@inheritDoc DeadlineTarget.onDeadline} */
  onDeadline(): void {
    this.#interrupt(timedOut(this.#outgoing.operation, this.#names()));
  }

  /** {@inheritDoc CompletionTarget.onCompletion} */
  onCompletion(_tag: number, result: number): void {
    this.#slot = NONE;
    this.#cancelling?.end();
    this.#cancelling = null;
    if (result >= 0) this.#left(result);
    else this.#failed(-result);
    this.#wake?.();
  }

  /** Takes what the send needs for its life. @returns what gives it back */
  #acquire(): () => void {
    const { operation, descriptors } = this.#outgoing;
    const { owner } = this.#socket;
    const refusal = this.#socket.admit(operation);
    if (refusal !== null) throw refusal;
    this.#socket.beginWait();
    const charged = this.#bytes === null || !owner.isCounted ? 0 : this.#total;
    const reached = charged === 0 ? null : owner.acquire("bufferBytes", charged, operation);
    if (reached !== null) {
      this.#socket.endWait();
      throw reached;
    }
    for (const descriptor of descriptors) {
      const isNumber = typeof descriptor === "number";
      this.#descriptors.push(isNumber ? descriptor : descriptor.pin(operation));
    }
    this.#buffer?.pin();
    return () => {
      if (charged > 0) owner.release("bufferBytes", charged);
      for (const descriptor of descriptors) {
        if (descriptor instanceof OwnedFd) descriptor.unpin();
      }
      this.#buffer?.unpin();
      this.#socket.endWait();
    };
  }

  async #sendInTurn(): Promise<number> {
    while (!this.#isOver) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      if (this.#isReady()) this.#submit();
      if (this.#isOver && this.#slot === NONE) break;
      await promise;
    }
    this.#wake = null;
    this.#isQueued = false;
    if (this.#isTooLong) this.#failure = await this.#tooLongForSocket();
    this.#gate?.close();
    if (this.#block !== NONE) this.#network.reactor.giveArena(this.#block);
    const isWhole = this.#hasLeft && this.#moved === this.#total;
    const error = isWhole ? null : this.#error();
    const isBroken = this.#moved > 0 && !isWhole && !this.#isStopped;
    this.#sending.leaveTurn(isBroken ? error as Error : null);
    if (error !== null) throw error;
    return this.#total;
  }

  get #isOver(): boolean {
    if (this.#slot !== NONE) return false;
    if (this.#failure !== null || this.#interruption !== null) return true;
    return this.#hasLeft && this.#moved === this.#total;
  }

  /** Sees to memory and to the rate limit. */
  #isReady(): boolean {
    if (this.#buffer === null && this.#block === NONE && !this.#takeBlock()) return false;
    return this.#gate === null || this.#gate.pass(this.#total - this.#moved);
  }

  #takeBlock(): boolean {
    const { arena } = this.#network.reactor;
    const bytes = this.#dataStart + this.#roomBytes;
    if (bytes > arena.largestBytes) {
      this.#failure = this.#tooLong(arena.largestBytes - this.#dataStart, "ring.arenaBytes");
      return false;
    }
    if (!this.#isQueued) this.#block = arena.take(bytes);
    if (this.#block !== NONE) return true;
    if (!this.#isQueued) this.#network.reactor.awaitArena(this);
    this.#isQueued = true;
    return false;
  }

  /** Bytes of data in the block. */
  get #roomBytes(): number {
    return this.#outgoing.isMessage ? this.#total : Math.min(this.#total, CHUNK_BYTES);
  }

  /** Where they begin in it. */
  get #dataStart(): number {
    const { length } = this.#outgoing.descriptors;
    return length === 0 ? 0 : HEADER_BYTES + controlSpace(4 * length);
  }

  #submit(): void {
    const { reactor } = this.#network;
    const slot = reactor.slots.take(this, 0);
    if (slot < 0) {
      this.#failure = this.#network.inFlightExceeded(this.#outgoing.operation);
      return;
    }
    this.#slot = slot;
    const { bytes, base } = reactor.memory;
    const room = this.#roomBytes;
    let offset = this.#buffer?.offset ?? this.#block + this.#dataStart;
    let length = this.#total;
    if (this.#bytes !== null) {
      const start = this.#moved - this.#moved % Math.max(1, room);
      if (this.#filled <= this.#moved) {
        this.#filled = Math.min(this.#total, start + room);
        bytes.set(this.#bytes.subarray(start, this.#filled), offset);
      }
      offset += this.#moved - start;
      length = this.#filled - this.#moved;
    }
    if (this.#descriptors.length > 0) {
      this.#submitMessage(slot, offset, length);
      return;
    }
    const at = reactor.entry(Op.SEND, this.#socket.descriptor, slot);
    reactor.setLong(at + W_ADDRESS, base + offset);
    reactor.entries[at + W_LENGTH] = length;
    const isWhole = this.#outgoing.isMessage;
    reactor.entries[at + W_OPERATION_FLAGS] = Msg.NOSIGNAL | (isWhole ? 0 : Msg.WAITALL);
  }

  /** With descriptors; without MSG_WAITALL, so that no kernel may send them again with the rest. */
  #submitMessage(slot: number, offset: number, length: number): void {
    const { reactor } = this.#network;
    const { base, words } = reactor.memory;
    const header = this.#block;
    const vector = header + MSGHDR.SIZE;
    const control = vector + IOVEC.SIZE;
    const descriptors = this.#descriptors;
    const data = writeControl(
      words,
      control,
      SockOpt.SOL_SOCKET,
      Scm.RIGHTS,
      4 * descriptors.length,
    );
    words.set(descriptors, data >> 2);
    words.fill(0, header >> 2, vector >> 2);
    putLong(words, header + MSGHDR.IOV, base + vector);
    words[(header + MSGHDR.IOV_LENGTH) >> 2] = 1;
    putLong(words, header + MSGHDR.CONTROL, base + control);
    words[(header + MSGHDR.CONTROL_LENGTH) >> 2] = controlSpace(4 * descriptors.length);
    putLong(words, vector + IOVEC.BASE, base + offset);
    putLong(words, vector + IOVEC.LENGTH, length);
    const at = reactor.entry(Op.SENDMSG, this.#socket.descriptor, slot);
    reactor.setLong(at + W_ADDRESS, base + header);
    reactor.entries[at + W_LENGTH] = 1;
    reactor.entries[at + W_OPERATION_FLAGS] = Msg.NOSIGNAL;
  }

  #left(count: number): void {
    const { counters } = this.#network.reactor;
    counters.add(Counter.sends, 1);
    counters.add(Counter.bytesSent, count);
    this.#socket.meter?.addSent(Math.max(1, count));
    this.#gate?.left(count);
    this.#moved += count;
    this.#hasLeft = true;
    this.#descriptors = [];
  }

  #failed(errno: number): void {
    if (errno === Errno.ECANCELED || errno === Errno.EINTR || errno === Errno.EAGAIN) return;
    const { operation, descriptors } = this.#outgoing;
    this.#isTooLong = this.#outgoing.isMessage && errno === Errno.EMSGSIZE;
    const isDescriptor = descriptors.length > 0 && !this.#hasLeft && errno === Errno.EBADF;
    const detail = isDescriptor ? "one of the descriptors is not open" : undefined;
    this.#failure = completionError(errno, { operation, ...this.#names(), detail });
  }

  async #tooLongForSocket(): Promise<Error> {
    const words = new Int32Array(1);
    const { SOL_SOCKET, SO_SNDBUF } = SockOpt;
    await this.#network.getOption(this.#socket.descriptor, SOL_SOCKET, SO_SNDBUF, words);
    return this.#tooLong(words[0] - SEND_BUFFER_OVERHEAD, "sendBufferBytes");
  }

  #tooLong(most: number, limit: string): Error {
    const detail = `a message of ${this.#total} bytes is larger than ${most}, the most (${limit})`;
    return netError(Errno.EMSGSIZE, {
      operation: this.#outgoing.operation,
      ...this.#names(),
      detail,
    });
  }

  #interrupt(reason: unknown): void {
    this.#interruption ??= { reason };
    if (this.#slot !== NONE) this.#cancelling ??= new SendCancel(this.#network.reactor, this.#slot);
    else this.#wake?.();
  }

  /** What to reject with: the reason, or how far it came. */
  #error(): unknown {
    const reason = this.#failure ?? this.#interruption!.reason;
    if (this.#moved === 0 || this.#isStopped) return reason;
    return partialSend(this.#moved, reason, this.#names());
  }

  #names(): { local: string; remote: string } {
    return this.#network.namesOf(this.#socket);
  }
}
