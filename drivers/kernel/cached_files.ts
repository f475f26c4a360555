/**
 * Files that are in memory already, sent at once on the calling thread.
 *
 * @module
 */

import { type LibcCalls, openLibcCalls, orErrno, SYS_CACHESTAT } from "./libc.ts";
import { Errno } from "../../ring/abi/errno.ts";

/** What `cachestat` counts in; where pages are larger it counts fewer, and files are read. */
const PAGE_BYTES = 4096;
/** `struct cachestat_range` and `struct cachestat`, in words of 64 bits. */
const RANGE_WORDS = 2;
const CACHESTAT_WORDS = 5;
const SEEK_END = 2;

/** `sendfile(2)`, as far as it need not wait for a disk. */
export class CachedFiles {
  readonly #calls: LibcCalls = openLibcCalls();
  readonly #range = new BigUint64Array(new ArrayBuffer(RANGE_WORDS * 8));
  readonly #rangeBytes = new Uint8Array(this.#range.buffer);
  readonly #found = new BigUint64Array(new ArrayBuffer(CACHESTAT_WORDS * 8));
  readonly #foundBytes = new Uint8Array(this.#found.buffer);
  readonly #offset = new BigInt64Array(new ArrayBuffer(8));
  readonly #offsetBytes = new Uint8Array(this.#offset.buffer);

  /**
   * Sends from a file to a socket that does not block.
   *
   * @returns bytes that the socket took, 0 at the end of the file, or `-errno`: ENODATA where they
   * are not all in memory, or the system does not tell
   */
  send(socket: number, file: number, offset: number, most: number): number {
    const size = Number(this.#calls.lseek(file, 0n, SEEK_END));
    // A size of 0 may be none (`proc(5)`), and so may one that was passed.
    if (size <= 0 || offset > size) return -Errno.ENODATA;
    if (offset === size) return 0;
    const bytes = Math.min(most, size - offset);
    if (!this.#isCached(file, offset, bytes)) return -Errno.ENODATA;
    this.#offset[0] = BigInt(offset);
    return orErrno(this.#calls.sendfile(socket, file, this.#offsetBytes, bytes));
  }

  #isCached(file: number, offset: number, bytes: number): boolean {
    this.#range[0] = BigInt(offset);
    this.#range[1] = BigInt(bytes);
    const { cachestat } = this.#calls;
    // ENOSYS before Linux 6.5, EPERM for files of others.
    if (cachestat(SYS_CACHESTAT, file, this.#rangeBytes, this.#foundBytes, 0) < 0) return false;
    const pages = Math.ceil((offset % PAGE_BYTES + bytes) / PAGE_BYTES);
    return Number(this.#found[0]) >= pages;
  }
}
