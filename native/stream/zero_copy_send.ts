/**
 * Sending without a copy (`IORING_OP_SEND_ZC`), on streams whose option `zeroCopy` is set.
 *
 * ```text
 *  SEND_ZC --> completion with F_MORE: accepted ------> F_NOTIF: acknowledged, or copied
 *              the next segment may leave               the memory goes back
 *              a call of send() resolves                a call of sendZeroCopy() resolves
 * ```
 *
 * @module
 */

import { SendHold } from "./send_hold.ts";
import type { Segment, SendCall, SendQueue } from "./send_queue.ts";
import type { Socket } from "../socket.ts";
import type { CompletionTarget } from "../../ring/slots.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { CqeFlag, IoPrio, Op, SockOpt } from "../../ring/abi/opcodes.ts";

/**
 * The shortest segment that is sent without a copy. Processor time of SEND divided by that of
 * SEND_ZC, where nothing is ever copied: 0.95 at 2 to 6 KiB, 1.0 at 8 to 16 KiB, 1.1 at 32 KiB, 1.2
 * at 48 to 60 KiB. Where the system copies after all: 0.4 to 0.8, over loopback 0.05 below 64 KiB,
 * because small pieces are acknowledged late. See bench/send_zero_copy_bench.ts.
 */
export const ZERO_COPY_BYTES: number = 32 * 1024;

/** Segments that are sent plainly after one which was copied after all, before the next try. */
const PLAIN_AFTER_COPY = 256;

/** How long a closed connection may go on without an acknowledgement while it holds memory. */
const DELIVERY_LIMIT_MS = 10_000;
/** The same where authority was withdrawn. */
const REVOKED_LIMIT_MS = 1000;

/** The head of an entry: the second completion tells whether the bytes were copied. */
const HEAD = Op.SEND_ZC | (IoPrio.ZC_REPORT_USAGE << 16);

/** `IORING_NOTIF_USAGE_ZC_COPIED`, bit 31. */
const COPIED = -0x80000000;

/** Errors of sockets and kernels that have no such thing: SEND does as well. */
const NEVER: ReadonlySet<number> = new Set<number>([-Errno.EOPNOTSUPP, -Errno.EINVAL]);
/** Errors of an operation that had no memory for it: the next one may. */
const NOT_NOW: ReadonlySet<number> = new Set<number>([-Errno.ENOMEM, -Errno.ENOBUFS]);

/** Whether the stream's option is set. */
const Wish = { UNKNOWN: 0, ASKED: 1, NO: 2, YES: 3 } as const;
type Wish = typeof Wish[keyof typeof Wish];

/** The stream's sending half, as this part of it sees it. */
export interface ZeroCopyHost {
  /** Goes on with what is first in line. */
  goOn(): void;
  /** Takes the result of an operation. */
  onCompletion(tag: number, result: number): void;
  /** Ends a call whose memory has come back. */
  finish(call: SendCall): void;
}

/** One SEND_ZC in the ring. */
class ZeroCopyOperation implements CompletionTarget {
  readonly #sends: ZeroCopySends;
  readonly #hold: SendHold;

  constructor(sends: ZeroCopySends, hold: SendHold) {
    this.#sends = sends;
    this.#hold = hold;
  }

  /** {@inheritDoc CompletionTarget.onCompletion} */
  onCompletion(_tag: number, result: number, flags: number): void {
    if ((flags & CqeFlag.NOTIF) !== 0) this.#sends.onNotified(this.#hold, result);
    else this.#sends.onSent(this.#hold, result, (flags & CqeFlag.MORE) !== 0);
  }
}

/** What one stream sends without a copy. */
export class ZeroCopySends {
  readonly #socket: Socket;
  readonly #queue: SendQueue;
  readonly #host: ZeroCopyHost;
  #wish: Wish = Wish.UNKNOWN;
  /** Tells an answer from those to earlier questions. */
  #asked = 0;
  /** Segments that are sent plainly before the next try. */
  #plainLeft = 0;
  /** Operations that the system has not accepted, and notifications that have not come. */
  #pending = 0;
  /** Calls that wait for their memory. */
  #draining: SendCall[] = [];

  constructor(socket: Socket, queue: SendQueue, host: ZeroCopyHost) {
    this.#socket = socket;
    this.#queue = queue;
    this.#host = host;
  }

  /** Calls all of whose bytes are sent, and that wait for their memory. */
  get draining(): readonly SendCall[] {
    return this.#draining;
  }

