/**
 * Streams of every kind: connections over which bytes flow both ways.
 *
 * @module
 */

import { requireInteger } from "../authorization.ts";
import { badResource, busy, netError, unsupported } from "../errors.ts";
import type { Lease } from "../lease.ts";
import { checkOperation, checkTimeout, type OpOptions } from "../operation.ts";
import { RECEIVE_FILE_KEYS, receiveFile, type ReceiveFileOptions } from "./receive_file.ts";
import { SEND_FILE_KEYS, sendFile, type SendFileOptions } from "./send_file.ts";
import {
  checkKeys,
  type OptionName,
  type OptionValue,
  setOption,
  type SocketKind,
} from "../options/options.ts";
import { RingBuffer } from "../ring_buffer.ts";
import { ConnectedSocket, type ConnectionParts } from "./connected_socket.ts";
import { Reader, ReceiveSide } from "./stream_receive.ts";
import { type SendOptions, SendSide } from "./stream_send.ts";
import { LeaseIterator } from "./lease_iterator.ts";
import { WebStreams } from "./web_streams.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { Shut } from "../../ring/abi/opcodes.ts";

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
export interface StreamParts extends ConnectionParts {
  readonly leasesPerStream: number;
}

/**
 * What connections of every kind have in common: bytes in, bytes out, half-close, options.
 */
