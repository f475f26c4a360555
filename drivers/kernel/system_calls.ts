/**
 * The kernel's system calls by FFI, each made at once on the calling thread.
 *
 * @module
 */

import type { Descriptors } from "./descriptors.ts";
import { InstantRing } from "./instant_ring.ts";
import { type Libc, type LibcCalls, openLibcCalls, orErrno } from "./libc.ts";
import { leaveIfAsked } from "../leave.ts";
import type { DescriptorTable } from "../../ring/descriptor_table.ts";
import type { CallWords, SystemCalls } from "../../ring/system_calls.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { AT_FDCWD } from "../../ring/abi/opcodes.ts";

/** `RLIMIT_NOFILE` of `getrlimit(2)`. */
const RLIMIT_NOFILE = 7;
const AF_UNIX = 1;
const SOL_SOCKET = 1;
/** `SO_SNDTIMEO` of `socket(7)`. */
const SO_SNDTIMEO = 21;
const TIMEVAL_BYTES = 16;
/** What a process may have where nobody says how many. */
const DESCRIPTORS_UNKNOWN = 1024;

type Bytes = Uint8Array<ArrayBufferLike>;

/** FFI takes views of shared memory too, which its types do not say. */
function plain<Given extends Bytes | null>(
  bytes: Given,
): Uint8Array<ArrayBuffer> | (Given & null) {
  return bytes as Uint8Array<ArrayBuffer>;
}

/** {@linkcode SystemCalls} of Linux. */
export class KernelCalls implements SystemCalls {
  /** {@inheritDoc SystemCalls.words} */
  readonly words: CallWords = { length: 0 };
  readonly #libc: Libc;
  readonly #more: LibcCalls = openLibcCalls();
  readonly #table: DescriptorTable | null;
  readonly #ring: InstantRing;
  readonly #number = new Int32Array(new ArrayBuffer(4));
  readonly #numberBytes: Uint8Array<ArrayBuffer> = new Uint8Array(this.#number.buffer);
  readonly #offsets = new BigInt64Array(new ArrayBuffer(16));
  readonly #inOffset = new Uint8Array(this.#offsets.buffer, 0, 8);
  readonly #outOffset = new Uint8Array(this.#offsets.buffer, 8, 8);

  /** @param descriptors where a ring of its own is recorded */
  constructor(descriptors: Descriptors) {
    this.#libc = descriptors.libc;
    this.#table = descriptors.table;
    this.#ring = new InstantRing(descriptors);
  }

  /** Closes the ring of its own, if there is one. */
  end(): void {
    this.#ring.close();
  }

