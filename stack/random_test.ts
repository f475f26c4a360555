import { assert, assertEquals, assertNotEquals } from "@std/assert";
import {
  BatchedRandom,
  randomBelow,
  randomChance,
  type RandomSource,
  randomTableKey,
  SeededRandom,
} from "./random.ts";

function draw(random: RandomSource, count: number): number[] {
  return Array.from({ length: count }, () => random.uint32());
}

/** A source that gives these numbers in turn. */
function scripted(...numbers: number[]): RandomSource {
  return { uint32: () => numbers.shift()! };
}

Deno.test("one seed gives one sequence, and each stream of it another one", () => {
  assertEquals(draw(new SeededRandom(7), 20), draw(new SeededRandom(7), 20));
  assertNotEquals(draw(new SeededRandom(7), 3), draw(new SeededRandom(8), 3));
  assertNotEquals(draw(new SeededRandom(7, 1), 3), draw(new SeededRandom(7, 2), 3));
});

Deno.test("SeededRandom draws the numbers of sfc32", () => {
  // By PractRand's sfc.cpp from a = 1, b = 2, c = 0 and counter = 1, after 15 rounds.
  assertEquals(draw(new SeededRandom(1, 2), 4), [0x8568123f, 0x03a4568e, 0xe97589c3, 0x36c8c0f5]);
});

Deno.test("a seeded generator spreads over all bits", () => {
  const counts = new Array(32).fill(0);
  for (const number of draw(new SeededRandom(3), 4000)) {
    for (let bit = 0; bit < 32; bit++) counts[bit] += (number >>> bit) & 1;
  }
  for (const count of counts) assert(count > 1800 && count < 2200, `${counts}`);
});

Deno.test("BatchedRandom hands out every word of a batch once, and then fetches the next", () => {
  let batches = 0;
  let size = 0;
  const random = new BatchedRandom((words) => {
    batches++;
    size = words.length;
    for (let index = 0; index < size; index++) words[index] = batches * 1000 + index;
  });
  assertEquals(batches, 0);
  assertEquals(draw(random, 3), [1000, 1001, 1002]);
  draw(random, size - 3);
  assertEquals(batches, 1);
  assertEquals(draw(random, 2), [2000, 2001]);
});

Deno.test("randomBelow() covers its range, both ends included", () => {
  const ends = scripted(0, 2 ** 32 - 1, 2 ** 31);
  assertEquals([0, 0, 0].map(() => randomBelow(ends, 10)), [0, 9, 5]);
  assertEquals(randomBelow(scripted(2 ** 32 - 1), 2 ** 32), 2 ** 32 - 1);
  const counts = new Array(7).fill(0);
  const random = new SeededRandom(5);
  for (let round = 0; round < 7000; round++) counts[randomBelow(random, 7)]++;
  for (const count of counts) assert(count > 850 && count < 1150, `${counts}`);
});

Deno.test("randomChance() is never for 0 and always for 1", () => {
  assertEquals(randomChance(scripted(0), 0), false);
  assertEquals(randomChance(scripted(2 ** 32 - 1), 1), true);
  assertEquals(randomChance(scripted(2 ** 30 - 1), 0.25), true);
  assertEquals(randomChance(scripted(2 ** 30), 0.25), false);
});

Deno.test("randomTableKey() draws two words", () => {
  assertEquals(randomTableKey(scripted(1, 2 ** 32 - 2)), { low: 1, high: -2 });
});
