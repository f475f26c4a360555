import { assert, assertEquals } from "@std/assert";
import { RingConsumer } from "./consumer.ts";
import { SubmissionQueue } from "./submission.ts";
import { assertEntry, fillEntry, NEAR_2_31, NEAR_2_32, ringAt } from "../tests/support/ring.ts";

Deno.test("entries are invisible until they are published, all at once", () => {
  const { geometry } = ringAt(0);
  const queue = new SubmissionQueue(geometry);
  const consumer = new RingConsumer(geometry);
  for (let sequence = 0; sequence < 3; sequence++) {
    const at = queue.acquire();
    fillEntry(queue.entries, at, sequence);
    assertEquals(consumer.available, 0);
  }
  assertEquals(queue.publish(), 3);
  assertEquals(consumer.available, 3);
  assert(!queue.hasPending);
});

Deno.test("a full queue spills, and what spilled keeps its order and content", () => {
  for (const start of [0, NEAR_2_31, NEAR_2_32]) {
    const { geometry } = ringAt(start);
    const queue = new SubmissionQueue(geometry);
    const consumer = new RingConsumer(geometry);
    const total = 1000;
    for (let sequence = 0; sequence < total; sequence++) {
      const at = queue.acquire();
      fillEntry(queue.entries, at, sequence);
    }
    assertEquals(queue.spilled, total - 8);
    assertEquals(queue.waiting, total - 8);
    let taken = 0;
    while (queue.publish() > 0) {
      for (let at = consumer.next(); at >= 0; at = consumer.next()) {
        assertEntry(consumer.entries, at, taken++);
        consumer.release();
      }
    }
    assertEquals(taken, total);
    assertEquals(queue.waiting, 0);
    assertEquals(queue.room, 8);
  }
});

Deno.test("entries acquired behind spilled ones do not overtake them", () => {
  const { geometry } = ringAt(0);
  const queue = new SubmissionQueue(geometry);
  const consumer = new RingConsumer(geometry);
  for (let sequence = 0; sequence < 10; sequence++) {
    const at = queue.acquire();
    fillEntry(queue.entries, at, sequence);
  }
  queue.publish();
  for (let count = 0; count < 4; count++) consumer.release();
  // The ring has room again, but two entries wait: the new one goes behind them.
  const at = queue.acquire();
  fillEntry(queue.entries, at, 10);
  assertEquals(queue.waiting, 3);
  assertEquals(queue.room, 0);
  queue.publish();
  for (let sequence = 4; sequence < 11; sequence++) {
    assertEntry(consumer.entries, consumer.next(), sequence);
    consumer.release();
  }
});

Deno.test("an entry comes zeroed, from the ring and from the spill", () => {
  const { geometry } = ringAt(0, { entries: 1, completions: 2 });
  const queue = new SubmissionQueue(geometry);
  const consumer = new RingConsumer(geometry);
  for (let round = 0; round < 200; round++) {
    for (let count = 0; count < 3; count++) {
      const at = queue.acquire();
      assertEquals(Array.from(queue.entries.subarray(at, at + 14)), new Array(14).fill(0));
      queue.entries.fill(-1, at, at + 14);
    }
    while (queue.publish() > 0) consumer.release();
  }
});

Deno.test("a queue goes on where the words of its ring stand", () => {
  const { geometry } = ringAt(NEAR_2_32);
  const first = new SubmissionQueue(geometry);
  first.acquire();
  first.publish();
  const second = new SubmissionQueue(geometry);
  assertEquals(second.room, 7);
  second.acquire();
  assertEquals(second.publish(), 2);
});

Deno.test("publishing nothing publishes nothing", () => {
  const { geometry } = ringAt(0);
  const queue = new SubmissionQueue(geometry);
  assertEquals(queue.publish(), 0);
  queue.acquire();
  assertEquals(queue.publish(), 1);
  assertEquals(queue.publish(), 1, "what the consumer did not take is still pending");
});
