import { assertEquals } from "@std/assert";
import { readFloat16, readFloat8, writeFloat16, writeFloat8 } from "./group_records.ts";

Deno.test("times of 8 bits are what RFC 3376 section 4.1.1 draws", () => {
  assertEquals([readFloat8(0), readFloat8(127)], [0, 127]);
  // mant | 0x10, shifted by exp + 3.
  assertEquals(readFloat8(0x80), 0x10 << 3);
  assertEquals(readFloat8(0b1_101_0110), 0x16 << 8);
  assertEquals(readFloat8(0xff), 31744);
});

Deno.test("times of 16 bits are what RFC 3810 section 5.1.3 draws", () => {
  assertEquals([readFloat16(0), readFloat16(32767)], [0, 32767]);
  assertEquals(readFloat16(0x8000), 0x1000 << 3);
  assertEquals(readFloat16(0b1_101_000000000110), 0x1006 << 8);
  assertEquals(readFloat16(0xffff), 8387584);
});

Deno.test("every code is that of its own number, and of those up to the next", () => {
  for (
    const [read, write, last] of [
      [readFloat8, writeFloat8, 0xff],
      [readFloat16, writeFloat16, 0xffff],
    ] as const
  ) {
    for (let code = 0; code <= last; code++) {
      assertEquals(write(read(code)), code);
      if (code < last) assertEquals(write(read(code + 1) - 1), code);
    }
    assertEquals(write(read(last) + 1), last);
    assertEquals(write(Infinity), last);
    assertEquals([write(-1), write(1.9)], [0, 1]);
  }
});
