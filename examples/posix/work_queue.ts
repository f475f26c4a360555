/**
 * A queue of descriptors in shared memory: one thread puts them in, many take them out.
 *
 * ```text
 *  put   taken  stop  (spare)  room for descriptors, + 1 each: 0 is an empty place
 *  |.....|......|.....|........|.....|.....|.....|.....|
 * ```
 *
 * @module
 */

const PUT = 0;
const TAKEN = 1;
const STOP = 2;
const PLACES = 4;

/** A bounded queue of descriptors. */
export class WorkQueue {
  /** What another thread needs to use the same queue. */
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #capacity: number;

  /** @param memory of the queue of another thread, or how many descriptors a new one holds */
  constructor(memory: SharedArrayBuffer | number) {
    if (typeof memory === "number") memory = new SharedArrayBuffer((PLACES + memory) * 4);
    this.memory = memory;
    this.#words = new Int32Array(memory);
    this.#capacity = this.#words.length - PLACES;
  }

  /** How many descriptors wait. */
  get length(): number {
    return Atomics.load(this.#words, PUT) - Atomics.load(this.#words, TAKEN) | 0;
  }

  /** Whether nothing more is put in. */
  get isStopped(): boolean {
    return Atomics.load(this.#words, STOP) === 1;
  }

  /** Puts a descriptor in: one thread does. @returns false when there is no room */
  put(fd: number): boolean {
    const words = this.#words;
    const put = Atomics.load(words, PUT);
    const place = PLACES + (put >>> 0) % this.#capacity;
    // A place is free once who took from it has emptied it, not when the count says so.
    if (Atomics.load(words, place) !== 0) return false;
    Atomics.store(words, place, fd + 1);
    Atomics.store(words, PUT, put + 1 | 0);
    Atomics.notify(words, PUT, 1);
    return true;
  }

  /**
   * Takes the descriptor that has waited longest.
   *
   * @param timeoutMs how long to wait for one, in milliseconds
   * @returns the descriptor, or -1
   */
  take(timeoutMs: number): number {
    const words = this.#words;
    const until = performance.now() + timeoutMs;
    while (true) {
      const put = Atomics.load(words, PUT);
      const taken = Atomics.load(words, TAKEN);
      if (put !== taken) {
        const next = taken + 1 | 0;
        // Another thread may be faster, and then has this one.
        if (Atomics.compareExchange(words, TAKEN, taken, next) !== taken) continue;
        return Atomics.exchange(words, PLACES + (taken >>> 0) % this.#capacity, 0) - 1;
      }
      const waitMs = until - performance.now();
      if (waitMs <= 0 || this.isStopped) return -1;
      Atomics.wait(words, PUT, put, waitMs);
    }
  }

  /** Wakes who waits, and lets nobody wait again: what is in it can still be taken. */
  stop(): void {
    Atomics.store(this.#words, STOP, 1);
    Atomics.notify(this.#words, PUT);
  }
}
