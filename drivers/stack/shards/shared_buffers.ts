/**
 * Provided buffers of one ring that several shards take from: the place of the next one is in
 * shared memory, and whoever moves it on has the buffer.
 *
 * A descriptor is overwritten only once its buffer was taken and came back, and then the place has
 * moved: whoever has read a descriptor and then moves the place on has read the right one.
 *
 * @module
 */

import {
  compareExchange,
  loadAcquire,
  loadAcquireHalf,
  type Words,
} from "../../../ring/barrier.ts";
import { type BufferGroup, BufferSupply } from "../../../ring/buffers.ts";
import type { RingMemory } from "../../../ring/memory.ts";
import { URING_BUF } from "../../../ring/abi/layout.ts";

const DESCRIPTOR_WORDS_SHIFT = 2;
const TAIL_HALF = URING_BUF.RESERVED / 2;
const HEAD_BYTES = 64;

/** Allocates the place of the next buffer of a group. */
export function allocateBufferHead(): SharedArrayBuffer {
  return new SharedArrayBuffer(HEAD_BYTES);
}

/** The consumers' side of provided buffers, where there are several consumers. */
export class SharedBufferSupply extends BufferSupply {
  readonly #memory: RingMemory;
  readonly #head: Words;
  readonly #first: number;
  readonly #tailIndex: number;
  readonly #mask: number;

  /** @param head of {@linkcode allocateBufferHead} */
  constructor(memory: RingMemory, group: BufferGroup, head: SharedArrayBuffer) {
    super(memory, group);
    this.#memory = memory;
    this.#head = new Int32Array(head);
    this.#first = group.descriptors >> 2;
    this.#tailIndex = (group.descriptors >> 1) + TAIL_HALF;
    this.#mask = group.count - 1;
  }

  /** {@inheritDoc BufferSupply.take} */
  override take(): boolean {
    if (this.#mask < 0) return false;
    const { words, halves, base } = this.#memory;
    for (;;) {
      const head = loadAcquire(this.#head, 0);
      if (loadAcquireHalf(halves, this.#tailIndex) === (head & 0xffff)) return false;
      const at = this.#first + ((head & this.#mask) << DESCRIPTOR_WORDS_SHIFT);
      this.offset = (words[at] >>> 0) + words[at + 1] * 4294967296 - base;
      this.bytes = words[at + 2];
      this.id = halves[(at << 1) + URING_BUF.ID / 2];
      if (compareExchange(this.#head, 0, head, (head + 1) | 0) === head) return true;
    }
  }
}
