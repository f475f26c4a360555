/**
 * A ring's statistics: single-writer counters in the control page of its shared memory, so that
 * another thread (or a debugger) can read them without asking and without a lock.
 *
 * @module
 */

import type { RingMemory } from "./memory.ts";

/** Counters start this many bytes into the control page. */
const COUNTERS_OFFSET = 1024;

/** The names of the counters and their places. */
export const Counter = {
  accepted: 0,
  refused: 1,
  denied: 2,
  bytesSent: 3,
  bytesReceived: 4,
  sends: 5,
  receives: 6,
  enters: 7,
  wakes: 8,
  sockets: 9,
  turns: 10,
} as const;

/** The counters of one ring. */
export class Counters {
  /** One double per counter. */
  readonly values: Float64Array<ArrayBufferLike>;

  /** @param memory the ring's memory */
  constructor(memory: RingMemory) {
    const start = Math.ceil((memory.at.control + COUNTERS_OFFSET) / 8) * 8;
    this.values = new Float64Array(memory.buffer, start, Object.keys(Counter).length);
  }

  /** Adds to a counter. */
  add(counter: number, amount: number): void {
    this.values[counter] += amount;
  }
}
