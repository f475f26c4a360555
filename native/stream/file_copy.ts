/**
 * Files by copies: linked READ and SEND through one buffer, which stays in the processor's cache.
 * For small files it costs the least, and every backend can do it.
 *
 * A link breaks at a short read, which is the end of the file: what came of it leaves by itself.
 *
 * @module
 */

import type { FileCarrier, FileProgress } from "./file_progress.ts";
import { SendCancel } from "./send_cancel.ts";
import { sendFlags } from "./stream_meter.ts";
import { GateWait } from "../limits/gate_wait.ts";
import type { Starved } from "../../ring/reactor.ts";
import type { CompletionTarget } from "../../ring/slots.ts";
import { W_ADDRESS, W_LENGTH, W_OFFSET, W_OPERATION_FLAGS } from "../../ring/abi/layout.ts";
import { Op, SqeFlag } from "../../ring/abi/opcodes.ts";

/** Bytes of the buffer: as much as stays in the cache while it is read into and sent from. */
export const CHUNK_BYTES: number = 256 * 1024;
/** The same where the arena has no such block. */
const CHUNK_BYTES_LEAST = 4096;
const LINK = SqeFlag.IO_LINK << 8;
const TAG_READ = 0;
const TAG_SEND = 1;
const NONE = -1;

/** Copies one file into one stream. */
export class FileCopier implements FileCarrier, CompletionTarget, Starved {
  readonly #progress: FileProgress;
  #block = NONE;
  #blockBytes = 0;
  /** Bytes that were asked for. */
  #asked = 0;
  /** Bytes in the buffer that have not left. */
  #waiting = 0;
  #reading = NONE;
  #sending = NONE;
  #cancelling: SendCancel | null = null;
  /** Has a piece wait for the rate limit; null without one. */
  readonly #gate: GateWait | null;
  #wake: (() => void) | null = null;

  constructor(progress: FileProgress) {
    this.#progress = progress;
    const { network: { reactor }, socket: { owner: { sendGate } } } = progress;
    this.#gate = sendGate === null ? null : new GateWait(sendGate, reactor, () => this.#wake?.());
  }

  /** Whether everything that was read has left. */
  get isEmpty(): boolean {
    return this.#waiting === 0;
  }