  /** {@inheritDoc SystemCalls.socket} */
  socket(domain: number, type: number, protocol: number): number {
    return orErrno(this.#libc.socket(domain, type, protocol));
  }

  /** {@inheritDoc SystemCalls.bind} */
  bind(fd: number, name: Bytes, length: number): number {
    return orErrno(this.#libc.bind(fd, plain(name), length));
  }

  /** {@inheritDoc SystemCalls.listen} */
  listen(fd: number, backlog: number): number {
    return orErrno(this.#libc.listen(fd, backlog));
  }

  /** {@inheritDoc SystemCalls.accept4} */
  accept4(fd: number, name: Bytes | null, room: number, flags: number): number {
    const result = this.#ring.accept(fd, name, room, flags);
    this.words.length = this.#ring.nameLength;
    return result;
  }

  /** {@inheritDoc SystemCalls.connect} */
  connect(fd: number, name: Bytes, length: number): number {
    const isUnix = length > 1 && name[0] === AF_UNIX && name[1] === 0;
    return isUnix ? this.#connectUnix(fd, name, length) : this.#ring.connect(fd, name, length);
  }

  /**
   * A Unix socket waits while the listener's queue is full, which the ring can neither poll for nor
   * cancel: it tries over and over again. The socket's own timeout ends that after a moment.
   */
  #connectUnix(fd: number, name: Bytes, length: number): number {
    const before = new Uint8Array(new ArrayBuffer(TIMEVAL_BYTES));
    const known = this.getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, before, TIMEVAL_BYTES);
    if (known < 0) return known;
    const moment = new Uint8Array(new ArrayBuffer(TIMEVAL_BYTES));
    moment[TIMEVAL_BYTES / 2] = 1;
    this.setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, moment, TIMEVAL_BYTES);
    const result = this.connectNow(fd, name, length);
    this.setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, before, TIMEVAL_BYTES);
    // A ring's own work interrupts such a wait, too.
    return result === -Errno.EINTR ? -Errno.EAGAIN : result;
  }

  /** {@inheritDoc SystemCalls.connectNow} */
  connectNow(fd: number, name: Bytes, length: number): number {
    return orErrno(this.#more.connect(fd, plain(name), length));
  }

  /** {@inheritDoc SystemCalls.send} */
  send(fd: number, data: Bytes | null, length: number, flags: number): number {
    return orErrno(this.#more.send(fd, plain(data), length, flags));
  }

  /** {@inheritDoc SystemCalls.sendto} */
  sendto(
    fd: number,
    data: Bytes | null,
    length: number,
    flags: number,
    name: Bytes,
    nameLength: number,
  ): number {
    return orErrno(this.#more.sendto(fd, plain(data), length, flags, plain(name), nameLength));
  }

  /** {@inheritDoc SystemCalls.recv} */
  recv(fd: number, data: Bytes | null, length: number, flags: number): number {
    return orErrno(this.#more.recv(fd, plain(data), length, flags));
  }

  /** {@inheritDoc SystemCalls.recvfrom} */
  recvfrom(
    fd: number,
    data: Bytes | null,
    length: number,
    flags: number,
    name: Bytes,
    room: number,
  ): number {
    this.#number[0] = room;
    const result = orErrno(
      this.#more.recvfrom(fd, plain(data), length, flags, plain(name), this.#numberBytes),
    );
    this.words.length = this.#number[0];
    return result;
  }

  /** {@inheritDoc SystemCalls.sendmsg} */
  sendmsg(fd: number, header: Bytes, flags: number): number {
    return orErrno(this.#more.sendmsg(fd, plain(header), flags));
  }

  /** {@inheritDoc SystemCalls.recvmsg} */
  recvmsg(fd: number, header: Bytes, flags: number): number {
    return orErrno(this.#more.recvmsg(fd, plain(header), flags));
  }

  /** {@inheritDoc SystemCalls.addressOf} */
  addressOf(buffer: Bytes): bigint {
    return Deno.UnsafePointer.value(Deno.UnsafePointer.of(plain(buffer)));
  }

  /** {@inheritDoc SystemCalls.preadv2} */
  preadv2(fd: number, vector: Bytes, count: number, offset: number, flags: number): number {
    return orErrno(this.#more.preadv2(fd, plain(vector), count, BigInt(offset), flags));
  }

  /** {@inheritDoc SystemCalls.pwritev2} */
  pwritev2(fd: number, vector: Bytes, count: number, offset: number, flags: number): number {
    return orErrno(this.#more.pwritev2(fd, plain(vector), count, BigInt(offset), flags));
  }

  /** {@inheritDoc SystemCalls.shutdown} */
  shutdown(fd: number, how: number): number {
    return orErrno(this.#more.shutdown(fd, how));
  }

  /** {@inheritDoc SystemCalls.close} */
  close(fd: number): number {
    return orErrno(this.#libc.close(fd));
  }

  /** {@inheritDoc SystemCalls.getsockopt} */
  getsockopt(fd: number, level: number, name: number, value: Bytes, room: number): number {
    this.#number[0] = room;
    const result = orErrno(
      this.#libc.getsockopt(fd, level, name, plain(value), this.#numberBytes),
    );
    this.words.length = this.#number[0];
    return result;
  }

  /** {@inheritDoc SystemCalls.setsockopt} */
  setsockopt(
    fd: number,
    level: number,
    name: number,
    value: Bytes | null,
    length: number,
  ): number {
    const bytes = value === null ? null : plain(value);
    return orErrno(this.#libc.setsockopt(fd, level, name, bytes, length));
  }

  /** {@inheritDoc SystemCalls.getsockname} */
  getsockname(fd: number, name: Bytes, room: number): number {
    this.#number[0] = room;
    const result = orErrno(this.#libc.getsockname(fd, plain(name), this.#numberBytes));
    this.words.length = this.#number[0];
    return result;
  }

  /** {@inheritDoc SystemCalls.getpeername} */
  getpeername(fd: number, name: Bytes, room: number): number {
    this.#number[0] = room;
    const result = orErrno(this.#libc.getpeername(fd, plain(name), this.#numberBytes));
    this.words.length = this.#number[0];
    return result;
  }

  /** {@inheritDoc SystemCalls.socketpair} */
  socketpair(domain: number, type: number, protocol: number, pair: Bytes): number {
    return orErrno(this.#more.socketpair(domain, type, protocol, plain(pair)));
  }

  /** {@inheritDoc SystemCalls.pipe2} */
  pipe2(pair: Bytes, flags: number): number {
    return orErrno(this.#libc.pipe2(plain(pair), flags));
  }

  /** {@inheritDoc SystemCalls.fcntl} */
  fcntl(fd: number, command: number, argument: number): number {
    return orErrno(this.#libc.fcntl(fd, command, argument));
  }

  /** {@inheritDoc SystemCalls.ioctl} */
  ioctl(fd: number, request: number): number {
    this.#number[0] = this.words.length;
    const result = orErrno(this.#more.ioctl(fd, request, this.#numberBytes));
    this.words.length = this.#number[0];
    return result;
  }

  /** {@inheritDoc SystemCalls.poll} */
  poll(fds: Bytes, count: number, timeoutMs: number): number {
    const result = orErrno(this.#libc.poll(plain(fds), BigInt(count), timeoutMs));
    // All that blocks waits here, a little at a time.
    if (timeoutMs !== 0) leaveIfAsked(this.#table);
    return result;
  }

  /** {@inheritDoc SystemCalls.epoll_create1} */
  epoll_create1(flags: number): number {
    return orErrno(this.#more.epoll_create1(flags));
  }

  /** {@inheritDoc SystemCalls.epoll_ctl} */
  epoll_ctl(epoll: number, operation: number, fd: number, event: Bytes | null): number {
    const bytes = event === null ? null : plain(event);
    return orErrno(this.#more.epoll_ctl(epoll, operation, fd, bytes));
  }

  /** {@inheritDoc SystemCalls.epoll_wait} */
  epoll_wait(epoll: number, events: Bytes, maxevents: number, timeoutMs: number): number {
    const result = orErrno(this.#more.epoll_wait(epoll, plain(events), maxevents, timeoutMs));
    if (timeoutMs !== 0) leaveIfAsked(this.#table);
    return result;
  }

  /** {@inheritDoc SystemCalls.splice} */
  splice(
    input: number,
    inOffset: number | null,
    out: number,
    outOffset: number | null,
    length: number,
    flags: number,
  ): number {
    this.#offsets[0] = BigInt(inOffset ?? 0);
    this.#offsets[1] = BigInt(outOffset ?? 0);
    return orErrno(
      this.#more.splice(
        input,
        inOffset === null ? null : this.#inOffset,
        out,
        outOffset === null ? null : this.#outOffset,
        length,
        flags,
      ),
    );
  }

  /** {@inheritDoc SystemCalls.sendfile} */
  sendfile(out: number, input: number, offset: number | null, count: number): number {
    this.#offsets[0] = BigInt(offset ?? 0);
    const at = offset === null ? null : this.#inOffset;
    return orErrno(this.#more.sendfile(out, input, at, count));
  }

  /** {@inheritDoc SystemCalls.lseek} */
  lseek(fd: number, offset: number, whence: number): number {
    return orErrno(Number(this.#more.lseek(fd, BigInt(offset), whence)));
  }

  /** {@inheritDoc SystemCalls.openat} */
  openat(path: Bytes, flags: number, mode: number): number {
    return orErrno(this.#more.openat(AT_FDCWD, plain(path), flags, mode));
  }

  /** {@inheritDoc SystemCalls.readlink} */
  readlink(path: Bytes, into: Bytes): number {
    const room = BigInt(into.byteLength);
    return orErrno(Number(this.#libc.readlink(plain(path), plain(into), room)));
  }

  /** {@inheritDoc SystemCalls.descriptorsMax} */
  descriptorsMax(): number {
    const limit = new BigUint64Array(new ArrayBuffer(16));
    const result = this.#more.getrlimit(RLIMIT_NOFILE, new Uint8Array(limit.buffer));
    if (result < 0) return DESCRIPTORS_UNKNOWN;
    return Number(limit[0] < 0x7fffffffn ? limit[0] : 0x7fffffffn);
  }
}
