/**
 * Rings for tests: small ones, and ones whose indices start anywhere, so that a test need not run
 * two thousand million operations to see them wrap.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { storeRelease, type Words } from "../../ring/barrier.ts";
import { layRing, type RingGeometry } from "../../ring/geometry.ts";
import { type MemoryPlan, RingMemory } from "../../ring/memory.ts";
import { SQE_WORDS } from "../../ring/abi/layout.ts";

/** A ring that is full after a handful of entries. */
export const SMALL_PLAN: MemoryPlan = {
  entries: 8,
  completions: 16,
  slots: 256,
  bufferCount: 8,
  bufferBytes: 256,
  datagramCount: 0,
  datagramBytes: 1024,
  arenaBytes: 8192,
};

/** Indices just before they overflow a signed word, and just before they overflow the word. */
export const NEAR_2_31 = 0x7fffffff - 5;
/** See {@linkcode NEAR_2_31}. */
export const NEAR_2_32 = -6;

/** A queue pair in memory of its own. */
export interface TestRing {
  readonly memory: RingMemory;
  readonly geometry: RingGeometry;
}

/**
 * Lays a software ring.
 *
 * @param index where all heads and tails stand
 */
export function ringAt(index: number, plan: Partial<MemoryPlan> = {}): TestRing {
  const memory = RingMemory.create({ ...SMALL_PLAN, ...plan });
  const geometry = layRing(memory);
  const { words, sqHead, sqTail, cqHead, cqTail } = geometry;
  for (const word of [sqHead, sqTail, cqHead, cqTail]) storeRelease(words, word, index);
  return { memory, geometry };
}

/** The word that entry `sequence` holds at `index`: all its words differ from its neighbours'. */
export function patternWord(sequence: number, index: number): number {
  return Math.imul(sequence + 1, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b);
}

/** Fills a submission entry so that it can be recognised. */
export function fillEntry(words: Words, at: number, sequence: number): void {
  for (let index = 0; index < SQE_WORDS; index++) words[at + index] = patternWord(sequence, index);
}

/** Proves that an entry holds what {@linkcode fillEntry} put there. */
export function assertEntry(words: Words, at: number, sequence: number): void {
  for (let index = 0; index < SQE_WORDS; index++) {
    if (words[at + index] === patternWord(sequence, index)) continue;
    const found = Array.from(words.subarray(at, at + SQE_WORDS));
    const expected = found.map((_, word) => patternWord(sequence, word));
    assertEquals(found, expected, `entry ${sequence}`);
  }
}
