import { assert, assertEquals, assertThrows } from "@std/assert";
import { loadAcquire } from "./barrier.ts";
import { CompletionQueue, hasCompletions } from "./completion.ts";
import { RingConsumer } from "./consumer.ts";
import { CqRingFlag } from "./abi/opcodes.ts";
import { NEAR_2_31, NEAR_2_32, ringAt } from "../tests/support/ring.ts";

Deno.test("drain() hands out every completion once, in order, and frees its entry", () => {
  for (const start of [0, NEAR_2_31, NEAR_2_32]) {
    const { geometry } = ringAt(start);
    const queue = new CompletionQueue(geometry);
    const consumer = new RingConsumer(geometry);
    const found: number[] = [];
    const sink = { complete: (low: number) => void found.push(low) };
    for (let round = 0; round < 5; round++) {
      for (let count = 0; count < 16; count++) consumer.post(round * 16 + count, 0, 0, 0);
      assert(hasCompletions(geometry));
      assertEquals(queue.drain(sink, 5), 5);
      assertEquals(queue.drain(sink, 100), 11);
      assertEquals(queue.drain(sink, 100), 0);
      assert(!hasCompletions(geometry));
    }
    assertEquals(found, Array.from({ length: 80 }, (_, index) => index));
    assertEquals(queue.overflows, 0);
  }
});

Deno.test("completions that found no room come later, after those before them", () => {
  const { geometry } = ringAt(NEAR_2_32);
  const queue = new CompletionQueue(geometry);
  const consumer = new RingConsumer(geometry);
  for (let count = 0; count < 40; count++) consumer.post(count, 0, 0, 0);
  assert(queue.hasOverflow);
  assertEquals(queue.overflows, 24);
  assertEquals(consumer.backlog, 24);
  const found: number[] = [];
  const sink = { complete: (low: number) => void found.push(low) };
  while (queue.isReady || queue.hasOverflow) {
    queue.drain(sink, 3);
    consumer.flushOverflow();
  }
  assertEquals(found, Array.from({ length: 40 }, (_, index) => index));
  assert(!queue.hasOverflow);
});

Deno.test("a sink that throws loses that one completion, and frees its entry", () => {
  const { geometry } = ringAt(0);
  const queue = new CompletionQueue(geometry);
  const consumer = new RingConsumer(geometry);
  for (let count = 0; count < 4; count++) consumer.post(count, 0, 0, 0);
  const found: number[] = [];
  const sink = {
    complete(low: number): void {
      found.push(low);
      if (low === 1 || low === 3) throw new Error(`target ${low}`);
    },
  };
  assertThrows(() => queue.drain(sink, 100), Error, "target 1");
  assertEquals(found, [0, 1]);
  assertThrows(() => queue.drain(sink, 100), Error, "target 3");
  assertEquals(found, [0, 1, 2, 3]);
  // Else a driver that looks before it sleeps would never sleep again.
  assert(!hasCompletions(geometry));
  assertEquals(queue.drain(sink, 100), 0);
});

Deno.test("a program that is about to sleep says so in the flags word", () => {
  const { geometry } = ringAt(0);
  const queue = new CompletionQueue(geometry);
  const flags = () => loadAcquire(geometry.words, geometry.cqFlags);
  queue.announceSleep();
  assertEquals(flags() & CqRingFlag.NEED_WAKEUP, CqRingFlag.NEED_WAKEUP);
  queue.announceAwake();
  assertEquals(flags(), 0);
});
