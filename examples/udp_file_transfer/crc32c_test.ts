import { assertEquals, assertNotEquals } from "@std/assert";
import fc from "fast-check";
import { crc32cExcept } from "./crc32c.ts";
import { SEED } from "../../tests/support/seed.ts";

/** The definition, one bit at a time. */
function slowly(bytes: Uint8Array): number {
  let remainder = -1;
  for (const byte of bytes) {
    remainder ^= byte;
    for (let bit = 0; bit < 8; bit++) {
      remainder = (remainder & 1) !== 0 ? (remainder >>> 1) ^ 0x82f63b78 : remainder >>> 1;
    }
  }
  return ~remainder >>> 0;
}

Deno.test("checksums are those of the definition, wherever the field is", () => {
  const messages = fc.tuple(fc.uint8Array({ minLength: 4, maxLength: 100 }), fc.nat(96));
  fc.assert(
    fc.property(messages, ([bytes, at]) => {
      const field = Math.min(at, bytes.length - 4);
      const zeroed = bytes.slice().fill(0, field, field + 4);
      assertEquals(crc32cExcept(bytes, field), slowly(zeroed));
    }),
    { seed: SEED },
  );
});

Deno.test("the vector of RFC 3720 is met: 32 zeros", () => {
  const zeros = new Uint8Array(32);
  assertEquals(crc32cExcept(zeros, 4), 0x8a9136aa);
  assertEquals(crc32cExcept(zeros.fill(0xff, 4, 8), 4), 0x8a9136aa);
});

Deno.test("every damaged bit outside of the field shows", () => {
  const bytes = crypto.getRandomValues(new Uint8Array(64));
  const right = crc32cExcept(bytes, 4);
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    if (bit >= 32 && bit < 64) continue;
    const damaged = bytes.slice();
    damaged[bit >> 3] ^= 1 << (bit & 7);
    assertNotEquals(crc32cExcept(damaged, 4), right, `bit ${bit}`);
  }
});
