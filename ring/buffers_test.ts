import { assert, assertEquals } from "@std/assert";
import { BufferSupply, ProvidedBuffers } from "./buffers.ts";
import { ringAt } from "../tests/support/ring.ts";
import { scale, withSeed } from "../tests/support/seed.ts";

function pool(count: number, bytes = 256): { buffers: ProvidedBuffers; supply: BufferSupply } {
  const { memory } = ringAt(0, { bufferCount: count, bufferBytes: bytes });
  return { buffers: new ProvidedBuffers(memory), supply: new BufferSupply(memory) };
}

Deno.test("the consumer gets every buffer once, with its place and length, and then none", () => {
  const { buffers, supply } = pool(8);
  const ids: number[] = [];
  while (supply.take()) {
    ids.push(supply.id);
    assertEquals(supply.offset, buffers.offsetOf(supply.id));
    assertEquals(supply.bytes, 256);
    buffers.arrive(supply.id);
  }
  assertEquals(ids, [0, 1, 2, 3, 4, 5, 6, 7]);
  assertEquals([buffers.available, buffers.held], [0, 8]);
});

Deno.test("a buffer goes back with its last holder, and is seen once it is published", () => {
  const { buffers, supply } = pool(1);
  assert(supply.take());
  buffers.arrive(0);
  buffers.retain(0);
  buffers.retain(0);
  buffers.release(0);
  buffers.release(0);
  buffers.publish();
  assert(!supply.take());
  assertEquals(buffers.held, 1);
  buffers.release(0);
  assert(!supply.take(), "it was not published yet");
  buffers.publish();
  assert(supply.take());
  assertEquals(supply.id, 0);
});

Deno.test("the 16-bit tail wraps, and no buffer is lost or doubled", () => {
  for (const count of [1, 2, 8]) {
    const { buffers, supply } = pool(count);
    for (let round = 0; round < 70_000; round++) {
      assert(supply.take());
      const { id } = supply;
      buffers.arrive(id);
      buffers.release(id);
      buffers.publish();
    }
    const ids = new Set<number>();
    while (supply.take()) ids.add(supply.id);
    assertEquals(ids.size, count);
  }
});

Deno.test("a full pool of the most buffers is not mistaken for an empty one", () => {
  const { buffers, supply } = pool(32768, 64);
  let taken = 0;
  while (supply.take()) taken++;
  assertEquals(taken, 32768);
  for (let id = 0; id < 32768; id++) buffers.arrive(id);
  for (let id = 0; id < 32768; id++) buffers.release(id);
  buffers.publish();
  for (taken = 0; supply.take();) taken++;
  assertEquals(taken, 32768);
});

Deno.test("a poisoned buffer shows whoever kept a view too long, and only that buffer", () => {
  const { memory } = ringAt(0, { bufferCount: 2, bufferBytes: 256 });
  const buffers = new ProvidedBuffers(memory);
  buffers.poison = true;
  const view = memory.bytes.subarray(buffers.offsetOf(0), buffers.offsetOf(1));
  const other = memory.bytes.subarray(buffers.offsetOf(1), buffers.offsetOf(1) + 256);
  view.fill(1);
  other.fill(2);
  buffers.arrive(0);
  buffers.retain(0);
  buffers.release(0);
  assert(view.every((byte) => byte === 1), "it still has a holder");
  buffers.release(0);
  assert(view.every((byte) => byte === 0xde));
  assert(other.every((byte) => byte === 2));
});

Deno.test("without a buffer ring the ids that came back are listed for whoever provides them", () => {
  const { buffers, supply } = pool(4);
  buffers.isRing = false;
  for (const id of [2, 0]) buffers.arrive(id);
  for (const id of [2, 0]) buffers.release(id);
  assertEquals(buffers.returned, [2, 0]);
  assertEquals(buffers.available, 4);
  buffers.publish();
  let taken = 0;
  while (supply.take()) taken++;
  assertEquals(taken, 4, "nothing was added to the ring");
});

Deno.test("a ring without buffers has none to take", () => {
  const { buffers, supply } = pool(0);
  assertEquals([buffers.available, buffers.held], [0, 0]);
  assert(!supply.take());
});

Deno.test(
  "buffers equal a plain table of holders under random operations",
  withSeed((random) => {
    const { buffers, supply } = pool(16);
    const withConsumer: number[] = Array.from({ length: 16 }, (_, id) => id);
    const unpublished: number[] = [];
    const holders = new Map<number, number>();
    for (let step = 0; step < scale(100_000, 3_000_000); step++) {
      const act = random.integer(0, 9);
      if (act < 3) {
        const expected = withConsumer.shift();
        assertEquals(supply.take(), expected !== undefined);
        if (expected === undefined) continue;
        assertEquals(supply.id, expected);
        assertEquals(supply.offset, buffers.offsetOf(expected));
        buffers.arrive(expected);
        holders.set(expected, 1);
      } else if (act < 8) {
        if (holders.size === 0) continue;
        const id = random.pick([...holders.keys()]);
        const count = holders.get(id)! + (act < 5 ? 1 : -1);
        if (act < 5) buffers.retain(id);
        else buffers.release(id);
        if (count > 0) holders.set(id, count);
        else if (holders.delete(id)) unpublished.push(id);
      } else {
        buffers.publish();
        withConsumer.push(...unpublished.splice(0));
      }
      assertEquals(buffers.held, holders.size);
    }
  }),
);
