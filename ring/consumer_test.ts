import { assert, assertEquals } from "@std/assert";
import { loadAcquire } from "./barrier.ts";
import { CompletionQueue } from "./completion.ts";
import { awaitCompletion, RingConsumer, wakeConsumer } from "./consumer.ts";
import { SubmissionQueue } from "./submission.ts";
import { SqRingFlag } from "./abi/opcodes.ts";
import { NEAR_2_31, NEAR_2_32, ringAt } from "../tests/support/ring.ts";

/** `Atomics.waitAsync` alone does not keep the event loop going. */
async function awaitAlive(parked: Promise<unknown>): Promise<void> {
  const timer = setInterval(() => {}, 1000);
  await parked;
  clearInterval(timer);
}

Deno.test("an entry stays where it is until it is released", () => {
  const { geometry } = ringAt(NEAR_2_31);
  const queue = new SubmissionQueue(geometry);
  const consumer = new RingConsumer(geometry);
  assertEquals(consumer.next(), -1);
  queue.entries[queue.acquire()] = 7;
  queue.publish();
  const at = consumer.next();
  assertEquals(consumer.entries[at], 7);
  assertEquals(consumer.next(), at);
  consumer.release();
  assertEquals(consumer.next(), -1);
  assertEquals(queue.room, 8);
});

Deno.test("entries that were taken are the program's again when they are freed, all at once", () => {
  const { geometry } = ringAt(NEAR_2_32);
  const queue = new SubmissionQueue(geometry);
  const consumer = new RingConsumer(geometry);
  for (let nth = 0; nth < 3; nth++) queue.entries[queue.acquire()] = nth;
  queue.publish();
  for (let nth = 0; nth < 3; nth++) {
    assertEquals(consumer.entries[consumer.next()], nth);
    consumer.take();
    assertEquals([queue.room, consumer.available], [5, 2 - nth]);
  }
  assertEquals(consumer.next(), -1);
  consumer.free();
  assertEquals(queue.room, 8);
  // What comes while entries are taken is found although the tail was looked at before.
  queue.acquire();
  queue.publish();
  assert(consumer.next() >= 0);
  consumer.take();
  assertEquals(queue.room, 7);
  consumer.free();
  assertEquals(queue.room, 8);
});

Deno.test("completions that are held are shown when they are flushed, and wake the program once", async () => {
  const { geometry } = ringAt(NEAR_2_31);
  const queue = new CompletionQueue(geometry);
  const consumer = new RingConsumer(geometry);
  const seen: number[] = [];
  const sink = { complete: (low: number) => void seen.push(low) };
  const before = loadAcquire(geometry.words, geometry.cqTail);
  queue.announceSleep();
  const woken = awaitCompletion(geometry, before, 1000);
  assert(woken !== null);
  assert(consumer.hold());
  // Only who began to hold them flushes.
  assertEquals(consumer.hold(), false);
  for (let nth = 0; nth < 3; nth++) consumer.post(nth, 0, 0, 0);
  assertEquals(loadAcquire(geometry.words, geometry.cqTail), before);
  assertEquals(queue.isReady, false);
  consumer.flush();
  await awaitAlive(woken);
  queue.announceAwake();
  assertEquals(queue.drain(sink, 10), 3);
  consumer.post(3, 0, 0, 0);
  assertEquals(queue.drain(sink, 10), 1);
  assertEquals(seen, [0, 1, 2, 3]);
});

Deno.test("completions that are held are shown at once when the queue is full", () => {
  const { geometry } = ringAt(0, { entries: 2, completions: 2 });
  const queue = new CompletionQueue(geometry);
  const consumer = new RingConsumer(geometry);
  const seen: number[] = [];
  const sink = { complete: (low: number) => void seen.push(low) };
  consumer.hold();
  consumer.post(0, 0, 0, 0);
  consumer.post(1, 0, 0, 0);
  assertEquals(queue.isReady, false);
  consumer.post(2, 0, 0, 0);
  assertEquals([consumer.backlog, queue.hasOverflow, queue.isReady], [1, true, true]);
  assertEquals(queue.drain(sink, 10), 2);
  consumer.flushOverflow();
  assertEquals(queue.drain(sink, 10), 1);
  assertEquals([seen, queue.hasOverflow], [[0, 1, 2], false]);
});

Deno.test("a consumer with work does not sleep, and leaves no flag behind", async () => {
  const { geometry } = ringAt(NEAR_2_32);
  const queue = new SubmissionQueue(geometry);
  const consumer = new RingConsumer(geometry);
  queue.acquire();
  queue.publish();
  await awaitAlive(consumer.sleep(100));
  consumer.sleepBlocking(100);
  assertEquals(loadAcquire(geometry.words, geometry.sqFlags), 0);
});

Deno.test("a sleeping consumer asks to be woken and is", async () => {
  const { geometry } = ringAt(NEAR_2_31);
  const queue = new SubmissionQueue(geometry);
  const consumer = new RingConsumer(geometry);
  for (let round = 0; round < 20; round++) {
    const asleep = consumer.sleep(100);
    const flags = loadAcquire(geometry.words, geometry.sqFlags);
    assertEquals(flags & SqRingFlag.NEED_WAKEUP, SqRingFlag.NEED_WAKEUP);
    queue.acquire();
    queue.publish();
    wakeConsumer(geometry);
    await awaitAlive(asleep);
    assertEquals(loadAcquire(geometry.words, geometry.sqFlags), 0);
    assert(consumer.next() >= 0);
    consumer.release();
  }
});

Deno.test("a park without a wake-up ends by itself", () => {
  const { geometry } = ringAt(0);
  const consumer = new RingConsumer(geometry);
  consumer.sleepBlocking(1);
  assertEquals(consumer.available, 0);
});

Deno.test("a sleeping program is woken by a completion, also by one that had to wait", async () => {
  const { geometry } = ringAt(NEAR_2_32, { entries: 2, completions: 2 });
  const queue = new CompletionQueue(geometry);
  const consumer = new RingConsumer(geometry);
  const nothing = { complete(): void {} };
  const tail = () => loadAcquire(geometry.words, geometry.cqTail);
  queue.announceSleep();
  const woken = awaitCompletion(geometry, tail(), 100);
  assert(woken !== null);
  for (let count = 0; count < 3; count++) consumer.post(count, 0, 0, 0);
  await awaitAlive(woken);
  queue.announceAwake();
  assertEquals(queue.drain(nothing, 10), 2);
  queue.announceSleep();
  const again = awaitCompletion(geometry, tail(), 100);
  assert(again !== null);
  consumer.flushOverflow();
  await awaitAlive(again);
  queue.announceAwake();
  assertEquals(queue.drain(nothing, 10), 1);
});

Deno.test("a program that missed a completion is not put to sleep", () => {
  const { geometry } = ringAt(0);
  const consumer = new RingConsumer(geometry);
  const seen = loadAcquire(geometry.words, geometry.cqTail);
  consumer.post(1, 2, 3, 4);
  assertEquals(awaitCompletion(geometry, seen, 100), null);
});

Deno.test("flushing nothing wakes nobody and moves nothing", () => {
  const { geometry } = ringAt(0);
  const consumer = new RingConsumer(geometry);
  consumer.flushOverflow();
  assertEquals(loadAcquire(geometry.words, geometry.cqTail), 0);
  assertEquals(consumer.backlog, 0);
});
