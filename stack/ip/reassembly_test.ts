import { assert, assertEquals } from "@std/assert";
import { SECOND } from "../environment.ts";
import { PacketFlag } from "../packet_table.ts";
import { randomBelow } from "../random.ts";
import type { Ipv4Address } from "../wire/addresses.ts";
import {
  IpHarness,
  OTHER_PEER,
  OTHER_PEER_6,
  OURS,
  pattern,
  PEER,
} from "../../tests/support/stack/ip.ts";
import {
  ipv4Fragment,
  ipv4Packet,
  ipv6Fragment,
  ipv6Packet,
  readIpv4,
  readIpv6,
} from "../../tests/support/stack/ip_packets.ts";
import { scale, withSeed } from "../../tests/support/seed.ts";
import { REASSEMBLY } from "./reassembly.ts";

const DATA = pattern(3000);

type MakeFragment = (
  payload: Uint8Array,
  offset: number,
  end: number,
  header?: { identification?: number; ecn?: number; protocol?: number },
) => Uint8Array;

const FAMILIES: readonly (readonly [string, MakeFragment])[] = [
  ["IPv4", ipv4Fragment],
  ["IPv6", ipv6Fragment],
];

for (const [family, fragment] of FAMILIES) {
  // covers RFC 8200 5 MUST
  // covers RFC 1122 3.3.2 MUST
  // covers RFC 1122 3.2.1.4 MUST
  Deno.test(`${family}: fragments in any order become the packet`, () => {
    const cuts = [[0, 1000], [1000, 2000], [2000, 3000]];
    const orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    const harness = new IpHarness();
    for (const [identification, order] of orders.entries()) {
      for (const at of order) {
        harness.give(fragment(DATA, cuts[at][0], cuts[at][1], { identification }));
      }
    }
    assertEquals(harness.protocol.delivered.map(({ payload }) => payload), orders.map(() => DATA));
    assert(harness.protocol.delivered.every(({ flags }) => flags & PacketFlag.REASSEMBLED));
    assertEquals(harness.ip.reassembling, { packets: 0, fragments: 0, bytes: 0 });
    assertEquals([harness.count("REASSEMBLED"), harness.count("FRAGMENTS_RECEIVED")], [6, 18]);
    harness.assertClean();
  });

  Deno.test(`${family}: the headers of a whole are those of no fragment`, () => {
    const harness = new IpHarness();
    harness.give(fragment(DATA, 0, 1000));
    harness.give(fragment(DATA, 1000, 3000));
    const [{ bytes }] = harness.protocol.delivered;
    if (family === "IPv4") {
      const { totalLength, moreFragments, fragmentOffset } = readIpv4(bytes);
      assertEquals([totalLength, moreFragments, fragmentOffset], [3020, false, 0]);
    } else {
      const { payloadLength, extensions, nextHeader } = readIpv6(bytes);
      assertEquals([payloadLength, extensions, nextHeader], [3000, [], 253]);
    }
    harness.assertClean();
  });

  Deno.test(`${family}: a whole is a chain of what came, but its headers are in one piece`, () => {
    const harness = new IpHarness();
    harness.give(fragment(DATA, 0, 1000));
    harness.give(fragment(DATA, 1000, 3000));
    assertEquals(harness.protocol.delivered[0].segments, 2);
    // A first fragment may be shorter than a header.
    const short = new IpHarness();
    short.give(fragment(DATA, 8, 3000));
    short.give(fragment(DATA, 0, 8));
    assertEquals(short.protocol.delivered[0].payload, DATA);
    for (const clean of [harness, short]) clean.assertClean();
  });

  // covers RFC 8200 4.5 MUST
  // covers RFC 5722 4 MUST
  Deno.test(`${family}: fragments that overlap end the packet`, () => {
    const overlaps = [[992, 2000], [0, 1008], [8, 16], [500 & ~7, 3000], [0, 992]];
    for (const [offset, end] of overlaps) {
      const harness = new IpHarness();
      harness.give(fragment(DATA, 0, 1000));
      harness.give(fragment(DATA, offset, end));
      harness.give(fragment(DATA, 1000, 2000));
      harness.give(fragment(DATA, 2000, 3000));
      assertEquals(harness.protocol.delivered.length, 0, `${offset} to ${end}`);
      assert(harness.count("DROPPED_FRAGMENT_OVERLAP") >= 2);
      harness.advance(61 * SECOND);
      assertEquals(harness.ip.reassembling, { packets: 0, fragments: 0, bytes: 0 });
      harness.assertClean();
    }
  });

  Deno.test(`${family}: what overlapped stays refused where identifications stay unique`, () => {
    const harness = new IpHarness();
    const giveAll = () => {
      for (const at of [0, 1000, 2000]) harness.give(fragment(DATA, at, at + 1000));
    };
    harness.give(fragment(DATA, 0, 1000));
    harness.give(fragment(DATA, 8, 16));
    giveAll();
    // Those of IPv4 come back so soon that the next packet may be a good one.
    assertEquals(harness.protocol.delivered.length, family === "IPv4" ? 1 : 0);
    harness.advance(60 * SECOND);
    giveAll();
    assertEquals(harness.protocol.delivered.length, family === "IPv4" ? 2 : 1);
    harness.assertClean();
  });

  Deno.test(`${family}: a packet has one end`, () => {
    const last = pattern(2000);
    const before = new IpHarness();
    before.give(fragment(DATA, 2000, 3000));
    before.give(fragment(last, 1000, 2000));
    before.give(fragment(DATA, 0, 1000));
    assertEquals(before.protocol.delivered.length, 0);
    const behind = new IpHarness();
    behind.give(fragment(last, 1000, 2000));
    behind.give(fragment(DATA, 2000, 2800));
    behind.give(fragment(DATA, 0, 1000));
    assertEquals(behind.protocol.delivered.length, 0);
    for (const harness of [before, behind]) {
      assert(harness.count("DROPPED_FRAGMENT_OVERLAP") >= 2);
      harness.ip.clear();
      harness.assertClean();
    }
  });

  // covers RFC 8200 4.5 MAY
  Deno.test(`${family}: exact duplicates change nothing, others are overlaps`, () => {
    const harness = new IpHarness();
    harness.give(fragment(DATA, 1000, 2000));
    harness.give(fragment(DATA, 1000, 2000));
    harness.give(fragment(DATA, 0, 1000));
    harness.give(fragment(DATA, 2000, 3000));
    assertEquals(harness.protocol.delivered[0].payload, DATA);
    assertEquals(harness.count("DROPPED_FRAGMENT_DUPLICATE"), 1);
    harness.assertClean();
    const other = new IpHarness();
    other.give(fragment(DATA, 1000, 2000));
    other.give(fragment(pattern(3000, 1), 1000, 2000));
    assertEquals(other.count("DROPPED_FRAGMENT_OVERLAP"), 2);
    other.ip.clear();
    other.assertClean();
  });

  // covers RFC 1122 3.3.2 MUST
  // covers RFC 8200 4.5 MUST, SHOULD
  Deno.test(`${family}: what stays incomplete is given up, and its sender told`, () => {
    const seconds = family === "IPv4" ? 30 : 60;
    const harness = new IpHarness();
    const first = fragment(DATA, 0, 1000);
    harness.give(first);
    harness.advance(10 * SECOND);
    harness.give(fragment(DATA, 1000, 2000));
    harness.advance((seconds - 10) * SECOND - 1);
    assertEquals([harness.ip.reassembling.packets, harness.sent.length], [1, 0]);
    harness.advance(1);
    assertEquals(harness.ip.reassembling, { packets: 0, fragments: 0, bytes: 0 });
    assertEquals(harness.count("REASSEMBLY_TIMED_OUT"), 1);
    const sent = harness.takeOne();
    const { payload } = family === "IPv4" ? readIpv4(sent) : readIpv6(sent);
    const [type, code] = payload;
    assertEquals([type, code], family === "IPv4" ? [11, 1] : [3, 1]);
    // The fragment is quoted as it came.
    assertEquals(payload.slice(8), first.slice(0, payload.length - 8));
    harness.assertClean();
  });

  Deno.test(`${family}: nobody is told where the first fragment is missing`, () => {
    const harness = new IpHarness();
    harness.give(fragment(DATA, 1000, 2000));
    harness.advance(61 * SECOND);
    assertEquals(harness.count("REASSEMBLY_TIMED_OUT"), 1);
    assertEquals(harness.sent, []);
    harness.assertClean();
  });

  // covers RFC 791 3.2 MUST
  // covers RFC 8200 4.5 MUST
  Deno.test(`${family}: packets are told apart by all that makes them`, () => {
    const harness = new IpHarness();
    harness.give(fragment(DATA, 0, 1000, { identification: 1 }));
    harness.give(fragment(DATA, 1000, 3000, { identification: 2 }));
    assertEquals(harness.protocol.delivered, []);
    assertEquals(harness.ip.reassembling.packets, 2);
    harness.give(fragment(DATA, 1000, 3000, { identification: 1 }));
    assertEquals(harness.protocol.delivered.length, 1);
    harness.ip.clear();
    harness.assertClean();
  });

  // covers RFC 3168 5.3 MUST
  // covers RFC 3168 5.3 MUST
  Deno.test(`${family}: congestion that one fragment met is that of the packet`, () => {
    const cases = [
      { ecn: [0, 0, 0], whole: 0 },
      { ecn: [2, 2, 2], whole: 2 },
      { ecn: [1, 1, 1], whole: 1 },
      { ecn: [3, 3, 3], whole: 3 },
      { ecn: [2, 3, 2], whole: 3 },
      { ecn: [1, 1, 3], whole: 3 },
      { ecn: [2, 1, 2], whole: 2 },
      { ecn: [0, 3, 0], whole: -1 },
      { ecn: [2, 0, 2], whole: -1 },
    ];
    for (const { ecn, whole } of cases) {
      const harness = new IpHarness();
      ecn.forEach((codepoint, at) =>
        harness.give(fragment(DATA, at * 1000, at * 1000 + 1000, { ecn: codepoint }))
      );
      const got = harness.protocol.delivered.map(({ bytes }) =>
        (family === "IPv4" ? readIpv4(bytes) : readIpv6(bytes)).ecn
      );
      assertEquals(got, whole < 0 ? [] : [whole], `${ecn}`);
      assertEquals(harness.count("DROPPED_ECN_MIX"), whole < 0 ? 1 : 0);
      harness.assertClean();
    }
  });

  Deno.test(`${family}: a packet has a bounded number of fragments`, () => {
    const harness = new IpHarness({ reassembly: { ...REASSEMBLY, fragmentsPerPacket: 4 } });
    for (let at = 0; at < 4; at++) harness.give(fragment(DATA, at * 16, at * 16 + 8));
    assertEquals(harness.count("DROPPED_FRAGMENT_COUNT"), 4);
    assertEquals(harness.ip.reassembling, { packets: 0, fragments: 0, bytes: 0 });
    harness.assertClean();
  });

  Deno.test(`${family}: packets that others hold are put together without touching them`, () => {
    const harness = new IpHarness();
    const { arena, packets } = harness.environment;
    const held = [fragment(DATA, 0, 1504), fragment(DATA, 1504, 3000)].map((bytes) => {
      const packet = harness.packet(bytes);
      packets.interface[packet] = 2;
      arena.retain(packet);
      if (family === "IPv4") harness.ip.receiveIpv4(packet, harness.link(2));
      else harness.ip.receiveIpv6(packet, harness.link(2));
      return { packet, bytes };
    });
    assertEquals(harness.protocol.delivered[0].payload, DATA);
    for (const { packet, bytes } of held) {
      assertEquals(harness.bytesOf(packet), bytes);
      arena.release(packet);
    }
    harness.assertClean();
  });
}

