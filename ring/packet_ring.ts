/**
 * The memory of a packet ring: packets from one thread to another, small ones inside of their
 * slots, large ones in an arena that the slots refer to.
 *
 * ```text
 *  words      slots                            returns          arena
 *  |.........|length, reference, bytes|.....|  |4 B a block|    |blocks of 256 B and up ....|
 *   a line    ^ as many as `slots`              consumer to      taken by the producer,
 *   each                                        producer         read in place by the consumer
 * ```
 *
 * ```text
 *  producer                                    consumer
 *  takes a block, writes bytes, slot
 *  publishes TAIL  --------------------------> reads slot, lends the bytes
 *  counts the room  <-------------------------  publishes HEAD: slots that are free again
 *  gives blocks back to its allocator  <-------  publishes RETURN_TAIL: blocks nobody reads
 * ```
 *
 * Each side owns the words that it publishes, keeps its own state in private memory, and believes
 * nothing of what the other one wrote before it has checked it: a forged word ends the ring for
 * the side that finds it, and cannot lead it outside of the memory.
 *
 * Who sleeps waits by its bell. It sets the bell, looks once more, and parks while the bell is
 * set; who publishes looks at the other's bell afterwards and, if it is set, clears it and wakes.
 *
 * @module
 */

import { ARENA_BLOCK_BYTES } from "./arena.ts";
import {
  compareExchange,
  loadAcquire,
  lowerFlag,
  MAXIMUM_PARK_MS,
  park,
  parkAsync,
  raiseFlag,
  storeRelease,
  wakeAll,
  type Words,
} from "./barrier.ts";

/** How a packet ring is cut: all sizes are fixed for its life. */
export interface PacketPlan {
  /** Packets that fit, a power of two from 1 to 32768. */
  readonly slots: number;
  /** The most bytes of a packet inside of its slot, 0 to 65536. */
  readonly inlineBytes: number;
  /** Bytes of the arena for larger ones, a multiple of 256 from 0 to 2^30. */
  readonly arenaBytes: number;
}

/** What another thread needs to see the same packet ring. */
export interface PacketHandle {
  /** The shared memory. */
  readonly buffer: SharedArrayBuffer;
  /** How it is cut. */
  readonly plan: PacketPlan;
}

/** A line of its own for every word, so that the sides do not take each other's cache lines. */
const LINE_WORDS = 16;

/** Where the shared words are. */
export const PacketWord = {
  /** By the producer: one past the last packet. */
  TAIL: 0,
  /** By the consumer: the oldest slot that is not free. */
  HEAD: LINE_WORDS,
  /** By the consumer: one past the last block that it gave back. */
  RETURN_TAIL: 2 * LINE_WORDS,
  /** Set while the producer waits for room. */
  PRODUCER_BELL: 3 * LINE_WORDS,
  /** Set while the consumer waits for packets. */
  CONSUMER_BELL: 4 * LINE_WORDS,
  /** `PacketClosed` bits. */
  CLOSED: 5 * LINE_WORDS,
  /** Not 0 once there is a producer. */
  PRODUCER: 6 * LINE_WORDS,
  /** Not 0 once there is a consumer. */
  CONSUMER: 7 * LINE_WORDS,
} as const;

/** Who has closed. */
export const PacketClosed = { PRODUCER: 1, CONSUMER: 2 } as const;

/** The words of a slot before its bytes. */
export const PacketSlot = { LENGTH: 0, REFERENCE: 1, BYTES: 8 } as const;

/** The reference of a packet that is inside of its slot. */
export const INLINE = -1;

const HEADER_BYTES = 8 * LINE_WORDS * 4;
const SLOT_ALIGN_BYTES = 64;
const SLOTS_MAX = 32768;
const INLINE_BYTES_MAX = 65536;
const ARENA_BYTES_MAX = 2 ** 30;
/** Byte offsets are signed words. */
const TOTAL_BYTES_MAX = 2 ** 31 - 1;

