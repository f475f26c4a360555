/**
 * Ordinary memory beside a kernel's ring, for copies of what leaves.
 *
 * V8 copies to shared memory word by word, and byte by byte where source and target lie differently
 * within a word: then a datagram of 1191 bytes takes 250 ns, to ordinary memory 90. A kernel reads
 * from any address; who consumes a ring in software knows ring memory only.
 *
 * @module
 */

import { Arena } from "./arena.ts";
import { OFF_PAGE_BYTES, PAGE_BYTES } from "./memory.ts";

/** A round of datagrams of each of two endpoints; who finds no room copies to the ring's arena. */
const STAGING_BYTES = 1024 * 1024;

/** Memory to copy to, in blocks; its driver keeps it until the consumer is done. */
export class Staging {
  /** All of it. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The address of its first byte. */
  readonly base: number;
  readonly #blocks: Arena;

  /** @param locate gives the address of a buffer, which does not move */
  constructor(locate: (buffer: ArrayBuffer) => number) {
    const buffer = new ArrayBuffer(PAGE_BYTES + STAGING_BYTES);
    this.bytes = new Uint8Array(buffer);
    this.base = locate(buffer);
    const first = (PAGE_BYTES + OFF_PAGE_BYTES - (this.base % PAGE_BYTES)) % PAGE_BYTES;
    this.#blocks = new Arena(first, STAGING_BYTES);
  }

  /** Bytes taken and not yet given back. */
  get usedBytes(): number {
    return this.#blocks.usedBytes;
  }

  /** Takes a block. @returns its offset, -1 when there is no room */
  take(bytes: number): number {
    return this.#blocks.take(bytes);
  }

  /** Gives a block back, which nobody reads from any more. */
  give(offset: number): void {
    this.#blocks.give(offset);
  }
}
