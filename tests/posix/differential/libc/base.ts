/**
 * What all calls of the oracle stand on: descriptors, memory for arguments, and errors.
 *
 * @module
 */

import { FAULTING, Memory, NULL, type Room } from "./memory.ts";
import { readSockaddr, sockaddrBytes, STORAGE_BYTES } from "./structs.ts";
import { openLibc } from "./symbols.ts";
import type { Bytes } from "../../../../posix/calls.ts";
import { PosixError } from "../../../../posix/errors.ts";
import type { Sockaddr } from "../../../../posix/types.ts";

/** The lowest number of a descriptor: 0 to 2 are the process's own. */
export const LOWEST_DESCRIPTOR = 3;

/** No process has so many descriptors: the kernel answers EBADF, and POLLNVAL. */
const CLOSED = 0x3fffffff;

/** A buffer as C passes it. */
export interface Pointed {
  /** Where it begins. */
  readonly address: bigint;
  /** Bytes, as size_t. */
  readonly length: bigint;
  /** Writes what the call has put there into the caller's buffer. */
  copyBack(): void;
}

/** The oracle's ground. */
export class LibcBase {
  protected readonly call = openLibc().call;
  protected readonly memory = new Memory();
  /** Numbers of this table, and the kernel's. */
  readonly #kernelFds = new Map<number, number>();
  /** Descriptors that there may be at most, as RLIMIT_NOFILE has it. */
  protected readonly descriptorsMax = softLimit();

  /** Closes what is open. */
  closeAll(): void {
    for (const fd of [...this.#kernelFds.keys()]) this.closeNumber(fd);
  }

  /** Closes a number. @returns libc's result */
  protected closeNumber(fd: number): number {
    const result = this.call.close(this.kernelFd(fd));
    this.#kernelFds.delete(fd);
    return result;
  }

  /** The kernel's descriptor for a number; one that is closed for a number without. */
  protected kernelFd(fd: number): number {
    return this.#kernelFds.get(fd) ?? (fd < 0 ? -1 : CLOSED);
  }

  /** Whether a number is open. */
  protected isOpen(fd: number): boolean {
    return this.#kernelFds.has(fd);
  }

  /** Gives a descriptor of the kernel the lowest free number. */
  protected number(kernelFd: number, lowest = LOWEST_DESCRIPTOR): number {
    let fd = Math.max(lowest, LOWEST_DESCRIPTOR);
    while (this.#kernelFds.has(fd)) fd++;
    this.#kernelFds.set(fd, kernelFd);
    return fd;
  }

  /** Gives a descriptor of the kernel this number, which is free. */
  protected numberAs(fd: number, kernelFd: number): void {
    this.#kernelFds.set(fd, kernelFd);
  }

  /** A call's result. @throws {PosixError} where it is -1 */
  protected check(name: string, result: number | bigint): number {
    if (result < 0) throw new PosixError(openLibc().errno(), name);
    return Number(result);
  }

  /** A caller's buffer; where the length is more than it holds, memory that faults. */
  protected point(buffer: Bytes, length: number = buffer?.length ?? 0): Pointed {
    const size = BigInt.asUintN(64, BigInt(length));
    if (buffer === null) return { address: NULL, length: size, copyBack: nothing };
    if (length < 0 || length > buffer.length) {
      return { address: FAULTING, length: size, copyBack: nothing };
    }
    const room = this.memory.room(length);
    room.bytes.set(buffer.subarray(0, length));
    return { address: room.address, length: size, copyBack: () => buffer.set(room.bytes) };
  }

  /** `struct iovec`s for buffers. */
  protected vector(iov: readonly Bytes[]): { address: bigint; count: number; copyBack(): void } {
    const table = this.memory.room(iov.length * 16);
    const parts = iov.map((buffer) => this.point(buffer));
    parts.forEach((part, index) => {
      table.view.setBigUint64(index * 16, part.address, true);
      table.view.setBigUint64(index * 16 + 8, part.length, true);
    });
    return {
      address: table.address,
      count: iov.length,
      copyBack: () => parts.forEach((part) => part.copyBack()),
    };
  }

  /** An address to pass; without one, NULL and the length that stands in for it. */
  protected name(
    address: Sockaddr | null | undefined,
    addrlen: number | undefined,
    withoutAddress: number,
  ): { address: bigint; length: number } {
    if (address === null || address === undefined) {
      return { address: NULL, length: (addrlen ?? withoutAddress) >>> 0 };
    }
    const bytes = sockaddrBytes(address);
    // Zeros follow an address, so that a length that is too long reads nothing by chance.
    const room = this.memory.room(Math.max(bytes.length, STORAGE_BYTES));
    room.bytes.set(bytes);
    return { address: room.address, length: (addrlen ?? bytes.length) >>> 0 };
  }

  /** Room for an address that a call writes. */
  protected nameRoom(): { storage: Room; length: Room; read(): Sockaddr | null } {
    const storage = this.memory.room(STORAGE_BYTES);
    const length = this.memory.int(STORAGE_BYTES);
    const read = () => readSockaddr(storage.bytes, length.view.getInt32(0, true));
    return { storage, length, read };
  }
}

function nothing(): void {}

function softLimit(): number {
  const line = /^Max open files\s+(\d+)/m.exec(Deno.readTextFileSync("/proc/self/limits"));
  return Number(line![1]);
}
