/**
 * Connections over Unix sockets.
 *
 * @module
 */

import { adoptConnection, type AdoptOptions, UNIX_CONNECTION } from "../process/adopt.ts";
import type { NetworkCapability } from "../capability.ts";
import { netError, unsupported } from "../errors.ts";
import type { Lease } from "../lease.ts";
import { checkOperation, type OpOptions } from "../operation.ts";
import type { RingBuffer } from "../ring_buffer.ts";
import type { SendFileOptions } from "../stream/send_file.ts";
import { copiedBytes, type Sendable } from "../stream/send_queue.ts";
import { Reader } from "../stream/stream_receive.ts";
import type { SendOptions } from "../stream/stream_send.ts";
import { type StreamParts, StreamSocket } from "../stream/stream_socket.ts";
import type { ConnectOptions } from "../tcp/tcp_stream.ts";
import { type PeerCredentials, readPeerCredentials } from "./unix_credentials.ts";
import { type OwnedFd, requireAdopt, requireDescriptors, requireFds } from "./unix_descriptors.ts";
import { UnixReceiver } from "./unix_receive.ts";
import { type Outgoing, UnixSender } from "./unix_send.ts";
import type { UnixSocketType } from "./unix_types.ts";
import type { UnixAddressInput } from "../../ring/abi/address_input.ts";
import { Errno } from "../../ring/abi/errno.ts";

/** Options of `connect` to a Unix socket. */
export interface UnixConnectOptions extends ConnectOptions {
  /** "stream" unless said otherwise; a "seqpacket" connection keeps messages apart. */
  readonly type?: UnixSocketType;
}

/** What a Unix connection is made of. */
export interface UnixStreamParts extends StreamParts {
  readonly type?: UnixSocketType;
}

/** Bytes, and the descriptors that came with them. */
export interface ReceivedFds extends Disposable {
  /** The bytes; disposing of this releases them. */
  readonly lease: Lease;
  /** The descriptors in the order in which they were sent; disposing of this closes them. */
  readonly fds: readonly OwnedFd[];
}

/**
 * A connection over a Unix socket. Usable wherever a `Deno.Conn` is.
 *
 * Over a "seqpacket" connection each `send` is one message, of which an array of parts is one, and
 * each lease is one message, which may be empty.
 *
 * @example
 * ```ts
 * import { NetworkCapability, UnixEndpoint, UnixStream } from "../../mod.ts";
 * await using capability = await NetworkCapability.request();
 * const path = await Deno.makeTempDir() + "/socket";
 * await using endpoint = await UnixEndpoint.create(`unix:${path}`, capability);
 * const accepting = endpoint.accept();
 * await using client = await UnixStream.connect(endpoint.addr, capability);
 * await using server = await accepting;
 * await client.send(new TextEncoder().encode("hello"));
 * using lease = await server.receive();
 * console.log(lease?.length); // 5
 * ```
 */
export class UnixStream extends StreamSocket<Deno.UnixAddr> {
  /** Whether it keeps messages apart. */
  readonly type: UnixSocketType;
  #messages: UnixReceiver | null = null;

  /** @ignore Made by `connect` and by endpoints. */
  constructor(parts: UnixStreamParts) {
    super(parts);
    this.type = parts.type ?? "stream";
    if (this.type === "stream") return;
    this.#messages = new UnixReceiver(this, true);
    this.receiving.messages = this.#messages;
  }

  /**
   * Connects to a Unix socket.
   *
   * @param address `"unix:/path"`, `"unix:@abstract"`, or a `Deno.UnixAddr`
   * @param capability must hold `unix` and `connect` for the path
   * @throws {NetError} ENOENT, ECONNREFUSED, EACCES ..., EPROTOTYPE when the socket there is of
   * another type, ENOTSUP for "seqpacket" on `host`
   * @throws {Deno.errors.NotCapable} when the capability does not allow it
   * @throws {TypeError} when the address is malformed
   * @throws {RangeError} when the path has more than 107 bytes
   */
  static connect(
    address: UnixAddressInput,
    capability: NetworkCapability,
    options?: UnixConnectOptions,
  ): Promise<UnixStream> {
    return capability.connect(address, options);
  }

