/**
 * Where the head, tail and flag words of one submission and completion queue pair are, whoever laid
 * them out: the kernel (it reports them in `io_uring_params`) or {@linkcode layRing} here.
 *
 * @module
 */

import type { Words } from "./barrier.ts";
import { CONTROL, type RingMemory, SIDE_ENTRIES } from "./memory.ts";

/** One queue pair: views and the word indices into them. */
export interface RingGeometry {
  /** Holds heads, tails, flags and completion entries. */
  readonly words: Words;
  /** Holds submission entries; the same view unless the kernel mapped them elsewhere. */
  readonly sqeWords: Words;
  readonly sqHead: number;
  readonly sqTail: number;
  readonly sqFlags: number;
  readonly sqEntries: number;
  /** Word index of submission entry 0 in `sqeWords`. */
  readonly sqes: number;
  readonly cqHead: number;
  readonly cqTail: number;
  readonly cqFlags: number;
  readonly cqOverflow: number;
  readonly cqEntries: number;
  /** Word index of completion entry 0 in `words`. */
  readonly cqes: number;
}

/** Words between fields of a software header: each word both sides use has its own cache line. */
const LINE_WORDS = 16;

function geometry(
  memory: RingMemory,
  header: number,
  sqes: number,
  cqes: number,
  sqEntries: number,
  cqEntries: number,
): RingGeometry {
  const first = (memory.at.control + header) >> 2;
  return {
    words: memory.words,
    sqeWords: memory.words,
    sqHead: first,
    sqTail: first + LINE_WORDS,
    sqFlags: first + 2 * LINE_WORDS,
    cqHead: first + 3 * LINE_WORDS,
    cqTail: first + 4 * LINE_WORDS,
    cqFlags: first + 5 * LINE_WORDS,
    cqOverflow: first + 6 * LINE_WORDS,
    sqEntries,
    cqEntries,
    sqes: sqes >> 2,
    cqes: cqes >> 2,
  };
}

/** The main queue pair of a software ring. */
export function layRing(memory: RingMemory): RingGeometry {
  const { at, plan } = memory;
  return geometry(memory, CONTROL.MAIN, at.sqes, at.rings, plan.entries, plan.completions);
}

/** The small queue pair that carries driver operations beside a kernel ring. */
export function laySideRing(memory: RingMemory): RingGeometry {
  const { at } = memory;
  return geometry(
    memory,
    CONTROL.SIDE,
    at.sideSqes,
    at.sideRings,
    SIDE_ENTRIES,
    SIDE_ENTRIES * 4,
  );
}
