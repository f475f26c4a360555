import { assert, assertEquals, assertThrows } from "@std/assert";
import { copyBytes, PacketBytes, putBytes, zeroBytes } from "./packet_bytes.ts";

Deno.test("all views are of the same memory, shared or not", () => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  for (const buffer of [memory.buffer as ArrayBufferLike, new ArrayBuffer(65536)]) {
    const packets = new PacketBytes(buffer);
    assertEquals(packets.length, 65536);
    packets.view.setUint16(4, 0x1234);
    assertEquals([...packets.bytes.subarray(4, 6)], [0x12, 0x34]);
    assertEquals(packets.words[2], 0x3412, "words are little-endian");
  }
});

Deno.test("memory of an odd length has words of all but the last byte", () => {
  const packets = PacketBytes.copyOf([1, 2, 3], 2);
  assertEquals([packets.length, packets.words.length], [5, 2]);
  assertEquals([...packets.bytes], [0, 0, 1, 2, 3]);
});

Deno.test("copies are of their own memory, which is not shared", () => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const packets = new PacketBytes(memory.buffer);
  assertEquals(putBytes(packets, 7, [1, 2, 3]), 3);
  const copy = copyBytes(packets, 7, 3);
  zeroBytes(packets, 7, 2);
  assertEquals([...copy], [1, 2, 3]);
  assertEquals([...packets.bytes.subarray(6, 11)], [0, 0, 0, 3, 0]);
  assert(copy.buffer instanceof ArrayBuffer);
});

Deno.test("bytes that do not fit are not written", () => {
  assertThrows(() => putBytes(PacketBytes.copyOf([0, 0]), 1, [1, 2]), RangeError);
});
