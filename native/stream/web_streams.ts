/**
 * A stream's bytes as Web Streams, and back.
 *
 * Reading is pulled, never pushed (high-water mark 0): looking at `readable` reads nothing. What
 * arrives is handed to the stream's queue within the turn that brought it, and only while somebody
 * holds the lock; after `releaseLock()` it stays with the connection, where `receive()` finds it.
 *
 * @module
 */

import { badResource, busy } from "../errors.ts";
import type { BufferLease, Lease } from "../lease.ts";
import type { ReaderGate } from "./lease_iterator.ts";
import type { OpOptions } from "../operation.ts";
import { type LeaseReader, Reader, type ReceiveSide } from "./stream_receive.ts";

/** Bytes of one chunk of a `readable`, at most. */
const CHUNK_BYTES = 64 * 1024;

const DONE: IteratorResult<Lease> = { done: true, value: undefined };

/** The connection behind a pair of Web Streams. */
export interface WebStreamOwner extends ReaderGate {
  /** Sends bytes. */
  send(data: Uint8Array, options?: OpOptions): Promise<number>;
  /** Ends one side. */
  shutdown(how: "read" | "write"): Promise<void>;
  /** Sets the option that makes `close()` reset the connection. */
  setOption(name: "lingerSeconds", value: number): Promise<void>;
  /** Closes the connection. */
  close(): Promise<void>;
}

/** The Web Streams of one connection; each is made when it is first looked at. */
export class WebStreams {
  readonly #owner: WebStreamOwner;
  readonly #receiving: ReceiveSide;
  #source: ReadableSource | null = null;
  #readable: ReadableStream<Uint8Array<ArrayBuffer>> | null = null;
  #writable: WritableStream<Uint8Array> | null = null;
  #isReadOver = false;
  #isWriteOver = false;

  /** @param receiving the receiving half of `owner` */
  constructor(owner: WebStreamOwner, receiving: ReceiveSide) {
    this.#owner = owner;
    this.#receiving = receiving;
  }

  /** The received bytes. */
  get readable(): ReadableStream<Uint8Array<ArrayBuffer>> {
    if (this.#readable === null) {
      const source = new ReadableSource(this.#owner, this.#receiving, this);
      this.#source = source;
      this.#readable = new ReadableStream<Uint8Array<ArrayBuffer>>(source, { highWaterMark: 0 });
    }
    return this.#readable;
  }

  /** What is written is sent; closing it ends the write side, aborting it resets the connection. */
  get writable(): WritableStream<Uint8Array> {
    const owner = this.#owner;
    this.#writable ??= new WritableStream<Uint8Array>({
      async write(chunk, { signal }): Promise<void> {
        if (!(chunk instanceof Uint8Array)) {
          throw new TypeError(`writable: a chunk must be a Uint8Array, not ${String(chunk)}`);
        }
        // abort() waits for the write in flight, which a peer that does not read would hold up.
        await owner.send(chunk, { signal });
      },
      close: async (): Promise<void> => {
        await owner.shutdown("write");
        await this.writeOver();
      },
      async abort(): Promise<void> {
        // An ordinary end would have the peer take what it got for all there was.
        await owner.setOption("lingerSeconds", 0).catch(() => {});
        await owner.close();
      },
    });
    return this.#writable;
  }

  /** Whether the readable is locked. */
  get isLocked(): boolean {
    return this.#readable !== null && this.#readable.locked;
  }

  /**
   * Makes way for another reader after `releaseLock()`.
   *
   * @throws {NetError} EBUSY when the readable is locked, or holds bytes that nobody took
   */
  yieldTo(operation: string, names: { local: string; remote: string }): void {
    if (this.isLocked) throw busy(operation, "the stream's readable is locked", names);
    if (this.#source?.holdsBytes === true) {
      throw busy(operation, "the stream's readable holds bytes: read them there first", names);
    }
    if (this.#receiving.reader === Reader.STREAM) {
      this.#receiving.reader = Reader.NONE;
      this.#receiving.abandon();
    }
  }

  /** Notes that nothing more is read. @returns when the connection is closed, if it was the last */
  async readOver(): Promise<void> {
    this.#isReadOver = true;
    // Neither of them can be used any more, and many programs never call close(), as with Deno.
    if (this.#isWriteOver) await this.#owner.close();
  }

  /** Notes that nothing more is written. */
  async writeOver(): Promise<void> {
    this.#isWriteOver = true;
    if (this.#isReadOver) await this.#owner.close();
  }
}

/** What a `readable` pulls from. */
class ReadableSource implements UnderlyingDefaultSource<Uint8Array<ArrayBuffer>>, LeaseReader {
  readonly #owner: WebStreamOwner;
  readonly #receiving: ReceiveSide;
  readonly #streams: WebStreams;
  #controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>> | null = null;
  #isOver = false;

  constructor(owner: WebStreamOwner, receiving: ReceiveSide, streams: WebStreams) {
    this.#owner = owner;
    this.#receiving = receiving;
    this.#streams = streams;
  }

  /** Whether a chunk found its reader gone, and another one that did not read either. */
  get holdsBytes(): boolean {
    return !this.#isOver && this.#controller !== null && this.#controller.desiredSize! < 0;
  }

  async pull(controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>): Promise<void> {
    this.#controller = controller;
    this.#owner.enterReader("readable", Reader.STREAM, undefined);
    await this.#receiving.takeFor(this);
  }

  async cancel(): Promise<void> {
    this.#isOver = true;
    if (this.#receiving.reader === Reader.STREAM) {
      this.#receiving.reader = Reader.NONE;
      this.#receiving.abandon();
    }
    // A connection that is closed has no side to end.
    await this.#owner.shutdown("read").catch(() => {});
    await this.#streams.readOver();
  }

  /** {@inheritDoc LeaseReader.accept} */
  accept(lease: BufferLease | null): IteratorResult<Lease> {
    this.#receiving.reader = Reader.NONE;
    if (lease === null) {
      this.#end();
    } else if (this.#isOver || !this.#streams.isLocked) {
      this.#receiving.putBack(lease, 0);
    } else {
      const isMessage = this.#receiving.messages?.isMessages === true;
      const count = isMessage ? lease.size : Math.min(lease.size, CHUNK_BYTES);
      const chunk = new Uint8Array(count);
      lease.copyTo(chunk, 0, count);
      this.#receiving.putBack(lease, count);
      this.#controller!.enqueue(chunk);
    }
    return DONE;
  }

  /** {@inheritDoc LeaseReader.fail} */
  fail(): void {
    this.#receiving.reader = Reader.NONE;
    this.#isOver = true;
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#receiving.isClosedOrdinarily) {
      this.#controller!.error(badResource("readable", "the stream is closed"));
    } else {
      this.#controller!.close();
      this.#streams.readOver();
    }
  }
}