  /** Whether a large segment is to be sent without a copy. */
  get isOn(): boolean {
    return this.#wish === Wish.YES && this.#plainLeft === 0;
  }

  /** Notes that a large segment was sent plainly. */
  passed(): void {
    if (this.#plainLeft > 0) this.#plainLeft--;
  }

  /** Finds out whether it is wanted. @returns whether the answer is still to come */
  ask(): boolean {
    if (this.#wish === Wish.UNKNOWN) this.#find();
    return this.#wish === Wish.ASKED;
  }

  /** Finds out anew: the option was set. */
  askAgain(): void {
    this.#asked++;
    this.#wish = Wish.UNKNOWN;
    this.#plainLeft = 0;
    this.#host.goOn();
  }

  /** Takes a slot for a segment. @returns -1 when there is none */
  takeSlot(segment: Segment): number {
    segment.hold ??= new SendHold(segment.ringBuffer);
    const { slots } = this.#socket.network.reactor;
    const slot = slots.take(new ZeroCopyOperation(this, segment.hold), 0);
    if (slot >= 0) this.#pending++;
    return slot;
  }

  /** The opcode and flags of an entry. */
  get head(): number {
    return HEAD;
  }

  /** Takes the first completion of an operation. */
  onSent(hold: SendHold, result: number, isNotified: boolean): void {
    if (isNotified) hold.pending++;
    else this.#pending--;
    if (NEVER.has(result)) this.#wish = Wish.NO;
    else if (NOT_NOW.has(result)) this.#plainLeft = 1;
    const isRefused = NEVER.has(result) || NOT_NOW.has(result);
    this.#host.onCompletion(0, isRefused ? -Errno.EAGAIN : result);
  }

  /** Takes the second one: the memory is free. */
  onNotified(hold: SendHold, result: number): void {
    this.#pending--;
    if (result === COPIED) this.#plainLeft = PLAIN_AFTER_COPY;
    if (--hold.pending > 0) return;
    hold.unlock();
    if (hold.isLeft) this.#queue.free(hold);
    const { call } = hold;
    if (call === null) return;
    hold.call = null;
    this.#draining.splice(this.#draining.indexOf(call), 1);
    this.#host.finish(call);
  }

  /** Has a call wait for its memory, if the system still has that. @returns whether it does */
  drain(call: SendCall): boolean {
    const { hold } = call;
    if (hold === null || !hold.isAwaited) return false;
    hold.call = call;
    this.#draining.push(call);
    return true;
  }

  /** Ends the waiting of a call: its buffer is kept from the program until it is free. */
  release(call: SendCall): void {
    const { hold } = call;
    if (hold === null) return;
    hold.lock();
    if (hold.call === null) return;
    hold.call = null;
    this.#draining.splice(this.#draining.indexOf(call), 1);
  }

  /**
   * Sees to it that memory comes back although the peer takes nothing more: a connection that is
   * closed gives up what it has still to deliver once nothing of it was acknowledged for 10 s, or
   * for one where it was revoked. To be called before the descriptor is closed.
   *
   * @returns when that is arranged, null when no memory is out
   */
  limitDelivery(isRevoked: boolean): Promise<void> | null {
    if (this.#pending === 0) return null;
    return this.#limitDelivery(isRevoked ? REVOKED_LIMIT_MS : DELIVERY_LIMIT_MS);
  }

  async #limitDelivery(limitMs: number): Promise<void> {
    const { network, descriptor } = this.#socket;
    const { IPPROTO_TCP, TCP_USER_TIMEOUT } = SockOpt;
    const value = new Int32Array(1);
    try {
      await network.getOption(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, value);
      if (value[0] > 0 && value[0] <= limitMs) return;
      value[0] = limitMs;
      await network.setOption(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, value);
    } catch {
      // No slot is left for it: the system's own limits hold.
    }
  }

  async #find(): Promise<void> {
    const { network, descriptor } = this.#socket;
    if (network.reactor.driver.supported[Op.SEND_ZC] === 0) {
      this.#wish = Wish.NO;
      return;
    }
    this.#wish = Wish.ASKED;
    const question = ++this.#asked;
    const value = new Int32Array(1);
    const { SOL_SOCKET, SO_ZEROCOPY } = SockOpt;
    const answer = network.getOption(descriptor, SOL_SOCKET, SO_ZEROCOPY, value);
    const result = await answer.catch(() => -Errno.ENOBUFS);
    if (question !== this.#asked) return;
    this.#wish = result >= 0 && value[0] !== 0 ? Wish.YES : Wish.NO;
    this.#host.goOn();
  }
}
