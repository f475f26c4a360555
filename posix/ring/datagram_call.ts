/**
 * One datagram out or in: SENDMSG and RECVMSG, with everything they point at in one block of ring
 * memory.
 *
 * ```text
 *  block:  msghdr | iovec | name | control data | bytes
 * ```
 *
 * @module
 */

import type { Name, RawMessage } from "../engine.ts";
import type { BlockingRing } from "./blocking_ring.ts";
import { Cursor } from "./cursor.ts";
import { takeName } from "./socket_names.ts";
import { Wait } from "./wait.ts";
import type { Starved } from "../../ring/reactor.ts";
import type { CompletionTarget } from "../../ring/slots.ts";
import { IOVEC, MSGHDR, W_ADDRESS, W_LENGTH, W_OPERATION_FLAGS } from "../../ring/abi/layout.ts";
import { Op } from "../../ring/abi/opcodes.ts";
import { SOCKADDR_MAX } from "../../ring/abi/sockaddr.ts";
import { Errno } from "../../ring/abi/errno.ts";

const IOV_AT = 64;
const NAME_AT = 80;
const CONTROL_AT: number = NAME_AT + SOCKADDR_MAX;
/** More than any datagram has. */
const DATAGRAM_BYTES_MAX = 65536;

/** What to do, on which socket. */
export interface DatagramPlan {
  /** Descriptor on the other side. */
  readonly descriptor: number;
  readonly isSend: boolean;
  /** Flags of send(2) and recv(2). */
  readonly flags: number;
  /** Milliseconds, Infinity for ever. */
  readonly timeoutMs: number;
}

/** A datagram on its way. */
export class DatagramCall extends Wait implements CompletionTarget, Starved {
  readonly #plan: DatagramPlan;
  readonly #message: RawMessage;
  readonly #cursor: Cursor;
  readonly #name: Name | null;
  readonly #nameRoom: number;
  readonly #controlBytes: number;
  #slot = -1;
  #block = -1;
  #errno = 0;

  /** @param message to send: where to, from what; to receive: where to, and what came beside */
  constructor(ring: BlockingRing, plan: DatagramPlan, message: RawMessage) {
    super(ring);
    const { name, control, iov } = message;
    this.#plan = plan;
    this.#message = message;
    this.#cursor = new Cursor(iov);
    this.#name = plan.isSend && name !== null ? { ...name, bytes: name.bytes.slice() } : name;
    this.#nameRoom = name === null ? 0 : Math.min(name.length, SOCKADDR_MAX);
    this.#controlBytes = control === null ? 0 : message.controlLength;
    if (!this.#begin()) ring.reactor.awaitArena(this);
    this.limit(plan.timeoutMs);
  }

  /** {@inheritDoc Starved.resume} */
  resume(): boolean {
    return this.isDone || this.#begin();
  }

  /** {@inheritDoc CompletionTarget.onCompletion} */
  onCompletion(_tag: number, result: number): void {
    this.#slot = -1;
    if (result >= 0 && !this.#plan.isSend) this.#take(result);
    this.ring.reactor.giveArena(this.#block);
    this.#block = -1;
    const isInterrupted = this.#errno !== 0 && result === -Errno.ECANCELED;
    this.settle(isInterrupted ? -this.#errno : result);
  }

  /** {@inheritDoc Wait.interrupt} */
  interrupt(errno: number): void {
    if (this.#errno !== 0) return;
    this.#errno = errno;
    if (this.#slot >= 0) this.ring.reactor.cancel(this.#slot);
    else this.settle(-errno);
  }

  get #dataAt(): number {
    return (CONTROL_AT + this.#controlBytes + 7) & -8;
  }

  #begin(): boolean {
    const { ring } = this;
    const { isSend, descriptor, flags } = this.#plan;
    const { reactor } = ring;
    const bytes = Math.min(this.#cursor.left, DATAGRAM_BYTES_MAX);
    const block = reactor.arena.take(this.#dataAt + bytes);
    if (block < 0) return false;
    const slot = ring.submit(this, 0, isSend ? Op.SENDMSG : Op.RECVMSG, descriptor);
    if (slot < 0) {
      reactor.giveArena(block);
      this.settle(slot);
      return true;
    }
    this.#block = block;
    this.#slot = slot;
    reactor.setLong(ring.at + W_ADDRESS, reactor.memory.base + block);
    reactor.entries[ring.at + W_LENGTH] = 1;
    reactor.entries[ring.at + W_OPERATION_FLAGS] = flags;
    this.#writeHeader(block, bytes);
    if (isSend) this.#writeContents(block, bytes);
    return true;
  }

  #writeHeader(block: number, bytes: number): void {
    const { memory } = this.ring.reactor;
    memory.bytes.fill(0, block, block + NAME_AT);
    const put = (at: number, value: number): void => {
      memory.words[(block + at) >> 2] = value;
    };
    // The address of what comes after the header; the high halves are 0 on software rings.
    const place = (at: number, offset: number): void => put(at, memory.base + block + offset);
    if (this.#nameRoom > 0) place(MSGHDR.NAME, NAME_AT);
    put(MSGHDR.NAME_LENGTH, this.#nameRoom);
    place(MSGHDR.IOV, IOV_AT);
    put(MSGHDR.IOV_LENGTH, 1);
    if (this.#controlBytes > 0) place(MSGHDR.CONTROL, CONTROL_AT);
    put(MSGHDR.CONTROL_LENGTH, this.#controlBytes);
    place(IOV_AT + IOVEC.BASE, this.#dataAt);
    put(IOV_AT + IOVEC.LENGTH, bytes);
  }

  #writeContents(block: number, bytes: number): void {
    const { memory } = this.ring.reactor;
    const { control } = this.#message;
    if (this.#name !== null) {
      memory.bytes.set(this.#name.bytes.subarray(0, this.#nameRoom), block + NAME_AT);
    }
    if (control !== null) {
      memory.bytes.set(control.subarray(0, this.#controlBytes), block + CONTROL_AT);
    }
    this.#cursor.take(memory.bytes, block + this.#dataAt, bytes);
  }

  #take(result: number): void {
    const { ring } = this;
    const { memory } = ring.reactor;
    const message = this.#message;
    const word = (at: number): number => memory.words[(this.#block + at) >> 2];
    this.#cursor.put(memory.bytes, this.#block + this.#dataAt, Math.min(result, this.#cursor.left));
    const nameLength = this.#nameRoom > 0 ? word(MSGHDR.NAME_LENGTH) : 0;
    if (this.#name !== null) takeName(ring, this.#block + NAME_AT, nameLength, this.#name);
    message.controlLength = Math.min(word(MSGHDR.CONTROL_LENGTH), this.#controlBytes);
    const controlAt = this.#block + CONTROL_AT;
    message.control?.set(memory.bytes.slice(controlAt, controlAt + message.controlLength));
    message.flags = word(MSGHDR.FLAGS);
  }
}
