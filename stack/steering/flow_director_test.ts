import { assert, assertEquals, assertThrows } from "@std/assert";
import { build, type Spec } from "../../tests/support/stack/segments.ts";
import { scale, withSeed } from "../../tests/support/seed.ts";
import { ipv4Of, ipv6Of, PacketBytes } from "../wire/mod.ts";
import { EVERY_SHARD, FlowDirector, type SteeredPacket } from "./flow_director.ts";
import { NOBODY, type PortHolders, SEVERAL } from "./port_holders.ts";
import { ToeplitzHash, VERIFICATION_KEY } from "./toeplitz.ts";

function directorOf(shards: number): FlowDirector {
  const hash = new ToeplitzHash(VERIFICATION_KEY);
  return new FlowDirector({ shards, hash });
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

Deno.test("every shard is given fragments, since most of them have no ports", () => {
  const director = directorOf(16);
  const first = build({ protocol: 17, payload: new Uint8Array(64) });
  first[6] = 0x20;
  const second = first.slice();
  second[6] = 0;
  second[7] = 9;
  for (const part of [first, second]) assertEquals(direct(director, part), EVERY_SHARD);
  const six = build({ isIpv6: true, protocol: 17, payload: new Uint8Array(64) });
  const fragment = Uint8Array.of(17, 0, 0, 1, 0, 0, 0, 9);
  const whole = Uint8Array.of(...six.subarray(0, 40), ...fragment, ...six.subarray(40));
  whole[6] = 44;
  whole[5] += fragment.length;
  assertEquals(direct(director, whole), EVERY_SHARD);
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

Deno.test("a stack has 1 to 64 shards", () => {
  assertEquals(directorOf(1).shards, 1);
  assertEquals(directorOf(64).shards, 64);
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
  const macs = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
  const arp = PacketBytes.copyOf([...macs, 8, 6, ...new Array(46).fill(0)]);
  assertEquals(director.directFrame(arp, 0, arp.length), EVERY_SHARD);
  const group = build({ protocol: 17 });
  group[16] = 239;
  assertEquals(direct(director, group), EVERY_SHARD);
  const everybody = build({ protocol: 17 });
  everybody.fill(255, 16, 20);
  assertEquals(direct(director, everybody), EVERY_SHARD);
  const group6 = build({ isIpv6: true, protocol: 17 });
  group6[24] = 0xff;
  assertEquals(direct(director, group6), EVERY_SHARD);
  const igmp = build({});
  igmp[9] = 2;
  assertEquals(direct(director, igmp), EVERY_SHARD);
});

Deno.test("errors of ICMP and answers go to every shard, questions to one", () => {
  const director = directorOf(16);
  const four = build({});
  four[9] = 1;
  // Unreachable, redirect, time exceeded, parameter problem, replies to echo and timestamp.
  for (const type of [3, 5, 11, 12, 0, 14]) {
    four[20] = type;
    assertEquals(direct(director, four), EVERY_SHARD, `${type}`);
  }
  const asked = [8, 13].map((type) => {
    four[20] = type;
    return direct(director, four);
  });
  assert(asked[0] >= 0 && asked[0] === asked[1]);
  const six = build({ isIpv6: true });
  six[6] = 58;
  // Errors, a reply to an echo, listener and neighbour discovery.
  for (const type of [1, 2, 3, 4, 129, 130, 131, 132, 133, 134, 135, 136, 137, 143]) {
    six[40] = type;
    assertEquals(direct(director, six), EVERY_SHARD, `${type}`);
  }
  six[40] = 128;
  assert(direct(director, six) >= 0);
});

/** Holders as a test says, by port. */
function holdersOf(ports: Readonly<Record<number, number>>, raw = NOBODY): PortHolders {
  return {
    holderOf: (_protocol, port) => ports[port] ?? NOBODY,
    choose: (protocol, _port, hash) => protocol === 17 ? 4 + (hash & 1) : NOBODY,
    rawHolderOf: (protocol) => protocol === 253 ? raw : NOBODY,
  };
}

Deno.test("what one shard alone has the port of goes to it, whatever a rule says", () => {
  const hash = new ToeplitzHash(VERIFICATION_KEY);
  const director = new FlowDirector({ shards: 8, hash, ports: holdersOf({ 53: 6, 80: SEVERAL }) });
  director.configure(() => ({ steerTo: 1 }));
  for (const protocol of [6, 17] as const) {
    for (const isIpv6 of [false, true]) {
      assertEquals(direct(director, build({ isIpv6, protocol, destinationPort: 53 })), 6);
      assertEquals(direct(director, build({ isIpv6, protocol, destinationPort: 80 })), 1);
      assertEquals(direct(director, build({ isIpv6, protocol, destinationPort: 81 })), 1);
    }
  }
  director.configure(null);
  const usual = directorOf(8);
  for (let sourcePort = 1; sourcePort < 20; sourcePort++) {
    const stream = build({ sourcePort, destinationPort: 80 });
    assertEquals(direct(director, stream), direct(usual, stream));
    const shard = direct(director, build({ protocol: 17, sourcePort, destinationPort: 80 }));
    assert(shard === 4 || shard === 5);
  }
  assertEquals([53, 80, 81].map((port) => director.portShard(17, port, 0)), [6, 4, NOBODY]);
  assertEquals(usual.portShard(17, 53, 0), NOBODY);
});

Deno.test("a flow has the shard that its packets have, and one that it has if it is spread", () => {
  const hash = new ToeplitzHash(VERIFICATION_KEY);
  const director = new FlowDirector({ shards: 8, hash, ports: holdersOf({ 53: 6 }) });
  const ends = [["10.0.0.2", "10.0.0.1"].map(ipv4Of), ["fd00::2", "fd00::1"].map(ipv6Of)];
  for (const [isIpv6, [source, destination]] of [[false, ends[0]], [true, ends[1]]] as const) {
    for (const destinationPort of [53, 80]) {
      const packet = build({ isIpv6, sourcePort: 9, destinationPort });
      const flow = [6, source, 9, destination, destinationPort] as const;
      assertEquals(director.directFlow(...flow), direct(director, packet));
      assertEquals(director.spreadFlow(...flow), direct(directorOf(8), packet));
    }
  }
});

Deno.test("protocols of raw sockets go to whoever has some", () => {
  const hash = new ToeplitzHash(VERIFICATION_KEY);
  const packet = build({});
  packet[9] = 253;
  const shards = [NOBODY, 3, SEVERAL].map((raw) =>
    direct(new FlowDirector({ shards: 8, hash, ports: holdersOf({}, raw) }), packet)
  );
  assertEquals(shards, [direct(directorOf(8), packet), 3, EVERY_SHARD]);
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
