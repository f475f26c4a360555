import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { MAXIMUM_MEMORY_BYTES, PacketMemory } from "./packet_memory.ts";
import { PlainBulkChecksummer } from "./plain.ts";

Deno.test("a packet memory is shared, has whole pages, and never grows", () => {
  const memory = new PacketMemory(65537);
  assertEquals(memory.length, 131072);
  assertInstanceOf(memory.bytes.buffer, SharedArrayBuffer);
  assertThrows(() => memory.memory.grow(1), RangeError);
  assertEquals(memory.memory.buffer.byteLength, 131072);
});

Deno.test("a packet memory that would need offsets of more than 31 bits is refused", () => {
  for (const bytes of [0, -1, NaN, MAXIMUM_MEMORY_BYTES + 1]) {
    assertThrows(() => new PacketMemory(bytes), RangeError, `not ${bytes}`);
  }
});

Deno.test("reserve() gives aligned regions that do not overlap, until none is left", () => {
  const memory = new PacketMemory(65536);
  assertEquals(memory.reserve(10), 0);
  assertEquals(memory.reserve(10), 64);
  assertEquals(memory.reserve(1, 1), 74);
  assertEquals(memory.reserve(100, 4096), 4096);
  assertEquals(memory.freeBytes, 65536 - 4196);
  assertThrows(() => memory.reserve(65536), RangeError, "4196 of 65536 are taken");
  assertThrows(() => memory.reserve(-1), RangeError);
  assertEquals(memory.reserve(65536 - 4224), 4224);
  assertEquals(memory.freeBytes, 0);
});

Deno.test("a packet memory sums and copies with whatever it is given", () => {
  const memory = new PacketMemory(65536, (_, packets) => new PlainBulkChecksummer(packets));
  assertInstanceOf(memory.checksummer, PlainBulkChecksummer);
  memory.bytes.set([1, 2], 5);
  assertEquals(memory.checksummer.sum(5, 2), 0x0102);
  assertEquals(new PacketMemory(65536).checksummer instanceof PlainBulkChecksummer, false);
});
