/**
 * Streams of every kind: connections over which bytes flow both ways.
 *
 * @module
 */

import { requireInteger } from "./authorization.ts";
import { type CompactAddress, expand } from "./compact_address.ts";
import type { Network } from "./network.ts";
import { badResource, busy, netError } from "./errors.ts";
import type { Lease } from "./lease.ts";
import { checkOperation } from "./operation.ts";
import { getOption, type OptionName, type OptionValue, setOption } from "./options.ts";
import { RingBuffer } from "./ring_buffer.ts";
import { Socket, type SocketOwner } from "./socket.ts";
import { type OpOptions, Reader, ReceiveSide } from "./stream_receive.ts";
import { type SendOptions, SendSide } from "./stream_send.ts";
import { LeaseIterator } from "./lease_iterator.ts";
import { WebStreams } from "./web_streams.ts";
import { Errno } from "../ring/abi/errno.ts";
import { Shut } from "../ring/abi/opcodes.ts";

/** How a stream came to its end. */
export interface CloseReport {
  /** Why, undefined for an ordinary `close()`. */
  readonly reason: Error | undefined;
}

/** The most leases of one stream unless said otherwise. */
export const LEASES_PER_STREAM = 64;

const LEASES_MAX = 65536;

/** Proves that a cap on leases is one. */
export function requireLeases(value: number = LEASES_PER_STREAM): number {
  return requireInteger("leasesPerStream", value, 1, LEASES_MAX);
}

/** What a stream is made of; endpoints and `connect` make them. */
export interface StreamParts {
  readonly network: Network;
  readonly owner: SocketOwner;
  readonly fd: number;
  readonly local: CompactAddress;
  readonly remote: CompactAddress;
  readonly leasesPerStream: number;
}

/**
 * What connections of every kind have in common: bytes in, bytes out, half-close, options.
 */