Deno.test("a flood of one source makes room by its own packets", () => {
  const harness = new IpHarness({ reassembly: { ...REASSEMBLY, packets: 8 } });
  harness.give(ipv4Fragment(DATA, 0, 1000));
  const source: Ipv4Address = PEER + 1;
  for (let identification = 0; identification < 100; identification++) {
    harness.give(ipv4Fragment(DATA, 0, 1000, { source, identification }));
  }
  assertEquals(harness.ip.reassembling.packets, 8);
  assertEquals(harness.count("REASSEMBLY_EVICTED"), 93);
  harness.give(ipv4Fragment(DATA, 1000, 3000));
  assertEquals(harness.protocol.delivered.map(({ payload }) => payload), [DATA]);
  harness.ip.clear();
  harness.assertClean();
});

Deno.test("bytes and fragments have bounds", () => {
  for (const bound of [{ bytes: 5000 }, { fragments: 5 }]) {
    const harness = new IpHarness({ reassembly: { ...REASSEMBLY, ...bound } });
    for (let identification = 0; identification < 50; identification++) {
      harness.give(ipv4Fragment(DATA, 0, 800, { identification }));
    }
    const { bytes, fragments } = harness.ip.reassembling;
    assert(bytes <= 5000 && fragments <= 6, `${bytes} bytes, ${fragments} fragments`);
    assert(harness.count("REASSEMBLY_EVICTED") >= 40);
    harness.ip.clear();
    harness.assertClean();
  }
  const harness = new IpHarness({ reassembly: { ...REASSEMBLY, bytes: 500 } });
  harness.give(ipv4Fragment(DATA, 0, 800));
  assertEquals(harness.count("DROPPED_FRAGMENT_ROOM"), 1);
  harness.ip.clear();
  harness.assertClean();
});

