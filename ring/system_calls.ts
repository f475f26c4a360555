/**
 * The system calls of the kernel that the program runs on, as a driver may offer them beside its
 * ring: each is made at once, on the calling thread. Whoever calls sees to it that none waits for
 * long. Results are numbers, `-errno` where a call failed.
 *
 * @module
 */

type Bytes = Uint8Array<ArrayBufferLike>;

/** Lengths that a call reads and writes, in place of pointers to one number. */
export interface CallWords {
  /** A `socklen_t`, an offset or a number that a call wrote. */
  length: number;
}

/** System calls by their own names and argument order. */
export interface SystemCalls {
  /** What {@linkcode SystemCalls.accept4}, `getsockname` ... wrote as a length. */
  readonly words: CallWords;
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, name: Bytes, length: number): number;
  listen(fd: number, backlog: number): number;
  /** Never waits, whatever the descriptor says: EAGAIN. The length of the name is in `words`. */
  accept4(fd: number, name: Bytes | null, room: number, flags: number): number;
  /** Never waits, whatever the descriptor says: EINPROGRESS. */
  connect(fd: number, name: Bytes, length: number): number;
  /** The call itself; for a connect that is over, and tells how. */
  connectNow(fd: number, name: Bytes, length: number): number;
  send(fd: number, data: Bytes | null, length: number, flags: number): number;
  sendto(
    fd: number,
    data: Bytes | null,
    length: number,
    flags: number,
    name: Bytes,
    nameLength: number,
  ): number;
  recv(fd: number, data: Bytes | null, length: number, flags: number): number;
  /** The length of the name is in `words`. */
  recvfrom(
    fd: number,
    data: Bytes | null,
    length: number,
    flags: number,
    name: Bytes,
    room: number,
  ): number;
  /** Bytes of a `struct msghdr`; what it points at is kept alive by `kept`. */
  sendmsg(fd: number, header: Bytes, flags: number): number;
  recvmsg(fd: number, header: Bytes, flags: number): number;
  /** The address of a buffer's first byte; good while the buffer is alive and not collected. */
  addressOf(buffer: Bytes): bigint;
  /** `preadv2(2)`, `offset` -1 for the file's own position. */
  preadv2(fd: number, vector: Bytes, count: number, offset: number, flags: number): number;
  /** `pwritev2(2)`. */
  pwritev2(fd: number, vector: Bytes, count: number, offset: number, flags: number): number;
  shutdown(fd: number, how: number): number;
  close(fd: number): number;
  /** The length of the value is in `words`. */
  getsockopt(fd: number, level: number, name: number, value: Bytes, room: number): number;
  setsockopt(fd: number, level: number, name: number, value: Bytes | null, length: number): number;
  getsockname(fd: number, name: Bytes, room: number): number;
  getpeername(fd: number, name: Bytes, room: number): number;
  socketpair(domain: number, type: number, protocol: number, pair: Bytes): number;
  pipe2(pair: Bytes, flags: number): number;
  fcntl(fd: number, command: number, argument: number): number;
  /** The number that C writes through its pointer is in `words`, before the call and after it. */
  ioctl(fd: number, request: number): number;
  /** @param fds bytes of `struct pollfd` */
  poll(fds: Bytes, count: number, timeoutMs: number): number;
  epoll_create1(flags: number): number;
  /** @param event bytes of a `struct epoll_event`, null for `EPOLL_CTL_DEL` */
  epoll_ctl(epoll: number, operation: number, fd: number, event: Bytes | null): number;
  /** @param events bytes of `struct epoll_event` */
  epoll_wait(epoll: number, events: Bytes, maxevents: number, timeoutMs: number): number;
  /** Never waits (`SPLICE_F_NONBLOCK`), as far as pipes go. */
  splice(
    input: number,
    inOffset: number | null,
    out: number,
    outOffset: number | null,
    length: number,
    flags: number,
  ): number;
  sendfile(out: number, input: number, offset: number | null, count: number): number;
  lseek(fd: number, offset: number, whence: number): number;
  /** @param path bytes that end in NUL */
  openat(path: Bytes, flags: number, mode: number): number;
  /** @param path bytes that end in NUL @returns bytes of the link */
  readlink(path: Bytes, into: Bytes): number;
  /** The soft limit of open files. */
  descriptorsMax(): number;
}