  /** {@inheritDoc FileCarrier.step} */
  async step(): Promise<void> {
    const woken = new Promise<void>((resolve) => this.#wake = resolve);
    if (this.#prepare()) {
      if (this.#waiting > 0) this.#submitRest();
      else if (this.#gate === null) this.#submitPair();
      else this.#submitRead();
      if (this.#reading < 0 && this.#sending < 0) return;
    }
    await woken;
    this.#wake = null;
    this.#gate?.stop();
  }

  /** {@inheritDoc FileCarrier.cancel} */
  cancel(): void {
    const { reactor } = this.#progress.network;
    if (this.#reading >= 0) reactor.cancel(this.#reading);
    if (this.#sending >= 0) this.#cancelling ??= new SendCancel(reactor, this.#sending);
    if (this.#reading < 0 && this.#sending < 0) this.#wake?.();
  }

  /** {@inheritDoc FileCarrier.close} */
  close(): Promise<void> {
    this.#gate?.close();
    if (this.#block >= 0) {
      const { network, socket: { owner } } = this.#progress;
      network.reactor.giveArena(this.#block);
      if (owner.isCounted) owner.release("bufferBytes", this.#blockBytes);
      this.#block = NONE;
    }
    return Promise.resolve();
  }

  /** {@inheritDoc CompletionTarget.onCompletion} */
  onCompletion(tag: number, result: number): void {
    if (tag === TAG_SEND) {
      this.#sending = NONE;
      this.#cancelling?.end();
      this.#cancelling = null;
      this.#progress.moved(result);
      // What a send leaves behind is lost with the connection, or read again.
      if (result > 0) this.#sent(result);
    } else {
      this.#reading = NONE;
      if (result < 0) this.#progress.failed(result);
      else {
        this.#progress.read(result);
        this.#waiting = result;
      }
    }
    if (this.#reading < 0 && this.#sending < 0) this.#wake?.();
  }

  /** {@inheritDoc Starved.resume} */
  resume(): boolean {
    this.#wake?.();
    return true;
  }

  #sent(bytes: number): void {
    this.#gate?.left(bytes);
    this.#waiting -= bytes;
    if (this.#waiting === 0) return;
    const progress = this.#progress;
    progress.offset -= this.#waiting;
    progress.left += this.#waiting;
    this.#waiting = 0;
  }

  /** Sees to memory and to the rate limit. @returns whether a step may begin */
  #prepare(): boolean {
    const { reactor } = this.#progress.network;
    if (this.#block < 0 && !this.#takeBlock()) {
      reactor.awaitArena(this);
      return false;
    }
    return this.#gate === null || this.#gate.pass(this.#waiting);
  }

  get #pieceBytes(): number {
    return Math.min(this.#progress.left, this.#blockBytes);
  }

  #takeBlock(): boolean {
    const progress = this.#progress;
    const { arena } = progress.network.reactor;
    const { owner } = progress.socket;
    let bytes = Math.min(CHUNK_BYTES, arena.largestBytes);
    for (; bytes >= CHUNK_BYTES_LEAST; bytes >>= 1) {
      const reached = owner.isCounted ? owner.acquire("bufferBytes", bytes, "sendFile") : null;
      if (reached !== null) {
        if (bytes === CHUNK_BYTES_LEAST) progress.failure = reached;
        continue;
      }
      this.#block = arena.take(bytes);
      if (this.#block >= 0) break;
      if (owner.isCounted) owner.release("bufferBytes", bytes);
    }
    this.#blockBytes = bytes;
    return this.#block >= 0 || progress.failure !== null;
  }

  #submitPair(): void {
    const progress = this.#progress;
    if (progress.failure !== null) return;
    const { reactor } = progress.network;
    const reading = reactor.slots.takeBare(this, TAG_READ);
    const sending = reading < 0 ? NONE : reactor.slots.takeBare(this, TAG_SEND);
    if (sending < 0) {
      if (reading >= 0) reactor.slots.abandon(reading);
      progress.failure = progress.network.inFlightExceeded("sendFile");
      return;
    }
    this.#enterRead(Op.READ | LINK, reading);
    this.#submitSend(sending, this.#asked);
  }

  /** How much waits for a rate limit is known when it was read. */
  #submitRead(): void {
    const progress = this.#progress;
    if (progress.failure !== null) return;
    const reading = progress.network.reactor.slots.takeBare(this, TAG_READ);
    if (reading < 0) progress.failure = progress.network.inFlightExceeded("sendFile");
    else this.#enterRead(Op.READ, reading);
  }

  #enterRead(head: number, slot: number): void {
    const { network: { reactor }, fd, offset } = this.#progress;
    this.#reading = slot;
    this.#asked = this.#pieceBytes;
    const at = reactor.entry(head, fd, slot);
    reactor.setLong(at + W_ADDRESS, reactor.memory.base + this.#block);
    reactor.entries[at + W_LENGTH] = this.#asked;
    reactor.setLong(at + W_OFFSET, offset);
  }

  /** What was read by itself goes out by itself. */
  #submitRest(): void {
    const { network } = this.#progress;
    const sending = network.reactor.slots.takeBare(this, TAG_SEND);
    if (sending < 0) this.#progress.failure = network.inFlightExceeded("sendFile");
    else this.#submitSend(sending, this.#waiting);
  }

  #submitSend(slot: number, bytes: number): void {
    const { network: { reactor }, socket } = this.#progress;
    this.#sending = slot;
    const at = reactor.entry(Op.SEND, socket.descriptor, slot);
    reactor.setLong(at + W_ADDRESS, reactor.memory.base + this.#block);
    reactor.entries[at + W_LENGTH] = bytes;
    reactor.entries[at + W_OPERATION_FLAGS] = sendFlags(socket);
  }
}