// covers RFC 8200 4.5 MUST
Deno.test("fragments of IPv6 of a wrong length are told to their sender", () => {
  const harness = new IpHarness();
  const extensions = [{
    header: "fragment",
    offset: 0,
    moreFragments: true,
    identification: 1,
  }] as const;
  harness.give(ipv6Packet(DATA.slice(0, 1001), { extensions }));
  const length = readIpv6(harness.takeOne()).payload;
  // Type 4, code 0, and the payload length.
  assertEquals([...length.slice(0, 2), length[7]], [4, 0, 4]);
  const far = [{ ...extensions[0], offset: 65528, moreFragments: false }];
  harness.give(ipv6Packet(DATA.slice(0, 1000), { extensions: far }));
  const overflow = readIpv6(harness.takeOne()).payload;
  // And the offset.
  assertEquals([...overflow.slice(0, 2), overflow[7]], [4, 0, 42]);
  harness.assertClean();
});

// covers RFC 7112 5 SHOULD
Deno.test("a first fragment without all headers is told to its sender", () => {
  const harness = new IpHarness();
  harness.give(ipv6Fragment(DATA, 0, 16, { protocol: 6 }));
  const { payload } = readIpv6(harness.takeOne());
  assertEquals([...payload.slice(0, 2)], [4, 3]);
  assertEquals(harness.countFault("IPV6_CHAIN_INCOMPLETE"), 1);
  harness.assertClean();
});