export abstract class StreamSocket<A extends Deno.Addr> extends Socket
  implements AsyncDisposable, Disposable {
  /** @ignore Its receiving half. */
  readonly receiving: ReceiveSide;
  /** @ignore Its sending half. */
  readonly sending: SendSide;
  readonly #local: CompactAddress;
  readonly #remote: CompactAddress;
  #closing: Promise<void> | null = null;
  #closed: PromiseWithResolvers<CloseReport> | null = null;
  #report: CloseReport | null = null;
  #isReadShut = false;
  #isWriteShut = false;
  #web: WebStreams | null = null;

  /** @ignore Made by `connect` and by endpoints. */
  constructor(parts: StreamParts) {
    super(parts.network, parts.owner, parts.fd);
    this.#local = parts.local;
    this.#remote = parts.remote;
    this.receiving = new ReceiveSide(this, parts.leasesPerStream);
    this.sending = new SendSide(this);
  }

  /** The address of this end. */
  get localAddr(): A {
    return expand(this.#local).toDenoAddr("tcp") as A;
  }

  /** The address of the other end. */
  get remoteAddr(): A {
    return expand(this.#remote).toDenoAddr("tcp") as A;
  }

  /** The address of this end as text. */
  get localName(): string {
    return expand(this.#local).toString();
  }

  /** The address of the other end as text. */
  get remoteName(): string {
    return expand(this.#remote).toString();
  }

  /** Resolves when the stream is closed, with the reason; never rejects. */
  get closed(): Promise<CloseReport> {
    this.#closed ??= Promise.withResolvers<CloseReport>();
    if (this.#report !== null) this.#closed.resolve(this.#report);
    return this.#closed.promise;
  }

  /**
   * Receives what arrives next.
   *
   * @param options `timeoutMs` is the deadline in milliseconds
   * @returns a lease on the bytes, or null at the end of the stream
   * @throws {NetError} EBUSY beside another reader, ENOBUFS with too many leases held, ECONNRESET,
   * ETIMEDOUT, EBADF after `close()`
   */
  async receive(options?: OpOptions): Promise<Lease | null> {
    this.enterReader("receive", Reader.ONCE, options);
    try {
      const lease = await this.receiving.next(options);
      lease?.issue(this.receiving);
      return lease;
    } finally {
      this.receiving.reader = Reader.NONE;
    }
  }

  /**
   * Receives until the end of the stream. Each lease is released when the next one is asked for.
   * Breaking out stops receiving; bytes that came ahead wait for the next reader.
   *
   * @param options `timeoutMs` is idle time in milliseconds, counted while it waits for bytes
   */
  receiveMany(options?: OpOptions): AsyncIterableIterator<Lease> {
    if (options !== undefined) checkOperation("receiveMany", options);
    return new LeaseIterator(this.receiving, this, options);
  }

  /**
   * Sends bytes; all of them are accepted when it resolves. Sends leave in the order of the calls.
   * Bytes are copied, and leases pinned, before it returns: the caller may reuse them at once.
   *
   * @returns how many bytes there were
   * @throws {NetError} EPIPE, ECONNRESET, EBADF after `close()`; ENOBUFS when the queue is full;
   * {@linkcode PartialSendError} when an abort or a deadline came after the first byte had moved
   */
  send(
    data: Uint8Array | Lease | readonly (Uint8Array | Lease)[],
    options?: SendOptions,
  ): Promise<number> {
    try {
      if (options !== undefined) checkOperation("send", options);
      if (this.#isWriteShut) return Promise.reject(this.#error("send", Errno.EPIPE));
      return this.sending.send(data, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Takes memory in the ring, for {@linkcode StreamSocket.recvZeroCopy} and
   * {@linkcode StreamSocket.sendZeroCopy}.
   *
   * @param bytes 1 to the largest block of the ring's arena
   * @throws {NetError} ENOBUFS when the arena has no such block free
   */
  allocBuffer(bytes: number): RingBuffer {
    return RingBuffer.allocate(this, bytes);
  }

  /**
   * Receives into memory of the program's own in the ring.
   *
   * @returns how many bytes came, 0 at the end of the stream
   */
  async recvZeroCopy(into: RingBuffer, options?: OpOptions): Promise<number> {
    this.#requireBuffer("recvZeroCopy", into);
    this.enterReader("recvZeroCopy", Reader.ONCE, options);
    try {
      return await this.receiving.takeInto(into, options);
    } finally {
      this.receiving.reader = Reader.NONE;
    }
  }

  /**
   * Sends from memory of the program's own in the ring, in place: it must not change before this
   * resolves.
   *
   * @returns how many bytes there were
   */
  async sendZeroCopy(from: RingBuffer, options?: SendOptions): Promise<number> {
    this.#requireBuffer("sendZeroCopy", from);
    if (options !== undefined) checkOperation("sendZeroCopy", options);
    if (this.#isWriteShut) throw this.#error("send", Errno.EPIPE);
    return await this.sending.sendBuffer(from, options);
  }

  /**
   * Reads into `p`, as `Deno.Conn` does; it copies.
   *
   * @returns how many bytes, or null at the end of the stream
   */
  async read(p: Uint8Array, options?: OpOptions): Promise<number | null> {
    if (p.length === 0) return 0;
    this.enterReader("read", Reader.ONCE, options);
    try {
      const lease = await this.receiving.take(options);
      if (lease === null) return null;
      const count = Math.min(lease.size, p.length);
      lease.copyTo(p, 0, count);
      this.receiving.putBack(lease, count);
      return count;
    } finally {
      this.receiving.reader = Reader.NONE;
    }
  }

  /** Writes all of `p`, as `Deno.Conn` does. @returns its length */
  write(p: Uint8Array, options?: OpOptions): Promise<number> {
    return this.send(p, options);
  }

  /** Ends the write side after everything queued has left; receiving goes on. */
  closeWrite(): Promise<void> {
    return this.shutdown("write");
  }

  /**
   * Ends a side.
   *
   * @param how "read" ends receiving here, "write" tells the peer that no more bytes come
   */
  async shutdown(how: "read" | "write" | "both"): Promise<void> {
    if (how !== "read" && how !== "write" && how !== "both") {
      throw new TypeError(`shutdown: how must be "read", "write" or "both", not ${String(how)}`);
    }
    if (this.#closing !== null) throw badResource("shutdown", "the stream is closed");
    if (how !== "read" && !this.#isWriteShut) {
      this.#isWriteShut = true;
      await this.sending.whenEmpty();
      await this.#shut(Shut.WR);
    }
    if (how !== "write" && !this.#isReadShut) {
      this.#isReadShut = true;
      await this.#shut(Shut.RD);
    }
  }

  /**
   * Closes the stream at once; once more is a no-op. Bytes whose `send` has not resolved are given
   * up: await your sends first.
   *
   * @returns when the descriptor is closed
   */
  close(): Promise<void> {
    return this.terminate(undefined);
  }

  /** @ignore Ends everything with a reason; capabilities do that when they are revoked. */
  terminate(reason: Error | undefined): Promise<void> {
    this.#closing ??= this.#close(reason);
    return this.#closing;
  }

  /**
   * Sets an option.
   *
   * @throws {TypeError} when there is no such option or the value has the wrong type
   * @throws {NetError} ENOTSUP where the backend cannot, EINVAL when it comes too late
   */
  async setOption<K extends OptionName>(name: K, value: OptionValue<K>): Promise<void> {
    this.requireOpen("setOption");
    await setOption(this.network, this.descriptor, name, value, true);
  }

  /** Reads an option. */
  async getOption<K extends OptionName>(name: K): Promise<OptionValue<K>> {
    this.requireOpen("getOption");
    return await getOption(this.network, this.descriptor, name) as OptionValue<K>;
  }

  /** The received bytes as a stream of copies; nothing is read before somebody asks. */
  get readable(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#webStreams.readable;
  }

  /**
   * A stream whose chunks are sent. Closing it ends the write side, and closes the stream when
   * `readable` has ended too; aborting it resets the connection, where the backend can.
   */
  get writable(): WritableStream<Uint8Array> {
    return this.#webStreams.writable;
  }

  /** Closes the stream. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Closes the stream. @returns when the descriptor is closed */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @ignore Proves that this reader is the only one, and takes its place. */
  enterReader(operation: string, reader: Reader, options: OpOptions | undefined): void {
    if (options !== undefined) checkOperation(operation, options);
    if (this.#closing !== null) throw this.#closedError(operation);
    if (this.#web !== null && reader !== Reader.STREAM) this.#web.yieldTo(operation, this.#names());
    if (this.receiving.reader !== Reader.NONE) {
      throw busy(operation, "somebody else is reading the stream", this.#names());
    }
    this.receiving.reader = reader;
  }

  async #close(reason: Error | undefined): Promise<void> {
    const { network, descriptor } = this;
    const why = reason ?? null;
    const receiving = this.receiving.terminate(why);
    const sending = this.sending.terminate(why);
    // Whoever awaits the close is alive until it is done.
    network.reactor.reference();
    // The cancellations are ahead of it in the queue; the kernel keeps the file until they are in.
    await network.close(descriptor);
    if (receiving !== null) await receiving;
    if (sending !== null) await sending;
    network.reactor.dereference();
    this.owner.forget(this);
    this.#report = { reason };
    this.#closed?.resolve(this.#report);
  }

  async #shut(how: typeof Shut[keyof typeof Shut]): Promise<void> {
    this.network.reactor.reference();
    const result = await this.network.shutdown(this, how);
    this.network.reactor.dereference();
    // A peer that is gone has shut both sides already.
    if (result < 0 && result !== -Errno.ENOTCONN) throw this.#error("shutdown", -result);
  }

  get #webStreams(): WebStreams {
    return this.#web ??= new WebStreams(this, this.receiving);
  }

  /** @ignore Proves that it is open. */
  requireOpen(operation: string): void {
    if (this.#closing !== null) throw this.#closedError(operation);
  }

  #closedError(operation: string): Error {
    const cause = this.#report?.reason;
    return badResource(operation, "the stream is closed", { ...this.#names(), cause });
  }

  #requireBuffer(operation: string, buffer: RingBuffer): void {
    if (!(buffer instanceof RingBuffer) || !buffer.isOf(this.network.reactor)) {
      throw new TypeError(`${operation}: the buffer must come from this stream's allocBuffer()`);
    }
    if (!buffer.isHeld) throw new TypeError(`${operation}: the buffer was released`);
  }

  #error(operation: string, errno: number): Error {
    return netError(errno, { operation, ...this.#names() });
  }

  #names(): { local: string; remote: string } {
    return { local: this.localName, remote: this.remoteName };
  }
}
