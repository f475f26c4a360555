import { assertEquals, assertThrows } from "@std/assert";
import { SeededRandom } from "../random.ts";
import { ipv4Of, ipv6Of } from "../wire/mod.ts";
import { KEY_BYTES, ToeplitzHash, VERIFICATION_KEY } from "./toeplitz.ts";

/** Microsoft's table: source, destination, hash of the addresses, hash with the ports. */
const IPV4: readonly (readonly [string, number, string, number, number, number])[] = [
  ["66.9.149.187", 2794, "161.142.100.80", 1766, 0x323e8fc2, 0x51ccc178],
  ["199.92.111.2", 14230, "65.69.140.83", 4739, 0xd718262a, 0xc626b0ea],
  ["24.19.198.95", 12898, "12.22.207.184", 38024, 0xd2d0a5de, 0x5c2b394a],
  ["38.27.205.30", 48228, "209.142.163.6", 2217, 0x82989176, 0xafc7327f],
  ["153.39.163.191", 44251, "202.188.127.2", 1303, 0x5d1809c5, 0x10e828a2],
];

const IPV6: typeof IPV4 = [
  ["3ffe:2501:200:1fff::7", 2794, "3ffe:2501:200:3::1", 1766, 0x2cc18cd5, 0x40207d3d],
  ["3ffe:501:8::260:97ff:fe40:efab", 14230, "ff02::1", 4739, 0x0f0c461c, 0xdde51bbf],
  [
    "3ffe:1900:4545:3:200:f8ff:fe21:67cf",
    44251,
    "fe80::200:f8ff:fe21:67cf",
    38024,
    0x4b61e985,
    0x02d1feef,
  ],
];

Deno.test("the hash is the one of Microsoft's table, over IPv4 and IPv6", () => {
  const hash = new ToeplitzHash(VERIFICATION_KEY);
  for (const [source, from, destination, to, addresses, ports] of IPV4) {
    const words = Int32Array.of(ipv4Of(source), ipv4Of(destination), from << 16 | to);
    assertEquals(hash.hash(words, 2) >>> 0, addresses);
    assertEquals(hash.hash(words, 3) >>> 0, ports);
  }
  for (const [source, from, destination, to, addresses, ports] of IPV6) {
    const words = Int32Array.of(...ipv6Of(source), ...ipv6Of(destination), from << 16 | to);
    assertEquals(hash.hash(words, 8) >>> 0, addresses);
    assertEquals(hash.hash(words, 9) >>> 0, ports);
  }
});

Deno.test("every bit of the input adds its part of the key", () => {
  const random = new SeededRandom(5);
  const key = Uint8Array.from({ length: KEY_BYTES }, () => random.uint32() & 255);
  const hash = new ToeplitzHash(key);
  const bits = [...key].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  for (let bit = 0; bit < 288; bit++) {
    const words = new Int32Array(9);
    words[bit >> 5] = 1 << (31 - (bit & 31));
    assertEquals(hash.hash(words, 9) >>> 0, parseInt(bits.slice(bit, bit + 32), 2), `${bit}`);
  }
});

Deno.test("a key of another length is refused, a drawn one is as random as its source", () => {
  assertThrows(() => new ToeplitzHash(new Uint8Array(16)), RangeError, "40 bytes");
  const words = Int32Array.of(1, 2, 3);
  const [one, same, other] = [1, 1, 2].map((seed) =>
    ToeplitzHash.random(new SeededRandom(seed)).hash(words, 3)
  );
  assertEquals(one, same);
  assertEquals(one === other, false);
});