  /**
   * Takes over a connected Unix socket by its descriptor: from then on this stream closes it.
   *
   * @param fd the number, or an object whose ownership passes to the stream
   * @param capability must hold `adopt` and `unix`, and `listen` for the socket's own address or
   * `connect` for its peer's
   * @throws {NetError} EBADF, ENOTSOCK, EINVAL naming what the descriptor is instead, ENOTSUP on
   * `host`; the descriptor then stays the caller's
   * @throws {Deno.errors.NotCapable} when the capability does not allow it
   */
  static async adopt(
    fd: number | OwnedFd,
    capability: NetworkCapability,
    options: AdoptOptions = {},
  ): Promise<UnixStream> {
    const parts = await adoptConnection(capability, fd, UNIX_CONNECTION, options);
    return new UnixStream(parts);
  }

  /**
   * Sends bytes; over "seqpacket" one message, whole or not at all.
   *
   * @throws {NetError} as {@linkcode StreamSocket.send}, and EMSGSIZE for a message that is too
   * large
   */
  override send(
    data: Uint8Array | Lease | readonly (Uint8Array | Lease)[],
    options?: SendOptions,
  ): Promise<number> {
    if (this.type === "stream") return super.send(data, options);
    return this.#sendAlone("send", () => this.#copyOf(data), [], options);
  }

  /** Sends from a program's own memory in the ring; over "seqpacket" one message. */
  override async sendZeroCopy(from: RingBuffer, options?: SendOptions): Promise<number> {
    if (this.type === "stream") return await super.sendZeroCopy(from, options);
    this.requireBuffer("sendZeroCopy", from);
    return await this.#sendAlone("sendZeroCopy", () => from, [], options);
  }

  /**
   * Receives into memory of the program's own; over "seqpacket", where 0 could be the end or an
   * empty message, it rejects with ENOTSUP.
   */
  override async recvZeroCopy(into: RingBuffer, options?: OpOptions): Promise<number> {
    this.#requireStream("recvZeroCopy");
    return await super.recvZeroCopy(into, options);
  }

  /** Sends a file; over "seqpacket", where it would be cut into messages, rejects with ENOTSUP. */
  override async sendFile(file: string | URL, options?: SendFileOptions): Promise<number> {
    this.#requireStream("sendFile");
    return await super.sendFile(file, options);
  }