// RFC 6946
Deno.test("a packet that is its only fragment is taken apart from all others", () => {
  const harness = new IpHarness();
  harness.give(ipv6Fragment(DATA, 0, 1000));
  harness.give(ipv6Fragment(DATA.slice(0, 500), 0, 500));
  assertEquals(harness.protocol.delivered.map(({ payload }) => payload), [DATA.slice(0, 500)]);
  harness.give(ipv6Fragment(DATA, 1000, 3000));
  assertEquals(harness.protocol.delivered.length, 2);
  harness.assertClean();
});

Deno.test("headers in front of and behind the fragment header stay", () => {
  const options = { header: "destination", options: [{ type: 0x1e, data: pattern(5) }] } as const;
  const inner = ipv6Packet(DATA, { extensions: [options] }).slice(40);
  const harness = new IpHarness();
  for (const [offset, end] of [[1200, inner.length], [0, 1200]]) {
    const moreFragments = end < inner.length;
    const extensions = [
      { header: "hop-by-hop", options: [] },
      { header: "fragment", offset, moreFragments, identification: 9 },
    ] as const;
    harness.give(ipv6Packet(inner.slice(offset, end), { extensions, protocol: 60 }));
  }
  const [{ bytes, payload }] = harness.protocol.delivered;
  assertEquals(payload, DATA);
  const { extensions } = readIpv6(bytes);
  assertEquals(extensions.map(({ header }) => header), ["hop-by-hop", "destination"]);
  harness.assertClean();
});