export abstract class StreamSocket<A extends Deno.Addr> extends ConnectedSocket<A>
  implements AsyncDisposable, Disposable {
  /** @ignore Its receiving half. */
  readonly receiving: ReceiveSide;
  /** Made by the first send: an idle connection should cost as little as can be. */
  #sending: SendSide | null = null;
  /** Why it was closed, null for an ordinary close or while it is open. */
  #closedBy: Error | null = null;
  #closing: Promise<void> | null = null;
  #closed: PromiseWithResolvers<CloseReport> | null = null;
  #report: CloseReport | null = null;
  #isReadShut = false;
  #isWriteShut = false;
  #web: WebStreams | null = null;

  /** @ignore Made by `connect` and by endpoints. */
  constructor(parts: StreamParts) {
    super(parts);
    this.receiving = new ReceiveSide(this, parts.leasesPerStream);
  }

  /** @ignore Its sending half. */
  get sending(): SendSide {
    if (this.#sending === null) {
      this.#sending = new SendSide(this);
      if (this.#closing !== null) this.#sending.terminate(this.#closedBy);
    }
    return this.#sending;
  }

  /** @ignore The same, null while nothing was ever sent. */
  get sendingSoFar(): SendSide | null {
    return this.#sending;
  }

  /**
   * The descriptor, for the expert layer and for `UnixStream.sendFds`. It is the stream's:
   * whoever uses it keeps the stream open meanwhile.
   *
   * @throws {NetError} ENOTSUP on backends whose descriptors are not the system's, EBADF after
   * `close()`
   */
  get fd(): number {
    this.requireOpen("fd");
    if (this.network.kind === "kernel") return this.descriptor;
    throw unsupported(this.network.kind, "descriptors (stream.fd)", "fd");
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
  receive(options?: OpOptions): Promise<Lease | null> {
    try {
      this.enterReader("receive", Reader.LEASE, options);
      return this.receiving.next(options);
    } catch (error) {
      return Promise.reject(error);
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
    this.requireBuffer("recvZeroCopy", into);
    this.enterReader("recvZeroCopy", Reader.ONCE, options);
    try {
      return await this.receiving.takeInto(into, options);
    } finally {
      this.receiving.reader = Reader.NONE;
    }
  }

  /**
   * Sends from memory of the program's own in the ring, in place: it must not change before this
   * resolves. With the option `zeroCopy` and 32 KiB or more that is when the other side has
   * acknowledged the bytes; a signal or a deadline that comes when all of them are accepted ends the
   * wait, and `isSending` of the buffer tells when it may change.
   *
   * @returns how many bytes there were
   * @throws {NetError} EBUSY while the system sends from the buffer
   */
  async sendZeroCopy(from: RingBuffer, options?: SendOptions): Promise<number> {
    this.requireBuffer("sendZeroCopy", from);
    if (options !== undefined) checkOperation("sendZeroCopy", options);
    if (this.#isWriteShut) throw this.#error("send", Errno.EPIPE);
    return await this.sending.sendBuffer(from, options);
  }

  /**
   * Sends a file, in its turn among the stream's sends, without its bytes passing through the
   * program.
   *
   * @param file a path or a `file:` URL
   * @param options `offset` and `length` in bytes; to the end of the file unless said otherwise
   * @returns how many bytes were sent: fewer than `length` where the file ends before
   * @throws {Deno.errors.NotCapable} when no rule in the right `files` admits the path that the file
   * has once links are followed
   * @throws {NetError} ENOENT, EACCES, EISDIR ..., and what `send` throws
   */
  async sendFile(file: string | URL, options: SendFileOptions = {}): Promise<number> {
    checkKeys("sendFile", options, SEND_FILE_KEYS);
    checkTimeout("sendFile", options.timeoutMs);
    if (this.#isWriteShut) throw this.#error("sendFile", Errno.EPIPE);
    return await sendFile(this, this.sending, file, options);
  }

  /**
   * Receives into a file, to the end of the stream or as many bytes as `length` says.
   *
   * @param file a path or a `file:` URL
   * @param options `length` in bytes; `mode` says what becomes of a file that is there: "replace" it,
   * reject unless it is "new", or "append" to it
   * @returns how many bytes were received and written
   * @throws {Deno.errors.NotCapable} when no rule in the right `writableFiles` admits the file
   * @throws {NetError} EEXIST, ENOSPC, EACCES ..., and what `receive` throws; bytes that could not be
   * written wait for the next reader
   */
  async receiveFile(file: string | URL, options: ReceiveFileOptions = {}): Promise<number> {
    checkKeys("receiveFile", options, RECEIVE_FILE_KEYS);
    const { signal, timeoutMs } = options;
    this.enterReader("receiveFile", Reader.ONCE, { signal, timeoutMs });
    try {
      return await receiveFile(this, this.receiving, file, options);
    } finally {
      this.receiving.reader = Reader.NONE;
    }
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
      await this.#sending?.whenEmpty();
      this.requireOpen("shutdown");
      await this.#shut(Shut.WR);
    }
    if (how !== "write" && !this.#isReadShut) {
      this.#isReadShut = true;
      this.requireOpen("shutdown");
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

  /** @ignore Whether it is closed, or about to be. */
  get isClosing(): boolean {
    return this.#closing !== null;
  }

  /** @ignore Ends everything with a reason, and the connection with a reset where one can. */
  reset(reason: Error | undefined): Promise<void> {
    this.#closing ??= this.#reset(reason);
    return this.#closing;
  }

  /** Sets an option: see {@linkcode Socket.setOption}. */
  override setOption<K extends OptionName>(name: K, value: OptionValue<K>): Promise<void> {
    const done = super.setOption(name, value);
    return name === "zeroCopy" ? done.then(() => this.#sending?.zeroCopyChanged()) : done;
  }

  /** Reads an option: see {@linkcode Socket.getOption}. */
  override getOption<K extends OptionName>(name: K): Promise<OptionValue<K>> {
    return super.getOption(name) as Promise<OptionValue<K>>;
  }

  /** @ignore Which options it has. */
  get kind(): SocketKind {
    return "stream";
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

  async #reset(reason: Error | undefined): Promise<void> {
    // Where there is no such option, it is closed in order.
    await setOption(this, "lingerSeconds", 0, true).catch(() => {});
    await this.#close(reason);
  }

  async #close(reason: Error | undefined): Promise<void> {
    const { network, descriptor } = this;
    const why = reason ?? null;
    this.#closedBy = why;
    const receiving = this.receiving.terminate(why);
    const sending = this.sendingSoFar?.terminate(why) ?? null;
    // Whoever awaits the close is alive until it is done.
    network.reactor.reference();
    const limited = this.#sending?.limitDelivery(reason !== undefined) ?? null;
    if (limited !== null) await limited;
    // Linux looks up the descriptor of a SHUTDOWN on a thread of its own, some time after it took
    // the entry: by then it must not be another connection's.
    if (this.shutdowns !== null) await this.shutdowns;
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

  /** @ignore Proves that the write side was not ended. */
  requireWritable(operation: string): void {
    if (this.#isWriteShut) throw this.#error(operation, Errno.EPIPE);
  }

  #closedError(operation: string): Error {
    const cause = this.#report?.reason;
    return badResource(operation, "the stream is closed", { ...this.#names(), cause });
  }

  /** @ignore Proves that memory is of this stream's ring, and held. */
  requireBuffer(operation: string, buffer: RingBuffer): void {
    if (!(buffer instanceof RingBuffer) || !buffer.isOf(this.network.reactor)) {
      throw new TypeError(`${operation}: the buffer must come from this stream's allocBuffer()`);
    }
    if (!buffer.isHeld) throw new TypeError(`${operation}: the buffer was released`);
    if (buffer.isSending) {
      throw busy(operation, "the system still sends from the buffer", this.#names());
    }
  }

  #error(operation: string, errno: number): Error {
    return netError(errno, { operation, ...this.#names() });
  }

  #names(): { local: string; remote: string } {
    return { local: this.localName, remote: this.remoteName };
  }
}
