/**
 * The one piece of fixed-length shared memory that a ring lives in, and its division into regions.
 *
 * ```text
 *  skew  control  rings   sqes   side rings  descriptors  scratch  arena   buffers  datagrams
 *  |.....|page....|CQEs...|64 B..|...........|16 B each...|256 B...|.......|........|.........|
 *         ^ page aligned, as is every region up to the arena; those behind are 512 bytes off
 * ```
 *
 * Offsets count from the start of the buffer. Where the consumer is the kernel, an address is
 * `base + offset`; for software consumers `base` is 0 and addresses are the offsets themselves.
 *
 * @module
 */

import type { HalfWords, Words } from "./barrier.ts";
import { CQE, SQE, URING_BUF } from "./abi/layout.ts";
import { SCRATCH_BYTES } from "./slots.ts";

/** The page size that regions are aligned to, in bytes. */
export const PAGE_BYTES = 4096;

/**
 * Where memory that a kernel copies from and to begins within a page. Not at its start: out of there
 * Linux was measured to copy at half the speed, from any other place on at all of it (a message of
 * 64 800 bytes took 26 us to leave, and takes 14). The processor's reason is not known.
 */
export const OFF_PAGE_BYTES = 512;

/** Entries of the second, software ring that carries driver operations beside a kernel ring. */
export const SIDE_ENTRIES = 256;

/** How a ring is cut: sizes are counts and bytes, all fixed for its life. */
export interface MemoryPlan {
  /** Submission queue entries, a power of two from 1 to 32768. */
  readonly entries: number;
  /** Completion queue entries, a power of two from 2 to 65536. */
  readonly completions: number;
  /** The most operations in flight, 16 to 1048576. */
  readonly slots: number;
  /** Provided buffers, a power of two from 1 to 32768, or 0 for none. */
  readonly bufferCount: number;
  /** Bytes of each provided buffer, 64 to 1048576. */
  readonly bufferBytes: number;
  /** Provided buffers for datagrams, a power of two from 1 to 32768, or 0 for none. */
  readonly datagramCount: number;
  /** Bytes of each of those, 1024 to 1048576: the datagram and what is received with it. */
  readonly datagramBytes: number;
  /** Bytes of the arena that sends and registered buffers are taken from; a multiple of 4096. */
  readonly arenaBytes: number;
}

/** What another thread needs to see the same ring memory. */
export interface MemoryHandle {
  readonly buffer: SharedArrayBuffer;
  readonly plan: MemoryPlan;
  readonly skew: number;
}

/** Byte offsets of the regions. */
export interface Regions {
  readonly control: number;
  readonly rings: number;
  readonly sqes: number;
  readonly sideRings: number;
  readonly sideSqes: number;
  readonly descriptors: number;
  readonly datagramDescriptors: number;
  readonly scratch: number;
  readonly arena: number;
  readonly buffers: number;
  readonly datagrams: number;
  readonly end: number;
}

/** Offsets inside the control page, in bytes. */
export const CONTROL: Readonly<Record<"MAIN" | "SIDE" | "SIZE", number>> = {
  /** Header of the main software ring. */
  MAIN: 0,
  /** Header of the side ring. */
  SIDE: 512,
  SIZE: PAGE_BYTES,
};

function pages(bytes: number): number {
  return Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES;
}

/** Cuts a plan into regions that start `skew` bytes into the buffer. */
export function layOut(plan: MemoryPlan, skew: number): Regions {
  const control = skew;
  const rings = control + CONTROL.SIZE;
  // The kernel puts its header of at most a page before the completion entries.
  const sqes = rings + PAGE_BYTES + pages(plan.completions * CQE.SIZE + plan.entries * 4);
  const sideRings = sqes + pages(plan.entries * SQE.SIZE);
  const sideSqes = sideRings + pages(SIDE_ENTRIES * 4 * CQE.SIZE);
  const descriptors = sideSqes + pages(SIDE_ENTRIES * SQE.SIZE);
  const datagramDescriptors = descriptors + pages(plan.bufferCount * URING_BUF.SIZE);
  const scratch = datagramDescriptors + pages(plan.datagramCount * URING_BUF.SIZE);
  const arena = scratch + pages(plan.slots * SCRATCH_BYTES) + OFF_PAGE_BYTES;
  const buffers = arena + pages(plan.arenaBytes);
  const datagrams = buffers + pages(plan.bufferCount * plan.bufferBytes);
  const end = datagrams + pages(plan.datagramCount * plan.datagramBytes);
  return {
    control,
    rings,
    sqes,
    sideRings,
    sideSqes,
    descriptors,
    datagramDescriptors,
    scratch,
    arena,
    buffers,
    datagrams,
    end,
  };
}

