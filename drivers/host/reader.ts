/**
 * The receiving half of a connection: at most one of Deno's reads is pending, into a chunk of its
 * own, and begun only when somebody waits for bytes. What arrives when nobody waits any more stays
 * in the chunk for the next reader, and no further read begins until it is taken: no byte is lost,
 * and a slow program holds the peer back.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import { CQE_BUFFER_SHIFT, CqeFlag, Msg, SqeFlag } from "../../ring/abi/opcodes.ts";
import { type Chunk, CHUNK_CLASSES, LARGEST_CHUNK_BYTES, sizeClassFor } from "./chunks.ts";
import { errnoOf } from "../machine/errors.ts";
import type { Machine, ReadinessListener } from "./machine.ts";
import {
  type Operation,
  type OperationOwner,
  OperationQueue,
  Round,
} from "../machine/operation.ts";
import { copyBytes, scatter } from "../machine/segments.ts";
import { isMultishotReceive } from "../machine/transfers.ts";

/** A chunk filled to less than one part in this many was too large. */
const SPARSE_DIVISOR = 4;

/** Receives from one connection. */
export class Reader implements OperationOwner {
  readonly #machine: Machine;
  readonly #conn: Deno.Conn;
  readonly #listener: ReadinessListener;
  readonly #waiting = new OperationQueue();
  readonly #onRead: (count: number | null) => void;
  readonly #onFailure: (error: unknown) => void;
  #chunk: Chunk | null = null;
  #sizeClass = 0;
  #start = 0;
  #end = 0;
  #isReading = false;
  #isClosed = false;
  #hasEnded = false;
  #isBroken = false;
  /** Whether this side wants no more: as in Linux, what comes all the same can be read. */
  #isShut = false;
  /** Whether more bytes may have come since Deno was asked, or at the time. */
  #mayHaveMore = false;
  /** The errno that the next reader gets, once. */
  #failure = 0;

  /** @param listener is told of everything that a poll could be waiting for */
  constructor(machine: Machine, conn: Deno.Conn, listener: ReadinessListener) {
    this.#machine = machine;
    this.#conn = conn;
    this.#listener = listener;
    // Made once, so that a read costs no closure.
    this.#onRead = (count) => this.#arrive(count);
    this.#onFailure = (error) => this.#fail(error);
  }

  /** Whether a receive would complete at once. */
  get isReadable(): boolean {
    return this.#end > this.#start || this.hasEnded || this.#failure !== 0;
  }

  /** Whether the peer has sent its last byte, or this side wants no more. */
  get hasEnded(): boolean {
    return this.#hasEnded || this.#isShut;
  }

  /** Whether the connection is broken: neither side can send any more. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** Whether an error waits for the next reader. */
  get hasFailed(): boolean {
    return this.#failure !== 0;
  }

  /** Bytes read ahead. */
  get available(): number {
    return this.#end - this.#start;
  }

  /** The errno that waits for the next reader, which then gets none. */
  takeFailure(): number {
    const failure = this.#failure;
    this.#failure = 0;
    return failure;
  }

