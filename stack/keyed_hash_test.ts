import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { KeyedHash } from "./keyed_hash.ts";
import { SeededRandom } from "./random.ts";
import { withSeed } from "../tests/support/seed.ts";

/** The key of the paper's appendix A and of the reference's test: the bytes 0 to 15. */
const KEY = [0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c];
/** Values of the bytes 0, 1, 2 ..., 4 more in each row, as in the reference's `vectors.h`. */
const EXPECTED = [
  0x726fdb47dd0e0e31n,
  0xcf2794e0277187b7n,
  0x93f5f5799a932462n,
  0x751e8fbc860ee5fbn,
  0x3f2acc7f57c29bdbn,
  0xbed65cf21aa2ee98n,
  0xb8ad50c6f649af94n,
  0xde4daaaca71dc9a5n,
  0x7127512f72f27ccen,
  0x314dffbe0815a3b4n,
  0x0e3ea96b5304a7d0n,
  0xf935451de4f21df2n,
  0xe612a3cb9ecba951n,
  0x0a8787bf8ecb74b2n,
  0xb78dbfaf3a8d83bdn,
  0x6ca4ecb15c5f91e1n,
];

const WORDS = Int32Array.from({ length: 16 }, (_, word) => 0x03020100 + 0x04040404 * word);

function valueOf(hash: KeyedHash, words: Int32Array, count: number): bigint {
  const low = BigInt(hash.hash(words, count) >>> 0);
  return (BigInt(hash.high >>> 0) << 32n) | low;
}

Deno.test("hash() gives the values of SipHash-2-4's reference", () => {
  const hash = new KeyedHash(KEY);
  assertEquals(EXPECTED.map((_, count) => valueOf(hash, WORDS, count)), EXPECTED);
});

Deno.test("one hash gives one value, whatever it hashed before", () => {
  const hash = new KeyedHash(KEY);
  const first = valueOf(hash, WORDS, 3);
  hash.hash(WORDS, 16);
  assertEquals(valueOf(hash, WORDS, 3), first);
});

Deno.test("every word of the key counts", () => {
  const value = valueOf(new KeyedHash(KEY), WORDS, 4);
  for (const at of KEY.keys()) {
    const other = KEY.map((word, index) => index === at ? word ^ 1 : word);
    assertNotEquals(valueOf(new KeyedHash(other), WORDS, 4), value);
  }
  assertThrows(() => new KeyedHash([1, 2, 3]), RangeError, "4 words, not 3");
});

Deno.test("KeyedHash.random() draws a key", () => {
  const draw = (seed: number) => valueOf(KeyedHash.random(new SeededRandom(seed)), WORDS, 4);
  assertEquals(draw(1), draw(1));
  assertNotEquals(draw(1), draw(2));
});

Deno.test(
  "every bit of the input moves half of the bits",
  withSeed((random) => {
    const hash = KeyedHash.random(random);
    const rounds = 1000;
    let moved = 0;
    for (let round = 0; round < rounds; round++) {
      const words = new Int32Array(random.bytes(12).buffer);
      const before = valueOf(hash, words, 3);
      words[random.integer(0, 2)] ^= 1 << random.integer(0, 31);
      for (let left = before ^ valueOf(hash, words, 3); left > 0n; left &= left - 1n) moved++;
    }
    const share = moved / rounds / 64;
    assertEquals(share > 0.48 && share < 0.52, true, `${share}`);
  }),
);
