import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { deadline, delay, pooledMap } from "@std/async";

const never = new Promise<never>(() => {});

Deno.test("delay() waits at least as long as it says", async () => {
  const start = performance.now();
  await delay(20);
  assert(performance.now() - start >= 19);
});

Deno.test("delay() rejects with the signal's reason and leaves no timer", async () => {
  const reason = new Error("enough");
  const controller = new AbortController();
  const waiting = delay(60_000, { signal: controller.signal });
  controller.abort(reason);
  assertStrictEquals(await assertRejects(() => waiting), reason);
  assertStrictEquals(await assertRejects(() => delay(0, controller)), reason);
});

Deno.test("deadline() passes on what comes in time and leaves no timer", async () => {
  assertEquals(await deadline(Promise.resolve(3), 60_000), 3);
  const failure = new Error("failed in time");
  const rejected = await assertRejects(() => deadline(Promise.reject(failure), 60_000));
  assertStrictEquals(rejected, failure);
});

Deno.test("deadline() ends what comes too late, by time or by signal", async () => {
  const late = await assertRejects(() => deadline(never, 5), DOMException);
  assertEquals(late.name, "TimeoutError");
  const controller = new AbortController();
  const waiting = deadline(never, 60_000, { signal: controller.signal });
  controller.abort("enough");
  assertEquals(await waiting.catch((reason) => reason), "enough");
});

Deno.test("pooledMap() keeps to the order and to the limit", async () => {
  let underWay = 0;
  let most = 0;
  const results = pooledMap(3, [30, 10, 20, 5, 1, 15], async (ms) => {
    most = Math.max(most, ++underWay);
    await delay(ms);
    underWay--;
    return ms;
  });
  assertEquals(await Array.fromAsync(results), [30, 10, 20, 5, 1, 15]);
  assertEquals(most, 3);
});

Deno.test("pooledMap() starts nothing after a failure, and yields what succeeded", async () => {
  const failure = new Error("second");
  const started: number[] = [];
  const yielded: number[] = [];
  const error = await assertRejects(async () => {
    const results = pooledMap(2, [1, 2, 3, 4], async (n) => {
      started.push(n);
      await delay(n);
      if (n === 2) throw failure;
      return n;
    });
    for await (const n of results) yielded.push(n);
  }, AggregateError);
  assertEquals(error.errors, [failure]);
  assert(!started.includes(4));
  assert(yielded.includes(1));
});

Deno.test("pooledMap() refuses a limit that is not a positive integer", () => {
  for (const limit of [0, -1, 1.5, NaN]) {
    assertThrows(() => pooledMap(limit, [], () => Promise.resolve()), RangeError);
  }
});
