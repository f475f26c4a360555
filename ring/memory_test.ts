import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  checkPlan,
  layOut,
  type MemoryPlan,
  OFF_PAGE_BYTES,
  PAGE_BYTES,
  RingMemory,
} from "./memory.ts";
import { SIDE_ENTRIES } from "./memory.ts";
import { SCRATCH_BYTES } from "./slots.ts";
import { SMALL_PLAN } from "../tests/support/ring.ts";
import { scale, withSeed } from "../tests/support/seed.ts";

/** What each region must be able to hold, in the order of their places. */
function needs(plan: MemoryPlan): readonly (readonly [string, number])[] {
  return [
    ["control", PAGE_BYTES],
    ["rings", plan.completions * 16],
    ["sqes", plan.entries * 64],
    ["sideRings", SIDE_ENTRIES * 4 * 16],
    ["sideSqes", SIDE_ENTRIES * 64],
    ["descriptors", plan.bufferCount * 16],
    ["datagramDescriptors", plan.datagramCount * 16],
    ["scratch", plan.slots * SCRATCH_BYTES],
    ["arena", plan.arenaBytes],
    ["buffers", plan.bufferCount * plan.bufferBytes],
    ["datagrams", plan.datagramCount * plan.datagramBytes],
  ];
}

/** What is copied from and to. */
const COPIED: readonly string[] = ["arena", "buffers", "datagrams"];

function assertRegions(plan: MemoryPlan, skew: number): void {
  const at = layOut(plan, skew) as unknown as Record<string, number>;
  let free = skew;
  for (const [name, bytes] of needs(plan)) {
    assert(at[name] >= free, `${name} overlaps what is before it`);
    const place = COPIED.includes(name) ? OFF_PAGE_BYTES : 0;
    assertEquals((at[name] - skew) % PAGE_BYTES, place, `the place of ${name} within a page`);
    free = at[name] + bytes;
  }
  assert(at.end >= free, "the last region does not fit");
}

Deno.test(
  "regions are disjoint, at their place within pages and in bounds for every plan",
  withSeed((random) => {
    for (let round = 0; round < scale(500, 20_000); round++) {
      const entries = 2 ** random.integer(0, 15);
      const plan: MemoryPlan = {
        entries,
        completions: Math.max(2, entries * 2 ** random.integer(0, 1)),
        slots: random.integer(16, 1 << 20),
        bufferCount: random.chance(0.1) ? 0 : 2 ** random.integer(0, 15),
        bufferBytes: random.integer(64, 1 << 20),
        datagramCount: random.chance(0.1) ? 0 : 2 ** random.integer(0, 15),
        datagramBytes: random.integer(1024, 1 << 20),
        arenaBytes: random.integer(1, 2 ** 18) * PAGE_BYTES,
      };
      checkPlan(plan);
      assertRegions(plan, random.pick([0, 16, 4080]));
    }
  }),
);

Deno.test("the smallest and the largest plan are allowed", () => {
  checkPlan({
    entries: 1,
    completions: 2,
    slots: 16,
    bufferCount: 0,
    bufferBytes: 64,
    datagramCount: 0,
    datagramBytes: 1024,
    arenaBytes: PAGE_BYTES,
  });
  checkPlan({
    entries: 32768,
    completions: 65536,
    slots: 1 << 20,
    bufferCount: 32768,
    bufferBytes: 1 << 20,
    datagramCount: 32768,
    datagramBytes: 1 << 20,
    arenaBytes: 2 ** 30,
  });
});

Deno.test("a size out of its range is a RangeError that names it and its range", () => {
  const wrong: readonly (readonly [Partial<MemoryPlan>, string])[] = [
    [{ entries: 0 }, "entries must be a power of two from 1 to 32768, not 0"],
    [{ entries: 3 }, "entries must be a power of two from 1 to 32768, not 3"],
    [{ entries: 65536 }, "entries must be a power of two from 1 to 32768, not 65536"],
    [{ entries: -8 }, "entries must be a power of two from 1 to 32768, not -8"],
    [{ entries: NaN }, "entries must be a power of two from 1 to 32768, not NaN"],
    [{ entries: 2 ** 32 }, "entries must be a power of two from 1 to 32768, not 4294967296"],
    [{ completions: 1 }, "completions must be a power of two from 2 to 65536, not 1"],
    [{ completions: 24 }, "completions must be a power of two from 2 to 65536, not 24"],
    [{ completions: 131072 }, "completions must be a power of two from 2 to 65536, not 131072"],
    [{ completions: 4 }, "completions (4) must not be fewer than entries (8)"],
    [{ slots: 15 }, "slots must be an integer from 16 to 1048576, not 15"],
    [{ slots: 100.5 }, "slots must be an integer from 16 to 1048576, not 100.5"],
    [{ slots: 2 ** 21 }, "slots must be an integer from 16 to 1048576, not 2097152"],
    [
      { datagramCount: 3 },
      "datagramBuffers.count must be a power of two from 1 to 32768, not 3",
    ],
    [
      { datagramBytes: 64 },
      "datagramBuffers.bytes must be an integer from 1024 to 1048576, not 64",
    ],
    [{ bufferCount: 3 }, "buffers.count must be a power of two from 1 to 32768, not 3"],
    [{ bufferCount: -1 }, "buffers.count must be a power of two from 1 to 32768, not -1"],
    [{ bufferCount: 65536 }, "buffers.count must be a power of two from 1 to 32768, not 65536"],
    [{ bufferBytes: 63 }, "buffers.bytes must be an integer from 64 to 1048576, not 63"],
    [
      { bufferBytes: Infinity },
      "buffers.bytes must be an integer from 64 to 1048576, not Infinity",
    ],
    [{ arenaBytes: 0 }, "arenaBytes must be an integer from 4096 to 1073741824, not 0"],
    [{ arenaBytes: 5000 }, "arenaBytes must be a multiple of 4096, not 5000"],
  ];
  for (const [change, message] of wrong) {
    const error = assertThrows(() => checkPlan({ ...SMALL_PLAN, ...change }), RangeError);
    assertEquals(error.message, message);
    assertThrows(() => RingMemory.create({ ...SMALL_PLAN, ...change }), RangeError);
  }
});

Deno.test("memory for a kernel is aligned to the pages of its addresses", () => {
  for (const low of [0, 16, 1, 4095]) {
    const address = 0x7f12_3450_0000 + low;
    const memory = RingMemory.create(SMALL_PLAN, () => address);
    assertEquals(memory.base, address);
    assertEquals((memory.base + memory.at.control) % PAGE_BYTES, 0);
    assert(memory.at.end <= memory.buffer.byteLength);
  }
});

Deno.test("another thread sees the same bytes at the same places", () => {
  const memory = RingMemory.create(SMALL_PLAN, () => 0x7f00_0000_0010);
  const other = RingMemory.attach(structuredClone(memory.handle()));
  assertEquals(other.at, memory.at);
  assertEquals(other.base, 0, "addresses are for the kernel's consumers only");
  memory.words[memory.at.arena >> 2] = 42;
  assertEquals(other.words[other.at.arena >> 2], 42);
  assertEquals(other.bytes[other.at.arena], 42);
  assertEquals(other.halves[other.at.arena >> 1], 42);
});