interface PacketLayout {
  readonly slotBytes: number;
  readonly slots: number;
  readonly returns: number;
  readonly returnEntries: number;
  readonly arena: number;
  readonly end: number;
}

function align(bytes: number, unit: number): number {
  return Math.ceil(bytes / unit) * unit;
}

function layOut(plan: PacketPlan): PacketLayout {
  const slotBytes = align(PacketSlot.BYTES + plan.inlineBytes, SLOT_ALIGN_BYTES);
  const blocks = plan.arenaBytes / ARENA_BLOCK_BYTES;
  // As many as there are blocks: it cannot run full, whatever the consumer keeps for how long.
  const returnEntries = blocks <= 1 ? 1 : 2 ** (32 - Math.clz32(blocks - 1));
  const returns = HEADER_BYTES + plan.slots * slotBytes;
  const arena = align(returns + returnEntries * 4, SLOT_ALIGN_BYTES);
  return {
    slotBytes,
    slots: HEADER_BYTES,
    returns,
    returnEntries,
    arena,
    end: arena + plan.arenaBytes,
  };
}

/** The largest block that the buddy allocator makes of an arena. */
function largestBlock(arenaBytes: number): number {
  return arenaBytes === 0 ? 0 : 2 ** (31 - Math.clz32(arenaBytes));
}

function requireInteger(name: string, value: number, most: number): void {
  if (!Number.isInteger(value) || value < 0 || value > most) {
    throw new RangeError(`${name} must be an integer from 0 to ${most}, not ${value}`);
  }
}

/**
 * Proves that a plan can be laid out.
 *
 * @throws {RangeError} naming the size that is out of its range
 */
function checkPacketPlan(plan: PacketPlan): void {
  const { slots, inlineBytes, arenaBytes } = plan;
  const isPower = Number.isInteger(slots) && slots > 0 && (slots & (slots - 1)) === 0;
  if (!isPower || slots > SLOTS_MAX) {
    throw new RangeError(`slots must be a power of two from 1 to ${SLOTS_MAX}, not ${slots}`);
  }
  requireInteger("inlineBytes", inlineBytes, INLINE_BYTES_MAX);
  requireInteger("arenaBytes", arenaBytes, ARENA_BYTES_MAX);
  if (arenaBytes % ARENA_BLOCK_BYTES !== 0) {
    throw new RangeError(
      `arenaBytes must be a multiple of ${ARENA_BLOCK_BYTES}, not ${arenaBytes}`,
    );
  }
  const { end } = layOut(plan);
  if (end > TOTAL_BYTES_MAX) {
    throw new RangeError(`slots, inlineBytes and arenaBytes make ${end} bytes, beyond 2^31`);
  }
}

/** The shared memory of a packet ring, seen by one thread. */
export class PacketRing {
  /** How the memory is cut; never read from it. */
  readonly plan: PacketPlan;
  /** The shared memory. */
  readonly buffer: SharedArrayBuffer;
  /** All of it as words. */
  readonly words: Words;
  /** All of it as bytes. */
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  /** Bytes from one slot to the next. */
  readonly slotBytes: number;
  /** Byte offset of slot 0. */
  readonly slotsAt: number;
  /** Word index of the first entry of the return ring. */
  readonly returnsAt: number;
  /** Entries of the return ring, a power of two. */
  readonly returnEntries: number;
  /** Byte offset of the arena. */
  readonly arenaAt: number;
  /** The most bytes that a packet can have. */
  readonly largestBytes: number;

  private constructor(buffer: SharedArrayBuffer, plan: PacketPlan) {
    const at = layOut(plan);
    this.plan = plan;
    this.buffer = buffer;
    this.words = new Int32Array(buffer, 0, at.arena >> 2);
    this.bytes = new Uint8Array(buffer);
    this.slotBytes = at.slotBytes;
    this.slotsAt = at.slots;
    this.returnsAt = at.returns >> 2;
    this.returnEntries = at.returnEntries;
    this.arenaAt = at.arena;
    this.largestBytes = Math.max(plan.inlineBytes, largestBlock(plan.arenaBytes));
  }

