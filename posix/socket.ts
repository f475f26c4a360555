/**
 * A socket as an object: the calls, without their first argument.
 *
 * @module
 */

import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  F_GETFL,
  FIONBIO,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_TCP,
  O_NONBLOCK,
  SHUT_RD,
  SHUT_RDWR,
  SHUT_WR,
  SO_DOMAIN,
  SO_ERROR,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_RAW,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  SOL_SOCKET,
} from "./constants/mod.ts";
import { PosixError } from "./errors.ts";
import { Posix } from "./posix.ts";
import { type SocketAddressInput, toSockaddr } from "./socket_address.ts";
import {
  KEEP_ALIVE_NAMES,
  SOCKET_OPTIONS,
  type SocketKeepAlive,
  type SocketOptionName,
  type SocketOptionPlace,
  type SocketOptionValues,
} from "./socket_options.ts";
import type { ReceivedFrom, Sockaddr } from "./types.ts";
import type { NetworkCapability } from "../native/capability.ts";
import { describe, quote } from "../ring/abi/quote.ts";

/** What a socket carries: bytes, datagrams, packets with their headers, or records in order. */
export type SocketType = "stream" | "datagram" | "raw" | "seqpacket";

/** The family of a socket's addresses. */
export type SocketFamily = "IPv4" | "IPv6" | "unix";

/** What {@linkcode Socket.create} takes. */
export interface SocketOptions {
  /** `"IPv4"` unless given; of a `"seqpacket"` socket `"unix"`. */
  readonly family?: SocketFamily;
  /** The protocol's number: that of the type unless given, ICMP of a `"raw"` socket. */
  readonly protocol?: number;
}

/** What {@linkcode Socket.accept} gives. */
export interface AcceptedSocket {
  /** The connection. */
  readonly socket: Socket;
  /** The peer's address. */
  readonly address: Sockaddr;
}

const TYPES: Readonly<Record<SocketType, number>> = {
  stream: SOCK_STREAM,
  datagram: SOCK_DGRAM,
  raw: SOCK_RAW,
  seqpacket: SOCK_SEQPACKET,
};
const FAMILIES: Readonly<Record<SocketFamily, number>> = {
  IPv4: AF_INET,
  IPv6: AF_INET6,
  unix: AF_UNIX,
};
const HOW = { read: SHUT_RD, write: SHUT_WR, both: SHUT_RDWR } as const;

/** A table that goes with the last of the sockets that use it. */
class OwnTable {
  readonly posix: Posix;
  #users = 0;
  #ended: Promise<void> | null = null;

  constructor(posix: Posix) {
    this.posix = posix;
  }

  enter(): void {
    this.#users++;
  }

  leave(): void {
    if (--this.#users === 0) this.#ended = this.posix[Symbol.asyncDispose]();
  }

  /** @returns when the table is gone, if this was the last of its sockets */
  get ended(): Promise<void> {
    return this.#ended ?? Promise.resolve();
  }
}

/**
 * A socket: its descriptor, and the calls on it, which block the calling thread as those of
 * {@linkcode Posix} do. It keeps nothing that the backend knows: whether it is bound, listens or is
 * connected, its flags and its options are asked for.
 *
 * Every method fails as the call that it makes, with a {@linkcode PosixError}; after `close` with
 * EBADF. Without blocking there are `posix.promises`, with `socket.fd`.
 *
 * @example
 * ```ts
 * import { NetworkCapability } from "../mod.ts";
 * import { Posix, Socket } from "./mod.ts";
 * await using capability = await NetworkCapability.request();
 * await using posix = Posix.open(capability);
 * using listener = Socket.create("stream", posix);
 * listener.bind("127.0.0.1:0");
 * listener.listen();
 * using client = Socket.create("stream", posix);
 * client.connect(listener.localAddress);
 * using connection = listener.accept().socket;
 * client.send(new TextEncoder().encode("hello"));
 * const buffer = new Uint8Array(16);
 * console.log(connection.recv(buffer)); // 5
 * ```
 */
export class Socket implements Disposable, AsyncDisposable {
  /** The table that its descriptor is in. */
  readonly posix: Posix;
  readonly #own: OwnTable | null;
  #fd: number;

  private constructor(posix: Posix, fd: number, own: OwnTable | null) {
    this.posix = posix;
    this.#fd = fd;
    this.#own = own;
    own?.enter();
  }

  /**
   * Makes a socket. Source: socket(2).
   *
   * @param posix the table that its descriptor is to be in
   * @throws {TypeError} for an unknown type, family or option
   * @throws {PosixError} EACCES when the capability lacks the right, EPROTONOSUPPORT, EMFILE
   */
  static create(type: SocketType, posix: Posix, options: SocketOptions = {}): Socket {
    return new Socket(posix, open(type, posix, options), null);
  }

