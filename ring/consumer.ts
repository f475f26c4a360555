/**
 * The consumer's side of a software ring: what takes the kernel's place pops submission entries and
 * posts completions here, with io_uring's own wake protocol in both directions.
 *
 * @module
 */

import {
  loadAcquire,
  lowerFlag,
  park,
  parkAsync,
  raiseFlag,
  storeRelease,
  wake,
  wakeAll,
  type Words,
} from "./barrier.ts";
import type { RingGeometry } from "./geometry.ts";
import { CQE_SHIFT, SQE_SHIFT } from "./abi/layout.ts";
import { CqRingFlag, SqRingFlag } from "./abi/opcodes.ts";

const CQE_FIELDS = 4;

/**
 * Pops submissions and posts completions; one thread owns it. What the other side wrote last is
 * looked at only when what was seen before is used up: V8 makes a call of each atomic access.
 */
export class RingConsumer {
  /** The view that {@linkcode RingConsumer.next} indexes. */
  readonly entries: Words;
  /** Completions that found the queue full, ever. */
  overflows = 0;
  readonly #geometry: RingGeometry;
  readonly #words: Words;
  readonly #sqMask: number;
  readonly #cqMask: number;
  #sqHead: number;
  #sqTail: number;
  /** Entries up to here are free for the program again. */
  #freed: number;
  #cqTail: number;
  #cqHead: number;
  /** The program sees completions up to here. */
  #published: number;
  #isHeld = false;
  /** Completions that wait for room, four numbers each. Bounded by the operations in flight. */
  #overflow: number[] = [];

  /** @param geometry the queue pair */
  constructor(geometry: RingGeometry) {
    this.#geometry = geometry;
    this.#words = geometry.words;
    this.entries = geometry.sqeWords;
    this.#sqMask = geometry.sqEntries - 1;
    this.#cqMask = geometry.cqEntries - 1;
    this.#sqHead = this.#sqTail = this.#freed = loadAcquire(geometry.words, geometry.sqHead);
    this.#cqTail = this.#published = loadAcquire(geometry.words, geometry.cqTail);
    this.#cqHead = loadAcquire(geometry.words, geometry.cqHead);
  }

  /** Completions that wait for room. */
  get backlog(): number {
    return this.#overflow.length / CQE_FIELDS;
  }

