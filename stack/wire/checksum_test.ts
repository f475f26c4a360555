import { assert, assertEquals } from "@std/assert";
import { ipv4Of, ipv6Of, putIpv6 } from "./addresses.ts";
import * as checksum from "./checksum.ts";
import { PacketBytes } from "./packet_bytes.ts";
import { type Random, scale, withSeed } from "../../tests/support/seed.ts";

/** RFC 1071 word by word, as the RFC writes it down. */
function slowSum(bytes: Uint8Array, at: number, length: number): number {
  let sum = 0;
  for (let i = 0; i < length; i += 2) {
    sum += bytes[at + i] << 8 | (i + 1 < length ? bytes[at + i + 1] : 0);
  }
  while (sum > 0xffff) sum = sum % 0x10000 + Math.floor(sum / 0x10000);
  return sum;
}

function memory(random: Random, length: number): PacketBytes {
  const shared = new WebAssembly.Memory({ initial: 4, maximum: 4, shared: true });
  const packets = new PacketBytes(shared.buffer);
  packets.bytes.set(random.bytes(length));
  return packets;
}

Deno.test("the example of RFC 1071 section 3 has the sum ddf2", () => {
  const packets = PacketBytes.copyOf([0, 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
  assertEquals(new checksum.PlainChecksummer(packets).sum(1, 8), 0xddf2);
  assertEquals(checksum.complement(0xddf2), 0x220d);
});

Deno.test(
  "every alignment and every length has the sum of the words, wherever it lies",
  withSeed((random) => {
    const packets = memory(random, 2048);
    const summer = new checksum.PlainChecksummer(packets);
    for (let at = 0; at < 18; at++) {
      for (let length = 0; length < 140; length++) {
        const expected = slowSum(packets.bytes, at, length);
        assertEquals(summer.sum(at, length), expected, `${length} bytes at ${at}`);
      }
    }
    for (let i = 0; i < scale(300, 20_000); i++) {
      const at = random.integer(0, 500);
      const length = random.integer(0, 1500);
      assertEquals(summer.sum(at, length), slowSum(packets.bytes, at, length), `${at} ${length}`);
    }
  }),
);

Deno.test(
  "long ranges of the largest words do not overflow",
  withSeed((random) => {
    const packets = memory(random, 0);
    packets.bytes.fill(0xff);
    const summer = new checksum.PlainChecksummer(packets);
    const lengths = [65535, 65536, 65537, 131071, 131072, 200_001, 262_140];
    for (const at of [0, 1, 2, 3]) {
      for (const length of lengths) {
        assertEquals(summer.sum(at, length), slowSum(packets.bytes, at, length), `${at} ${length}`);
      }
    }
  }),
);

Deno.test("only zeros add up to 0", () => {
  const packets = PacketBytes.copyOf(new Uint8Array(64));
  const summer = new checksum.PlainChecksummer(packets);
  assertEquals(summer.sum(3, 61), 0);
  packets.bytes.fill(0xff, 10, 12);
  assertEquals(summer.sum(0, 64), 0xffff);
  assertEquals(checksum.fold(0x1fffe), 0xffff);
  assertEquals(checksum.fold(0xffff_ffff), 0xffff);
  assertEquals(checksum.fold(0), 0);
});

Deno.test(
  "sums of parts add up, behind an odd number of bytes too",
  withSeed((random) => {
    const packets = memory(random, 4096);
    const summer = new checksum.PlainChecksummer(packets);
    for (let i = 0; i < scale(300, 20_000); i++) {
      const at = random.integer(0, 100);
      const first = random.integer(0, 200);
      const second = random.integer(0, 200);
      const sum = checksum.append(summer.sum(at, first), first, summer.sum(at + first, second));
      assertEquals(sum, summer.sum(at, first + second), `${first} and ${second} bytes at ${at}`);
    }
  }),
);

Deno.test(
  "an updated checksum is that of the changed bytes",
  withSeed((random) => {
    const packets = memory(random, 64);
    const summer = new checksum.PlainChecksummer(packets);
    for (let i = 0; i < scale(1000, 50_000); i++) {
      const before = checksum.complement(summer.sum(0, 64));
      const at = random.integer(0, 30) * 2;
      let after: number;
      if (random.chance(0.5)) {
        const [old, fresh] = [packets.view.getUint16(at), random.integer(0, 0xffff)];
        packets.view.setUint16(at, fresh);
        after = checksum.update16(before, old, fresh);
      } else {
        const [old, fresh] = [packets.view.getInt32(at), random.uint32() | 0];
        packets.view.setInt32(at, fresh);
        after = checksum.update32(before, old, fresh);
      }
      assertEquals(after, checksum.complement(summer.sum(0, 64)));
    }
  }),
);

Deno.test("the example of RFC 1624 section 4 comes out right", () => {
  // A field changes from 5555 to 3285 in a header whose checksum is dd2f.
  assertEquals(checksum.update16(0xdd2f, 0x5555, 0x3285), 0x0000);
});

Deno.test("pseudo headers have the sum of their fields, from values and from memory", () => {
  const packets = new PacketBytes(new ArrayBuffer(128));
  const summer = new checksum.PlainChecksummer(packets);
  const [from, to] = [ipv4Of("192.168.201.255"), ipv4Of("10.254.240.3")];
  // The pseudo header as RFC 9293 section 3.1 draws it.
  packets.view.setInt32(0, from);
  packets.view.setInt32(4, to);
  packets.view.setInt32(8, 6 << 16 | 1480);
  assertEquals(checksum.pseudoIpv4(from, to, 6, 1480), summer.sum(0, 12));
  packets.view.setInt32(32 + 12, from);
  packets.view.setInt32(32 + 16, to);
  assertEquals(checksum.pseudoIpv4At(packets, 32, 6, 1480), summer.sum(0, 12));

  const [from6, to6] = [ipv6Of("fe80::ff:fe00:1"), ipv6Of("ff02::1:ff00:2")];
  for (const length of [40, 65536, 70_000]) {
    putIpv6(packets, 0, from6);
    putIpv6(packets, 16, to6);
    packets.view.setUint32(32, length);
    packets.view.setUint32(36, 58);
    const expected = summer.sum(0, 40);
    assertEquals(checksum.pseudoIpv6(from6, to6, 58, length), expected);
    putIpv6(packets, 64 + 8, from6);
    putIpv6(packets, 64 + 24, to6);
    assertEquals(checksum.pseudoIpv6At(packets, 64, 58, length), expected);
    packets.bytes.fill(0);
  }
  assert(checksum.pseudoIpv4(0, 0, 0, 0) === 0);
});
