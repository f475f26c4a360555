/**
 * The program's side of a completion queue: it takes what the consumer posted.
 *
 * @module
 */

import { loadAcquire, lowerFlag, raiseFlag, storeRelease, type Words } from "./barrier.ts";
import type { RingGeometry } from "./geometry.ts";
import { CQE_SHIFT } from "./abi/layout.ts";
import { CqRingFlag, SqRingFlag } from "./abi/opcodes.ts";

/** Whoever is told of completions. */
export interface CompletionSink {
  /**
   * @param userLow low half of `user_data`, signed
   * @param userHigh high half of `user_data`, signed
   * @param result the operation's result, or `-errno`
   * @param flags `IORING_CQE_F_*`, with the buffer id from bit 16
   */
  complete(userLow: number, userHigh: number, result: number, flags: number): void;
}

/** Whether a queue pair holds completions that its program has not taken. */
export function hasCompletions(geometry: RingGeometry): boolean {
  const { words, cqTail, cqHead } = geometry;
  return loadAcquire(words, cqTail) !== loadAcquire(words, cqHead);
}

/** Takes completion queue entries; one thread owns it. */
export class CompletionQueue {
  readonly #geometry: RingGeometry;
  readonly #words: Words;
  readonly #mask: number;
  #head: number;

  /** @param geometry the queue pair */
  constructor(geometry: RingGeometry) {
    this.#geometry = geometry;
    this.#words = geometry.words;
    this.#mask = geometry.cqEntries - 1;
    this.#head = loadAcquire(geometry.words, geometry.cqHead);
  }

  /** Whether a completion waits. */
  get isReady(): boolean {
    return loadAcquire(this.#words, this.#geometry.cqTail) !== this.#head;
  }

  /** Completions that found the queue full, ever. */
  get overflows(): number {
    return loadAcquire(this.#words, this.#geometry.cqOverflow);
  }

  /** Whether the consumer holds completions that found no room. */
  get hasOverflow(): boolean {
    const flags = loadAcquire(this.#words, this.#geometry.sqFlags);
    return (flags & SqRingFlag.CQ_OVERFLOW) !== 0;
  }

  /**
   * Hands every waiting completion to `sink`, at most `limit`, then frees their entries.
   *
   * @returns how many there were
   */
  drain(sink: CompletionSink, limit: number): number {
    const words = this.#words;
    const { cqTail, cqHead, cqes } = this.#geometry;
    const mask = this.#mask;
    const tail = loadAcquire(words, cqTail);
    let head = this.#head;
    let count = 0;
    try {
      while (head !== tail && count < limit) {
        const at = cqes + ((head & mask) << CQE_SHIFT);
        head = (head + 1) | 0;
        // Kept current, so that a sink that throws loses this one completion and no other.
        this.#head = head;
        count++;
        sink.complete(words[at], words[at + 1], words[at + 2], words[at + 3]);
      }
    } finally {
      // Even then: entries that look taken by nobody would keep a driver from ever sleeping.
      if (count !== 0) storeRelease(words, cqHead, head);
    }
    return count;
  }

  /** Says that the program is about to sleep on the tail; it must look at the queue once more. */
  announceSleep(): void {
    raiseFlag(this.#words, this.#geometry.cqFlags, CqRingFlag.NEED_WAKEUP);
  }

  /** Says that the program is awake. */
  announceAwake(): void {
    lowerFlag(this.#words, this.#geometry.cqFlags, CqRingFlag.NEED_WAKEUP);
  }
}
