import { assert, assertEquals } from "@std/assert";
import { bufferGroups, BufferSupply, ProvidedBuffers } from "./buffers.ts";
import { ringAt } from "../tests/support/ring.ts";
import { scale, withSeed } from "../tests/support/seed.ts";

function pool(count: number, bytes = 256): { buffers: ProvidedBuffers; supply: BufferSupply } {
  const { memory } = ringAt(0, { bufferCount: count, bufferBytes: bytes });
  return {
    buffers: new ProvidedBuffers(memory, bufferGroups(memory)[0]),
    supply: new BufferSupply(memory, bufferGroups(memory)[0]),
  };
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

/** Takes whatever can be had, however small the window that the consumer is given at a time. */
function takeAll(buffers: ProvidedBuffers, supply: BufferSupply): Set<number> {
  const ids = new Set<number>();
  for (let size = -1; size !== ids.size;) {
    size = ids.size;
    while (supply.take()) {
      assert(!ids.has(supply.id), `buffer ${supply.id} was given twice`);
      ids.add(supply.id);
      buffers.arrive(supply.id);
    }
    buffers.publish();
  }
  return ids;
}

Deno.test("the largest pool is given out whole, again and again", () => {
  const { buffers, supply } = pool(32768, 64);
  for (let round = 0; round < 5; round++) {
    const ids = takeAll(buffers, supply);
    assertEquals(ids.size, 32768);
    assertEquals(buffers.available, 0);
    for (const id of ids) buffers.release(id);
    buffers.publish();
  }
});

Deno.test("the consumer is given what came back last, and more while it uses it up", () => {
  const { buffers, supply } = pool(1024);
  const { window } = buffers;
  assert(window < 1024);
  // One buffer in use at a time: it stays among the first few, which are warm.
  const used = new Set<number>();
  for (let round = 0; round < 1000; round++) {
    assert(supply.take());
    buffers.arrive(supply.id);
    used.add(supply.id);
    buffers.release(supply.id);
    buffers.publish();
  }
  assert(used.size <= window, `${used.size} buffers were touched`);
  for (let round = 0; round < 5; round++) {
    const ids: number[] = [];
    while (supply.take()) ids.push(supply.id);
    for (const id of ids) buffers.arrive(id);
    for (const id of ids) buffers.release(id);
    buffers.publish();
  }
  assert(buffers.window > window);
});

Deno.test("a poisoned buffer shows whoever kept a view too long, and only that buffer", () => {
  const { memory } = ringAt(0, { bufferCount: 2, bufferBytes: 256 });
  const buffers = new ProvidedBuffers(memory, bufferGroups(memory)[0]);
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

Deno.test("without a buffer ring, ids that came back are listed for their provider", () => {
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
    const holders = new Map<number, number>();
    let isPublished = true;
    for (let step = 0; step < scale(100_000, 3_000_000); step++) {
      const act = random.integer(0, 9);
      if (act < 3) {
        const isThere = supply.take();
        if (!isThere) {
          assert(!isPublished || holders.size === 16, "free buffers were not given out");
          continue;
        }
        assert(!holders.has(supply.id), `buffer ${supply.id} is in use`);
        assertEquals(supply.offset, buffers.offsetOf(supply.id));
        buffers.arrive(supply.id);
        holders.set(supply.id, 1);
      } else if (act < 8) {
        if (holders.size === 0) continue;
        const id = random.pick([...holders.keys()]);
        const count = holders.get(id)! + (act < 5 ? 1 : -1);
        if (act < 5) buffers.retain(id);
        else buffers.release(id);
        if (count > 0) holders.set(id, count);
        else isPublished = !holders.delete(id);
      } else {
        buffers.publish();
        isPublished = true;
      }
      assertEquals(buffers.held, holders.size);
    }
  }),
);
