/**
 * Provided buffers: the pool that receives take their memory from at the moment bytes arrive, so
 * that ten thousand idle connections hold none.
 *
 * A buffer is with the consumer, or it is out: held by leases and by sends in flight, counted per
 * buffer. When the count falls to zero it goes back to the consumer.
 *
 * @module
 */

import { loadAcquireHalf, storeReleaseHalf } from "./barrier.ts";
import type { RingMemory } from "./memory.ts";
import { IOVEC, URING_BUF } from "./abi/layout.ts";
import { getLong, setLong } from "./abi/long.ts";

/** The group id of the provided buffers that streams receive into. */
export const BUFFER_GROUP = 0;
/** The group id of those that datagrams are received into. */
export const DATAGRAM_GROUP = 1;

/** Where one group of provided buffers is, and how it is cut. */
export interface BufferGroup {
  readonly id: number;
  readonly count: number;
  /** Bytes of each buffer. */
  readonly bytes: number;
  /** Byte offset of the descriptors in ring memory. */
  readonly descriptors: number;
  /** Byte offset of the buffers. */
  readonly buffers: number;
}

/** The groups that a ring's memory has. */
export function bufferGroups(memory: RingMemory): readonly [BufferGroup, BufferGroup] {
  const { at, plan } = memory;
  return [{
    id: BUFFER_GROUP,
    count: plan.bufferCount,
    bytes: plan.bufferBytes,
    descriptors: at.descriptors,
    buffers: at.buffers,
  }, {
    id: DATAGRAM_GROUP,
    count: plan.datagramCount,
    bytes: plan.datagramBytes,
    descriptors: at.datagramDescriptors,
    buffers: at.datagrams,
  }];
}

const DESCRIPTOR_WORDS_SHIFT = 2;
const TAIL_HALF = URING_BUF.RESERVED / 2;
const POISON = 0xde;

if (URING_BUF.SIZE !== IOVEC.SIZE) throw new Error("io_uring_buf and iovec differ in size");

/** Buffers that the consumer is given to begin with. */
const WINDOW_LEAST = 64;
/** How many times in a row most of the window must have lain idle before it is halved. */
const SHRINK_AFTER = 256;

/**
 * One group of provided buffers, from the program's side.
 *
 * The consumer takes buffers first in, first out; given all of them it would walk through the whole
 * pool and find every one cold. It is therefore given a window of those that came back last, which
 * are still in the cache. The window doubles when the consumer used it up within a turn, and is
 * halved when most of it lay idle for long.
 */
export class ProvidedBuffers {
  /** The group's id. */
  readonly group: number;
  /** Buffers in the group. */
  readonly count: number;
  /** Bytes in each. */
  readonly bytes: number;
  /** Buffers that nobody holds: the consumer has them, or can be given them. */
  available: number;
  /** Ids given back while {@linkcode ProvidedBuffers.isRing} is false; the owner resubmits them. */
  readonly returned: number[] = [];
  /** False where the consumer takes buffers by PROVIDE_BUFFERS operations instead of a ring. */
  isRing = true;
  /** Overwrite buffers when they go back, so that a view kept too long shows it. */
  poison = false;
  /** Sockets that receive into them. */
  users = 0;
  /** Called when a buffer comes back, while somebody waits for one. */
  onReturn: (() => void) | null = null;
  readonly #memory: RingMemory;
  readonly #start: number;
  readonly #first: number;
  readonly #tailIndex: number;
  readonly #mask: number;
  readonly #holders: Uint16Array;
  /** Free buffers that the consumer was not given, the warmest on top. */
  readonly #spare: Uint16Array;
  #spareCount: number;
  /** Buffers that the consumer was given and has not used. */
  #supplied = 0;
  #window: number;
  #idleTurns = 0;
  #tail = 0;

  /**
   * @param memory where descriptors and buffers are
   * @param group which of its groups, see {@linkcode bufferGroups}
   */
  constructor(memory: RingMemory, group: BufferGroup) {
    this.#memory = memory;
    this.group = group.id;
    this.count = group.count;
    this.bytes = group.bytes;
    this.available = this.count;
    this.#start = group.buffers;
    this.#first = group.descriptors >> 2;
    this.#tailIndex = (group.descriptors >> 1) + TAIL_HALF;
    this.#mask = this.count - 1;
    this.#holders = new Uint16Array(this.count);
    this.#window = Math.min(WINDOW_LEAST, this.count);
    this.#spareCount = this.count;
    this.#spare = new Uint16Array(this.count);
    for (let id = 0; id < this.count; id++) this.#spare[id] = this.count - 1 - id;
    this.publish();
  }

