import { assert, assertEquals, assertThrows } from "@std/assert";
import { build, type Spec } from "../../tests/support/stack/segments.ts";
import { scale, withSeed } from "../../tests/support/seed.ts";
import { SeededRandom } from "../random.ts";
import { ipv4Of, ipv6Of, PacketBytes } from "../wire/mod.ts";
import {
  EVERY_SHARD,
  FlowDirector,
  INDIRECTION_PLACES,
  type SteeredPacket,
} from "./flow_director.ts";
import { ToeplitzHash, VERIFICATION_KEY } from "./toeplitz.ts";

function directorOf(shards: number): FlowDirector {
  const hash = new ToeplitzHash(VERIFICATION_KEY);
  return new FlowDirector({ shards, random: new SeededRandom(1), hash });
}

function direct(director: FlowDirector, bytes: Uint8Array): number {
  return director.directPacket(PacketBytes.copyOf(bytes, 6), 6, bytes.length);
}

function frame(packet: Uint8Array, to = 0x02, tags: readonly number[] = []): PacketBytes {
  const type = packet[0] >> 4 === 4 ? [0x08, 0x00] : [0x86, 0xdd];
  const tagBytes = tags.flatMap((id) => [0x81, 0x00, 0, id]);
  const header = [to, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
  return PacketBytes.copyOf([...header, ...tagBytes, ...type, ...packet]);
}

Deno.test("a flow always meets the same shard, and flows are spread evenly", () => {
  for (const isIpv6 of [false, true]) {
    for (const protocol of [6, 17] as const) {
      const director = directorOf(4);
      const counts = [0, 0, 0, 0];
      for (let port = 1; port <= 2000; port++) {
        const spec: Partial<Spec> = { isIpv6, protocol, sourcePort: port };
        const shard = direct(director, build(spec));
        assertEquals(direct(director, build({ ...spec, sequence: 99, flags: 1 })), shard);
        counts[shard]++;
      }
      assert(counts.every((count) => count > 350 && count < 650), `${counts}`);
    }
  }
});

Deno.test("the shard of a flow can be told without a packet of it", () => {
  const director = directorOf(8);
  const [source, destination] = [ipv4Of("10.0.0.2"), ipv4Of("10.0.0.1")];
  const [source6, destination6] = [ipv6Of("fd00::2"), ipv6Of("fd00::1")];
  for (let port = 1; port <= 100; port++) {
    const four = direct(director, build({ sourcePort: port, destinationPort: 80 }));
    assertEquals(director.shardOf([source], port, [destination], 80), four);
    const six = direct(director, build({ isIpv6: true, sourcePort: port, destinationPort: 80 }));
    assertEquals(director.shardOf(source6, port, destination6, 80), six);
  }
});

Deno.test("all fragments of a packet meet where they are put together", () => {
  const director = directorOf(16);
  const seen = new Set<number>();
  for (let port = 1; port < 30; port++) {
    const first = build({ protocol: 17, sourcePort: port, payload: new Uint8Array(64) });
    first[6] = 0x20;
    const second = first.slice();
    second[6] = 0;
    second[7] = 9;
    seen.add(direct(director, first)).add(direct(director, second));
  }
  assertEquals(seen.size, 1);
});

Deno.test("a program's rule decides, unless it has nothing to say", () => {
  const director = directorOf(4);
  const seen: SteeredPacket[] = [];
  director.configure((packet) => {
    seen.push(packet);
    return packet.destinationPort === 53 ? { steerTo: 3 } : "default";
  });
  const other = build({ protocol: 17, destinationPort: 54 });
  const usual = direct(directorOf(4), other);
  assertEquals(direct(director, build({ protocol: 17, destinationPort: 53 })), 3);
  assertEquals(direct(director, other), usual);
  assertEquals(direct(director, build({ isIpv6: true, protocol: 17, destinationPort: 53 })), 3);
  const { hash, ...rest } = seen[0];
  assertEquals(rest, {
    version: 4,
    protocol: 17,
    source: [ipv4Of("10.0.0.2")],
    destination: [ipv4Of("10.0.0.1")],
    sourcePort: 1000,
    destinationPort: 53,
    length: 128,
  });
  assert(hash >= 0);
  assertEquals(seen[2].source, [...ipv6Of("fd00::2")]);
  director.configure(null);
  assertEquals(direct(director, other), usual);
});

Deno.test("a rule that throws, or names no shard, is counted and passed over", () => {
  const director = directorOf(4);
  const bytes = build({});
  const usual = direct(director, bytes);
  const bad: unknown[] = [{ steerTo: 4 }, { steerTo: -1 }, { steerTo: 1.5 }, null, undefined, {}];
  // deno-lint-ignore no-explicit-any
  director.configure(() => bad.pop() as any);
  for (let count = 0; count < 6; count++) assertEquals(direct(director, bytes), usual);
  director.configure(() => {
    throw new Error("a program's mistake");
  });
  assertEquals(direct(director, bytes), usual);
  assertEquals(director.ruleFailures, 7);
});

Deno.test("the table of places says where hashes lead", () => {
  const director = directorOf(4);
  director.setIndirection(new Array(INDIRECTION_PLACES).fill(2));
  for (let port = 1; port < 50; port++) {
    assertEquals(direct(director, build({ sourcePort: port })), 2);
  }
  assertThrows(() => director.setIndirection([0]), RangeError);
  assertThrows(() => director.setIndirection(new Array(INDIRECTION_PLACES).fill(4)), RangeError);
  assertThrows(() => directorOf(0), RangeError);
  assertThrows(() => directorOf(65), RangeError);
});

Deno.test("frames are directed by what they carry, behind any tags", () => {
  const director = directorOf(16);
  const packet = build({ sourcePort: 7 });
  const shard = direct(director, packet);
  const framed = (bytes: PacketBytes) => director.directFrame(bytes, 0, bytes.length);
  assertEquals(framed(frame(packet)), shard);
  assertEquals(framed(frame(packet, 0x02, [5])), shard);
  assertEquals(framed(frame(packet, 0x02, [5, 6])), shard);
  assertEquals(framed(frame(packet, 0x01)), EVERY_SHARD);
});

Deno.test("what concerns all hosts of a link concerns all shards", () => {
  const director = directorOf(16);
  const arp = PacketBytes.copyOf([
    2,
    0,
    0,
    0,
    0,
    1,
    2,
    0,
    0,
    0,
    0,
    2,
    8,
    6,
    ...new Array(46).fill(0),
  ]);
  assertEquals(director.directFrame(arp, 0, arp.length), EVERY_SHARD);
  const group = build({ protocol: 17 });
  group[16] = 239;
  assertEquals(direct(director, group), EVERY_SHARD);
  const group6 = build({ isIpv6: true, protocol: 17 });
  group6[24] = 0xff;
  assertEquals(direct(director, group6), EVERY_SHARD);
  const solicitation = build({ isIpv6: true });
  solicitation[6] = 58;
  solicitation[40] = 135;
  assertEquals(direct(director, solicitation), EVERY_SHARD);
  solicitation[40] = 128;
  assert(direct(director, solicitation) >= 0);
});

Deno.test(
  "whatever arrives has a shard",
  withSeed((random) => {
    const director = directorOf(7);
    for (let turn = 0; turn < scale(20_000, 1_000_000); turn++) {
      const bytes = random.chance(0.3)
        ? random.bytes(random.integer(0, 80))
        : build({ isIpv6: random.chance(0.5) });
      for (let flip = random.integer(0, 4); flip > 0 && bytes.length > 0; flip--) {
        bytes[random.integer(0, bytes.length - 1)] = random.integer(0, 255);
      }
      const copy = PacketBytes.copyOf(bytes);
      const shards = [
        director.directPacket(copy, 0, bytes.length),
        director.directFrame(copy, 0, bytes.length),
      ];
      for (const shard of shards) assert(shard === EVERY_SHARD || shard >= 0 && shard < 7);
    }
  }),
);
