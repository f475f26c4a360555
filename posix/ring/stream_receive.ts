/**
 * Bytes into memory from a stream: pieces through ring memory, one after the other.
 *
 * @module
 */

import type { BlockingRing } from "./blocking_ring.ts";
import { Cursor } from "./cursor.ts";
import type { Bytes } from "./open_file.ts";
import { Wait } from "./wait.ts";
import { SIOCATMARK } from "../constants/mod.ts";
import type { Starved } from "../../ring/reactor.ts";
import type { CompletionTarget } from "../../ring/slots.ts";
import { W_ADDRESS, W_LENGTH, W_OPERATION_FLAGS } from "../../ring/abi/layout.ts";
import { DriverOp, IoPrio, Msg, Op } from "../../ring/abi/opcodes.ts";
import { Errno } from "../../ring/abi/errno.ts";

/** Bytes that are asked for at a time. */
const PIECE_BYTES = 64 * 1024;
/** Tag of the question whether the urgent mark is reached. */
const MARK = 1;
/** Where `ioprio` begins in an entry's first word. */
const IOPRIO_SHIFT = 16;

/** How to receive. */
export interface ReceivePlan {
  /** Descriptor on the other side. */
  readonly descriptor: number;
  /** Whether the bytes stay where they are. */
  readonly isPeek: boolean;
  /** Whether the urgent byte is wanted, and nothing else. */
  readonly isUrgent?: boolean;
  /** Whether they are counted and thrown away, as TCP does for `MSG_TRUNC`. */
  readonly isDropped: boolean;
  /** Whether to take only what is there now. */
  readonly isHasty: boolean;
  /** What to wait for: `SO_RCVLOWAT`, or everything. */
  readonly least: number;
  /** Milliseconds, Infinity for ever. */
  readonly timeoutMs: number;
  /** Keeps an error that came behind bytes, for the next call. */
  readonly keepError: (errno: number) => void;
}

/** A receive that is under way. */
export class StreamReceive extends Wait implements CompletionTarget, Starved {
  readonly #plan: ReceivePlan;
  readonly #cursor: Cursor;
  readonly #least: number;
  #total = 0;
  #slot = -1;
  #block = -1;
  #piece = 0;
  /** Why it is to end, 0 while it is not. */
  #errno = 0;

  constructor(ring: BlockingRing, plan: ReceivePlan, iov: readonly Bytes[]) {
    super(ring);
    this.#plan = plan;
    this.#cursor = new Cursor(iov);
    this.#least = Math.min(plan.least, this.#cursor.left);
    if (!this.#ask()) ring.reactor.awaitArena(this);
    if (!plan.isHasty) this.limit(plan.timeoutMs);
  }

  /** {@inheritDoc Starved.resume} */
  resume(): boolean {
    return this.isDone || this.#ask();
  }

  /** {@inheritDoc CompletionTarget.onCompletion} */
  onCompletion(tag: number, result: number): void {
    this.#slot = -1;
    const { ring } = this;
    if (tag === MARK) return this.#lookedForMark(result);
    if (result > 0) this.#take(result);
    ring.reactor.giveArena(this.#block);
    this.#block = -1;
    const isOnce = this.#plan.isPeek || this.#plan.isUrgent === true;
    const isEnd = result <= 0 || isOnce || this.#cursor.left === 0 || this.#errno !== 0;
    if (isEnd) return this.#finish(result);
    // What came may have been all there is; a full piece may have more behind it.
    if (result < this.#piece && this.#total >= this.#least) return this.settle(this.#total);
    // Or all up to the urgent mark, which no call reads across. Deno receives no urgent data.
    if (result < this.#piece && ring.hasStack) return this.#lookForMark();
    if (!this.#ask()) ring.reactor.awaitArena(this);
  }

  #lookForMark(): void {
    const { ring } = this;
    const slot = ring.submit(this, MARK, DriverOp.IOCTL, this.#plan.descriptor);
    if (slot < 0) return this.#finish(slot);
    ring.reactor.entries[ring.at + W_OPERATION_FLAGS] = SIOCATMARK;
    this.#slot = slot;
  }

  #lookedForMark(result: number): void {
    // What has no mark says so by an error.
    if (result > 0 || this.#errno !== 0) this.settle(this.#total);
    else if (!this.#ask()) this.ring.reactor.awaitArena(this);
  }

  /** {@inheritDoc Wait.interrupt} */
  interrupt(errno: number): void {
    if (this.#errno !== 0) return;
    this.#errno = errno;
    if (this.#slot >= 0) this.ring.reactor.cancel(this.#slot);
    else this.#finish(-errno);
  }

  #take(count: number): void {
    this.#total += count;
    if (this.#plan.isDropped) this.#cursor.skip(count);
    else this.#cursor.put(this.ring.reactor.memory.bytes, this.#block, count);
  }

  /** What came is told; an error behind it is the next one's. */
  #finish(result: number): void {
    if (this.#total > 0) {
      const isOwn = result === -Errno.EAGAIN || result === -Errno.ECANCELED;
      if (result < 0 && !isOwn && this.#errno === 0) this.#plan.keepError(-result);
      return this.settle(this.#total);
    }
    const isInterrupted = this.#errno !== 0 && result === -Errno.ECANCELED;
    this.settle(isInterrupted ? -this.#errno : result);
  }

  /** Asks for the next piece. @returns false when there is no memory to be had */
  #ask(): boolean {
    const { ring } = this;
    const { descriptor, isPeek, isUrgent, isHasty } = this.#plan;
    const wanted = Math.min(PIECE_BYTES, this.#cursor.left);
    const block = ring.takePiece(wanted);
    if (block < 0) return false;
    this.#piece = Math.min(wanted, ring.pieceBytes);
    // A stack in which both ends are delivers what was sent before, as Linux does while it sends.
    const priority = ring.hasStack ? IoPrio.POLL_FIRST << IOPRIO_SHIFT : 0;
    const slot = ring.submit(this, 0, Op.RECV | priority, descriptor);
    if (slot < 0) {
      ring.reactor.giveArena(block);
      this.#finish(slot);
      return true;
    }
    this.#block = block;
    this.#slot = slot;
    const { reactor, at } = ring;
    reactor.setLong(at + W_ADDRESS, reactor.memory.base + block);
    reactor.entries[at + W_LENGTH] = this.#piece;
    reactor.entries[at + W_OPERATION_FLAGS] = (isPeek ? Msg.PEEK : 0) |
      (isUrgent === true ? Msg.OOB : 0) | this.#patience(isHasty);
    return true;
  }

  /** Waits for as much as is missing, and takes no more than there is beyond. */
  #patience(isHasty: boolean): number {
    const missing = this.#least - this.#total;
    if (isHasty || missing <= 0) return Msg.DONTWAIT;
    return missing >= this.#piece && missing > 1 ? Msg.WAITALL : 0;
  }
}
