/**
 * Which descriptors a Worker's ring has open, in memory that outlives the Worker: `terminate()`
 * closes none of them.
 *
 * The Worker writes, one bit per descriptor; its parent reads when the Worker is dead. Two things
 * are in no bit at that moment, and are found in the ring itself: descriptors in completions that
 * were not taken, and descriptors whose CLOSE was published but not consumed.
 *
 * @module
 */

import {
  compareExchange,
  loadAcquire,
  lowerFlag,
  raiseFlag,
  storeRelease,
  type Words,
} from "./barrier.ts";
import type { DescriptorLedger } from "./driver.ts";
import type { RingGeometry } from "./geometry.ts";
import type { MemoryHandle } from "./memory.ts";
import { Scratch, SCRATCH_BYTES } from "./slots.ts";
import { CQE_SHIFT, SQE_SHIFT, W_FD, W_OPCODE } from "./abi/layout.ts";
import { longOf, setLong } from "./abi/long.ts";
import { Op } from "./abi/opcodes.ts";

/** What a Worker needs to use memory that its parent holds; it can be posted. */
export interface LedgerHandle {
  /** @ignore The memory of the Worker's ring. */
  readonly ring: MemoryHandle;
  /** @ignore The memory of the small ring it sleeps by. */
  readonly wake: MemoryHandle;
  /** @ignore The table of descriptors. */
  readonly table: SharedArrayBuffer;
}

/** What became of a table. */
export const LedgerState = {
  /** No Worker has used it. */
  FRESH: 0,
  /** A Worker's ring is, or was when it died, open. */
  OPEN: 1,
  /** The Worker closed its ring itself. */
  CLOSED: 2,
  /** The parent closed what was left. */
  REAPED: 3,
} as const;

/** Descriptors beyond this are not recorded: Linux allows no more unless `fs.nr_open` is raised. */
const DESCRIPTORS_MAX = 1 << 20;

const W_STATE = 0;
const W_THREAD = 1;
const W_EVENT = 2;
const W_UNRECORDED = 3;
const W_RINGS = 4;
const RINGS_MAX = 2;
/** Geometry of the main ring: eight word indices and counts. */
const W_GEOMETRY = 8;
const W_SCRATCH = 16;
const W_SLOTS = 17;
/** Two regions the kernel mapped, three words each: address low, high, and bytes. */
const W_MAPPED = 18;
/** Pipes that come to their end when their ring has. */
const W_ENDS = 24;
/** Whether the parent wants the Worker to end. */
const W_LEAVE = 26;
const W_BITS = 32;

/** Bytes of a table. */
export const TABLE_BYTES: number = W_BITS * 4 + DESCRIPTORS_MAX / 8;

/** Memory that the kernel mapped for a ring. */
export interface MappedRegion {
  readonly address: number;
  readonly bytes: number;
}

/** Where the reaper looks for what is in no bit. */
export interface LedgerRing {
  readonly geometry: RingGeometry;
  /** Byte offset of the scratch region in ring memory. */
  readonly scratch: number;
  readonly slots: number;
  /** The rings and the entries, where they are not in ring memory. */
  readonly mapped: readonly MappedRegion[];
}

/** A table in shared memory. */
export class DescriptorTable implements DescriptorLedger {
  readonly #words: Words;

  /** @param buffer {@linkcode TABLE_BYTES} of shared memory, zero at first */
  constructor(buffer: SharedArrayBuffer) {
    this.#words = new Int32Array(buffer);
  }