Deno.test("fragments of fragments are refused", () => {
  const nested = ipv6Fragment(DATA, 0, 3000, { identification: 1 }).slice(40);
  const whole = Uint8Array.from([...nested]);
  const harness = new IpHarness();
  harness.give(ipv6Fragment(whole, 0, 1200, { protocol: 44 }));
  harness.give(ipv6Fragment(whole, 1200, whole.length, { protocol: 44 }));
  assertEquals(harness.protocol.delivered, []);
  assertEquals(harness.countFault("IPV6_FRAGMENT_NESTED"), 1);
  harness.assertClean();
});

Deno.test("a packet that would be too long is dropped", () => {
  const harness = new IpHarness();
  const payload = pattern(65504);
  const options = [{ option: "unknown", type: 30, data: new Uint8Array(38) }] as const;
  harness.give(ipv4Fragment(payload, 0, 32000, { options }));
  harness.give(ipv4Fragment(payload, 32000, 65504));
  assertEquals(harness.count("DROPPED_REASSEMBLY_LENGTH"), 1);
  harness.give(ipv4Fragment(payload, 0, 32000));
  harness.give(ipv4Fragment(payload, 32000, 65504));
  assertEquals(harness.protocol.delivered[0].payload, payload);
  harness.assertClean();
});

Deno.test("a last fragment without data is dropped", () => {
  const harness = new IpHarness();
  harness.give(ipv4Packet(new Uint8Array(0), { fragmentOffset: 800 }));
  assertEquals(harness.count("DROPPED_FRAGMENT_EMPTY"), 1);
  assertEquals(harness.ip.reassembling.packets, 0);
  harness.assertClean();
});

Deno.test(
  "random fragments come together as a list of them says",
  withSeed((random) => {
    const below = (limit: number) => randomBelow(random, limit);
    const harness = new IpHarness();
    for (let round = 0; round < scale(200, 5000); round++) {
      const data = pattern(8 + below(4000), round);
      const cuts = new Set([0, data.length]);
      for (let cut = below(8); cut > 0; cut--) cuts.add(below(data.length) & ~7);
      const ends = [...cuts].sort((one, other) => one - other);
      const parts = ends.slice(1).map((end, at) => [ends[at], end]);
      if (parts.length === 1) continue;
      // Some come twice, some are missing, and one may be of another cut.
      const given = parts.flatMap((part) => below(10) === 0 ? [part, part] : [part]);
      const isMissing = below(8) === 0;
      if (isMissing) given.splice(below(given.length), 1);
      for (let at = given.length - 1; at > 0; at--) {
        const other = below(at + 1);
        [given[at], given[other]] = [given[other], given[at]];
      }
      const fragment = FAMILIES[below(2)][1];
      const before = harness.protocol.delivered.length;
      for (const [offset, end] of given) {
        // What comes behind the last one that was missing begins another packet.
        if (harness.protocol.delivered.length > before) break;
        harness.give(fragment(data, offset, end, { identification: round }));
      }
      const arrived = new Set(given.map(([offset]) => offset)).size === parts.length;
      const delivered = harness.protocol.delivered.slice(before);
      assertEquals(
        delivered.map(({ payload }) => payload),
        arrived ? [data] : [],
        `round ${round}`,
      );
      harness.ip.clear();
      harness.protocol.delivered.length = 0;
    }
    assertEquals(harness.protocol.delivered.every(({ destination }) => destination === OURS), true);
    harness.assertClean();
  }),
);

// covers RFC 791 3.2 MUST
// covers RFC 8200 4.5 MUST
Deno.test("fragments of different senders are not put together", () => {
  const harness = new IpHarness();
  harness.give(ipv4Fragment(DATA, 0, 1000, { source: OTHER_PEER }));
  harness.give(ipv4Fragment(DATA, 1000, 3000));
  harness.give(ipv6Fragment(DATA, 0, 1000, { source: OTHER_PEER_6 }));
  harness.give(ipv6Fragment(DATA, 1000, 3000));
  assertEquals(harness.protocol.delivered, []);
  assertEquals(harness.ip.reassembling.packets, 4);
  harness.ip.clear();
  harness.assertClean();
});
