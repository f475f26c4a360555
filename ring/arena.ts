/**
 * A buddy allocator over the arena region of ring memory: power-of-two blocks from 256 bytes up,
 * split when taken and joined with their buddy when given back, so that a ring that runs for months
 * can still hand out its largest block once everything is free.
 *
 * Its book-keeping is private to the thread that owns the ring; only the bytes are shared.
 *
 * @module
 */

/** The smallest block, in bytes. */
export const ARENA_BLOCK_BYTES = 256;

const BLOCK_SHIFT = 8;
const FREE = 0x80;
const TAKEN = 0x40;
const ORDER = 0x3f;
const NONE = -1;

/** Hands out blocks of one region of ring memory by offset. */
export class Arena {
  /** Bytes taken and not yet given back, blocks counted whole. */
  usedBytes = 0;
  readonly #start: number;
  readonly #blocks: number;
  readonly #orders: number;
  /** Per minimum block: 0, or on the first one of a run its order with FREE or TAKEN. */
  readonly #state: Uint8Array;
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #heads: Int32Array;

  /**
   * @param start byte offset of the region, a multiple of 256
   * @param bytes its length; what does not fill a block is left unused
   */
  constructor(start: number, bytes: number) {
    this.#start = start;
    this.#blocks = bytes >>> BLOCK_SHIFT;
    this.#orders = 32 - Math.clz32(Math.max(1, this.#blocks));
    this.#state = new Uint8Array(this.#blocks);
    this.#next = new Int32Array(this.#blocks).fill(NONE);
    this.#previous = new Int32Array(this.#blocks).fill(NONE);
    this.#heads = new Int32Array(this.#orders).fill(NONE);
    this.#seed();
  }

  /** The largest block that can ever be had, in bytes. */
  get largestBytes(): number {
    return this.#blocks === 0 ? 0 : ARENA_BLOCK_BYTES << (this.#orders - 1);
  }

  /**
   * Takes a block of at least `bytes`.
   *
   * @returns its byte offset, or -1 when no block of that size is free
   */
  take(bytes: number): number {
    const order = this.#orderOf(bytes);
    let from = order;
    while (from < this.#orders && this.#heads[from] === NONE) from++;
    if (from >= this.#orders) return NONE;
    const block = this.#heads[from];
    this.#unlink(block, from);
    while (from > order) {
      from--;
      this.#link(block + (1 << from), from);
    }
    this.#state[block] = TAKEN | order;
    this.usedBytes += ARENA_BLOCK_BYTES << order;
    return this.#start + block * ARENA_BLOCK_BYTES;
  }

  /** Gives a block back; a block that is not out is a broken invariant. */
  give(offset: number): void {
    let block = (offset - this.#start) / ARENA_BLOCK_BYTES;
    if (!Number.isInteger(block) || block < 0 || block >= this.#blocks) {
      throw new Error(`arena: offset ${offset} is not one of its blocks`);
    }
    const state = this.#state[block];
    if ((state & TAKEN) === 0) throw new Error(`arena: the block at ${offset} is not out`);
    this.#state[block] = 0;
    let order = state & ORDER;
    this.usedBytes -= ARENA_BLOCK_BYTES << order;
    while (order < this.#orders - 1) {
      const buddy = block ^ (1 << order);
      if (buddy >= this.#blocks || this.#state[buddy] !== (FREE | order)) break;
      this.#unlink(buddy, order);
      block = Math.min(block, buddy);
      order++;
    }
    this.#link(block, order);
  }

  #orderOf(bytes: number): number {
    const blocks = Math.max(1, Math.ceil(bytes / ARENA_BLOCK_BYTES));
    return blocks === 1 ? 0 : 32 - Math.clz32(blocks - 1);
  }

  /** Covers the region with the largest aligned blocks that fit. */
  #seed(): void {
    let block = 0;
    while (block < this.#blocks) {
      let order = this.#orders - 1;
      while ((block & ((1 << order) - 1)) !== 0 || block + (1 << order) > this.#blocks) order--;
      this.#link(block, order);
      block += 1 << order;
    }
  }

  #link(block: number, order: number): void {
    const head = this.#heads[order];
    this.#state[block] = FREE | order;
    this.#next[block] = head;
    this.#previous[block] = NONE;
    if (head !== NONE) this.#previous[head] = block;
    this.#heads[order] = block;
  }

  #unlink(block: number, order: number): void {
    const next = this.#next[block];
    const previous = this.#previous[block];
    if (previous === NONE) this.#heads[order] = next;
    else this.#next[previous] = next;
    if (next !== NONE) this.#previous[next] = previous;
    this.#state[block] = 0;
  }
}