  /**
   * Makes a socket in a table of its own, which ends with it and with the sockets it accepted.
   *
   * @param capability who may do what; its backend carries the calls out
   * @throws {TypeError} for an unknown type, family or option
   * @throws {PosixError} EACCES when the capability lacks the right, EPROTONOSUPPORT, EMFILE
   *
   * @example
   * ```ts
   * import { NetworkCapability } from "../mod.ts";
   * import { Socket } from "./mod.ts";
   * await using capability = await NetworkCapability.request();
   * const restricted = capability.derive({ udp: true, listen: ["udp://127.0.0.1:*"] });
   * await using socket = Socket.createWithCapability(restricted, "datagram");
   * socket.bind("127.0.0.1:0");
   * ```
   */
  static createWithCapability(
    capability: NetworkCapability,
    type: SocketType,
    options: SocketOptions = {},
  ): Socket {
    const posix = Posix.open(capability);
    try {
      return new Socket(posix, open(type, posix, options), new OwnTable(posix));
    } catch (error) {
      // Nothing is in the table; that it ends needs no waiting for.
      posix[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * Makes an object of a descriptor: one that another Worker accepted, or one of `socketpair`.
   *
   * @param fd a descriptor of that table, which belongs to the object from now on
   */
  static from(fd: number, posix: Posix): Socket {
    return new Socket(posix, fd, null);
  }

  /** Its descriptor; -1 once it is closed. */
  get fd(): number {
    return this.#fd;
  }

  /** Its own address. Source: getsockname(2). */
  get localAddress(): Sockaddr {
    return this.posix.getsockname(this.#fd);
  }

  /** The peer's address. Source: getpeername(2). @throws {PosixError} ENOTCONN */
  get peerAddress(): Sockaddr {
    return this.posix.getpeername(this.#fd);
  }

  /** Gives it an address. Source: bind(2). @throws {PosixError} EADDRINUSE, EACCES */
  bind(address: SocketAddressInput): void {
    this.posix.bind(this.#fd, toSockaddr(address, this.posix));
  }

  /** Lets connections come. Source: listen(2). @param backlog as many may wait to be accepted */
  listen(backlog?: number): void {
    this.posix.listen(this.#fd, backlog);
  }

  /** Waits for a connection. Source: accept(2). @throws {PosixError} EAGAIN, EMFILE */
  accept(): AcceptedSocket {
    const { fd, address } = this.posix.accept4(this.#fd, SOCK_CLOEXEC);
    return { socket: new Socket(this.posix, fd, this.#own), address };
  }

  /**
   * Connects, or names the peer of datagrams. Source: connect(2).
   *
   * @throws {PosixError} ECONNREFUSED, ETIMEDOUT, EACCES; EINPROGRESS without blocking
   */
  connect(address: SocketAddressInput): void {
    this.posix.connect(this.#fd, toSockaddr(address, this.posix));
  }

  /** Sends. Source: send(2). @returns bytes sent, which may be fewer without blocking */
  send(data: Uint8Array<ArrayBufferLike>, flags = 0): number {
    return this.posix.send(this.#fd, data, flags);
  }

  /** Receives. Source: recv(2). @returns bytes received, 0 at the end of a stream */
  recv(buffer: Uint8Array<ArrayBufferLike>, flags = 0): number {
    return this.posix.recv(this.#fd, buffer, flags);
  }

  /** Sends a datagram to an address. Source: sendto(2). @returns bytes sent */
  sendTo(data: Uint8Array<ArrayBufferLike>, address: SocketAddressInput, flags = 0): number {
    return this.posix.sendto(this.#fd, data, flags, toSockaddr(address, this.posix));
  }

  /** Receives a datagram, and tells from whom. Source: recvfrom(2). */
  recvFrom(buffer: Uint8Array<ArrayBufferLike>, flags = 0): ReceivedFrom {
    return this.posix.recvfrom(this.#fd, buffer, flags);
  }

  /**
   * How long a call on it may block, which then fails with EAGAIN; `connect` with EINPROGRESS.
   *
   * @param timeoutMs milliseconds above 0, null for ever
   */
  setTimeout(timeoutMs: number | null): void {
    this.setOption("receiveTimeoutMs", timeoutMs);
    this.setOption("sendTimeoutMs", timeoutMs);
  }

  /** Whether calls fail with EAGAIN where they would block: `O_NONBLOCK`. */
  setNonblocking(on: boolean): void {
    this.posix.ioctl(this.#fd, FIONBIO, on ? 1 : 0);
  }

  /** Whether `O_NONBLOCK` is set. */
  get isNonblocking(): boolean {
    return (this.posix.fcntl(this.#fd, F_GETFL) & O_NONBLOCK) !== 0;
  }

  /**
   * Sets an option. Source: setsockopt(2).
   *
   * @throws {TypeError} for an unknown name, and a value of another type
   * @throws {PosixError} ENOPROTOOPT, EOPNOTSUPP, EINVAL, EPERM
   */
  setOption<Name extends SocketOptionName>(name: Name, value: SocketOptionValues[Name]): void {
    const place = this.#place(name);
    if (!place.codec.accepts(value)) {
      throw new TypeError(`option ${name} must be ${place.codec.wants}, not ${describe(value)}`);
    }
    this.posix.setsockopt(this.#fd, place.level, place.name, place.codec.encode(value));
    if (name !== "keepAlive" || typeof value !== "object") return;
    const numbers = value as SocketKeepAlive;
    for (const [key, option] of KEEP_ALIVE_NAMES) {
      this.posix.setsockopt(this.#fd, IPPROTO_TCP, option, numbers[key]);
    }
  }

  /** Asks for an option. Source: getsockopt(2). @throws {TypeError} for an unknown name */
  getOption<Name extends SocketOptionName>(name: Name): SocketOptionValues[Name] {
    const { level, name: option, codec } = this.#place(name);
    const view = new DataView(new ArrayBuffer(codec.bytes));
    const bytes = new Uint8Array(view.buffer);
    const length = this.posix.getsockopt(this.#fd, level, option, bytes);
    const value = codec.decode(view, length);
    if (name !== "keepAlive" || value === false) return value as SocketOptionValues[Name];
    const numbers = KEEP_ALIVE_NAMES.map(([key, number]) => {
      return [key, this.posix.getsockopt(this.#fd, IPPROTO_TCP, number)] as const;
    });
    return Object.fromEntries(numbers) as unknown as SocketOptionValues[Name];
  }

  /** The error that came meanwhile, which is gone then, or null: `SO_ERROR`. Source: socket(7). */
  takeError(): PosixError | null {
    const errno = this.posix.getsockopt(this.#fd, SOL_SOCKET, SO_ERROR);
    return errno === 0 ? null : new PosixError(errno, "SO_ERROR");
  }

  /** Ends one direction, or both. Source: shutdown(2). @throws {PosixError} ENOTCONN */
  shutdown(how: "read" | "write" | "both"): void {
    if (!Object.hasOwn(HOW, how)) {
      throw new TypeError(`how must be "read", "write" or "both", not ${describe(how)}`);
    }
    this.posix.shutdown(this.#fd, HOW[how]);
  }

  /** Closes it; once more does nothing. Source: close(2). */
  close(): void {
    if (this.#fd < 0) return;
    const fd = this.#fd;
    this.#fd = -1;
    try {
      this.posix.close(fd);
    } finally {
      this.#own?.leave();
    }
  }

  /**
   * Gives its descriptor up, to another Worker, say. A table of its own stays then, until the
   * capability is closed.
   *
   * @returns the descriptor, which is the caller's to close
   */
  release(): number {
    const fd = this.#fd;
    this.#fd = -1;
    return fd;
  }

  /** Closes it. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Closes it. @returns when a table of its own is gone, too */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.#own?.ended;
  }

  #place(name: string): SocketOptionPlace {
    if (!Object.hasOwn(SOCKET_OPTIONS, name)) throw new TypeError(`unknown option ${quote(name)}`);
    const option = SOCKET_OPTIONS[name as SocketOptionName];
    if (option.ipv6 === null) return option;
    const family = this.posix.getsockopt(this.#fd, SOL_SOCKET, SO_DOMAIN);
    return family === AF_INET6 ? option.ipv6 : option;
  }
}

function open(type: SocketType, posix: Posix, options: SocketOptions): number {
  if (!Object.hasOwn(TYPES, type)) {
    const known = Object.keys(TYPES).map(quote).join(", ");
    throw new TypeError(`a socket's type must be one of ${known}, not ${describe(type)}`);
  }
  const unknown = Object.keys(options).find((key) => key !== "family" && key !== "protocol");
  if (unknown !== undefined) throw new TypeError(`unknown option ${quote(unknown)}`);
  const family = options.family ?? (type === "seqpacket" ? "unix" : "IPv4");
  if (!Object.hasOwn(FAMILIES, family)) {
    const known = Object.keys(FAMILIES).map(quote).join(", ");
    throw new TypeError(`a socket's family must be one of ${known}, not ${describe(family)}`);
  }
  const protocol = options.protocol ?? (type === "raw" ? pingOf(family) : 0);
  return posix.socket(FAMILIES[family], TYPES[type] | SOCK_CLOEXEC, protocol);
}

function pingOf(family: SocketFamily): number {
  return family === "IPv4" ? IPPROTO_ICMP : family === "IPv6" ? IPPROTO_ICMPV6 : 0;
}
