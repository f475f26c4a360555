/**
 * The producer's side of a submission queue.
 *
 * Full is backpressure, never an error and never a drop: entries that find no room wait in a spill
 * of private memory, in order, and move into the ring as the consumer frees it. The spill is
 * bounded by whoever allocates slots: an entry belongs to an operation that holds one.
 *
 * @module
 */

import { loadAcquire, storeRelease, type Words } from "./barrier.ts";
import type { RingGeometry } from "./geometry.ts";
import { SQE_SHIFT, SQE_WORDS } from "./abi/layout.ts";

const SPILL_START_ENTRIES = 64;

/** Fills and publishes submission queue entries; one thread owns it. */
export class SubmissionQueue {
  /**
   * The view that the index of the last {@linkcode SubmissionQueue.acquire} points into: read it
   * after every call, it is the spill while the ring is full.
   */
  entries: Words;
  /** Entries that had to wait in the spill, ever. */
  spilled = 0;
  readonly #geometry: RingGeometry;
  readonly #ring: Words;
  readonly #mask: number;
  readonly #capacity: number;
  readonly #first: number;
  #tail: number;
  #published: number;
  #head: number;
  #spill: Int32Array = new Int32Array(0);
  #spillHead = 0;
  #spillTail = 0;

  /** @param geometry the queue pair; the tail continues from where it stands */
  constructor(geometry: RingGeometry) {
    this.#geometry = geometry;
    this.#ring = geometry.sqeWords;
    this.entries = this.#ring;
    this.#capacity = geometry.sqEntries;
    this.#mask = geometry.sqEntries - 1;
    this.#first = geometry.sqes;
    this.#head = loadAcquire(geometry.words, geometry.sqHead);
    this.#tail = loadAcquire(geometry.words, geometry.sqTail);
    this.#published = this.#tail;
  }

  /** Whether entries wait to be published. */
  get hasPending(): boolean {
    return this.#tail !== this.#published || this.#spillHead !== this.#spillTail;
  }

  /** Entries that wait in the spill now. */
  get waiting(): number {
    return this.#spillTail - this.#spillHead;
  }

  /** Room for entries that need not wait; more may be had than this says, never less. */
  get room(): number {
    if (this.waiting > 0) return 0;
    this.#head = loadAcquire(this.#geometry.words, this.#geometry.sqHead);
    return this.#capacity - ((this.#tail - this.#head) | 0);
  }

  /**
   * Takes the next entry, zeroed.
   *
   * @returns the word index of its first word in {@linkcode SubmissionQueue.entries}
   */
  acquire(): number {
    if (this.#spillHead !== this.#spillTail || !this.#hasRoom()) return this.#acquireSpill();
    const words = this.#ring;
    const at = this.#first + ((this.#tail & this.#mask) << SQE_SHIFT);
    this.#tail = (this.#tail + 1) | 0;
    this.entries = words;
    zero(words, at);
    return at;
  }

  /**
   * Publishes every entry that fits: spilled ones first, then the tail word.
   *
   * @returns entries that the consumer has not taken yet
   */
  publish(): number {
    if (this.#spillHead !== this.#spillTail) this.#unspill();
    const { words, sqTail, sqHead } = this.#geometry;
    if (this.#tail !== this.#published) {
      this.#published = this.#tail;
      storeRelease(words, sqTail, this.#tail);
    }
    this.#head = loadAcquire(words, sqHead);
    return (this.#tail - this.#head) | 0;
  }

  #hasRoom(): boolean {
    if (((this.#tail - this.#head) | 0) < this.#capacity) return true;
    this.#head = loadAcquire(this.#geometry.words, this.#geometry.sqHead);
    return ((this.#tail - this.#head) | 0) < this.#capacity;
  }

  #acquireSpill(): number {
    this.spilled++;
    const needed = (this.#spillTail + 1) * SQE_WORDS;
    if (needed > this.#spill.length) this.#growSpill();
    const at = this.#spillTail * SQE_WORDS;
    this.#spillTail++;
    this.entries = this.#spill;
    zero(this.#spill, at);
    return at;
  }

  #growSpill(): void {
    const held = this.#spill.subarray(this.#spillHead * SQE_WORDS, this.#spillTail * SQE_WORDS);
    const entries = Math.max(SPILL_START_ENTRIES, this.waiting * 2);
    const grown = new Int32Array(entries * SQE_WORDS);
    grown.set(held);
    this.#spillTail = this.waiting;
    this.#spillHead = 0;
    this.#spill = grown;
  }

  #unspill(): void {
    while (this.#spillHead !== this.#spillTail && this.#hasRoom()) {
      const from = this.#spillHead * SQE_WORDS;
      const to = this.#first + ((this.#tail & this.#mask) << SQE_SHIFT);
      for (let word = 0; word < SQE_WORDS; word++) this.#ring[to + word] = this.#spill[from + word];
      this.#tail = (this.#tail + 1) | 0;
      this.#spillHead++;
    }
    if (this.#spillHead === this.#spillTail) {
      this.#spillHead = 0;
      this.#spillTail = 0;
    }
  }
}

/** Unrolled: a loop or `fill` costs several times as much on this, the hottest path. */
function zero(words: Words, at: number): void {
  words[at] = 0;
  words[at + 1] = 0;
  words[at + 2] = 0;
  words[at + 3] = 0;
  words[at + 4] = 0;
  words[at + 5] = 0;
  words[at + 6] = 0;
  words[at + 7] = 0;
  words[at + 8] = 0;
  words[at + 9] = 0;
  words[at + 10] = 0;
  words[at + 11] = 0;
  words[at + 12] = 0;
  words[at + 13] = 0;
}
