/**
 * Executes driver operations beside a kernel ring: what io_uring has no opcode for, and the opcodes
 * that this kernel lacks. Entries come from the side queue, and their completions go to its
 * completion queue, so that programs see one kind of operation only.
 *
 * @module
 */

import { CachedFiles } from "./cached_files.ts";
import { type Libc, orErrno } from "./libc.ts";
import { RingConsumer } from "../../ring/consumer.ts";
import type { RingGeometry } from "../../ring/geometry.ts";
import type { RingMemory } from "../../ring/memory.ts";
import { Scratch } from "../../ring/slots.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { SOCKADDR_MAX } from "../../ring/abi/sockaddr.ts";
import {
  W_ADDRESS,
  W_ADDRESS3,
  W_FD,
  W_FILE_INDEX,
  W_LENGTH,
  W_OFFSET,
  W_OPCODE,
  W_OPERATION_FLAGS,
  W_USER_DATA,
} from "../../ring/abi/layout.ts";
import { getLong } from "../../ring/abi/long.ts";
import { AT_FDCWD, DriverOp, Op } from "../../ring/abi/opcodes.ts";
import { completeResolve, completeReverse } from "../resolve.ts";

/** The largest is `struct group_source_req`. */
const OPTION_BYTES_MAX = 512;
/** `PATH_MAX` of `limits.h`. */
const PATH_MAX = 4096;
/** `LOCK_NB` of `flock(2)`: whoever waits here would hold the whole thread up. */
const LOCK_NB = 4;
/** `AT_SYMLINK_NOFOLLOW` of `fcntl.h`. */
const AT_SYMLINK_NOFOLLOW = 0x100;
const WANT_LOCAL = 1;
const WANT_PEER = 2;

/** The opcodes that libc can do in place of an older kernel's ring. */
export const LIBC_OPCODES: readonly number[] = [Op.BIND, Op.LISTEN];

/** Consumes the side queue of one kernel ring. */
export class SideConsumer {
  /** Called when a completion is posted outside of {@linkcode SideConsumer.consume}. */
  onLate: () => void = () => {};
  readonly #libc: Libc;
  readonly #memory: RingMemory;
  readonly #queue: RingConsumer;
  #files: CachedFiles | null = null;
  // FFI takes plain memory: names and values pass through these.
  readonly #name = new Uint8Array(new ArrayBuffer(SOCKADDR_MAX));
  readonly #length = new Uint32Array(new ArrayBuffer(4));
  readonly #lengthBytes: Uint8Array<ArrayBuffer> = new Uint8Array(this.#length.buffer);
  readonly #value = new Uint8Array(new ArrayBuffer(OPTION_BYTES_MAX));

  constructor(libc: Libc, memory: RingMemory, geometry: RingGeometry) {
    this.#libc = libc;
    this.#memory = memory;
    this.#queue = new RingConsumer(geometry);
  }

