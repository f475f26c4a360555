/**
 * The classic litmus tests, with the operations of `ring/barrier.ts`.
 *
 * @module
 */

import {
  loadAcquire,
  lowerFlag,
  park,
  raiseFlag,
  storeRelease,
  wake,
  type Words,
} from "../../ring/barrier.ts";
import { Random } from "../support/seed.ts";
import { type Assignment, type Findings, VIOLATIONS_MAX } from "./participants.ts";

/** Words apart from each other by a cache line. */
const LINE = 16;
/** Looks at a word before giving the core away: the other thread may have none. */
const SPINS = 1_000;

/** Only so long where a call is missed: whoever stores calls. */
const PARK_MS = 100;

/** Publishes a word, and wakes the other thread if it waits for it. */
function tell(words: Words, index: number, value: number): void {
  storeRelease(words, index, value);
  wake(words, index);
}

/** Waits until the other one has come as far. */
function awaitAtLeast(words: Words, index: number, value: number): void {
  for (let spins = 0;; spins++) {
    const seen = loadAcquire(words, index);
    if (((seen - value) | 0) >= 0) return;
    if (spins > SPINS) park(words, index, seen, PARK_MS);
  }
}

/** Both go on from here, as close together as can be. */
function meet(words: Words, role: 0 | 1, turn: number): void {
  tell(words, (4 + role) * LINE, turn);
  awaitAtLeast(words, (5 - role) * LINE, turn);
}

/** A few cycles, so that the threads do not always meet at the same instruction. */
function jitter(random: Random): number {
  let sum = 0;
  for (let count = random.integer(0, 40); count > 0; count--) sum += count;
  return sum;
}

/**
 * Store buffering, as the sleep and wake protocol has it: one raises its flag and looks at the
 * tail, the other publishes the tail and looks at the flag. That both see the old value is the
 * lost wake-up, and must never happen.
 */
export function storeBuffering(assignment: Assignment): Findings {
  const { role, rounds, seed, shared } = assignment;
  const words = new Int32Array(shared);
  const FLAG = 0;
  const TAIL = LINE;
  const SAW = (2 + role) * LINE;
  const random = new Random(seed, role);
  const violations: string[] = [];
  const counts = { neither: 0, both: 0 };
  for (let round = 1; round <= rounds; round++) {
    meet(words, role, round * 2);
    jitter(random);
    let saw: number;
    if (role === 0) {
      raiseFlag(words, FLAG, 1);
      saw = loadAcquire(words, TAIL) === round ? 1 : 0;
    } else {
      storeRelease(words, TAIL, round);
      saw = loadAcquire(words, FLAG);
    }
    storeRelease(words, SAW, saw);
    meet(words, role, round * 2 + 1);
    const other = loadAcquire(words, (3 - role) * LINE);
    if (saw === 0 && other === 0) {
      counts.neither++;
      if (violations.length < VIOLATIONS_MAX) violations.push(`round ${round}: neither saw`);
    }
    if (saw === 1 && other === 1) counts.both++;
    if (role === 0) lowerFlag(words, FLAG, 1);
  }
  return { violations, counts };
}

const MESSAGE_WORDS = 16;
const MESSAGES = 8;

/**
 * Message passing: what was written before the tail is seen by whoever saw the tail; and a place
 * that was freed by the head has been read before it is overwritten. Indices cross 2^31.
 */
export function messagePassing(assignment: Assignment): Findings {
  const { role, rounds, shared } = assignment;
  const words = new Int32Array(shared);
  const TAIL = 0;
  const HEAD = LINE;
  const first = 8 * LINE;
  const start = 0x7fffffff - (rounds >> 1);
  const violations: string[] = [];
  meet(words, role, 1);
  if (role === 0) {
    storeRelease(words, HEAD, start);
    storeRelease(words, TAIL, start);
  }
  meet(words, role, 2);
  for (let round = 0; round < rounds; round++) {
    const index = (start + round) | 0;
    const at = first + (index & (MESSAGES - 1)) * MESSAGE_WORDS;
    if (role === 0) {
      awaitAtLeast(words, HEAD, (index - MESSAGES + 1) | 0);
      for (let word = 0; word < MESSAGE_WORDS; word++) words[at + word] = index ^ (word << 24);
      tell(words, TAIL, (index + 1) | 0);
    } else {
      awaitAtLeast(words, TAIL, (index + 1) | 0);
      for (let word = 0; word < MESSAGE_WORDS; word++) {
        if (words[at + word] === (index ^ (word << 24))) continue;
        if (violations.length < VIOLATIONS_MAX) {
          violations.push(`message ${index}: word ${word} holds ${words[at + word]}`);
        }
      }
      tell(words, HEAD, (index + 1) | 0);
    }
  }
  return { violations, counts: {} };
}

/** Coherence: an index word that only grows is never seen to shrink, also across 2^32. */
export function coherence(assignment: Assignment): Findings {
  const { role, rounds, shared } = assignment;
  const words = new Int32Array(shared);
  const own = role * LINE;
  const others = (1 - role) * LINE;
  const start = -(rounds >> 1);
  storeRelease(words, own, start | 0);
  meet(words, role, 1);
  const violations: string[] = [];
  let last = loadAcquire(words, others);
  let changes = 0;
  for (let round = 1; round <= rounds; round++) {
    const value = (start + round) | 0;
    storeRelease(words, own, value);
    if (loadAcquire(words, own) !== value) violations.push(`${value} was not read back`);
    const seen = loadAcquire(words, others);
    if (((seen - last) | 0) < 0) violations.push(`${last} was followed by ${seen}`);
    if (seen !== last) changes++;
    last = seen;
    if (violations.length > VIOLATIONS_MAX) break;
  }
  meet(words, role, 2);
  const end = loadAcquire(words, others);
  if (end !== ((start + rounds) | 0)) violations.push(`it ended at ${end}`);
  return { violations, counts: { changes } };
}
