import { assertEquals } from "@std/assert";
import {
  bufferAsked,
  bufferForced,
  cookieBytes,
  intBytes,
  intOf,
  nameOf,
} from "./option_values.ts";

Deno.test("ints lie in memory with their low byte first", () => {
  assertEquals(intBytes(0x01020304), Uint8Array.of(4, 3, 2, 1));
  for (const value of [0, 1, -1, 2 ** 31 - 1, -(2 ** 31)]) {
    assertEquals(intOf(Uint8Array.of(9, ...intBytes(value)), 1), value);
  }
  assertEquals(cookieBytes(258), Uint8Array.of(2, 1, 0, 0, 0, 0, 0, 0));
});

Deno.test("a name ends with a 0, or with the room that Linux has for it", () => {
  const bytes = new TextEncoder().encode("eth0\0behind");
  assertEquals(nameOf(bytes), "eth0");
  assertEquals(nameOf(new Uint8Array(20).fill(97)), "a".repeat(15));
  assertEquals(nameOf(new Uint8Array(0)), "");
});

Deno.test("buffers are bounded; what is negative asks for the most, or, forced, for the least", () => {
  assertEquals([5000, 1, 2 ** 20, -1].map((asked) => bufferAsked(asked, 1152, 200_000)), [
    5000,
    1152,
    200_000,
    200_000,
  ]);
  assertEquals([2 ** 20, -1, 2 ** 31 - 1].map((asked) => bufferForced(asked, 1152)), [
    2 ** 20,
    1152,
    2 ** 30 - 1,
  ]);
});
