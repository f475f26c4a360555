/**
 * A bell in shared memory: where a thread sleeps that waits for more than one thing.
 *
 * Who sleeps sets the bell, looks once more, and parks while the bell is set. Who publishes looks
 * at the bell afterwards and, if it is set, clears it and wakes.
 *
 * @module
 */

import {
  loadAcquire,
  lowerFlag,
  MAXIMUM_PARK_MS,
  parkAsync,
  raiseFlag,
  storeRelease,
  wakeAll,
  type Words,
} from "../../ring/barrier.ts";

const BELL_BYTES = 64;

/** One word that one thread sleeps by, and others ring. */
export class Bell {
  readonly #words: Words;
  readonly #index: number;
  readonly #onRung: () => void;
  #isParked = false;
  #parked: Promise<void> = Promise.resolve();
  #isClosed = false;
  #onRing: (() => void) | null = null;

  /**
   * @param words shared memory
   * @param index which of its words it is
   */
  constructor(words: Words, index: number) {
    this.#words = words;
    this.#index = index;
    this.#onRung = () => this.#rung();
  }

  /** Shared memory for a bell of its own. */
  static allocate(): SharedArrayBuffer {
    return new SharedArrayBuffer(BELL_BYTES);
  }

  /** The bell of {@linkcode Bell.allocate}. */
  static of(buffer: SharedArrayBuffer): Bell {
    return new Bell(new Int32Array(buffer), 0);
  }

  /** Wakes who sleeps by it; called after what it waits for was published. */
  ring(): void {
    if (loadAcquire(this.#words, this.#index) === 0) return;
    storeRelease(this.#words, this.#index, 0);
    // Both a wait of now and one that was given up may be there: one is not enough.
    wakeAll(this.#words, this.#index);
  }

  /** Says that this thread is about to sleep; it must look once more afterwards. */
  set(): void {
    raiseFlag(this.#words, this.#index, 1);
  }

  /** Says that it is awake. */
  clear(): void {
    lowerFlag(this.#words, this.#index, 1);
  }

  /**
   * Has `onRing` called once the bell has rung; also now and then without that, because a wake-up
   * may come late.
   */
  sleep(onRing: () => void): void {
    this.#onRing = onRing;
    // A park from before is still good.
    if (this.#isParked || this.#isClosed) return;
    const parked = parkAsync(this.#words, this.#index, 1, MAXIMUM_PARK_MS);
    if (parked === null) return queueMicrotask(this.#onRung);
    this.#isParked = true;
    this.#parked = parked.then(this.#onRung);
  }

  /**
   * Wakes nobody any more.
   *
   * @returns when no wait is left: one that outlives its thread's event loop keeps parts of it open
   */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#onRing = null;
    this.clear();
    wakeAll(this.#words, this.#index);
    await this.#parked;
  }

  #rung(): void {
    this.#isParked = false;
    const onRing = this.#onRing;
    this.#onRing = null;
    if (!this.#isClosed) onRing?.();
  }
}
