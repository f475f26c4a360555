/**
 * Pairing heaps of timers, intrusive: any number of heaps over the same records, a timer being in
 * one of them at most.
 *
 * Putting a timer in takes a constant time, and so does taking one out that has none below it, as
 * most have not. Taking out the first one of n takes O(log n), amortised.
 * Source: Fredman, Sedgewick, Sleator and Tarjan, "The pairing heap: a new form of self-adjusting
 * heap", Algorithmica 1 (1986).
 *
 * @module
 */

import { structure } from "../../ring/abi/layout.ts";

/** No timer. */
export const NONE = -1;

/** A timer: half a cache line, so that it costs one miss. What is not the heap's is the wheel's. */
const TIMER = structure(32, [
  ["TICK", 8],
  ["CHILD", 4],
  ["NEXT", 4],
  ["PREVIOUS", 4],
  ["SLOT", 4],
  ["TAG", 4],
  ["FREE", 4],
]);

/** How far a timer's number is shifted to find it among words, and among numbers of 64 bits. */
export const WORDS_SHIFT = 3;
export const TICKS_SHIFT = 2;
/** The first timer below. */
const CHILD = TIMER.CHILD >> 2;
/** The next timer below the same one. */
const NEXT = TIMER.NEXT >> 2;
/** The timer before it below the same one; for the first of those, the one that is above. */
const PREVIOUS = TIMER.PREVIOUS >> 2;
/** The slot of the wheel that a timer is in. */
export const SLOT: number = TIMER.SLOT >> 2;
/** What a timer is for. */
export const TAG: number = TIMER.TAG >> 2;
/** The next free timer; a timer that is taken has itself there. */
export const FREE: number = TIMER.FREE >> 2;

/** The records of all heaps; a heap is the number of its first timer, or {@linkcode NONE}. */
export class TimerHeap {
  /** What timers are ordered by; where two are equal, the lower number comes first. */
  readonly ticks: Float64Array;
  /** The other fields. */
  readonly words: Int32Array;

  /** @param capacity How many timers there are. */
  constructor(capacity: number) {
    const records = new ArrayBuffer(capacity * TIMER.SIZE);
    this.ticks = new Float64Array(records);
    this.words = new Int32Array(records);
    for (let timer = 0; timer < capacity; timer++) this.#isolate(timer << WORDS_SHIFT);
  }

  /** Whether a timer that is in a heap has others below it. */
  hasChildren(timer: number): boolean {
    return this.words[(timer << WORDS_SHIFT) + CHILD] !== NONE;
  }

  #isolate(at: number): void {
    this.words[at + CHILD] = NONE;
    this.words[at + NEXT] = NONE;
    this.words[at + PREVIOUS] = NONE;
  }

  /** Makes one heap of two. Their firsts have no next ones. */
  #meld(one: number, other: number): number {
    const words = this.words;
    const difference = this.ticks[one << TICKS_SHIFT] - this.ticks[other << TICKS_SHIFT];
    const isBefore = difference < 0 || (difference === 0 && one < other);
    const above = isBefore ? one : other;
    const below = isBefore ? other : one;
    const sibling = words[(above << WORDS_SHIFT) + CHILD];
    words[(below << WORDS_SHIFT) + NEXT] = sibling;
    if (sibling !== NONE) words[(sibling << WORDS_SHIFT) + PREVIOUS] = below;
    words[(below << WORDS_SHIFT) + PREVIOUS] = above;
    words[(above << WORDS_SHIFT) + CHILD] = below;
    return above;
  }

  /** Makes one heap of a list of siblings: in pairs, and then from the last pair to the first. */
  #meldSiblings(first: number): number {
    const words = this.words;
    let pairs = NONE;
    let at = first;
    while (at !== NONE) {
      const other = words[(at << WORDS_SHIFT) + NEXT];
      const following = other === NONE ? NONE : words[(other << WORDS_SHIFT) + NEXT];
      const pair = other === NONE ? at : this.#meld(at, other);
      words[(pair << WORDS_SHIFT) + NEXT] = pairs;
      pairs = pair;
      at = following;
    }
    let heap = NONE;
    while (pairs !== NONE) {
      const following = words[(pairs << WORDS_SHIFT) + NEXT];
      heap = heap === NONE ? pairs : this.#meld(heap, pairs);
      pairs = following;
    }
    if (heap !== NONE) {
      words[(heap << WORDS_SHIFT) + NEXT] = NONE;
      words[(heap << WORDS_SHIFT) + PREVIOUS] = NONE;
    }
    return heap;
  }

  /**
   * Puts a timer into a heap.
   *
   * @param heap The heap.
   * @param timer A timer that is in none.
   * @returns The heap with it.
   */
  insert(heap: number, timer: number): number {
    return heap === NONE ? timer : this.#meld(heap, timer);
  }

  /**
   * Takes a timer out of a heap.
   *
   * @param heap The heap.
   * @param timer A timer that is in it.
   * @returns The heap without it.
   */
  remove(heap: number, timer: number): number {
    const words = this.words;
    const at = timer << WORDS_SHIFT;
    const below = words[at + CHILD];
    const next = words[at + NEXT];
    const previous = words[at + PREVIOUS];
    this.#isolate(at);
    if (timer === heap) return this.#meldSiblings(below);
    const before = previous << WORDS_SHIFT;
    if (words[before + CHILD] === timer) words[before + CHILD] = next;
    else words[before + NEXT] = next;
    if (next !== NONE) words[(next << WORDS_SHIFT) + PREVIOUS] = previous;
    return below === NONE ? heap : this.#meld(heap, this.#meldSiblings(below));
  }

  /**
   * Takes a heap apart, in any order.
   *
   * @param heap A heap, or what is left of one.
   * @returns What is left once its first timer is out; that one is in no heap then.
   */
  shred(heap: number): number {
    const words = this.words;
    const at = heap << WORDS_SHIFT;
    const child = words[at + CHILD];
    const next = words[at + NEXT];
    this.#isolate(at);
    if (child === NONE) return next;
    // Those below it are put in front of those beside it.
    let last = child << WORDS_SHIFT;
    while (words[last + NEXT] !== NONE) last = words[last + NEXT] << WORDS_SHIFT;
    words[last + NEXT] = next;
    return child;
  }
}