function requirePowerOfTwo(name: string, value: number, least: number, most: number): void {
  const isPower = Number.isInteger(value) && value > 0 && (value & (value - 1)) === 0;
  if (!isPower || value < least || value > most) {
    throw new RangeError(`${name} must be a power of two from ${least} to ${most}, not ${value}`);
  }
}

function requireInteger(name: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`${name} must be an integer from ${least} to ${most}, not ${value}`);
  }
}

/** Proves that a plan is within the limits of io_uring and of this library. */
export function checkPlan(plan: MemoryPlan): void {
  requirePowerOfTwo("entries", plan.entries, 1, 32768);
  requirePowerOfTwo("completions", plan.completions, 2, 65536);
  if (plan.completions < plan.entries) {
    throw new RangeError(
      `completions (${plan.completions}) must not be fewer than entries (${plan.entries})`,
    );
  }
  requireInteger("slots", plan.slots, 16, 1 << 20);
  if (plan.bufferCount !== 0) requirePowerOfTwo("buffers.count", plan.bufferCount, 1, 32768);
  requireInteger("buffers.bytes", plan.bufferBytes, 64, 1 << 20);
  if (plan.datagramCount !== 0) {
    requirePowerOfTwo("datagramBuffers.count", plan.datagramCount, 1, 32768);
  }
  requireInteger("datagramBuffers.bytes", plan.datagramBytes, 1024, 1 << 20);
  requireInteger("arenaBytes", plan.arenaBytes, PAGE_BYTES, 2 ** 30);
  if (plan.arenaBytes % PAGE_BYTES !== 0) {
    throw new RangeError(`arenaBytes must be a multiple of ${PAGE_BYTES}, not ${plan.arenaBytes}`);
  }
}

/** Fixed-length shared memory with a ring's regions in it. */
export class RingMemory {
  /** The shared buffer; whoever lets a kernel use it must hold it until the kernel is done. */
  readonly buffer: SharedArrayBuffer;
  /** How the memory is cut. */
  readonly plan: MemoryPlan;
  /** Where the regions are. */
  readonly at: Regions;
  /** The address of offset 0: 0 for software consumers. */
  readonly base: number;
  /** All of it as 32-bit words. */
  readonly words: Words;
  /** All of it as 16-bit words. */
  readonly halves: HalfWords;
  /** All of it as bytes. */
  readonly bytes: Uint8Array<SharedArrayBuffer>;

  private constructor(buffer: SharedArrayBuffer, plan: MemoryPlan, skew: number, base: number) {
    this.buffer = buffer;
    this.plan = plan;
    this.at = layOut(plan, skew);
    this.base = base;
    const even = buffer.byteLength & ~3;
    this.words = new Int32Array(buffer, 0, even >> 2);
    this.halves = new Uint16Array(buffer, 0, even >> 1);
    this.bytes = new Uint8Array(buffer);
  }

  /**
   * Allocates the memory of a new ring.
   *
   * @param locate gives the address of the buffer's first byte where the consumer is a kernel;
   * regions are then aligned to its pages
   * @throws {RangeError} when a size is out of its range, naming it
   */
  static create(plan: MemoryPlan, locate?: (buffer: SharedArrayBuffer) => number): RingMemory {
    const slack = locate === undefined ? 0 : PAGE_BYTES;
    return RingMemory.adopt(RingMemory.allocate(plan, slack), plan, locate);
  }

  /**
   * Allocates a buffer that fits a plan, for another thread to {@linkcode RingMemory.adopt}.
   *
   * @param slack bytes more, a page where the regions may have to be aligned to a kernel's pages
   * @throws {RangeError} when a size is out of its range, naming it
   */
  static allocate(plan: MemoryPlan, slack: number): SharedArrayBuffer {
    checkPlan(plan);
    return new SharedArrayBuffer(layOut(plan, 0).end + slack);
  }

  /** Makes a ring's memory of a buffer that {@linkcode RingMemory.allocate} returned. */
  static adopt(
    buffer: SharedArrayBuffer,
    plan: MemoryPlan,
    locate?: (buffer: SharedArrayBuffer) => number,
  ): RingMemory {
    const base = locate === undefined ? 0 : locate(buffer);
    const skew = (PAGE_BYTES - (base % PAGE_BYTES)) % PAGE_BYTES;
    return new RingMemory(buffer, plan, skew, base);
  }

  /** Views memory that another thread allocated, as a software consumer does. */
  static attach(handle: MemoryHandle): RingMemory {
    return new RingMemory(handle.buffer, handle.plan, handle.skew, 0);
  }

  /** What to post to another thread so that it can {@linkcode RingMemory.attach}. */
  handle(): MemoryHandle {
    return { buffer: this.buffer, plan: this.plan, skew: this.at.control };
  }
}