  /** What became of it: one of {@linkcode LedgerState}. */
  get state(): number {
    return loadAcquire(this.#words, W_STATE);
  }

  /** The system's number of the Worker's thread. */
  get thread(): number {
    return this.#words[W_THREAD];
  }

  /** The eventfd that somebody may be blocked on, -1 for none. */
  get eventFd(): number {
    const fd = this.#words[W_EVENT] - 1;
    return fd >= 0 && this.has(fd) ? fd : -1;
  }

  /** Descriptors that were too high to be recorded. */
  get unrecorded(): number {
    return this.#words[W_UNRECORDED];
  }

  /** Takes the table for a Worker. @returns false when one has had it already */
  open(thread: number): boolean {
    const before = compareExchange(this.#words, W_STATE, LedgerState.FRESH, LedgerState.OPEN);
    if (before !== LedgerState.FRESH) return false;
    this.#words[W_THREAD] = thread;
    return true;
  }

  /**
   * Asks the Worker to end: a thread that blocks hears of nothing else, `Worker.terminate()`
   * included. @param isAsked false takes it back
   */
  askToLeave(isAsked: boolean): void {
    storeRelease(this.#words, W_LEAVE, isAsked ? 1 : 0);
  }

  /** Whether the parent wants the Worker to end. */
  get isAskedToLeave(): boolean {
    return loadAcquire(this.#words, W_LEAVE) !== 0;
  }

  /** Says that nothing is left to reap. */
  end(state: typeof LedgerState.CLOSED | typeof LedgerState.REAPED): void {
    storeRelease(this.#words, W_STATE, state);
  }

  /** {@inheritDoc DescriptorLedger.note} */
  note(fd: number): void {
    if (fd >= DESCRIPTORS_MAX) this.#words[W_UNRECORDED]++;
    else raiseFlag(this.#words, W_BITS + (fd >> 5), 1 << (fd & 31));
  }

  /** {@inheritDoc DescriptorLedger.clear} */
  clear(fd: number): void {
    if (fd < DESCRIPTORS_MAX) lowerFlag(this.#words, W_BITS + (fd >> 5), 1 << (fd & 31));
  }

  /** Notes the descriptor of a ring: it is to be closed before all others. */
  noteRing(fd: number): void {
    this.note(fd);
    for (let place = W_RINGS; place < W_RINGS + RINGS_MAX; place++) {
      if (this.#words[place] !== 0) continue;
      this.#words[place] = fd + 1;
      return;
    }
  }

  /** Notes the eventfd that a thread of the pool may be blocked on. */
  noteEvent(fd: number): void {
    this.note(fd);
    this.#words[W_EVENT] = fd + 1;
  }

  /** Notes where the main ring is. */
  noteGeometry(ring: LedgerRing): void {
    const { geometry, mapped } = ring;
    const { cqHead, cqTail, cqes, cqEntries, sqHead, sqTail, sqes, sqEntries } = geometry;
    const fields = [cqHead, cqTail, cqes, cqEntries, sqHead, sqTail, sqes, sqEntries];
    this.#words.set(fields, W_GEOMETRY);
    this.#words[W_SCRATCH] = ring.scratch;
    this.#words[W_SLOTS] = ring.slots;
    mapped.forEach(({ address, bytes }, index) => {
      setLong(this.#words, W_MAPPED + 3 * index, address);
      this.#words[W_MAPPED + 3 * index + 2] = bytes;
    });
  }

  /** Notes a pipe that comes to its end when its ring has. */
  noteEnd(fd: number): void {
    this.note(fd);
    for (let place = W_ENDS; place < W_ENDS + RINGS_MAX; place++) {
      const before = this.#words[place] - 1;
      if (before >= 0 && before !== fd && this.has(before)) continue;
      this.#words[place] = fd + 1;
      return;
    }
  }

  /** Pipes that come to their end when the rings have. */
  ends(): number[] {
    return this.#noted(W_ENDS);
  }

  /** Whether a descriptor is noted. */
  has(fd: number): boolean {
    return (loadAcquire(this.#words, W_BITS + (fd >> 5)) & (1 << (fd & 31))) !== 0;
  }

  /** Descriptors of rings, in the order in which they were noted. */
  rings(): number[] {
    return this.#noted(W_RINGS);
  }

  /** Every descriptor that is noted, rings among them, in ascending order. */
  descriptors(): number[] {
    const fds: number[] = [];
    for (let place = W_BITS; place < this.#words.length; place++) {
      const bits = this.#words[place];
      for (let bit = 0; bits !== 0 && bit < 32; bit++) {
        if ((bits & (1 << bit)) !== 0) fds.push(((place - W_BITS) << 5) + bit);
      }
    }
    return fds;
  }

  /** Memory that the kernel mapped for the main ring. */
  mapped(): MappedRegion[] {
    const regions: MappedRegion[] = [];
    for (let index = 0; index < 2; index++) {
      const [low, high, bytes] = this.#words.subarray(W_MAPPED + 3 * index);
      if (bytes > 0) regions.push({ address: longOf(low, high), bytes });
    }
    return regions;
  }

  /**
   * Finds what is in no bit.
   *
   * @param memory the ring memory
   * @param rings where heads, tails and completions are: `memory` unless the kernel mapped them
   * @param entries where submission entries are
   */
  unnoted(memory: Words, rings: Words, entries: Words): { arrived: number[]; closing: number[] } {
    const [cqHead, cqTail, cqes, cqEntries] = this.#words.subarray(W_GEOMETRY);
    const [sqHead, sqTail, sqes, sqEntries] = this.#words.subarray(W_GEOMETRY + 4);
    const arrived: number[] = [];
    const closing: number[] = [];
    if (cqEntries === 0) return { arrived, closing };
    const tail = loadAcquire(rings, cqTail);
    for (let head = loadAcquire(rings, cqHead); head !== tail; head = (head + 1) | 0) {
      const at = cqes + ((head & (cqEntries - 1)) << CQE_SHIFT);
      const result = rings[at + 2];
      if (result >= 0 && this.#isDescriptor(memory, rings[at], rings[at + 1])) arrived.push(result);
    }
    const last = loadAcquire(rings, sqTail);
    for (let head = loadAcquire(rings, sqHead); head !== last; head = (head + 1) | 0) {
      const at = sqes + ((head & (sqEntries - 1)) << SQE_SHIFT);
      if ((entries[at + W_OPCODE] & 0xff) === Op.CLOSE) closing.push(entries[at + W_FD]);
    }
    return { arrived, closing };
  }

  /** The descriptors in a list of {@linkcode RINGS_MAX} places, as far as they are open. */
  #noted(first: number): number[] {
    const fds = new Set<number>();
    for (let place = first; place < first + RINGS_MAX; place++) {
      const fd = this.#words[place] - 1;
      if (fd >= 0 && this.has(fd)) fds.add(fd);
    }
    return [...fds];
  }

  #isDescriptor(memory: Words, slot: number, generation: number): boolean {
    if (slot < 0 || slot >= this.#words[W_SLOTS]) return false;
    const scratch = this.#words[W_SCRATCH] + slot * SCRATCH_BYTES;
    return isDescriptorOperation(memory, scratch, generation);
  }
}

/** Says in its slot's scratch bytes that an operation's results are descriptors. */
export function markDescriptorOperation(memory: Words, scratch: number, generation: number): void {
  const at = (scratch + Scratch.DESCRIPTORS) >> 2;
  memory[at] = generation;
  memory[at + 1] = DESCRIPTOR_MARK;
}

function isDescriptorOperation(memory: Words, scratch: number, generation: number): boolean {
  const at = (scratch + Scratch.DESCRIPTORS) >> 2;
  return memory[at] === generation && memory[at + 1] === DESCRIPTOR_MARK;
}

/** Nothing else that scratch bytes hold there has this value: "FDS!". */
const DESCRIPTOR_MARK = 0x21534446;
