import fc from "fast-check";
import { assertEquals } from "@std/assert";
import { CompletionQueue } from "./completion.ts";
import { RingConsumer } from "./consumer.ts";
import type { RingGeometry } from "./geometry.ts";
import { SubmissionQueue } from "./submission.ts";
import { scale, SEED, withSeed } from "../tests/support/seed.ts";
import {
  assertEntry,
  fillEntry,
  NEAR_2_31,
  NEAR_2_32,
  patternWord,
  ringAt,
} from "../tests/support/ring.ts";

/** The oracle: plain queues of sequence numbers. */
class Model {
  nextEntry = 0;
  nextCompletion = 0;
  /** Acquired entries that fit into the ring, not yet published. */
  inRing: number[] = [];
  /** Acquired entries that did not. */
  spill: number[] = [];
  /** Published, not yet taken by the consumer. */
  visible: number[] = [];
  /** How many the consumer took and did not give back. */
  taken = 0;
  /** Whether completions are kept from the program. */
  isHeld = false;
  /** Posted completions that fit and are kept. */
  kept: number[] = [];
  /** Posted completions that fit. */
  posted: number[] = [];
  /** Posted completions that wait for room. */
  overflow: number[] = [];
  spilled = 0;
  overflows = 0;
  readonly entries: number;
  readonly completions: number;

  constructor(entries: number, completions: number) {
    this.entries = entries;
    this.completions = completions;
  }

  get used(): number {
    return this.taken + this.visible.length + this.inRing.length;
  }

  get hasRoom(): boolean {
    return this.kept.length + this.posted.length < this.completions;
  }

  show(): void {
    this.posted.push(...this.kept.splice(0));
  }
}

class Real {
  readonly submissions: SubmissionQueue;
  readonly completions: CompletionQueue;
  readonly consumer: RingConsumer;

  constructor(geometry: RingGeometry) {
    this.submissions = new SubmissionQueue(geometry);
    this.completions = new CompletionQueue(geometry);
    this.consumer = new RingConsumer(geometry);
  }
}

class Step implements fc.Command<Model, Real> {
  readonly #name: string;
  readonly #act: (model: Model, real: Real) => void;

  constructor(name: string, act: (model: Model, real: Real) => void) {
    this.#name = name;
    this.#act = act;
  }

  check(): boolean {
    return true;
  }

  run(model: Model, real: Real): void {
    this.#act(model, real);
    const { submissions, completions, consumer } = real;
    assertEquals(submissions.waiting, model.spill.length, "waiting");
    assertEquals(submissions.spilled, model.spilled, "spilled");
    assertEquals(submissions.hasPending, model.inRing.length + model.spill.length > 0);
    const room = model.spill.length > 0 ? 0 : model.entries - model.used;
    assertEquals(submissions.room, room, "room");
    assertEquals(consumer.available, model.visible.length, "available");
    assertEquals(consumer.backlog, model.overflow.length, "backlog");
    assertEquals(completions.isReady, model.posted.length > 0, "isReady");
    assertEquals(completions.hasOverflow, model.overflow.length > 0, "hasOverflow");
    assertEquals(completions.overflows, model.overflows, "overflows");
  }

  toString(): string {
    return this.#name;
  }
}

function acquire(model: Model, { submissions }: Real): void {
  const at = submissions.acquire();
  const words = submissions.entries;
  for (let word = 0; word < 14; word++) assertEquals(words[at + word], 0, "not zeroed");
  const sequence = model.nextEntry++;
  fillEntry(words, at, sequence);
  if (model.spill.length > 0 || model.used >= model.entries) {
    model.spill.push(sequence);
    model.spilled++;
  } else {
    model.inRing.push(sequence);
  }
}

function publish(model: Model, { submissions }: Real): void {
  const pending = submissions.publish();
  while (model.spill.length > 0 && model.used < model.entries) {
    model.inRing.push(model.spill.shift()!);
  }
  model.visible.push(...model.inRing.splice(0));
  assertEquals(pending, model.taken + model.visible.length, "publish()");
}

function take(model: Model, { consumer }: Real): void {
  const at = consumer.next();
  if (model.visible.length === 0) {
    assertEquals(at, -1);
    return;
  }
  assertEntry(consumer.entries, at, model.visible[0]);
  // Looking does not take: the same entry is next until it is taken.
  assertEquals(consumer.next(), at);
  consumer.take();
  model.visible.shift();
  model.taken++;
}

function free(model: Model, { consumer }: Real): void {
  consumer.free();
  model.taken = 0;
}

function consume(model: Model, real: Real): void {
  take(model, real);
  free(model, real);
}