  /** Begins a receive. */
  receive(operation: Operation): void {
    // Time has passed since these bytes came.
    if (this.#end > this.#start) this.#mayHaveMore = true;
    if (this.#waiting.head === null && this.#serve(operation)) {
      if (this.#start < this.#end) return;
      this.#dropChunk();
      // A poll must see the bytes go in order to see the next ones come.
      this.#listener.onReadiness();
      return;
    }
    this.#waiting.push(operation);
    this.#machine.park(operation, this);
    if ((operation.operationFlags & Msg.DONTWAIT) !== 0) this.#settleSoon(operation);
    this.#read();
    // It may have taken what there was.
    if (operation.done > 0) this.#listener.onReadiness();
  }

  /**
   * Begins a read if there is nothing yet, for polls.
   *
   * @param isMore whether to be told of what comes behind what is there, too
   */
  want(isMore: boolean): void {
    if (this.#end === this.#start) this.#read();
    else if (isMore && !this.#isReading && !this.#hasEnded) this.#readOn();
  }

  /** {@inheritDoc OperationOwner.cancel} */
  cancel(operation: Operation): number {
    this.#waiting.remove(operation);
    const { done } = operation;
    this.#machine.complete(operation, done > 0 ? done : -Errno.ECANCELED, 0);
    return 0;
  }

  /** Ends receiving on this side: what was read ahead is still there, then comes the end. */
  shutDown(): void {
    if (this.#machine.rounds.isExact) this.#isShut = true;
    else this.#hasEnded = true;
    this.#pump();
    this.#listener.onReadiness();
  }

  /** Completes everything that waits as cancelled; the connection is being closed. */
  close(): void {
    this.#isClosed = true;
    while (this.#waiting.head !== null) this.cancel(this.#waiting.head);
    this.#start = this.#end;
    if (!this.#isReading) this.#dropChunk();
  }

  #read(): void {
    if (this.#isReading || this.#hasEnded || this.#failure !== 0) return;
    if (this.#end > this.#start) {
      if (this.#waiting.head !== null && this.#machine.rounds.isExact) this.#readOn();
      return;
    }
    const sizeClass = this.#wantedClass();
    if (this.#chunk !== null && this.#chunk.sizeClass !== sizeClass) this.#dropChunk();
    const chunk = this.#chunk ??= this.#machine.chunks.take(sizeClass);
    this.#start = 0;
    this.#end = 0;
    this.#ask(chunk.bytes);
  }

  /** Reads behind what is there already, for somebody who wants to see all of it at once. */
  #readOn(): void {
    const chunk = this.#chunk!;
    if (this.#end < chunk.bytes.length) return this.#ask(chunk.bytes.subarray(this.#end));
    const held = this.#end - this.#start;
    if (held === LARGEST_CHUNK_BYTES) return;
    const larger = this.#machine.chunks.take(sizeClassFor(held + 1));
    copyBytes(larger, 0, chunk, this.#start, held);
    this.#machine.chunks.give(chunk);
    this.#chunk = larger;
    this.#start = 0;
    this.#end = held;
    this.#ask(larger.bytes.subarray(held));
  }

  #ask(room: Uint8Array<ArrayBuffer>): void {
    this.#isReading = true;
    this.#machine.outstanding++;
    this.#conn.read(room).then(this.#onRead, this.#onFailure);
  }

  /** How much to read at once; who says how much is wanted gets that much if it is there. */
  #wantedClass(): number {
    const operation = this.#waiting.head;
    if (operation === null || !this.#machine.rounds.isExact) return this.#sizeClass;
    return Math.max(this.#sizeClass, sizeClassFor(operation.total - operation.done));
  }

  #arrive(count: number | null): void {
    this.#isReading = false;
    this.#machine.outstanding--;
    if (this.#isClosed) return this.#dropChunk();
    const wasReadable = this.#end > this.#start;
    if (count === null) {
      this.#hasEnded = true;
    } else {
      this.#end += count;
      const { length } = this.#chunk!.bytes;
      this.#mayHaveMore = this.#end === length || this.#waiting.head === null;
      if (this.#end === count) this.#adapt(count);
    }
    this.#pump();
    if (wasReadable && this.#end > this.#start) this.#listener.onMore();
    else this.#listener.onReadiness();
  }

  #fail(error: unknown): void {
    this.#isReading = false;
    this.#machine.outstanding--;
    if (this.#isClosed) return this.#dropChunk();
    this.#failure = errnoOf(error);
    // As on Linux: the error is reported once, and what follows it is the end.
    this.#hasEnded = true;
    this.#isBroken = true;
    this.#pump();
    this.#listener.onReadiness();
  }

  /** Serves whoever waits, oldest first, and reads on for those that still do. */
  #pump(): void {
    let operation = this.#waiting.head;
    while (operation !== null && this.#serve(operation)) operation = this.#waiting.head;
    if (this.#waiting.head !== null) this.#read();
    else if (this.#start === this.#end && !this.#isReading) this.#dropChunk();
  }

  /** Gives an operation what there is. @returns whether it has completed */
  #serve(operation: Operation): boolean {
    const available = this.#end - this.#start;
    if (available === 0) return this.#serveNothing(operation);
    if ((operation.flags & SqeFlag.BUFFER_SELECT) !== 0) return this.#serveBuffers(operation);
    const wanted = operation.total - operation.done;
    const isPeek = (operation.operationFlags & Msg.PEEK) !== 0;
    if (isPeek && available < wanted && this.#mayGrow(operation)) return false;
    const count = Math.min(available, wanted);
    scatter(this.#machine.memory, operation, this.#chunk!, this.#start, count);
    operation.done += count;
    if (!isPeek) {
      this.#start += count;
      if (count < wanted && this.#mayGrow(operation)) return false;
    }
    this.#finish(operation, operation.done, 0);
    return true;
  }

  /** Whether an operation does not complete with what there is yet. */
  #mayGrow(operation: Operation): boolean {
    const { operationFlags, round } = operation;
    if (this.#hasEnded || this.#failure !== 0 || round === Round.OVER) return false;
    const { isExact } = this.#machine.rounds;
    const isPeek = (operationFlags & Msg.PEEK) !== 0;
    if (isPeek && (!isExact || this.#end - this.#start === LARGEST_CHUNK_BYTES)) return false;
    if ((operationFlags & Msg.WAITALL) !== 0) return true;
    if (!isExact || !this.#mayHaveMore) return false;
    this.#settleSoon(operation);
    return true;
  }

  #serveNothing(operation: Operation): boolean {
    const { done } = operation;
    const selects = (operation.flags & SqeFlag.BUFFER_SELECT) !== 0;
    if (operation.total === 0 && !selects) {
      this.#finish(operation, 0, 0);
    } else if (this.#failure !== 0 && done === 0) {
      this.#finish(operation, -this.takeFailure(), 0);
    } else if (this.#hasEnded || (this.#isShut && operation.round === Round.OVER)) {
      this.#finish(operation, done, 0);
    } else {
      if (this.#isShut) this.#settleSoon(operation);
      return false;
    }
    return true;
  }

  /** Moves what there is into provided buffers: one of them, or all it takes for a multishot. */
  #serveBuffers(operation: Operation): boolean {
    const { supply, memory } = this.#machine;
    const isMultishot = isMultishotReceive(operation);
    while (this.#end > this.#start) {
      if (!supply.take()) {
        this.#finish(operation, -Errno.ENOBUFS, 0);
        return true;
      }
      let count = Math.min(this.#end - this.#start, supply.bytes);
      if (operation.total > 0) count = Math.min(count, operation.total);
      copyBytes(memory, supply.offset, this.#chunk!, this.#start, count);
      if ((operation.operationFlags & Msg.PEEK) === 0) this.#start += count;
      const flags = CqeFlag.BUFFER | (supply.id << CQE_BUFFER_SHIFT);
      if (!isMultishot) {
        this.#finish(operation, count, flags);
        return true;
      }
      this.#machine.more(operation, count, flags);
    }
    return false;
  }

  #finish(operation: Operation, result: number, flags: number): void {
    if (operation.owner === this) this.#waiting.remove(operation);
    this.#machine.complete(operation, result, flags);
  }

  /** Chunks grow when they come back full, and shrink when they come back almost empty. */
  #adapt(count: number): void {
    const { length } = this.#chunk!.bytes;
    if (count === length) {
      if (this.#sizeClass < CHUNK_CLASSES - 1) this.#sizeClass++;
    } else if (this.#sizeClass > 0 && count < length / SPARSE_DIVISOR) {
      this.#sizeClass--;
    }
  }

  #dropChunk(): void {
    if (this.#chunk === null || this.#isReading) return;
    this.#machine.chunks.give(this.#chunk);
    this.#chunk = null;
  }

  /** Nothing can be asked without waiting, so who must not wait is given one round. */
  #settleSoon(operation: Operation): void {
    if (operation.round !== Round.NONE) return;
    operation.round = Round.UNDER_WAY;
    const { serial } = operation;
    this.#machine.outstanding++;
    this.#machine.rounds.after(() => {
      this.#machine.outstanding--;
      if (operation.serial !== serial) return;
      operation.round = Round.OVER;
      if (this.#waiting.head === operation) this.#pump();
      if (operation.serial === serial) {
        this.#finish(operation, operation.done > 0 ? operation.done : -Errno.EAGAIN, 0);
      }
      this.#listener.onReadiness();
    });
  }
}