  /**
   * Allocates a packet ring.
   *
   * @param index where all its indices stand: tests start just before they overflow
   * @throws {RangeError} naming the size that is out of its range
   */
  static create(plan: PacketPlan, index = 0): PacketRing {
    checkPacketPlan(plan);
    const ring = new PacketRing(new SharedArrayBuffer(layOut(plan).end), Object.freeze(plan));
    for (const word of [PacketWord.TAIL, PacketWord.HEAD, PacketWord.RETURN_TAIL]) {
      storeRelease(ring.words, word, index);
    }
    return ring;
  }

  /**
   * Views a packet ring that another thread allocated.
   *
   * @throws {RangeError} when the memory is not as large as the plan says, or the plan is none
   */
  static attach({ buffer, plan: { slots, inlineBytes, arenaBytes } }: PacketHandle): PacketRing {
    const plan = Object.freeze({ slots, inlineBytes, arenaBytes });
    checkPacketPlan(plan);
    const { end } = layOut(plan);
    if (buffer.byteLength !== end) {
      throw new RangeError(`the memory has ${buffer.byteLength} bytes, not the ${end} of its plan`);
    }
    return new PacketRing(buffer, plan);
  }

  /** What to post to another thread so that it can {@linkcode PacketRing.attach}. */
  get handle(): PacketHandle {
    return { buffer: this.buffer, plan: this.plan };
  }

  /** Becomes the one producer, or consumer. @returns false when there is one */
  claim(role: typeof PacketWord.PRODUCER | typeof PacketWord.CONSUMER): boolean {
    return compareExchange(this.words, role, 0, 1) === 0;
  }

  /** Who has closed: {@linkcode PacketClosed} bits. */
  get closed(): number {
    return loadAcquire(this.words, PacketWord.CLOSED);
  }

  /** Closes for good, and wakes whoever waits. @param bits who closes */
  close(bits: number): void {
    raiseFlag(this.words, PacketWord.CLOSED, bits);
    ringBell(this.words, PacketWord.PRODUCER_BELL);
    ringBell(this.words, PacketWord.CONSUMER_BELL);
  }
}

/** A word that one side waits by. */
type BellWord = typeof PacketWord.PRODUCER_BELL | typeof PacketWord.CONSUMER_BELL;

/** Wakes the side whose bell it is, if it waits: called after what it waits for was published. */
export function ringBell(words: Words, bell: BellWord): void {
  if (loadAcquire(words, bell) === 0) return;
  storeRelease(words, bell, 0);
  // Both a blocked call and an earlier wait that was given up may be there: one is not enough.
  wakeAll(words, bell);
}

/**
 * Where one side sleeps. The order is: {@linkcode Bell.set}, look once more, park; whatever made
 * it wake, look again, and {@linkcode Bell.clear} when there is nothing more to wait for.
 */
export class Bell {
  readonly #words: Words;
  readonly #word: BellWord;

  constructor(ring: PacketRing, word: BellWord) {
    this.#words = ring.words;
    this.#word = word;
  }

  /** Announces a sleep; the caller must look once more before it parks. */
  set(): void {
    raiseFlag(this.#words, this.#word, 1);
  }

  /** Says that nobody sleeps. */
  clear(): void {
    lowerFlag(this.#words, this.#word, 1);
  }

  /** Blocks the thread until the bell rings, at most one park. @returns false past the time */
  park(timeoutMs: number): boolean {
    return park(this.#words, this.#word, 1, timeoutMs);
  }

  /** Waits until the bell rings, at most one park. @returns null when it has rung already */
  parkAsync(): Promise<unknown> | null {
    return parkAsync(this.#words, this.#word, 1, MAXIMUM_PARK_MS);
  }
}