  /** Executes everything that was published. */
  consume(): void {
    const queue = this.#queue;
    queue.flushOverflow();
    for (let at = queue.next(); at >= 0; at = queue.next()) {
      const words = queue.entries;
      const userLow = words[at + W_USER_DATA];
      const userHigh = words[at + W_USER_DATA + 1];
      const opcode = words[at + W_OPCODE] & 0xff;
      if (opcode === DriverOp.RESOLVE || opcode === DriverOp.REVERSE) {
        const complete = opcode === DriverOp.RESOLVE ? completeResolve : completeReverse;
        complete(this.#memory, words, at, (result) => {
          queue.post(userLow, userHigh, result, 0);
          this.onLate();
        });
        queue.release();
        continue;
      }
      const result = this.#execute(words, at);
      queue.release();
      queue.post(userLow, userHigh, result, 0);
    }
  }

  #execute(words: Int32Array<ArrayBufferLike>, at: number): number {
    const fd = words[at + W_FD];
    const address = getLong(words, at + W_ADDRESS);
    switch (words[at + W_OPCODE] & 0xff) {
      case DriverOp.NAMES:
        return this.#names(fd, address, words[at + W_OPERATION_FLAGS]);
      case DriverOp.SETSOCKOPT:
        return this.#setOption(words, at, fd);
      case DriverOp.GETSOCKOPT:
        return this.#getOption(words, at, fd);
      case DriverOp.FILE_PATH:
        return this.#filePath(fd, address, words[at + W_LENGTH]);
      case DriverOp.FCNTL:
        return orErrno(this.#libc.fcntl(fd, words[at + W_OPERATION_FLAGS], words[at + W_LENGTH]));
      case DriverOp.PIPE:
        return this.#pipe(address, words[at + W_OPERATION_FLAGS]);
      case DriverOp.SENDFILE:
        return this.#sendFile(words, at, fd);
      case DriverOp.FLOCK:
        return orErrno(this.#libc.flock(fd, words[at + W_OPERATION_FLAGS] | LOCK_NB));
      case DriverOp.CHMOD:
        return this.#changeMode(fd, address, words[at + W_LENGTH]);
      case DriverOp.INTERFACE:
        return this.#interface(address, words[at + W_LENGTH]);
      case Op.BIND:
        return this.#bind(fd, address, words[at + W_OFFSET]);
      case Op.LISTEN:
        return orErrno(this.#libc.listen(fd, words[at + W_LENGTH]));
      default:
        return -Errno.EINVAL;
    }
  }

  #sendFile(words: Int32Array<ArrayBufferLike>, at: number, fd: number): number {
    this.#files ??= new CachedFiles();
    const offset = getLong(words, at + W_OFFSET);
    return this.#files.send(fd, words[at + W_FILE_INDEX], offset, words[at + W_LENGTH]);
  }

  #pipe(address: number, flags: number): number {
    const ends = new Int32Array(new ArrayBuffer(8));
    const result = orErrno(this.#libc.pipe2(new Uint8Array(ends.buffer), flags));
    if (result >= 0) this.#memory.words.set(ends, address >> 2);
    return result;
  }

  #names(fd: number, scratch: number, wanted: number): number {
    let result = 0;
    if ((wanted & WANT_PEER) !== 0) {
      this.#length[0] = SOCKADDR_MAX;
      result = orErrno(this.#libc.getpeername(fd, this.#name, this.#lengthBytes));
      if (result < 0) return result;
      this.#keepName(scratch + Scratch.PEER, scratch + Scratch.PEER_LENGTH);
    }
    if ((wanted & WANT_LOCAL) !== 0) {
      this.#length[0] = SOCKADDR_MAX;
      result = orErrno(this.#libc.getsockname(fd, this.#name, this.#lengthBytes));
      if (result < 0) return result;
      this.#keepName(scratch + Scratch.SOCKADDR, scratch + Scratch.SOCKADDR_LENGTH);
    }
    return result;
  }

  #keepName(offset: number, lengthOffset: number): void {
    const length = Math.min(this.#length[0], SOCKADDR_MAX);
    this.#memory.words[lengthOffset >> 2] = length;
    const bytes = this.#memory.bytes;
    for (let index = 0; index < length; index++) bytes[offset + index] = this.#name[index];
  }

  #setOption(words: Int32Array<ArrayBufferLike>, at: number, fd: number): number {
    const length = words[at + W_FILE_INDEX];
    if (length < 0 || length > OPTION_BYTES_MAX) return -Errno.EINVAL;
    const value = getLong(words, at + W_ADDRESS3);
    for (let index = 0; index < length; index++) {
      this.#value[index] = this.#memory.bytes[value + index];
    }
    const level = words[at + W_ADDRESS];
    const name = words[at + W_ADDRESS + 1];
    return orErrno(this.#libc.setsockopt(fd, level, name, this.#value, length));
  }

  #getOption(words: Int32Array<ArrayBufferLike>, at: number, fd: number): number {
    const capacity = words[at + W_FILE_INDEX];
    if (capacity < 0 || capacity > OPTION_BYTES_MAX) return -Errno.EINVAL;
    this.#length[0] = capacity;
    const level = words[at + W_ADDRESS];
    const name = words[at + W_ADDRESS + 1];
    const result = orErrno(
      this.#libc.getsockopt(fd, level, name, this.#value, this.#lengthBytes),
    );
    if (result < 0) return result;
    const value = getLong(words, at + W_ADDRESS3);
    const length = this.#length[0];
    for (let index = 0; index < length; index++) {
      this.#memory.bytes[value + index] = this.#value[index];
    }
    return length;
  }

  /** proc(5): the link tells the path of what is open, with no link left in it. */
  #filePath(fd: number, address: number, room: number): number {
    const link = new TextEncoder().encode(`/proc/self/fd/${fd}\0`);
    const path = new Uint8Array(new ArrayBuffer(PATH_MAX));
    const length = orErrno(Number(this.#libc.readlink(link, path, BigInt(PATH_MAX))));
    if (length < 0) return length === -Errno.ENOENT ? -Errno.EBADF : length;
    if (length > room || length === PATH_MAX) return -Errno.ENAMETOOLONG;
    this.#memory.bytes.set(path.subarray(0, length), address);
    return length;
  }

  #interface(address: number, length: number): number {
    if (length < 1 || length >= SOCKADDR_MAX) return -Errno.EINVAL;
    const name = new Uint8Array(new ArrayBuffer(length + 1));
    name.set(this.#memory.bytes.subarray(address, address + length));
    const index = this.#libc.if_nametoindex(name);
    return index === 0 ? -Errno.ENODEV : index;
  }

  #changeMode(fd: number, address: number, mode: number): number {
    if (address === 0) return orErrno(this.#libc.fchmod(fd, mode));
    const { bytes } = this.#memory;
    const end = bytes.indexOf(0, address);
    if (end < 0 || end - address >= PATH_MAX) return -Errno.ENAMETOOLONG;
    const path = new Uint8Array(new ArrayBuffer(end - address + 1));
    path.set(bytes.subarray(address, end));
    return orErrno(this.#libc.fchmodat(AT_FDCWD, path, mode, AT_SYMLINK_NOFOLLOW));
  }

  #bind(fd: number, address: number, length: number): number {
    if (length < 0 || length > SOCKADDR_MAX) return -Errno.EINVAL;
    for (let index = 0; index < length; index++) {
      this.#name[index] = this.#memory.bytes[address + index];
    }
    return orErrno(this.#libc.bind(fd, this.#name, length));
  }
}
