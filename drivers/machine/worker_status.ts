/**
 * How a driver Worker fares, in shared memory: a thread that is blocked hears no events.
 *
 * @module
 */

import { loadAcquire, storeRelease } from "../../ring/barrier.ts";

/** Where a driver Worker is in its life. */
export const WorkerState = { STARTING: 0, RUNNING: 1, FAILED: 2 } as const;

const W_STATE = 0;
const W_LENGTH = 1;
const TEXT = 8;
const BYTES = 1024;

/** The state of one driver Worker, which writes it, and its parent, which reads it. */
export class WorkerStatus {
  /** What to give to the other thread. */
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;

  /** @param buffer the other thread's; without it a new one is made */
  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(BYTES)) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer);
  }

  /** One of {@linkcode WorkerState}. */
  get state(): number {
    return loadAcquire(this.#words, W_STATE);
  }

  /** Why it has failed. */
  get reason(): string {
    const bytes = new Uint8Array(this.buffer, TEXT, this.#words[W_LENGTH]);
    return new TextDecoder().decode(bytes.slice());
  }

  /** Says that the Worker consumes the ring. */
  run(): void {
    storeRelease(this.#words, W_STATE, WorkerState.RUNNING);
  }

  /** Says that it never will, or does no more; only the first reason is kept. */
  fail(error: unknown): void {
    if (this.state === WorkerState.FAILED) return;
    const text = new TextEncoder().encode(String(error)).subarray(0, BYTES - TEXT);
    new Uint8Array(this.buffer, TEXT).set(text);
    this.#words[W_LENGTH] = text.length;
    storeRelease(this.#words, W_STATE, WorkerState.FAILED);
  }
}