  /** Entries that were published and not yet taken. */
  get available(): number {
    return (loadAcquire(this.#words, this.#geometry.sqTail) - this.#sqHead) | 0;
  }

  /**
   * The next entry, which stays valid until it is freed.
   *
   * @returns the word index of its first word, or -1 when there is none
   */
  next(): number {
    if (this.#sqHead === this.#sqTail && !this.#refill()) return -1;
    return this.#geometry.sqes + ((this.#sqHead & this.#sqMask) << SQE_SHIFT);
  }

  /** Takes the entry that {@linkcode RingConsumer.next} returned; the program has it back later. */
  take(): void {
    this.#sqHead = (this.#sqHead + 1) | 0;
  }

  /** Gives the program all entries back that were taken. */
  free(): void {
    if (this.#freed === this.#sqHead) return;
    this.#freed = this.#sqHead;
    storeRelease(this.#words, this.#geometry.sqHead, this.#freed);
  }

  /** Takes an entry and gives it back. */
  release(): void {
    this.take();
    this.free();
  }

  #refill(): boolean {
    this.#sqTail = loadAcquire(this.#words, this.#geometry.sqTail);
    return this.#sqTail !== this.#sqHead;
  }

  /**
   * Keeps completions from the program until {@linkcode RingConsumer.flush}.
   *
   * @returns false when they were kept already: whoever did that flushes them
   */
  hold(): boolean {
    if (this.#isHeld) return false;
    return this.#isHeld = true;
  }

  /** Shows the program what was posted, and keeps nothing from it any more. */
  flush(): void {
    this.#isHeld = false;
    this.#publish();
  }

  /** Posts a completion; when the queue is full it waits, in order, and nothing is lost. */
  post(userLow: number, userHigh: number, result: number, flags: number): void {
    if (this.#overflow.length > 0 || !this.#tryPost(userLow, userHigh, result, flags)) {
      this.#overflow.push(userLow, userHigh, result, flags);
      this.overflows++;
      const { cqOverflow, sqFlags } = this.#geometry;
      this.#publish();
      storeRelease(this.#words, cqOverflow, this.overflows | 0);
      raiseFlag(this.#words, sqFlags, SqRingFlag.CQ_OVERFLOW);
      this.#wakeProgram();
    } else if (!this.#isHeld) {
      this.#publish();
    }
  }

  /** Moves completions that waited into the room there is now. */
  flushOverflow(): void {
    if (this.#overflow.length === 0) return;
    let moved = 0;
    while (moved < this.#overflow.length) {
      const [low, high, result, flags] = this.#overflow.slice(moved, moved + CQE_FIELDS);
      if (!this.#tryPost(low, high, result, flags)) break;
      moved += CQE_FIELDS;
    }
    this.#overflow.splice(0, moved);
    this.#publish();
    if (this.#overflow.length === 0) {
      lowerFlag(this.#words, this.#geometry.sqFlags, SqRingFlag.CQ_OVERFLOW);
    }
  }

  /**
   * Waits without blocking until something is published, at most one park.
   *
   * @param timeoutMs upper bound in milliseconds
   */
  async sleep(timeoutMs: number): Promise<void> {
    const { sqFlags, sqTail } = this.#geometry;
    raiseFlag(this.#words, sqFlags, SqRingFlag.NEED_WAKEUP);
    const parked = parkAsync(this.#words, sqTail, this.#sqHead, timeoutMs);
    if (parked !== null) await parked;
    lowerFlag(this.#words, sqFlags, SqRingFlag.NEED_WAKEUP);
  }

  /** Blocks the thread until something is published. @returns false after a park without a call */
  sleepBlocking(timeoutMs: number): boolean {
    const { sqFlags, sqTail } = this.#geometry;
    raiseFlag(this.#words, sqFlags, SqRingFlag.NEED_WAKEUP);
    const isWoken = park(this.#words, sqTail, this.#sqHead, timeoutMs);
    lowerFlag(this.#words, sqFlags, SqRingFlag.NEED_WAKEUP);
    return isWoken;
  }

  #tryPost(userLow: number, userHigh: number, result: number, flags: number): boolean {
    const words = this.#words;
    const { cqHead, cqEntries, cqes } = this.#geometry;
    const tail = this.#cqTail;
    if (((tail - this.#cqHead) | 0) >= cqEntries) {
      this.#cqHead = loadAcquire(words, cqHead);
      if (((tail - this.#cqHead) | 0) >= cqEntries) return false;
    }
    const at = cqes + ((tail & this.#cqMask) << CQE_SHIFT);
    words[at] = userLow;
    words[at + 1] = userHigh;
    words[at + 2] = result;
    words[at + 3] = flags;
    this.#cqTail = (tail + 1) | 0;
    return true;
  }

  #publish(): void {
    if (this.#published === this.#cqTail) return;
    this.#published = this.#cqTail;
    storeRelease(this.#words, this.#geometry.cqTail, this.#published);
    this.#wakeProgram();
  }

  #wakeProgram(): void {
    const flags = loadAcquire(this.#words, this.#geometry.cqFlags);
    // A park that the program has left behind must not take the wake-up of the one it is in.
    if ((flags & CqRingFlag.NEED_WAKEUP) !== 0) wakeAll(this.#words, this.#geometry.cqTail);
  }
}

/** Wakes a software consumer on another thread if it sleeps; called after publishing. */
export function wakeConsumer(geometry: RingGeometry): void {
  const flags = loadAcquire(geometry.words, geometry.sqFlags);
  if ((flags & SqRingFlag.NEED_WAKEUP) !== 0) wake(geometry.words, geometry.sqTail);
}

/** Waits, as the program, until a software consumer on another thread posts; at most one park. */
export function awaitCompletion(
  geometry: RingGeometry,
  seenTail: number,
  timeoutMs: number,
): Promise<unknown> | null {
  return parkAsync(geometry.words, geometry.cqTail, seenTail, timeoutMs);
}

/** Blocks the program's thread until a software consumer posts, at most one park. */
export function parkForCompletion(geometry: RingGeometry, timeoutMs: number): void {
  const { words, cqHead, cqTail } = geometry;
  park(words, cqTail, loadAcquire(words, cqHead), timeoutMs);
}