  /** Buffers that the consumer is given at a time, now. */
  get window(): number {
    return this.#window;
  }

  /** Buffers that leases or sends hold now. */
  get held(): number {
    return this.count - this.available;
  }

  /** The byte offset of a buffer in ring memory. */
  offsetOf(id: number): number {
    return this.#start + id * this.bytes;
  }

  /** Notes that the consumer put bytes into a buffer; the caller is its first holder. */
  arrive(id: number): void {
    this.available--;
    this.#supplied--;
    this.#holders[id] = 1;
  }

  /** Adds a holder. */
  retain(id: number): void {
    this.#holders[id]++;
  }

  /** Drops a holder; the last one gives the buffer back. */
  release(id: number): void {
    const holders = --this.#holders[id];
    if (holders !== 0) return;
    if (this.poison) {
      const start = this.offsetOf(id);
      this.#memory.bytes.fill(POISON, start, start + this.bytes);
    }
    this.available++;
    if (this.isRing) this.#spare[this.#spareCount++] = id;
    else this.returned.push(id);
    if (this.onReturn !== null) this.onReturn();
  }

  /** Gives the consumer what its window lacks. */
  publish(): void {
    const supplied = this.#supplied;
    const window = this.#window;
    if (supplied === window) return;
    if (supplied < window >> 2) {
      this.#window = Math.min(this.count, window * 2);
      this.#idleTurns = 0;
    } else if (supplied < window - (window >> 2) || window <= WINDOW_LEAST) {
      this.#idleTurns = 0;
    } else if (++this.#idleTurns > SHRINK_AFTER) {
      this.#window = Math.max(WINDOW_LEAST, window >> 1);
      this.#idleTurns = 0;
    }
    const tail = this.#tail;
    while (this.#supplied < this.#window && this.#spareCount > 0) {
      this.#add(this.#spare[--this.#spareCount]);
      this.#supplied++;
    }
    if (this.#tail === tail) return;
    storeReleaseHalf(this.#memory.halves, this.#tailIndex, this.#tail & 0xffff);
  }

  #add(id: number): void {
    const words = this.#memory.words;
    const at = this.#first + ((this.#tail & this.#mask) << DESCRIPTOR_WORDS_SHIFT);
    setLong(words, at, this.#memory.base + this.offsetOf(id));
    words[at + 2] = this.bytes;
    this.#memory.halves[(at << 1) + URING_BUF.ID / 2] = id;
    this.#tail = (this.#tail + 1) | 0;
  }
}

/** The consumer's side of a provided-buffer ring, for software consumers. */
export class BufferSupply {
  /** The buffer that {@linkcode BufferSupply.take} found: its id. */
  id = 0;
  /** Its byte offset in ring memory. */
  offset = 0;
  /** Its length in bytes. */
  bytes = 0;
  readonly #memory: RingMemory;
  readonly #first: number;
  readonly #tailIndex: number;
  readonly #mask: number;
  #head = 0;
  /** How far buffers were given when it was looked at last: an atomic load costs a call. */
  #tail = 0;

  /**
   * @param memory the ring's memory
   * @param group which of its groups, see {@linkcode bufferGroups}
   */
  constructor(memory: RingMemory, group: BufferGroup) {
    this.#memory = memory;
    this.#first = group.descriptors >> 2;
    this.#tailIndex = (group.descriptors >> 1) + TAIL_HALF;
    this.#mask = group.count - 1;
  }

  /** Takes the next buffer into `id`, `offset` and `bytes`. @returns false when there is none */
  take(): boolean {
    if (this.#mask < 0) return false;
    if (this.#tail === (this.#head & 0xffff)) {
      this.#tail = loadAcquireHalf(this.#memory.halves, this.#tailIndex);
      if (this.#tail === (this.#head & 0xffff)) return false;
    }
    const at = this.#first + ((this.#head & this.#mask) << DESCRIPTOR_WORDS_SHIFT);
    const words = this.#memory.words;
    this.offset = getLong(words, at) - this.#memory.base;
    this.bytes = words[at + 2];
    this.id = this.#memory.halves[(at << 1) + URING_BUF.ID / 2];
    this.#head = (this.#head + 1) | 0;
    return true;
  }
}
