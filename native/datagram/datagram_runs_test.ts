import { assertEquals } from "@std/assert";
import type { DatagramToSend } from "./datagram_jobs.ts";
import { endOfSlices, endOfViews } from "./datagram_runs.ts";
import { RingBuffer } from "../ring_buffer.ts";
import { scriptedReactor } from "../../tests/support/scripted_driver.ts";
import { scale, withSeed } from "../../tests/support/seed.ts";

const isTo = (to: DatagramToSend["to"]): boolean => to === "a" || to === "A";

function ringBuffer(bytes: number): RingBuffer {
  const { reactor } = scriptedReactor({ plan: { arenaBytes: 65536 } });
  return RingBuffer.at(reactor, reactor.arena.take(bytes), bytes, -1);
}

Deno.test("views of one buffer are a run as far as each follows on the one before", () => {
  const bytes = new Uint8Array(100);
  const other = new Uint8Array(100);
  const views = [0, 10, 20, 30].map((at) => bytes.subarray(at, at + 10));
  const end = (data: Uint8Array[]) =>
    endOfViews(data.map((each) => ({ data: each })), 1, data.length, data[0], undefined, isTo);
  assertEquals(end(views), 4);
  assertEquals(end([views[0], views[2], views[3]]), 1, "a gap");
  assertEquals(end([views[0], views[1], views[1]]), 2, "the same again");
  assertEquals(end([views[0], views[1], bytes.subarray(20, 29)]), 2, "another size");
  assertEquals(end([views[0], other.subarray(10, 20)]), 1, "the place of another buffer");
  assertEquals(end([views[0], views[1], other.subarray(20, 30)]), 2);
});

Deno.test("a run ends where the limit is, and where datagrams go elsewhere", () => {
  const bytes = new Uint8Array(50);
  const slab = ringBuffer(50);
  for (const [text, end] of [["aAaaa", 5], ["aaba", 2], ["ab", 1]] as const) {
    const views = [...text].map((to, at) => ({ data: bytes.subarray(at * 5, at * 5 + 5), to }));
    assertEquals(endOfViews(views, 1, views.length, views[0].data, "a", isTo), end, text);
    assertEquals(endOfViews(views, 1, 1, views[0].data, "a", isTo), 1);
    const slices = [...text].map((to, at) => ({ data: slab.slice(at * 5, at * 5 + 5), to }));
    assertEquals(endOfSlices(slices, 1, slices.length, slices[0].data, "a", isTo), end, text);
  }
});

Deno.test("slices of one ring buffer are a run as far as they are held", () => {
  const slab = ringBuffer(512);
  const slices = [0, 1, 2, 3].map((at) => slab.slice(at * 10, at * 10 + 10));
  const end = (data: DatagramToSend["data"][]) =>
    endOfSlices(data.map((each) => ({ data: each })), 1, data.length, slices[0], undefined, isTo);
  assertEquals(end(slices), 4);
  assertEquals(end([slices[0], slices[1], slab.slice(20, 31)]), 2, "another size");
  assertEquals(end([slices[0], slices[2]]), 1, "a gap");
  assertEquals(end([slices[0], ringBuffer(512).slice(10, 20)]), 1, "of another ring");
  assertEquals(end([slices[0], new Uint8Array(10)]), 1, "no slice at all");
  slices[2].release();
  assertEquals(end(slices), 2);
});

Deno.test(
  "what is found to be a run is what lies behind the first one, byte by byte",
  withSeed((random) => {
    for (let round = 0; round < scale(300, 20_000); round++) {
      const buffers = [random.bytes(64), random.bytes(64)];
      const size = random.integer(1, 4);
      let at = 0;
      const items = Array.from({ length: 12 }, () => {
        if (random.chance(0.2)) at = random.integer(0, 12);
        const buffer = buffers[random.chance(0.1) ? 1 : 0];
        const data = buffer.subarray(at, at + size);
        at += size;
        return { data };
      });
      const [{ data: first }] = items;
      const end = endOfViews(items, 1, items.length, first, undefined, () => true);
      const run = new Uint8Array(first.buffer, first.byteOffset, end * size);
      assertEquals(run, new Uint8Array(items.slice(0, end).flatMap(({ data }) => [...data])));
      if (end === items.length) continue;
      const { buffer, byteOffset, length } = items[end].data;
      const goesOn = buffer === first.buffer && length === size &&
        byteOffset === first.byteOffset + end * size;
      assertEquals(goesOn, false, `round ${round}: item ${end} belongs to the run`);
    }
  }),
);