function post(model: Model, { consumer }: Real): void {
  const sequence = model.nextCompletion++;
  const word = (index: number) => patternWord(sequence, index);
  consumer.post(word(0), word(1), word(2), word(3));
  if (model.overflow.length > 0 || !model.hasRoom) {
    model.overflow.push(sequence);
    model.overflows++;
    // A program that is to make room has to see what there is.
    model.show();
  } else {
    model.kept.push(sequence);
    if (!model.isHeld) model.show();
  }
}

function hold(model: Model, { consumer }: Real): void {
  assertEquals(consumer.hold(), !model.isHeld, "hold()");
  model.isHeld = true;
}

function flush(model: Model, { consumer }: Real): void {
  consumer.flush();
  model.isHeld = false;
  model.show();
}

function flushOverflow(model: Model, { consumer }: Real): void {
  consumer.flushOverflow();
  if (model.overflow.length === 0) return;
  while (model.overflow.length > 0 && model.hasRoom) model.kept.push(model.overflow.shift()!);
  model.show();
}

function drain(model: Model, { completions }: Real, limit: number): void {
  const found: number[][] = [];
  const sink = { complete: (...words: number[]) => void found.push(words) };
  const count = completions.drain(sink, limit);
  const expected = model.posted.splice(0, limit);
  assertEquals(count, expected.length);
  assertEquals(found, expected.map((n) => [0, 1, 2, 3].map((index) => patternWord(n, index))));
}

const times = fc.integer({ min: 1, max: 12 });

function repeated(name: string, act: (model: Model, real: Real) => void): fc.Arbitrary<Step> {
  return times.map((count) =>
    new Step(`${name} x${count}`, (model, real) => {
      for (let turn = 0; turn < count; turn++) act(model, real);
    })
  );
}

const steps: fc.Arbitrary<Step>[] = [
  repeated("acquire", acquire),
  repeated("consume", consume),
  repeated("take", take),
  repeated("post", post),
  fc.constant(new Step("publish", publish)),
  fc.constant(new Step("free", free)),
  fc.constant(new Step("hold", hold)),
  fc.constant(new Step("flush", flush)),
  fc.constant(new Step("flushOverflow", flushOverflow)),
  fc.integer({ min: 0, max: 40 }).map((limit) =>
    new Step(`drain ${limit}`, (model, real) => drain(model, real, limit))
  ),
];

/** Empties both queues through their ordinary ways and proves that nothing is left over. */
function settle(model: Model, real: Real): void {
  free(model, real);
  flush(model, real);
  while (real.submissions.hasPending || real.consumer.available > 0) {
    publish(model, real);
    while (real.consumer.available > 0) consume(model, real);
  }
  while (real.completions.isReady || real.consumer.backlog > 0) {
    drain(model, real, 7);
    flushOverflow(model, real);
  }
  assertEquals(model.used + model.spill.length, 0);
  assertEquals(model.kept.length + model.posted.length + model.overflow.length, 0);
  assertEquals(real.consumer.next(), -1);
}

function compare(index: number): void {
  const sizes = fc.record({
    entries: fc.constantFrom(1, 2, 4, 8),
    factor: fc.constantFrom(1, 2, 4),
    offset: fc.integer({ min: -4, max: 4 }),
  });
  fc.assert(
    fc.property(sizes, fc.commands(steps, { maxCommands: 150, size: "max" }), (size, commands) => {
      const completions = Math.max(2, size.entries * size.factor);
      const { geometry } = ringAt((index + size.offset) | 0, {
        entries: size.entries,
        completions,
      });
      const model = new Model(size.entries, completions);
      const real = new Real(geometry);
      fc.modelRun(() => ({ model, real }), commands);
      settle(model, real);
    }),
    { seed: SEED | 0, numRuns: scale(60, 5000) },
  );
}

const STARTS: readonly (readonly [string, number])[] = [
  ["from 0", 0],
  ["across 2^31", NEAR_2_31],
  ["across 2^32", NEAR_2_32],
];

for (const [where, index] of STARTS) {
  Deno.test(
    `submission and completion queues equal plain queues under random operations, ${where}`,
    withSeed(() => compare(index)),
  );
}

Deno.test(
  "queues equal plain queues from any start",
  withSeed((random) => {
    for (let round = 0; round < scale(5, 200); round++) {
      const { geometry } = ringAt(random.uint32() | 0, { entries: 4, completions: 8 });
      const model = new Model(4, 8);
      const real = new Real(geometry);
      const acts = [acquire, publish, consume, take, free, post, hold, flush, flushOverflow];
      for (let step = 0; step < 4000; step++) {
        if (random.chance(0.2)) drain(model, real, random.integer(0, 9));
        else random.pick(acts)(model, real);
      }
      settle(model, real);
    }
  }),
);
