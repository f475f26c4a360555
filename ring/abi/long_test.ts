import { assertEquals } from "@std/assert";
import { getLong, putLong, setLong } from "./long.ts";

const NUMBERS: readonly (readonly [value: number, low: number, high: number])[] = [
  [0, 0, 0],
  [1, 1, 0],
  [0x7fff_ffff, 0x7fff_ffff, 0],
  [0x8000_0000, -0x8000_0000, 0],
  [0xffff_ffff, -1, 0],
  [0x1_0000_0000, 0, 1],
  [0x7fff_1234_5678, 0x1234_5678, 0x7fff],
  [Number.MAX_SAFE_INTEGER, -1, 0x1f_ffff],
  [-1, -1, -1],
  [-0x1_0000_0000, 0, -1],
];

Deno.test("numbers of up to 53 bits have the words that Linux reads, and come back", () => {
  for (const [value, low, high] of NUMBERS) {
    const words = new Int32Array(4);
    setLong(words, 1, value);
    assertEquals([...words], [0, low, high, 0]);
    assertEquals(getLong(words, 1), value);
    words.fill(0);
    putLong(words, 8, value);
    assertEquals([...words], [0, 0, low, high]);
  }
});
