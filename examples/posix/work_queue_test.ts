import { assertEquals } from "@std/assert";
import { WorkQueue } from "./work_queue.ts";

/** Takes until the queue is stopped and empty, and posts what it got. */
const TAKER = `
  const { WorkQueue } = await import(${
  JSON.stringify(new URL("./work_queue.ts", import.meta.url))
});
  self.onmessage = ({ data }) => {
    const queue = new WorkQueue(data);
    const taken = [];
    while (true) {
      const fd = queue.take(50);
      if (fd >= 0) taken.push(fd);
      else if (queue.isStopped) break;
    }
    self.postMessage(taken);
  };
  self.postMessage("ready");
`;

Deno.test("a work queue gives back what was put in, in order, and says when it is full", () => {
  const queue = new WorkQueue(3);
  for (let round = 0; round < 10; round++) {
    assertEquals([3, 0, 5].map((fd) => queue.put(fd + round)), [true, true, true]);
    assertEquals(queue.put(9), false);
    assertEquals(queue.length, 3);
    assertEquals([queue.take(0), queue.take(0), queue.take(0)], [3 + round, round, 5 + round]);
    assertEquals(queue.take(0), -1);
  }
});

Deno.test("a work queue that is stopped can be emptied, and nobody waits for more", () => {
  const queue = new WorkQueue(3);
  queue.put(7);
  queue.stop();
  assertEquals(queue.take(60_000), 7);
  assertEquals(queue.take(60_000), -1);
});

Deno.test("threads that share a work queue take each descriptor once", async () => {
  const queue = new WorkQueue(8);
  const url = `data:text/javascript,${encodeURIComponent(TAKER)}`;
  const workers = Array.from({ length: 3 }, () => new Worker(url, { type: "module" }));
  const next = (worker: Worker) =>
    new Promise<unknown>((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = (event) => reject(new Error(event.message));
    });
  try {
    await Promise.all(workers.map(next));
    const takes = Promise.all(workers.map(next));
    for (const worker of workers) worker.postMessage(queue.memory);
    const count = 2000;
    for (let fd = 0; fd < count;) {
      if (queue.put(fd)) fd++;
      else await new Promise((resolve) => setTimeout(resolve));
    }
    queue.stop();
    const taken = (await takes as number[][]).flat().sort((a, b) => a - b);
    assertEquals(taken, Array.from({ length: count }, (_, fd) => fd));
  } finally {
    for (const worker of workers) worker.terminate();
  }
});
