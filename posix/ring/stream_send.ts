/**
 * Bytes out of a stream: pieces through ring memory, one after the other.
 *
 * @module
 */

import type { BlockingRing } from "./blocking_ring.ts";
import { Cursor } from "./cursor.ts";
import type { Bytes } from "./open_file.ts";
import { Wait } from "./wait.ts";
import type { Starved } from "../../ring/reactor.ts";
import type { CompletionTarget } from "../../ring/slots.ts";
import { W_ADDRESS, W_LENGTH, W_OPERATION_FLAGS } from "../../ring/abi/layout.ts";
import { IoPrio, Msg, Op } from "../../ring/abi/opcodes.ts";
import { Errno } from "../../ring/abi/errno.ts";

/** Bytes that are on their way at a time. */
const PIECE_BYTES = 256 * 1024;
/** Where `ioprio` begins in an entry's first word. */
const IOPRIO_SHIFT = 16;

/** How to send. */
export interface SendPlan {
  /** Descriptor on the other side. */
  readonly descriptor: number;
  /** Flags of send(2) that the other side is to have. */
  readonly flags: number;
  /** Whether to send only what there is room for now. */
  readonly isHasty: boolean;
  /** Milliseconds, Infinity for ever. */
  readonly timeoutMs: number;
}

/** A send that is under way. */
export class StreamSend extends Wait implements CompletionTarget, Starved {
  readonly #plan: SendPlan;
  readonly #cursor: Cursor;
  #total = 0;
  #slot = -1;
  /** Ring memory of the piece that is on its way, -1 for none, and what of it is not sent. */
  #block = -1;
  #from = 0;
  #end = 0;
  /** Why it is to end, 0 while it is not. */
  #errno = 0;

  /** @param iov must stay as they are until it is done */
  constructor(ring: BlockingRing, plan: SendPlan, iov: readonly Bytes[]) {
    super(ring);
    this.#plan = plan;
    this.#cursor = new Cursor(iov);
    if (!this.#takePiece()) ring.reactor.awaitArena(this);
    if (!plan.isHasty) this.limit(plan.timeoutMs);
  }

  /** {@inheritDoc Starved.resume} */
  resume(): boolean {
    return this.isDone || this.#takePiece();
  }

  /** {@inheritDoc CompletionTarget.onCompletion} */
  onCompletion(_tag: number, result: number): void {
    this.#slot = -1;
    if (result > 0) {
      this.#total += result;
      this.#from += result;
    }
    const isShort = this.#from < this.#end;
    if (this.#errno !== 0 || result < 0 || (isShort && this.#plan.isHasty)) {
      this.#giveBlock();
      return this.#finish(result);
    }
    if (isShort) return this.#submit();
    this.#giveBlock();
    if (this.#cursor.left === 0) return this.settle(this.#total);
    if (!this.#takePiece()) this.ring.reactor.awaitArena(this);
  }

  /** {@inheritDoc Wait.interrupt} */
  interrupt(errno: number): void {
    if (this.#errno !== 0) return;
    this.#errno = errno;
    if (this.#slot >= 0) this.ring.reactor.cancel(this.#slot);
    else this.#finish(-errno);
  }

  /** What was sent is sent; only who sent nothing is told why. */
  #finish(result: number): void {
    if (this.#total > 0) return this.settle(this.#total);
    const isInterrupted = this.#errno !== 0 && result === -Errno.ECANCELED;
    this.settle(isInterrupted ? -this.#errno : result);
  }

  /** Copies the next piece into ring memory. @returns false when there is none to be had */
  #takePiece(): boolean {
    const { ring } = this;
    const bytes = Math.min(PIECE_BYTES, this.#cursor.left);
    const block = ring.takePiece(bytes);
    if (block < 0) return false;
    const count = Math.min(bytes, ring.pieceBytes);
    this.#cursor.take(ring.reactor.memory.bytes, block, count);
    this.#block = block;
    this.#from = block;
    this.#end = block + count;
    this.#submit();
    return true;
  }

  #submit(): void {
    const { ring } = this;
    const { descriptor, flags, isHasty } = this.#plan;
    // A stack in which both ends are delivers first what came before, such as a reset.
    const priority = ring.hasStack ? IoPrio.POLL_FIRST << IOPRIO_SHIFT : 0;
    const slot = ring.submit(this, 0, Op.SEND | priority, descriptor);
    if (slot < 0) {
      this.#giveBlock();
      return this.#finish(slot);
    }
    this.#slot = slot;
    const { reactor, at } = ring;
    reactor.setLong(at + W_ADDRESS, reactor.memory.base + this.#from);
    reactor.entries[at + W_LENGTH] = this.#end - this.#from;
    reactor.entries[at + W_OPERATION_FLAGS] = flags | (isHasty ? Msg.DONTWAIT : Msg.WAITALL);
  }

  #giveBlock(): void {
    this.ring.reactor.giveArena(this.#block);
    this.#block = -1;
  }
}
