/**
 * Streams that are on loan from a pool.
 *
 * @module
 */

import { badResource } from "../errors.ts";
import type { Lease } from "../lease.ts";
import type { OpOptions } from "../operation.ts";
import type { SendOptions } from "../stream/stream_send.ts";
import type { StreamSocket } from "../stream/stream_socket.ts";

/** Whoever takes a stream back. */
export interface PooledStreamOwner {
  /** Takes it back to lend it again, if nothing speaks against that. */
  takeBack(): void;
  /** Closes it. @returns when it is closed */
  throwAway(): Promise<void>;
}

/**
 * A stream that a pool lent. Give it back by {@linkcode PooledStream.release} (`await using` does)
 * once a whole exchange is over: whoever has it next must not find the rest of an answer. After
 * anything else {@linkcode PooledStream.discard} it. An operation that fails makes it unfit by
 * itself, as do a peer that has ended its side, and bytes that nobody has read.
 */
export class PooledStream implements AsyncDisposable {
  /** Whether it has served somebody before. */
  readonly isReused: boolean;
  readonly #stream: StreamSocket<Deno.Addr>;
  readonly #owner: PooledStreamOwner;
  #isLent = true;
  #isUnfit = false;

  /** @ignore Made by pools. */
  constructor(stream: StreamSocket<Deno.Addr>, owner: PooledStreamOwner, isReused: boolean) {
    this.#stream = stream;
    this.#owner = owner;
    this.isReused = isReused;
  }

  /** The stream itself, for what is not here; operations that fail on it are not noticed. */
  get stream(): StreamSocket<Deno.Addr> {
    this.#requireLent("stream");
    return this.#stream;
  }

  /** Receives what arrives next, null at the end: as the stream's own. */
  receive(options?: OpOptions): Promise<Lease | null> {
    this.#requireLent("receive");
    return this.#noted(this.#stream.receive(options));
  }

  /** Receives until the end of the stream, or until `break`: as the stream's own. */
  receiveMany(options?: OpOptions): AsyncIterableIterator<Lease> {
    this.#requireLent("receiveMany");
    const leases = this.#stream.receiveMany(options);
    const iterator: AsyncIterableIterator<Lease> = {
      [Symbol.asyncIterator]: () => iterator,
      next: () => this.#noted(leases.next()),
      return: () => leases.return!(),
    };
    return iterator;
  }

  /** Reads into `p`; bytes, or null at the end: as the stream's own. */
  read(p: Uint8Array, options?: OpOptions): Promise<number | null> {
    this.#requireLent("read");
    return this.#noted(this.#stream.read(p, options));
  }

  /** Sends bytes; all of them are accepted when it resolves: as the stream's own. */
  send(
    data: Uint8Array | Lease | readonly (Uint8Array | Lease)[],
    options?: SendOptions,
  ): Promise<number> {
    this.#requireLent("send");
    return this.#noted(this.#stream.send(data, options));
  }

  /** The same as {@linkcode PooledStream.send}. */
  write(p: Uint8Array, options?: OpOptions): Promise<number> {
    return this.send(p, options);
  }

  /** Gives it back; once more is a no-op. @returns when the pool has or has closed it */
  async release(): Promise<void> {
    if (!this.#isLent) return;
    if (this.#isUnfit || (this.#stream.sendingSoFar?.queuedBytes ?? 0) > 0) {
      return await this.discard();
    }
    this.#isLent = false;
    this.#owner.takeBack();
  }

  /** Closes it, so that nobody has it again; once more is a no-op. @returns when it is closed */
  async discard(): Promise<void> {
    if (!this.#isLent) return;
    this.#isLent = false;
    await this.#owner.throwAway();
  }

  /** Gives it back. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  #noted<T>(operation: Promise<T>): Promise<T> {
    operation.catch(() => this.#isUnfit = true);
    return operation;
  }

  #requireLent(operation: string): void {
    if (!this.#isLent) throw badResource(operation, "the stream was given back to its pool");
  }
}
