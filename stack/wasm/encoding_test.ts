import { assertEquals, assertThrows } from "@std/assert";
import { list, name, signed, sized, unsigned } from "./encoding.ts";

Deno.test("unsigned() writes seven bits a byte, the lowest first", () => {
  assertEquals(unsigned(0), [0]);
  assertEquals(unsigned(127), [0x7f]);
  assertEquals(unsigned(128), [0x80, 0x01]);
  // The example of the DWARF standard, and of everybody who copied from it.
  assertEquals(unsigned(624485), [0xe5, 0x8e, 0x26]);
  assertEquals(unsigned(2 ** 32 - 1), [0xff, 0xff, 0xff, 0xff, 0x0f]);
  assertEquals(unsigned(2 ** 53 - 1), [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]);
});

Deno.test("signed() needs a byte more where a bit of the number would look like its sign", () => {
  assertEquals(signed(0), [0]);
  assertEquals(signed(63), [0x3f]);
  assertEquals(signed(64), [0xc0, 0x00]);
  assertEquals(signed(-1), [0x7f]);
  assertEquals(signed(-64), [0x40]);
  assertEquals(signed(-65), [0xbf, 0x7f]);
  assertEquals(signed(-128), [0x80, 0x7f]);
  assertEquals(signed(-123456), [0xc0, 0xbb, 0x78]);
  assertEquals(signed(2 ** 32 - 1), [0xff, 0xff, 0xff, 0xff, 0x0f]);
});

Deno.test("numbers that JavaScript cannot hold exactly are refused", () => {
  for (const value of [-1, 0.5, 2 ** 53, NaN, Infinity]) {
    assertThrows(() => unsigned(value), RangeError, String(value));
  }
  for (const value of [0.5, 2 ** 53, -(2 ** 53), NaN]) {
    assertThrows(() => signed(value), RangeError, String(value));
  }
});

Deno.test("lists, names and sized bytes stand behind their counts", () => {
  assertEquals(list([[7, 8], [9]]), [2, 7, 8, 9]);
  assertEquals(list([]), [0]);
  assertEquals(name("aé"), [3, 0x61, 0xc3, 0xa9]);
  assertEquals(sized([5, 6]), [2, 5, 6]);
});
