import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { LONG, Random, scale, SEED, withSeed } from "./seed.ts";

Deno.test("one seed draws the same numbers, another seed or stream draws others", () => {
  const draw = (random: Random) => Array.from({ length: 8 }, () => random.uint32());
  assertEquals(draw(new Random(7)), draw(new Random(7)));
  assertNotEquals(draw(new Random(7)), draw(new Random(8)));
  assertNotEquals(draw(new Random(7)), draw(new Random(7, 1)));
});

Deno.test("integers cover their whole range, both ends included", () => {
  const random = new Random(1);
  const seen = new Set(Array.from({ length: 1000 }, () => random.integer(-2, 2)));
  assertEquals([...seen].sort((a, b) => a - b), [-2, -1, 0, 1, 2]);
  assertEquals(random.integer(5, 5), 5);
  assertThrows(() => random.integer(1, 0), RangeError);
});

Deno.test("bits are as often one as zero", () => {
  const random = new Random(2);
  const ones = new Array<number>(32).fill(0);
  for (let i = 0; i < 10_000; i++) {
    const word = random.uint32();
    for (let bit = 0; bit < 32; bit++) ones[bit] += (word >>> bit) & 1;
  }
  for (const count of ones) assert(Math.abs(count - 5000) < 300, `${count} of 10000`);
});

Deno.test("shuffling keeps every item, bytes have the length asked for", () => {
  const random = new Random(3);
  const items = Array.from({ length: 100 }, (_, i) => i);
  const shuffled = random.shuffle([...items]);
  assertNotEquals(shuffled, items);
  assertEquals(shuffled.sort((a, b) => a - b), items);
  for (const length of [0, 1, 3, 4, 4097]) assertEquals(random.bytes(length).length, length);
});

Deno.test(
  "withSeed() hands out a generator started from the seed of the run",
  withSeed((random, t) => {
    assertEquals(random.uint32(), new Random(SEED).uint32());
    assert(t.name.startsWith("withSeed()"));
  }),
);

Deno.test("scale() chooses by MILLRACE_LONG", () => {
  assertEquals(scale(10, 1000), LONG ? 1000 : 10);
});
