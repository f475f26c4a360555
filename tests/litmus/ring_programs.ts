/**
 * A producer and a consumer on threads of their own over one ring, both of which sleep whenever
 * there is nothing to do. Every entry and every completion is checked.
 *
 * A lost wake-up is known exactly: somebody slept until its time ran out, although the other one
 * had published, and had finished calling, well before.
 *
 * @module
 */

import { loadAcquire, park, raiseFlag } from "../../ring/barrier.ts";
import { CompletionQueue } from "../../ring/completion.ts";
import { awaitCompletion, RingConsumer, wakeConsumer } from "../../ring/consumer.ts";
import { layRing, type RingGeometry } from "../../ring/geometry.ts";
import { RingMemory } from "../../ring/memory.ts";
import { SubmissionQueue } from "../../ring/submission.ts";
import { SqRingFlag } from "../../ring/abi/opcodes.ts";
import { assertEntry, fillEntry, patternWord } from "../support/ring.ts";
import { Random } from "../support/seed.ts";
import { type Assignment, type Findings, VIOLATIONS_MAX } from "./participants.ts";

const PARK_MS = 100;
/** A call this long before the end of a park that timed out was no call. */
const MARGIN_MS = 20;
/** Where each side writes when it last finished a call, as doubles. */
const PRODUCER_CALLED = 0;
const CONSUMER_CALLED = 8;
/** Not 0 once the consumer has ended. */
const ENDED = 16;

function now(): number {
  return performance.timeOrigin + performance.now();
}

/** Burns time, so that the other side gets between a look at the queue and the sleep. */
export function linger(random: Random): void {
  for (let spins = random.integer(0, 300); spins > 0; spins--) loadAcquire(lingering, 0);
}
const lingering = new Int32Array(new SharedArrayBuffer(4));

/** What a participant writes down, and when each of them last finished a call. */
export class Book {
  /** See `Findings`. */
  readonly violations: string[] = [];
  /** See `Findings`. */
  readonly counts = { sleeps: 0, lost: 0 };
  readonly #called: Float64Array;
  readonly #own: number;
  readonly #others: number;

  constructor(assignment: Assignment) {
    this.#called = new Float64Array(assignment.shared);
    this.#own = assignment.role === 0 ? PRODUCER_CALLED : CONSUMER_CALLED;
    this.#others = assignment.role === 0 ? CONSUMER_CALLED : PRODUCER_CALLED;
  }

  /** Whether the consumer has ended. */
  get isEnded(): boolean {
    return this.#called[ENDED] !== 0;
  }

  /** Tells the producer that the consumer has ended. */
  end(): void {
    this.#called[ENDED] = 1;
  }

  /** Notes that it has just called the other one, if that one slept. */
  called(): void {
    this.#called[this.#own] = now();
  }

  /** Notes a sleep, and whether a call for it was lost. */
  slept(isWoken: boolean, isThereWork: boolean): void {
    this.counts.sleeps++;
    if (isWoken || !isThereWork) return;
    if (now() - this.#called[this.#others] > MARGIN_MS) this.counts.lost++;
  }

  /** Notes what must never happen. */
  violation(text: string): void {
    if (this.violations.length < VIOLATIONS_MAX) this.violations.push(text);
  }
}

/** Sleeps without the last look: what is published before the flag is up goes unnoticed. */
function sleepBlindly(geometry: RingGeometry): boolean {
  const { words, sqFlags, sqTail } = geometry;
  raiseFlag(words, sqFlags, SqRingFlag.NEED_WAKEUP);
  return park(words, sqTail, loadAcquire(words, sqTail), PARK_MS);
}

/** Takes every entry, checks it, and completes it. */
export function consume(assignment: Assignment): Findings {
  const { rounds, seed, isBroken } = assignment;
  const geometry = layRing(RingMemory.attach(assignment.ring!));
  const consumer = new RingConsumer(geometry);
  const random = new Random(seed, 1);
  const book = new Book(assignment);
  let taken = 0;
  while (taken < rounds || consumer.backlog > 0) {
    consumer.flushOverflow();
    const at = consumer.next();
    if (at < 0) {
      linger(random);
      const isWoken = isBroken ? sleepBlindly(geometry) : consumer.sleepBlocking(PARK_MS);
      book.slept(isWoken, consumer.available > 0);
      if (isBroken && book.counts.lost > 0) break;
      continue;
    }
    try {
      assertEntry(consumer.entries, at, taken);
    } catch (error) {
      book.violation((error as Error).message);
    }
    consumer.release();
    const word = (index: number) => patternWord(taken, index);
    consumer.post(word(0), word(1), word(2), word(3));
    book.called();
    taken++;
  }
  if (isBroken) book.end();
  return { violations: book.violations, counts: book.counts };
}

/** Publishes entries in bursts, and takes completions until all have come. */
export async function produce(assignment: Assignment): Promise<Findings> {
  const { rounds, seed, isBroken } = assignment;
  const geometry = layRing(RingMemory.attach(assignment.ring!));
  const submissions = new SubmissionQueue(geometry);
  const completions = new CompletionQueue(geometry);
  const random = new Random(seed, 0);
  const book = new Book(assignment);
  let completed = 0;
  const sink = {
    complete(...words: number[]): void {
      for (const [index, word] of words.entries()) {
        if (word === patternWord(completed, index)) continue;
        book.violation(`completion ${completed}: word ${index} is ${word}`);
      }
      completed++;
    },
  };
  let filled = 0;
  while (completed < rounds) {
    const burst = Math.min(rounds - filled, random.chance(0.8) ? 1 : random.integer(2, 20));
    // More than the queue holds: the rest spills, and goes out as the consumer gets on.
    if (filled - completed < 30) {
      for (let count = 0; count < burst; count++) fillNext(submissions, filled++);
    }
    submissions.publish();
    wakeConsumer(geometry);
    book.called();
    if (isBroken && book.isEnded) break;
    if (completions.drain(sink, 100) > 0 || completed === rounds) continue;
    linger(random);
    // A queue whose consumer has room again is nobody's wake-up: only the spill may wait for it.
    const seen = loadAcquire(geometry.words, geometry.cqHead);
    completions.announceSleep();
    const isWoken = random.chance(0.5)
      ? park(geometry.words, geometry.cqTail, seen, PARK_MS)
      : await awaitCompletion(geometry, seen, PARK_MS) !== "timed-out";
    completions.announceAwake();
    book.slept(isWoken, completions.isReady);
  }
  return { violations: book.violations, counts: book.counts };
}

function fillNext(submissions: SubmissionQueue, sequence: number): void {
  const at = submissions.acquire();
  fillEntry(submissions.entries, at, sequence);
}
