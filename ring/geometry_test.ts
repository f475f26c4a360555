import { assert, assertEquals } from "@std/assert";
import { layRing, laySideRing, type RingGeometry } from "./geometry.ts";
import { RingMemory, SIDE_ENTRIES } from "./memory.ts";
import { SMALL_PLAN } from "../tests/support/ring.ts";

const LINE_BYTES = 64;

function headerWords(geometry: RingGeometry): number[] {
  const { sqHead, sqTail, sqFlags, cqHead, cqTail, cqFlags, cqOverflow } = geometry;
  return [sqHead, sqTail, sqFlags, cqHead, cqTail, cqFlags, cqOverflow];
}

Deno.test("each word that two threads use has a cache line of its own", () => {
  const memory = RingMemory.create(SMALL_PLAN);
  const words = [...headerWords(layRing(memory)), ...headerWords(laySideRing(memory))];
  const lines = words.map((word) => Math.floor((word * 4) / LINE_BYTES));
  assertEquals(new Set(lines).size, words.length);
  for (const word of words) {
    assert(word * 4 >= memory.at.control && word * 4 < memory.at.rings, "outside of control");
  }
});

Deno.test("the main ring's entries are where the memory has room for them", () => {
  const memory = RingMemory.create(SMALL_PLAN);
  const { at, plan } = memory;
  const geometry = layRing(memory);
  assertEquals([geometry.sqEntries, geometry.cqEntries], [plan.entries, plan.completions]);
  assertEquals([geometry.sqes * 4, geometry.cqes * 4], [at.sqes, at.rings]);
  assert(geometry.cqes * 4 + geometry.cqEntries * 16 <= at.sqes);
  assert(geometry.sqes * 4 + geometry.sqEntries * 64 <= at.sideRings);
});

Deno.test("the side ring shares nothing with the main one", () => {
  const memory = RingMemory.create(SMALL_PLAN);
  const { at } = memory;
  const geometry = laySideRing(memory);
  assertEquals([geometry.sqEntries, geometry.cqEntries], [SIDE_ENTRIES, SIDE_ENTRIES * 4]);
  assertEquals([geometry.sqes * 4, geometry.cqes * 4], [at.sideSqes, at.sideRings]);
  assert(geometry.cqes * 4 + geometry.cqEntries * 16 <= at.sideSqes);
  assert(geometry.sqes * 4 + geometry.sqEntries * 64 <= at.descriptors);
});
