/**
 * The calls, in POSIX's names and argument order: what {@linkcode Posix} does on the calling thread
 * and `posix.promises` does without blocking it.
 *
 * Three things differ from C, the same way everywhere. A failure throws a {@linkcode PosixError}
 * instead of returning -1. A buffer carries its length; one written after it all the same is
 * honoured, and one that is longer than the buffer is EFAULT. What C writes through a pointer for
 * its own sake (an address, a pair of descriptors) is returned.
 *
 * @module
 */

import type { FdSet } from "./fd_set.ts";
import type {
  Accepted,
  AddrInfo,
  AddrInfoHints,
  Cmsg,
  EpollEvent,
  Mmsghdr,
  Msghdr,
  NameInfo,
  OptionValue,
  Pollfd,
  ReceivedFrom,
  Sockaddr,
  Timespec,
  Timeval,
} from "./types.ts";

/** Memory that a call reads or writes; null is C's NULL. */
export type Bytes = Uint8Array<ArrayBufferLike> | null;

/** Every call that a backend carries out. */
export interface PosixCalls {
  /** `socket(2)`. @returns a descriptor */
  socket(domain: number, type: number, protocol?: number): number;
  /** `bind(2)`. @param addrlen C's third argument, where it is not the address's own length */
  bind(fd: number, address: Sockaddr | null, addrlen?: number): void;
  /** `listen(2)`. */
  listen(fd: number, backlog?: number): void;
  /** `accept(2)`: waits for a connection. */
  accept(fd: number): Accepted;
  /** `accept4(2)`. @param flags `SOCK_NONBLOCK`, `SOCK_CLOEXEC` */
  accept4(fd: number, flags: number): Accepted;
  /** `connect(2)`: waits until the connection is there. */
  connect(fd: number, address: Sockaddr | null, addrlen?: number): void;
  /**
   * `send(2)`. Three arguments are `send(fd, buffer, flags)`, four
   * `send(fd, buffer, length, flags)`.
   *
   * @returns bytes sent
   */
  send(fd: number, buffer: Bytes, lengthOrFlags?: number, flags?: number): number;
  /**
   * `recv(2)`. Three arguments are `recv(fd, buffer, flags)`, four
   * `recv(fd, buffer, length, flags)`.
   *
   * @returns bytes received, 0 at the end of the stream
   */
  recv(fd: number, buffer: Bytes, lengthOrFlags?: number, flags?: number): number;
  /**
   * `sendto(2)`: `(fd, buffer, flags, address)` or `(fd, buffer, length, flags, address)`, and C's
   * last argument, the length of the address, after either.
   *
   * @returns bytes sent
   */
  sendto(
    fd: number,
    buffer: Bytes,
    lengthOrFlags: number,
    flagsOrAddress: number | Sockaddr | null,
    addressOrAddrlen?: Sockaddr | null | number,
    addrlen?: number,
  ): number;
  /** `recvfrom(2)`: `(fd, buffer, flags)` or `(fd, buffer, length, flags)`. */
  recvfrom(fd: number, buffer: Bytes, lengthOrFlags?: number, flags?: number): ReceivedFrom;
  /** `sendmsg(2)`. @returns bytes sent */
  sendmsg(fd: number, message: Msghdr, flags?: number): number;
  /** `recvmsg(2)`: writes `name`, `control`, `controllen` and `flags`. @returns bytes received */
  recvmsg(fd: number, message: Msghdr, flags?: number): number;
  /** `sendmmsg(2)`: writes each `len`. @returns messages sent */
  sendmmsg(fd: number, messages: Mmsghdr[], flags?: number): number;
  /**
   * `recvmmsg(2)`: writes each message and its `len`.
   *
   * @param timeout looked at after each message, as Linux does; null waits for all
   * @returns messages received
   */
  recvmmsg(fd: number, messages: Mmsghdr[], flags?: number, timeout?: Timespec | null): number;
  /** `read(2)`. @returns bytes read, 0 at the end */
  read(fd: number, buffer: Bytes, count?: number): number;
  /** `write(2)`. @returns bytes written */
  write(fd: number, buffer: Bytes, count?: number): number;
  /** `readv(2)`. @returns bytes read */
  readv(fd: number, iov: readonly Bytes[]): number;
  /** `writev(2)`. @returns bytes written */
  writev(fd: number, iov: readonly Bytes[]): number;
  /** `shutdown(2)`. @param how `SHUT_RD`, `SHUT_WR` or `SHUT_RDWR` */
  shutdown(fd: number, how: number): void;
  /** `close(2)`. */
  close(fd: number): void;
  /**
   * `getsockopt(2)`. Without a buffer the option is an int, which is returned; with one its bytes
   * are written there, and their count is returned.
   */
  getsockopt(fd: number, level: number, name: number, value?: Bytes, length?: number): number;
  /**
   * `setsockopt(2)`.
   *
   * @param value an int, `{ sec, usec }`, `{ onoff, linger }`, or the bytes of any other struct
   */
  setsockopt(
    fd: number,
    level: number,
    name: number,
    value: OptionValue | null,
    length?: number,
  ): void;
  /** `getsockname(2)`. */
  getsockname(fd: number): Sockaddr;
  /** `getpeername(2)`. */
  getpeername(fd: number): Sockaddr;
  /** `socketpair(2)`. @returns both descriptors */
  socketpair(domain: number, type: number, protocol?: number): [number, number];
  /** `pipe2(2)`. @returns the end to read and the end to write */
  pipe2(flags?: number): [number, number];
  /** `dup(2)`. @returns the lowest free descriptor, for the same open file */
  dup(fd: number): number;
  /** `dup2(2)`. @returns `newfd` */
  dup2(fd: number, newfd: number): number;
  /** `dup3(2)`. @param flags `O_CLOEXEC` or 0 @returns `newfd` */
  dup3(fd: number, newfd: number, flags: number): number;
  /** `fcntl(2)`. @returns what the command gives, 0 where that is nothing */
  fcntl(fd: number, command: number, argument?: number): number;
  /**
   * `ioctl(2)`.
   *
   * @param argument for `FIONBIO`: 1 or 0
   * @returns for `FIONREAD`, `SIOCOUTQ` and `SIOCATMARK` the number that C writes, else 0
   */
  ioctl(fd: number, request: number, argument?: number): number;
  /**
   * `poll(2)`: writes each `revents`.
   *
   * @param timeout milliseconds, -1 for ever
   * @returns descriptors with events
   */
  poll(fds: Pollfd[], timeout: number): number;
  /** `ppoll(2)`. @param timeout null for ever */
  ppoll(fds: Pollfd[], timeout: Timespec | null): number;
  /**
   * `select(2)`: leaves in the sets what is ready, and in `timeout` what is left of it.
   *
   * @param nfds one more than the highest descriptor, 0 to `FD_SETSIZE`
   * @returns bits that are set
   */
  select(
    nfds: number,
    readfds: FdSet | null,
    writefds: FdSet | null,
    exceptfds: FdSet | null,
    timeout?: Timeval | null,
  ): number;
  /** `epoll_create1(2)`. @param flags `EPOLL_CLOEXEC` or 0 @returns a descriptor */
  epoll_create1(flags?: number): number;
  /** `epoll_ctl(2)`. @param event null only for `EPOLL_CTL_DEL` */
  epoll_ctl(epfd: number, operation: number, fd: number, event?: EpollEvent | null): void;
  /**
   * `epoll_wait(2)`: writes into the first elements of `events`, making those that are missing.
   *
   * @param maxevents at most this many, 1 or more
   * @param timeout milliseconds, -1 for ever
   * @returns events written
   */
  epoll_wait(epfd: number, events: EpollEvent[], maxevents: number, timeout: number): number;
  /**
   * `sendfile(2)`.
   *
   * @param offset where to read; null reads at, and moves, the file's own position
   * @returns bytes sent
   */
  sendfile(outfd: number, infd: number, offset: number | null, count: number): number;
  /** `splice(2)`. @returns bytes moved, 0 at the end */
  splice(
    infd: number,
    inOffset: number | null,
    outfd: number,
    outOffset: number | null,
    length: number,
    flags?: number,
  ): number;
  /** `vmsplice(2)`; the bytes are copied. @returns bytes moved */
  vmsplice(fd: number, iov: readonly Uint8Array[], flags?: number): number;
  /**
   * `open(2)`, under the capability's rules for files.
   *
   * @param mode permissions of a new file
   * @returns a descriptor
   */
  open(path: string, flags: number, mode?: number): number;
  /** `getaddrinfo(3)`. @throws {PosixError} with `errno` = `EAI_*` */
  getaddrinfo(node: string | null, service: string | null, hints?: AddrInfoHints): AddrInfo[];
  /** `getnameinfo(3)`. @throws {PosixError} with `errno` = `EAI_*` */
  getnameinfo(address: Sockaddr, flags?: number): NameInfo;
}

/** The same calls, none of which blocks. */
export type PromisedCalls = {
  readonly [Call in keyof PosixCalls]: (
    ...values: Parameters<PosixCalls[Call]>
  ) => Promise<Awaited<ReturnType<PosixCalls[Call]>>>;
};

/** The names of the calls. */
export type CallName = keyof PosixCalls;

/** Descriptors as `SCM_RIGHTS` carries them. */
export function rightsOf(message: Cmsg): number[] {
  const { data } = message;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength & ~3);
  return Array.from({ length: view.byteLength >> 2 }, (_, at) => view.getInt32(at * 4, true));
}
