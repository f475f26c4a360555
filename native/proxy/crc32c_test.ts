import { assertEquals } from "@std/assert";
import { crc32c } from "./crc32c.ts";

/** Source: RFC 3720, appendix B.4; the bytes there are in network order of the wire. */
const VECTORS: readonly [string, Uint8Array, number][] = [
  ["32 zeros", new Uint8Array(32), 0x8a9136aa],
  ["32 ones", new Uint8Array(32).fill(0xff), 0x62a8ab43],
  ["0 to 31", Uint8Array.from({ length: 32 }, (_, index) => index), 0x46dd794e],
  ["31 to 0", Uint8Array.from({ length: 32 }, (_, index) => 31 - index), 0x113fdb5c],
  ["the check value", new TextEncoder().encode("123456789"), 0xe3069283],
  ["nothing", new Uint8Array(0), 0],
];

for (const [name, bytes, expected] of VECTORS) {
  Deno.test(`crc32c() of ${name} is what RFC 3720 says`, () => {
    assertEquals(crc32c(bytes), expected);
  });
}

Deno.test("crc32c() takes four bytes for zeros, wherever they lie", () => {
  const bytes = Uint8Array.from({ length: 32 }, (_, index) => index * 7 + 1);
  for (let hole = 0; hole + 4 <= bytes.length; hole++) {
    const zeroed = bytes.slice().fill(0, hole, hole + 4);
    assertEquals(crc32c(bytes, bytes.length, hole), crc32c(zeroed));
  }
});

Deno.test("crc32c() looks at no byte past the length", () => {
  assertEquals(crc32c(new Uint8Array(40), 32), 0x8a9136aa);
});
