/**
 * The memory that one message leaves from: the elements of its vector.
 *
 * @module
 */

import { IOVEC } from "../../ring/abi/layout.ts";
import { putLong } from "../../ring/abi/long.ts";

/** Pieces of ring memory in the order in which they leave; those side by side are one. */
export class Pieces {
  count = 0;
  /** Where each begins, -1 while that is not known. */
  readonly starts: number[] = [];
  readonly lengths: number[] = [];

  /** Forgets them all. */
  clear(): void {
    this.count = 0;
  }

  /** Adds memory. @param start -1 for memory whose place is not known yet */
  add(start: number, length: number): void {
    const last = this.count - 1;
    if (last >= 0 && start >= 0 && this.starts[last] >= 0) {
      if (this.starts[last] + this.lengths[last] === start) {
        this.lengths[last] += length;
        return;
      }
    }
    this.starts[this.count] = start;
    this.lengths[this.count++] = length;
  }

  /** Writes them as `struct iovec`s. */
  write(words: Int32Array<ArrayBufferLike>, offset: number, base: number): void {
    for (let index = 0; index < this.count; index++) {
      const at = offset + index * IOVEC.SIZE;
      putLong(words, at + IOVEC.BASE, base + this.starts[index]);
      putLong(words, at + IOVEC.LENGTH, this.lengths[index]);
    }
  }
}