  /**
   * Reads into `p`, as `Deno.Conn` does; over "seqpacket" one message.
   *
   * @throws {NetError} EMSGSIZE when a message does not fit into `p`: it waits for the next reader
   */
  override async read(p: Uint8Array, options?: OpOptions): Promise<number | null> {
    if (this.type === "stream") return await super.read(p, options);
    this.enterReader("read", Reader.ONCE, options);
    try {
      const lease = await this.receiving.take(options);
      if (lease === null) return null;
      const { size } = lease;
      const fits = size <= p.length;
      if (fits) lease.copyTo(p, 0, size);
      this.receiving.putBack(lease, fits ? size : 0);
      if (fits) return size;
      const detail = `a message of ${size} bytes does not fit into ${p.length}`;
      throw netError(Errno.EMSGSIZE, { operation: "read", ...this.#names(), detail });
    } finally {
      this.receiving.reader = Reader.NONE;
    }
  }

  /**
   * Sends bytes together with descriptors, of which the peer gets duplicates; they go with the
   * first byte. Data is copied before it returns; a descriptor given by number must stay open until
   * it resolves, an {@linkcode OwnedFd} may be closed at once.
   *
   * @param data at least 1 byte; over "seqpacket" a message, which may be empty
   * @param fds at most 253; numbers need the right `adopt`, as they may be anybody's
   * @returns how many bytes there were
   * @throws {RangeError} without bytes, or with too many descriptors
   * @throws {NetError} EBADF when one is not open, EINVAL when one cannot be passed on,
   * ETOOMANYREFS, ENOTSUP on `host`, and as {@linkcode StreamSocket.send}
   * @throws {Deno.errors.NotCapable} for numbers without the right `adopt`
   */
  sendFds(
    data: Uint8Array | Lease | readonly (Uint8Array | Lease)[],
    fds: readonly (number | OwnedFd)[],
    options?: SendOptions,
  ): Promise<number> {
    const copy = () => {
      requireFds("sendFds", fds);
      requireDescriptors(this.network, "descriptors over Unix sockets", "sendFds");
      if (fds.some((fd) => typeof fd === "number")) requireAdopt(this, "sendFds");
      const bytes = this.#copyOf(data);
      if (bytes.length > 0 || this.type === "seqpacket") return bytes;
      throw new RangeError("sendFds: descriptors need at least 1 byte of data to go with");
    };
    return this.#sendAlone("sendFds", copy, fds, options);
  }

  /**
   * Receives what arrives next, together with the descriptors that were sent with it. They come
   * closed to other programs (`FD_CLOEXEC`), and count as the capability's sockets.
   *
   * Every other way of receiving leaves them to the kernel, which closes them.
   *
   * @param options `timeoutMs` is the deadline in milliseconds
   * @returns bytes and descriptors, or null at the end of the stream; descriptors belong to what
   * their sender sent with them, of which the lease has the first byte, perhaps behind earlier ones
   * @throws {NetError} EMFILE when not all of them could be received, for the process's limit or
   * the limit `sockets`: then all are closed, and the bytes wait for the next reader; ENOTSUP on
   * `host`; and as {@linkcode StreamSocket.receive}
   * @throws {Deno.errors.NotCapable} without the right `adopt`
   */
  async receiveFds(options?: OpOptions): Promise<ReceivedFds | null> {
    requireDescriptors(this.network, "descriptors over Unix sockets", "receiveFds");
    requireAdopt(this, "receiveFds");
    this.enterReader("receiveFds", Reader.ONCE, options);
    // What a reader of `readable` that is gone has armed must not take the descriptors.
    if (this.receiving.isArmed) await this.receiving.stop();
    const receiver = this.#messages ??= new UnixReceiver(this, false);
    receiver.wantsDescriptors = true;
    this.receiving.messages = receiver;
    try {
      const lease = await this.receiving.next(options);
      if (lease === null) return null;
      let fds: OwnedFd[];
      try {
        fds = receiver.takeDescriptors();
      } catch (error) {
        this.receiving.putBack(lease, 0);
        throw error;
      }
      lease.issue(this.receiving);
      return new Received(lease, fds);
    } finally {
      receiver.endDescriptors();
      if (this.type === "stream") this.receiving.messages = null;
      this.receiving.reader = Reader.NONE;
    }
  }

  /**
   * Who made the other end, as the kernel noted it when the connection was made. Source:
   * `SO_PEERCRED` of unix(7).
   *
   * @throws {NetError} ENOTSUP on `host`
   */
  async peerCredentials(): Promise<PeerCredentials> {
    this.requireOpen("peerCredentials");
    return await readPeerCredentials(this);
  }

  async #sendAlone(
    operation: Outgoing["operation"],
    read: () => Outgoing["data"],
    descriptors: Outgoing["descriptors"],
    options: SendOptions | undefined,
  ): Promise<number> {
    if (options !== undefined) checkOperation(operation, options);
    const data = read();
    this.requireWritable(operation);
    const isMessage = this.type === "seqpacket";
    const outgoing = { operation, data, descriptors, isMessage };
    return await new UnixSender(this, this.sending, outgoing).run(options);
  }

  /** Copies what is to be sent; proves, before anything is queued, that it can be. */
  #copyOf(data: Sendable): Uint8Array {
    copiedBytes(data, this.network.reactor.buffers);
    const parts = (Array.isArray(data) ? data : [data]) as readonly (Uint8Array | Lease)[];
    const pieces = parts.map((part) => part instanceof Uint8Array ? part : part.bytes);
    const bytes = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
    let offset = 0;
    for (const piece of pieces) {
      bytes.set(piece, offset);
      offset += piece.length;
    }
    return bytes;
  }

  #requireStream(operation: string): void {
    if (this.type === "stream") return;
    throw unsupported(this.network.kind, `${operation}() on seqpacket sockets`, operation);
  }

  #names(): { local: string; remote: string } {
    return { local: this.localName, remote: this.remoteName };
  }
}

class Received implements ReceivedFds {
  readonly lease: Lease;
  readonly fds: readonly OwnedFd[];

  constructor(lease: Lease, fds: readonly OwnedFd[]) {
    this.lease = lease;
    this.fds = fds;
  }

  [Symbol.dispose](): void {
    this.lease.release();
    for (const fd of this.fds) fd.close();
  }
}
