import { assertEquals, assertNotEquals } from "@std/assert";
import { hashBytes, hashWords } from "./sip_hash.ts";
import { withSeed } from "../../tests/support/seed.ts";

/** The key and results of the test in Linux, lib/tests/siphash_kunit.c, for 32-bit machines. */
const KEY = { low: 0x03020100, high: 0x07060504 };
/** Of the bytes 0, 1, 2 ...: the index is their number. */
const EXPECTED = [
  0x5814c896,
  0xe7e864ca,
  0xbc4b0e30,
  0x01539939,
  0x7e059ea6,
  0x88e3d89b,
  0xa0080b65,
  0x9d38d9d6,
  0x577999b1,
  0xc839caed,
  0xe4fa32cf,
  0x959246ee,
  0x6b28096c,
  0x66dd9cd6,
  0x16658a7c,
  0xd0257b04,
  0x8b31d501,
];

function sequence(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => index);
}

Deno.test("hashBytes() gives the values of Linux's own test", () => {
  const values = EXPECTED.map((_, length) => hashBytes(KEY, sequence(length)) >>> 0);
  assertEquals(values, EXPECTED);
});

Deno.test("hashWords() hashes words as it does their bytes", () => {
  const words = new Int32Array([0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c, 99]);
  for (let count = 0; count <= 4; count++) {
    assertEquals(hashWords(KEY, words, count) >>> 0, EXPECTED[4 * count]);
  }
});

Deno.test("another key gives other values", () => {
  const [low, high] = [{ ...KEY, low: KEY.low ^ 1 }, { ...KEY, high: KEY.high ^ (1 << 31) }];
  const values = [KEY, low, high].map((key) => hashBytes(key, sequence(16)));
  assertNotEquals(values[0], values[1]);
  assertNotEquals(values[0], values[2]);
  assertNotEquals(values[1], values[2]);
});

Deno.test(
  "every bit of the input moves half of the bits",
  withSeed((random) => {
    let moved = 0;
    const rounds = 2000;
    for (let round = 0; round < rounds; round++) {
      const bytes = random.bytes(8);
      const before = hashBytes(KEY, bytes);
      bytes[random.integer(0, 7)] ^= 1 << random.integer(0, 7);
      let difference = before ^ hashBytes(KEY, bytes);
      for (; difference !== 0; difference &= difference - 1) moved++;
    }
    const share = moved / rounds / 32;
    assertEquals(share > 0.48 && share < 0.52, true, `${share}`);
  }),
);
