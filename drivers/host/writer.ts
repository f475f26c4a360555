/**
 * The sending half of a connection: at most one of Deno's writes is pending, out of a chunk of its
 * own.
 *
 * Deno cannot take a write back. A send that is cancelled while its chunk waits for room therefore
 * completes with the chunk counted as sent, like bytes in a kernel's send buffer, and the chunk
 * goes out when the peer makes room: nothing is sent that the program was told was not.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import { Msg } from "../../ring/abi/opcodes.ts";
import { type Chunk, LARGEST_CHUNK_BYTES, sizeClassFor } from "./chunks.ts";
import { errnoOf } from "../machine/errors.ts";
import type { Machine, ReadinessListener } from "./machine.ts";
import { type Operation, type OperationOwner, OperationQueue } from "../machine/operation.ts";
import { gather } from "../machine/segments.ts";

/** Copies between memories whose addresses differ by less than a word go byte by byte. */
const WORD_MASK = 7;

/** Sends on one connection. */
export class Writer implements OperationOwner {
  /** Called once when a closed writer's last chunk is out. */
  onDrained: (() => void) | null = null;
  readonly #machine: Machine;
  readonly #conn: Deno.Conn;
  readonly #listener: ReadinessListener;
  readonly #waiting = new OperationQueue();
  readonly #onWritten: (count: number) => void;
  readonly #onFailure: (error: unknown) => void;
  #chunk: Chunk | null = null;
  /** What of the chunk is still to be written. */
  #start = 0;
  #end = 0;
  #isWriting = false;
  #isShut = false;
  /** Whose bytes the chunk has; null when that operation was told that they are sent. */
  #active: Operation | null = null;
  /** The errno of bytes that nobody waits for any more: the next sender gets it. */
  #failure = 0;

  /** @param listener is told of everything that a poll could be waiting for */
  constructor(machine: Machine, conn: Deno.Conn, listener: ReadinessListener) {
    this.#machine = machine;
    this.#conn = conn;
    this.#listener = listener;
    this.#onWritten = (count) => this.#advance(count);
    this.#onFailure = (error) => this.#fail(error);
  }

  /** Whether Deno still has bytes to write. */
  get isWriting(): boolean {
    return this.#isWriting;
  }

  /** Whether this side has sent its last byte. */
  get isShut(): boolean {
    return this.#isShut;
  }

  /** Begins a send. */
  send(operation: Operation): void {
    const { operationFlags } = operation;
    if (this.#isShut) return this.#machine.complete(operation, -Errno.EPIPE, 0);
    if (this.#failure !== 0) {
      const failure = this.#failure;
      this.#failure = 0;
      return this.#machine.complete(operation, -failure, 0);
    }
    if (operation.total === 0) return this.#machine.complete(operation, 0, 0);
    if ((operationFlags & Msg.DONTWAIT) !== 0 && this.#isWriting) {
      // Whoever hears this waits for the moment when there is room again, which is an edge then.
      this.#listener.onReadiness();
      return this.#machine.complete(operation, -Errno.EAGAIN, 0);
    }
    this.#waiting.push(operation);
    this.#machine.park(operation, this);
    const { serial } = operation;
    if (!this.#isWriting) this.#begin(operation);
    if ((operationFlags & Msg.DONTWAIT) === 0 || operation.serial !== serial) return;
    if (this.#machine.rounds.isExact) this.#detachSoon(operation);
    // There is no asking whether a write would wait: one chunk counts as the send buffer's room.
    else if (this.#active === operation) this.#detach();
  }

  /** What is not written after a round waits for room: one chunk more than there was counts. */
  #detachSoon(operation: Operation): void {
    const { serial } = operation;
    this.#machine.outstanding++;
    this.#machine.rounds.after(() => {
      this.#machine.outstanding--;
      if (operation.serial === serial && this.#active === operation) this.#detach();
    });
  }

  /** {@inheritDoc OperationOwner.cancel} */
  cancel(operation: Operation): number {
    if (operation === this.#active) {
      this.#detach();
    } else {
      this.#waiting.remove(operation);
      const { done } = operation;
      this.#machine.complete(operation, done > 0 ? done : -Errno.ECANCELED, 0);
    }
    return 0;
  }

  /** Ends sending; what Deno has still goes out before the end of the stream. */
  shutDown(): void {
    this.#isShut = true;
    this.#abandon(-Errno.EPIPE);
    this.#listener.onReadiness();
  }

  /** Completes everything that waits; the connection is being closed. */
  close(): void {
    this.#isShut = true;
    this.#abandon(-Errno.ECANCELED);
  }

  #abandon(result: number): void {
    if (this.#active !== null) this.#detach();
    for (let next = this.#waiting.head; next !== null; next = this.#waiting.head) {
      this.#waiting.remove(next);
      this.#machine.complete(next, next.done > 0 ? next.done : result, 0);
    }
  }

  /** Tells the operation whose chunk is being written that the chunk is sent. */
  #detach(): void {
    const operation = this.#active!;
    this.#active = null;
    this.#waiting.remove(operation);
    this.#machine.complete(operation, operation.done + this.#end - this.#start, 0);
  }

  /** Copies the next bytes of an operation into a chunk and hands it to Deno. */
  #begin(operation: Operation): void {
    const start = operation.address & WORD_MASK;
    const wanted = Math.min(operation.total - operation.done, LARGEST_CHUNK_BYTES - start);
    const sizeClass = sizeClassFor(start + wanted);
    if (this.#chunk !== null && this.#chunk.sizeClass !== sizeClass) this.#dropChunk();
    const chunk = this.#chunk ??= this.#machine.chunks.take(sizeClass);
    gather(this.#machine.memory, operation, chunk, start, wanted);
    this.#start = start;
    this.#end = start + wanted;
    this.#active = operation;
    this.#write();
  }

  #write(): void {
    this.#isWriting = true;
    this.#machine.outstanding++;
    const view = this.#chunk!.view(this.#start, this.#end);
    this.#conn.write(view).then(this.#onWritten, this.#onFailure);
  }

  #advance(count: number): void {
    this.#isWriting = false;
    this.#machine.outstanding--;
    this.#start += count;
    const operation = this.#active;
    if (operation !== null) {
      operation.done += count;
      const isShort = this.#start < this.#end;
      const wantsAll = (operation.operationFlags & Msg.WAITALL) !== 0;
      if (operation.done === operation.total || (isShort && !wantsAll)) {
        this.#active = null;
        this.#start = this.#end;
        this.#waiting.remove(operation);
        this.#machine.complete(operation, operation.done, 0);
      }
    }
    this.#continue();
  }

  #fail(error: unknown): void {
    this.#isWriting = false;
    this.#machine.outstanding--;
    this.#start = this.#end;
    const operation = this.#active;
    this.#active = null;
    const errno = errnoOf(error);
    if (operation === null) {
      this.#failure = errno;
    } else {
      this.#waiting.remove(operation);
      this.#machine.complete(operation, operation.done > 0 ? operation.done : -errno, 0);
    }
    this.#continue();
  }

  #continue(): void {
    // Completing an operation may have started the next one already.
    if (this.#isWriting) return;
    if (this.#start < this.#end) {
      this.#write();
    } else if (this.#waiting.head !== null) {
      this.#begin(this.#waiting.head);
    } else {
      this.#dropChunk();
      this.onDrained?.();
    }
    this.#listener.onReadiness();
  }

  #dropChunk(): void {
    if (this.#chunk === null) return;
    this.#machine.chunks.give(this.#chunk);
    this.#chunk = null;
  }
}
