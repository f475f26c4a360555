/**
 * Sets of descriptors for `select`.
 *
 * @module
 */

import { FD_SETSIZE } from "./constants/readiness.ts";
import { PosixError } from "./errors.ts";
import { Errno } from "../ring/abi/errno.ts";

/** An `fd_set`: one bit for each descriptor below `FD_SETSIZE`. Source: select(2). */
export class FdSet {
  /** The bits. */
  readonly words: Int32Array<ArrayBuffer> = new Int32Array(new ArrayBuffer(FD_SETSIZE >> 3));

  /** Makes a set. @param fds members from the start */
  constructor(fds: Iterable<number> = []) {
    for (const fd of fds) this.set(fd);
  }

  /** `FD_SET`. @throws {PosixError} EINVAL for a descriptor that has no bit */
  set(fd: number): void {
    this.words[indexOf(fd)] |= 1 << (fd & 31);
  }

  /** `FD_CLR`. */
  clear(fd: number): void {
    this.words[indexOf(fd)] &= ~(1 << (fd & 31));
  }

  /** `FD_ISSET`. */
  has(fd: number): boolean {
    return (this.words[indexOf(fd)] & (1 << (fd & 31))) !== 0;
  }

  /** `FD_ZERO`. */
  zero(): void {
    this.words.fill(0);
  }

  /** The members, in order. */
  *[Symbol.iterator](): Generator<number> {
    for (let fd = 0; fd < FD_SETSIZE; fd++) if (this.has(fd)) yield fd;
  }
}

/** C leaves this undefined; a bit outside of the set would be somebody else's memory there. */
function indexOf(fd: number): number {
  if (!Number.isInteger(fd) || fd < 0 || fd >= FD_SETSIZE) {
    throw new PosixError(Errno.EINVAL, "FD_SET");
  }
  return fd >> 5;
}

/** `FD_SET(fd, set)`. */
export function FD_SET(fd: number, set: FdSet): void {
  set.set(fd);
}

/** `FD_CLR(fd, set)`. */
export function FD_CLR(fd: number, set: FdSet): void {
  set.clear(fd);
}

/** `FD_ISSET(fd, set)`. */
export function FD_ISSET(fd: number, set: FdSet): boolean {
  return set.has(fd);
}

/** `FD_ZERO(set)`. */
export function FD_ZERO(set: FdSet): void {
  set.zero();
}
