/**
 * Operations in flight: each holds a slot from submission to its terminal completion.
 *
 * `user_data` is the slot's index in its low half and the slot's generation in its high half. A
 * completion whose generation is not the slot's own is late or forged: it is counted and ignored.
 * What an operation's entry points at (sockaddr, msghdr, iovec, timespec) lives in the slot's
 * scratch bytes, so it stays put until the terminal completion on every backend.
 *
 * @module
 */

import type { CompletionSink } from "./completion.ts";
import { MSGHDR, TIMESPEC } from "./abi/layout.ts";

/** Scratch bytes of one slot. */
export const SCRATCH_BYTES = 256;

/** Where `DriverOp.NAMES` writes in a slot's scratch bytes, and where timeouts keep a timespec. */
export const Scratch = {
  /** A sockaddr: bind, connect, or the local name. */
  SOCKADDR: 0,
  /** The peer's sockaddr. */
  PEER: 112,
  /** Length of the local name, a 32-bit word. */
  SOCKADDR_LENGTH: 224,
  /** Length of the peer's name, a 32-bit word. */
  PEER_LENGTH: 228,
  /** A `__kernel_timespec`. */
  TIMESPEC: 232,
  /** Two words of an operation whose results are descriptors: see `ring/descriptor_table.ts`. */
  DESCRIPTORS: 248,
  /** A `msghdr`, followed by its vector. */
  MSGHDR: 0,
  /** The vector of a `msghdr`. */
  IOVEC: 64,
} as const;

/** Elements of the vector that fits into scratch bytes. */
export const SCRATCH_IOVECS = 12;

if (Scratch.TIMESPEC + TIMESPEC.SIZE > Scratch.DESCRIPTORS) throw new Error("scratch: timespec");
if (MSGHDR.SIZE > Scratch.IOVEC) throw new Error("scratch: msghdr");

/** Slots kept back for CLOSE and the like, which free others; a quarter of a small table. */
export const RESERVED_SLOTS = 64;

/** The slot of entries whose completion nobody awaits. */
export const IGNORED_SLOT = 0;

/** Whoever owns an operation. */
export interface CompletionTarget {
  /**
   * @param tag what the owner gave when it began the operation
   * @param result the result, or `-errno`
   * @param flags `IORING_CQE_F_*`; without `MORE` the slot is free again
   * @param slot the slot; its scratch bytes hold until the owner begins another operation
   */
  onCompletion(tag: number, result: number, flags: number, slot: number): void;
}

const ignored: CompletionTarget = { onCompletion(): void {} };

/** The table of operations in flight. */
export class Slots implements CompletionSink {
  /** Operations in flight now. */
  inFlight = 0;
  /** Completions that no operation in flight was waiting for, ever. */
  late = 0;
  readonly capacity: number;
  /** The most operations in flight that {@linkcode Slots.take} allows. */
  readonly most: number;
  readonly #targets: CompletionTarget[];
  readonly #tags: Int32Array;
  readonly #generations: Int32Array;
  /** Slots given back, by their side of the table; the last is taken first. */
  readonly #freeLow: Int32Array;
  readonly #freeHigh: Int32Array;
  #freeLowCount = 0;
  #freeHighCount = 0;
  /** Never taken: from `#low` up to and without `#high`. */
  #low = 1;
  #high: number;

  /** @param capacity the most slots, the reserved ones and the ignored one among them */
  constructor(capacity: number) {
    this.capacity = capacity;
    this.most = capacity - Math.min(RESERVED_SLOTS, capacity >> 2);
    this.#high = capacity;
    this.#targets = new Array(capacity).fill(ignored);
    this.#tags = new Int32Array(capacity);
    this.#generations = new Int32Array(capacity);
    this.#freeLow = new Int32Array(capacity);
    this.#freeHigh = new Int32Array(capacity);
  }

  /**
   * Takes a slot.
   *
   * @returns its index, or -1 when all but the reserved ones are taken
   */
  take(target: CompletionTarget, tag: number): number {
    if (this.inFlight >= this.most) return -1;
    return this.takeReserved(target, tag);
  }

  /**
   * Takes a slot for an operation that may be in flight for long and uses no scratch bytes. Such
   * slots come from the far end of the table: ten thousand idle receives between the others would
   * have every one of those touch scratch bytes of its own, and memory that is touched stays.
   */
  takeBare(target: CompletionTarget, tag: number): number {
    if (this.inFlight >= this.most) return -1;
    let slot: number;
    if (this.#freeHighCount > 0) slot = this.#freeHigh[--this.#freeHighCount];
    else if (this.#high > this.#low) slot = --this.#high;
    else slot = this.#freeLow[--this.#freeLowCount];
    return this.#hand(slot, target, tag);
  }

  /** Takes a slot, a reserved one if need be: only for CLOSE and the like, which free others. */
  takeReserved(target: CompletionTarget, tag: number): number {
    let slot: number;
    if (this.#freeLowCount > 0) slot = this.#freeLow[--this.#freeLowCount];
    else if (this.#low < this.#high) slot = this.#low++;
    else if (this.#freeHighCount > 0) slot = this.#freeHigh[--this.#freeHighCount];
    else return -1;
    return this.#hand(slot, target, tag);
  }

  #hand(slot: number, target: CompletionTarget, tag: number): number {
    this.#targets[slot] = target;
    this.#tags[slot] = tag;
    this.inFlight++;
    return slot;
  }

  /** The generation that goes into the high half of `user_data`. */
  generation(slot: number): number {
    return this.#generations[slot];
  }

  /** Whether a slot is in flight for this target. */
  belongsTo(slot: number, target: CompletionTarget): boolean {
    return this.#targets[slot] === target;
  }

  /** Gives back a slot whose entry was never submitted, or succeeded without a completion. */
  abandon(slot: number): void {
    this.#release(slot);
  }

  /** Finds the operation of a completion and tells its owner. */
  complete(slot: number, generation: number, result: number, flags: number): void {
    if (slot < 0 || slot >= this.capacity || this.#generations[slot] !== generation) {
      this.late++;
      return;
    }
    const target = this.#targets[slot];
    if (target === ignored) {
      if (slot !== IGNORED_SLOT) this.late++;
      return;
    }
    const tag = this.#tags[slot];
    // IORING_CQE_F_MORE: the operation goes on, and keeps its slot.
    if ((flags & 2) === 0) this.#release(slot);
    target.onCompletion(tag, result, flags, slot);
  }

  /** Completes every operation in flight: its consumer is gone. */
  failAll(result: number): void {
    for (let slot = 0; slot < this.capacity; slot++) {
      if (this.#targets[slot] !== ignored) {
        this.complete(slot, this.#generations[slot], result, 0);
      }
    }
  }

  #release(slot: number): void {
    this.#targets[slot] = ignored;
    this.#generations[slot] = (this.#generations[slot] + 1) | 0;
    if (slot < this.#low) this.#freeLow[this.#freeLowCount++] = slot;
    else this.#freeHigh[this.#freeHighCount++] = slot;
    this.inFlight--;
  }
}
