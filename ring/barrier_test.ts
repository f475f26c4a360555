import { assert, assertEquals } from "@std/assert";
import {
  addCounter,
  compareExchange,
  loadAcquire,
  loadAcquireHalf,
  lowerFlag,
  MAXIMUM_PARK_MS,
  park,
  parkAsync,
  raiseFlag,
  storeRelease,
  storeReleaseHalf,
  wake,
  wakeAll,
} from "./barrier.ts";

const shared = (bytes: number) => new Int32Array(new SharedArrayBuffer(bytes));

Deno.test("words keep all 32 bits, halves all 16", () => {
  const words = shared(8);
  for (const value of [0, -1, 2 ** 31 - 1, -(2 ** 31)]) {
    storeRelease(words, 1, value);
    assertEquals(loadAcquire(words, 1), value);
  }
  storeRelease(words, 0, 2 ** 31);
  assertEquals(loadAcquire(words, 0), -(2 ** 31));
  const halves = new Uint16Array(words.buffer);
  storeReleaseHalf(halves, 3, 65536 + 5);
  assertEquals(loadAcquireHalf(halves, 3), 5);
  assertEquals(loadAcquireHalf(halves, 2), 0, "its neighbour is untouched");
});

Deno.test("raising and lowering flags leaves other bits alone", () => {
  const words = shared(4);
  storeRelease(words, 0, 0b1000);
  raiseFlag(words, 0, 0b0011);
  assertEquals(loadAcquire(words, 0), 0b1011);
  lowerFlag(words, 0, 0b0001);
  assertEquals(loadAcquire(words, 0), 0b1010);
});

Deno.test("counters and exchanges tell what was there before", () => {
  const words = shared(4);
  assertEquals(addCounter(words, 0, 5), 0);
  assertEquals(addCounter(words, 0, -2), 5);
  assertEquals(compareExchange(words, 0, 4, 9), 3);
  assertEquals(compareExchange(words, 0, 3, 9), 3);
  assertEquals(loadAcquire(words, 0), 9);
});

Deno.test("nobody parks on a word that has changed", () => {
  const words = shared(4);
  storeRelease(words, 0, 1);
  park(words, 0, 0, 60_000);
  assertEquals(parkAsync(words, 0, 0, 60_000), null);
});

Deno.test("a park ends by itself, however long it was meant to be", () => {
  const words = shared(4);
  const start = performance.now();
  park(words, 0, 0, 60_000);
  const took = performance.now() - start;
  assert(took < 10 * MAXIMUM_PARK_MS, `${took} ms`);
});

Deno.test("a park without blocking ends by itself too", async () => {
  const words = shared(4);
  const parked = parkAsync(words, 0, 0, 60_000);
  assert(parked !== null);
  const timer = setInterval(() => {}, 1000);
  assertEquals(await parked, "timed-out");
  clearInterval(timer);
});

Deno.test("wake() ends one park, wakeAll() all of them", async () => {
  const words = shared(4);
  const timer = setInterval(() => {}, 1000);
  const parks = [1, 2, 3].map(() => parkAsync(words, 0, 0, 60_000)!);
  const ended: unknown[] = [];
  for (const parked of parks) parked.then((outcome) => ended.push(outcome));
  wake(words, 0);
  await parks[0];
  assertEquals(ended.length, 1);
  wakeAll(words, 0);
  await Promise.all(parks);
  clearInterval(timer);
  assertEquals(ended, ["ok", "ok", "ok"]);
});
