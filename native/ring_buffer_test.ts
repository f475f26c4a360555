import { assert, assertEquals, assertThrows } from "@std/assert";
import { RingBuffer } from "./ring_buffer.ts";
import { scriptedReactor } from "../tests/support/scripted_driver.ts";

function allocate(): { buffer: RingBuffer; used: () => number } {
  const { reactor } = scriptedReactor({ plan: { arenaBytes: 65536 } });
  const buffer = RingBuffer.at(reactor, reactor.arena.take(4096), 4096, -1);
  return { buffer, used: () => reactor.arena.usedBytes };
}

Deno.test("slices view the bytes of their buffer, and of each other", () => {
  const { buffer } = allocate();
  const slice = buffer.slice(100, 200);
  slice.bytes.fill(7);
  assertEquals([buffer.bytes[99], buffer.bytes[100], buffer.bytes[199], buffer.bytes[200]], [
    0,
    7,
    7,
    0,
  ]);
  assertEquals(slice.slice(10, 20).offset, buffer.offset + 110);
  assertThrows(() => slice.slice(0, 101), RangeError);
});

Deno.test("a slice ends with the buffer that it is a part of, not the other way round", () => {
  const { buffer, used } = allocate();
  const [one, other] = [buffer.slice(0, 10), buffer.slice(10, 20)];
  one.release();
  assertEquals([one.isHeld, other.isHeld, buffer.isHeld], [false, true, true]);
  buffer.release();
  assertEquals([other.isHeld, buffer.isHeld, used()], [false, false, 0]);
  assertThrows(() => other.bytes, TypeError, "released");
  assertThrows(() => other.slice(0, 1), TypeError, "released");
});

Deno.test("a pin keeps the memory of a released buffer, and only the memory", () => {
  const { buffer, used } = allocate();
  const slice = buffer.slice(0, 10);
  assert(slice.isHeldWith(buffer) && slice.sharesBlock(buffer));
  slice.pin();
  buffer.release();
  assertEquals([slice.isHeld, used()], [false, 4096]);
  slice.unpin();
  assertEquals(used(), 0);
  buffer.release();
  assertEquals(used(), 0);
});
