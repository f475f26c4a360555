/**
 * The oracle's calls that move bytes.
 *
 * @module
 */

import { NULL } from "./memory.ts";
import { SocketCalls } from "./sockets.ts";
import type { Bytes } from "../../../../posix/calls.ts";
import type { ReceivedFrom, Sockaddr } from "../../../../posix/types.ts";

const PAGE_BYTES = 4096;

/** Sends, receives, reads, writes, and moves between files. */
export class DataCalls extends SocketCalls {
  /** Memory that lies in a pipe: `vmsplice` passes pages on instead of copying them. */
  readonly #lent: ArrayBuffer[] = [];

  /** `send(2)`. */
  send(fd: number, buffer: Bytes, lengthOrFlags = 0, flags?: number): number {
    this.memory.reset();
    const data = this.#data(buffer, lengthOrFlags, flags);
    const kernelFd = this.kernelFd(fd);
    return this.check("send", this.call.send(kernelFd, data.address, data.length, data.flags));
  }

  /** `recv(2)`. */
  recv(fd: number, buffer: Bytes, lengthOrFlags = 0, flags?: number): number {
    this.memory.reset();
    const data = this.#data(buffer, lengthOrFlags, flags);
    const result = this.call.recv(this.kernelFd(fd), data.address, data.length, data.flags);
    const n = this.check("recv", result);
    data.copyBack();
    return n;
  }

  #data(buffer: Bytes, lengthOrFlags: number, flags?: number) {
    const pointed = this.point(buffer, flags === undefined ? undefined : lengthOrFlags);
    return { ...pointed, flags: (flags ?? lengthOrFlags) | 0 };
  }

  /** `sendto(2)`. */
  sendto(
    fd: number,
    buffer: Bytes,
    lengthOrFlags: number,
    flagsOrAddress: number | Sockaddr | null,
    addressOrAddrlen?: Sockaddr | null | number,
    addrlen?: number,
  ): number {
    this.memory.reset();
    const long = typeof flagsOrAddress === "number";
    const data = this.#data(buffer, lengthOrFlags, long ? flagsOrAddress : undefined);
    const to = long ? addressOrAddrlen as Sockaddr | null : flagsOrAddress;
    const name = this.name(to, long ? addrlen : addressOrAddrlen as number | undefined, 0);
    const result = this.call.sendto(
      this.kernelFd(fd),
      data.address,
      data.length,
      data.flags,
      name.address,
      name.length,
    );
    return this.check("sendto", result);
  }

  /** `recvfrom(2)`. */
  recvfrom(fd: number, buffer: Bytes, lengthOrFlags = 0, flags?: number): ReceivedFrom {
    this.memory.reset();
    const data = this.#data(buffer, lengthOrFlags, flags);
    const { storage, length, read } = this.nameRoom();
    const result = this.call.recvfrom(
      this.kernelFd(fd),
      data.address,
      data.length,
      data.flags,
      storage.address,
      length.address,
    );
    const n = this.check("recvfrom", result);
    data.copyBack();
    return { n, address: read() };
  }

  /** `read(2)`. */
  read(fd: number, buffer: Bytes, count?: number): number {
    this.memory.reset();
    const data = this.point(buffer, count);
    const n = this.check("read", this.call.read(this.kernelFd(fd), data.address, data.length));
    data.copyBack();
    return n;
  }

  /** `write(2)`. */
  write(fd: number, buffer: Bytes, count?: number): number {
    this.memory.reset();
    const data = this.point(buffer, count);
    return this.check("write", this.call.write(this.kernelFd(fd), data.address, data.length));
  }

  /** `readv(2)`. */
  readv(fd: number, iov: readonly Bytes[]): number {
    this.memory.reset();
    const vector = this.vector(iov);
    const result = this.call.readv(this.kernelFd(fd), vector.address, vector.count);
    const n = this.check("readv", result);
    vector.copyBack();
    return n;
  }

  /** `writev(2)`. */
  writev(fd: number, iov: readonly Bytes[]): number {
    this.memory.reset();
    const vector = this.vector(iov);
    const result = this.call.writev(this.kernelFd(fd), vector.address, vector.count);
    return this.check("writev", result);
  }

  /** `sendfile(2)`. */
  sendfile(outfd: number, infd: number, offset: number | null, count: number): number {
    this.memory.reset();
    const result = this.call.sendfile(
      this.kernelFd(outfd),
      this.kernelFd(infd),
      this.#offset(offset),
      BigInt.asUintN(64, BigInt(count)),
    );
    return this.check("sendfile", result);
  }

  /** `splice(2)`. */
  splice(
    infd: number,
    inOffset: number | null,
    outfd: number,
    outOffset: number | null,
    length: number,
    flags = 0,
  ): number {
    this.memory.reset();
    const result = this.call.splice(
      this.kernelFd(infd),
      this.#offset(inOffset),
      this.kernelFd(outfd),
      this.#offset(outOffset),
      BigInt.asUintN(64, BigInt(length)),
      flags >>> 0,
    );
    return this.check("splice", result);
  }

  #offset(offset: number | null): bigint {
    if (offset === null) return NULL;
    const room = this.memory.room(8);
    room.view.setBigInt64(0, BigInt(offset), true);
    return room.address;
  }

  /** `vmsplice(2)`. */
  vmsplice(fd: number, iov: readonly Uint8Array[], flags = 0): number {
    this.memory.reset();
    const table = this.memory.room(iov.length * 16);
    const lent = iov.map((buffer) => this.#lend(buffer));
    iov.forEach((buffer, index) => {
      table.view.setBigUint64(index * 16, lent[index].address, true);
      table.view.setBigUint64(index * 16 + 8, BigInt(buffer.length), true);
    });
    const kernelFd = this.kernelFd(fd);
    const result = this.call.vmsplice(kernelFd, table.address, BigInt(iov.length), flags >>> 0);
    const n = this.check("vmsplice", result);
    // The end to read of a pipe fills the buffers.
    iov.forEach((buffer, index) => buffer.set(lent[index].bytes));
    return n;
  }

  /** A copy on pages of its own, which stay what they are while the pipe may hold them. */
  #lend(buffer: Uint8Array): { address: bigint; bytes: Uint8Array } {
    const memory = new ArrayBuffer(buffer.length + 2 * PAGE_BYTES);
    this.#lent.push(memory);
    const base = Number(Deno.UnsafePointer.value(Deno.UnsafePointer.of(new Uint8Array(memory))));
    const address = Math.ceil(base / PAGE_BYTES) * PAGE_BYTES;
    const bytes = new Uint8Array(memory, address - base, buffer.length);
    bytes.set(buffer);
    return { address: BigInt(address), bytes };
  }

  /** `open(2)`. */
  open(path: string, flags: number, mode = 0): number {
    this.memory.reset();
    const result = this.call.open(this.memory.text(path), flags | 0, mode);
    return this.number(this.check("open", result));
  }

  /** Closes what is open, and lets go of the memory that lay in pipes. */
  override closeAll(): void {
    super.closeAll();
    this.#lent.length = 0;
  }
}
