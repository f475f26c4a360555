import { assert, assertEquals } from "@std/assert";
import { bufferGroups, ProvidedBuffers } from "../../../ring/buffers.ts";
import { TEST_PLAN } from "../../../tests/support/test_program.ts";
import { allocateRingMemory } from "../user_memory.ts";
import { allocateBufferHead, SharedBufferSupply } from "./shared_buffers.ts";

Deno.test("each buffer is taken by one shard, and again once it came back", () => {
  const { memory } = allocateRingMemory(TEST_PLAN);
  const [group] = bufferGroups(memory);
  const provided = new ProvidedBuffers(memory, group);
  const head = allocateBufferHead();
  const supplies = [0, 1].map(() => new SharedBufferSupply(memory, group, head));
  for (let round = 0; round < 3; round++) {
    const ids = new Set<number>();
    for (let count = 0; count < TEST_PLAN.bufferCount; count++) {
      const supply = supplies[count % 2];
      assert(supply.take());
      assertEquals(supply.offset, provided.offsetOf(supply.id));
      assertEquals(supply.bytes, TEST_PLAN.bufferBytes);
      provided.arrive(supply.id);
      ids.add(supply.id);
    }
    assertEquals(ids.size, TEST_PLAN.bufferCount);
    assertEquals(supplies.map((supply) => supply.take()), [false, false]);
    for (const id of ids) provided.release(id);
    provided.publish();
  }
});

Deno.test("a group without buffers has none for anybody", () => {
  const { memory } = allocateRingMemory({ ...TEST_PLAN, bufferCount: 0 });
  const [group] = bufferGroups(memory);
  assertEquals(new SharedBufferSupply(memory, group, allocateBufferHead()).take(), false);
});
