import { assert, assertEquals, assertThrows } from "@std/assert";
import { Arena, ARENA_BLOCK_BYTES } from "./arena.ts";
import { scale, withSeed } from "../tests/support/seed.ts";

/** The oracle: intervals that are out, none of which may touch another. */
class Intervals {
  readonly #ends = new Map<number, number>();

  get size(): number {
    return this.#ends.size;
  }

  get offsets(): number[] {
    return [...this.#ends.keys()];
  }

  add(start: number, bytes: number): void {
    for (const [from, to] of this.#ends) {
      assert(start + bytes <= from || start >= to, `${start} lies in ${from}-${to}`);
    }
    this.#ends.set(start, start + bytes);
  }

  delete(start: number): void {
    assert(this.#ends.delete(start));
  }
}

/** What a request takes: the next power of two, at least a block. */
function blockBytes(bytes: number): number {
  let size = ARENA_BLOCK_BYTES;
  while (size < bytes) size *= 2;
  return size;
}

Deno.test(
  "blocks never overlap, lie inside the region, and join to the largest one again",
  withSeed((random) => {
    for (let round = 0; round < scale(20, 500); round++) {
      const start = random.integer(0, 9) * ARENA_BLOCK_BYTES;
      const bytes = random.integer(1, 200) * ARENA_BLOCK_BYTES + random.integer(0, 255);
      const arena = new Arena(start, bytes);
      const out = new Intervals();
      let used = 0;
      const sizes = new Map<number, number>();
      for (let step = 0; step < 600; step++) {
        if (out.size > 0 && random.chance(0.45)) {
          const offset = random.pick(out.offsets);
          out.delete(offset);
          arena.give(offset);
          used -= sizes.get(offset)!;
        } else {
          const wanted = random.integer(0, random.chance(0.1) ? bytes + 300 : 2000);
          const offset = arena.take(wanted);
          if (offset >= 0) {
            const size = blockBytes(wanted);
            assert(offset >= start && offset + size <= start + bytes, "outside of the region");
            assertEquals((offset - start) % ARENA_BLOCK_BYTES, 0);
            out.add(offset, size);
            sizes.set(offset, size);
            used += size;
          }
        }
        assertEquals(arena.usedBytes, used);
      }
      for (const offset of random.shuffle(out.offsets)) arena.give(offset);
      assertEquals(arena.usedBytes, 0);
      const largest = arena.take(arena.largestBytes);
      assertEquals(largest, start, "what came back did not join");
      arena.give(largest);
    }
  }),
);

Deno.test("an arena hands out every block it has, then none, then again", () => {
  const arena = new Arena(4096, 16 * ARENA_BLOCK_BYTES);
  for (let round = 0; round < 3; round++) {
    const offsets = Array.from({ length: 16 }, () => arena.take(1));
    assertEquals([...offsets].sort((a, b) => a - b)[0], 4096);
    assertEquals(new Set(offsets).size, 16);
    assertEquals(arena.take(1), -1);
    assertEquals(arena.take(0), -1);
    for (const offset of offsets) arena.give(offset);
    assertEquals(arena.take(16 * ARENA_BLOCK_BYTES), 4096);
    assertEquals(arena.take(1), -1);
    arena.give(4096);
  }
});

Deno.test("more than the largest block is never had, and costs nothing", () => {
  const arena = new Arena(0, 5 * ARENA_BLOCK_BYTES);
  assertEquals(arena.largestBytes, 4 * ARENA_BLOCK_BYTES);
  assertEquals(arena.take(4 * ARENA_BLOCK_BYTES + 1), -1);
  assertEquals(arena.take(2 ** 30), -1);
  assertEquals(arena.usedBytes, 0);
  assert(arena.take(4 * ARENA_BLOCK_BYTES) >= 0);
});

Deno.test("a region smaller than a block has none", () => {
  const arena = new Arena(0, ARENA_BLOCK_BYTES - 1);
  assertEquals(arena.largestBytes, 0);
  assertEquals(arena.take(1), -1);
});

Deno.test("a block that is not out cannot be given back, whatever became of it", () => {
  const arena = new Arena(0, 8 * ARENA_BLOCK_BYTES);
  const left = arena.take(256);
  const right = arena.take(256);
  const big = arena.take(512);
  arena.give(left);
  assertThrows(() => arena.give(left), Error, "is not out");
  arena.give(right);
  // It has joined its buddy by now: its first block says nothing of it.
  assertThrows(() => arena.give(right), Error, "is not out");
  assertThrows(() => arena.give(left), Error, "is not out");
  assertThrows(() => arena.give(big + 256), Error, "is not out");
  for (const offset of [-256, 100, 8 * 256, NaN]) {
    assertThrows(() => arena.give(offset), Error, "is not one of its blocks");
  }
  assertEquals(arena.usedBytes, 512);
  arena.give(big);
  assertEquals(arena.take(8 * 256), 0);
});
