import { assert, assertEquals } from "@std/assert";
import { PacketFlag } from "../packet_table.ts";
import { ipv4Of, ipv6Of } from "../wire/addresses.ts";
import { Protocol } from "../wire/numbers.ts";
import {
  ETH,
  FAR,
  FAR_6,
  IpHarness,
  OTHER_ETH,
  OURS,
  OURS_6,
  OURS_OTHER,
  OURS_OTHER_6,
  pattern,
  PEER,
  PEER_6,
  PEER_LINK,
} from "../../tests/support/stack/ip.ts";
import {
  ipv4Packet,
  ipv6Packet,
  readIpv4,
  readIpv6,
} from "../../tests/support/stack/ip_packets.ts";

const DATA = pattern(100);

Deno.test("a packet of IPv4 goes to its protocol", () => {
  const harness = new IpHarness();
  harness.give(ipv4Packet(DATA));
  const [delivered] = harness.protocol.delivered;
  assertEquals(delivered.payload, DATA);
  assertEquals([delivered.source, delivered.destination], [PEER, OURS]);
  harness.assertClean();
});

Deno.test("a packet of IPv6 goes to its protocol", () => {
  const harness = new IpHarness();
  harness.give(ipv6Packet(DATA));
  const [delivered] = harness.protocol.delivered;
  assertEquals(delivered.payload, DATA);
  assertEquals([delivered.source, delivered.destination], [PEER_6, OURS_6]);
  harness.assertClean();
});

Deno.test("padding behind a packet is cut off", () => {
  for (const packet of [ipv4Packet(DATA), ipv6Packet(DATA)]) {
    const harness = new IpHarness();
    const padded = new Uint8Array(packet.length + 18);
    padded.set(packet);
    harness.give(padded);
    harness.give(padded, { segments: [packet.length + 2, 5] });
    assertEquals(harness.protocol.delivered.map(({ payload }) => payload), [DATA, DATA]);
    harness.assertClean();
  }
});

Deno.test("headers that span segments are read all the same", () => {
  for (const packet of [ipv4Packet(DATA), ipv6Packet(DATA)]) {
    for (const segments of [[1], [10, 10, 10], [19, 1, 30], [39, 3]]) {
      const harness = new IpHarness();
      harness.give(packet, { segments });
      assertEquals(harness.protocol.delivered[0].payload, DATA);
      harness.assertClean();
    }
  }
});

// covers RFC 1122 3.2.1.2 MUST
Deno.test("a bad checksum of IPv4 is dropped and counted", () => {
  const harness = new IpHarness();
  const packet = ipv4Packet(DATA);
  packet[8]--;
  harness.give(packet);
  assertEquals(harness.protocol.delivered.length, 0);
  assertEquals(harness.countFault("IPV4_CHECKSUM"), 1);
  assertEquals(harness.count("DROPPED_HEADER"), 1);
  harness.assertClean();
});

// covers RFC 1122 3.2.1.1 MUST
Deno.test("a packet of another version is dropped and counted", () => {
  const harness = new IpHarness();
  const packet = ipv4Packet(DATA);
  packet[0] = 0x55;
  harness.give(packet);
  assertEquals(harness.countFault("IPV4_VERSION"), 1);
  assertEquals(harness.sent.length, 0);
  harness.assertClean();
});

// covers RFC 1122 3.2.1.3 MUST
// covers RFC 1122 3.1 MUST
Deno.test("what is not for a host is dropped in silence", () => {
  const harness = new IpHarness();
  harness.give(ipv4Packet(DATA, { destination: FAR }));
  harness.give(ipv6Packet(DATA, { destination: FAR_6 }));
  assertEquals(harness.count("DROPPED_DESTINATION"), 2);
  assertEquals(harness.sent.length, 0);
  harness.assertClean();
});

// covers RFC 1122 3.2.1.3 MUST
// covers RFC 1122 3.2.1.3 MUST
Deno.test("sources that nobody outside can have are dropped", () => {
  const sources = ["0.0.0.0", "0.1.2.3", "127.0.0.1", "192.0.2.255", "192.0.2.1", "198.51.100.1"];
  for (const source of sources) {
    const harness = new IpHarness();
    harness.give(ipv4Packet(DATA, { source: ipv4Of(source) }));
    assertEquals(harness.protocol.delivered, [], source);
    assertEquals(harness.count("DROPPED_SOURCE"), 1, source);
    harness.assertClean();
  }
});

Deno.test("who has no address yet is heard where it speaks to everybody", () => {
  const harness = new IpHarness();
  harness.give(ipv4Packet(DATA, { source: 0, destination: -1 }), {
    flags: PacketFlag.LINK_BROADCAST,
  });
  assertEquals(harness.protocol.delivered.length, 1);
  harness.assertClean();
});

// covers RFC 4291 2.5.3 MUST
Deno.test("sources of IPv6 that nobody outside can have are dropped", () => {
  for (const source of ["::1", "::ffff:192.0.2.2"]) {
    const harness = new IpHarness();
    harness.give(ipv6Packet(DATA, { source: ipv6Of(source) }));
    assertEquals(harness.count("DROPPED_SOURCE"), 1, source);
    harness.assertClean();
  }
  const harness = new IpHarness();
  harness.give(ipv6Packet(DATA, { source: ipv6Of("ff02::1") }));
  assertEquals(harness.countFault("IPV6_SOURCE"), 1);
  harness.assertClean();
});

// covers RFC 1122 3.3.6 SHOULD
Deno.test("a packet for one host in a frame for many is dropped", () => {
  for (const flags of [PacketFlag.LINK_BROADCAST, PacketFlag.LINK_MULTICAST]) {
    const harness = new IpHarness();
    harness.give(ipv4Packet(DATA), { flags });
    harness.give(ipv6Packet(DATA), { flags });
    assertEquals(harness.count("DROPPED_LINK_CAST"), 2);
    harness.assertClean();
  }
});

// covers RFC 1122 3.3.6 MUST
Deno.test("broadcasts of the link are for us, those of other links are not", () => {
  const harness = new IpHarness();
  const flags = PacketFlag.LINK_BROADCAST;
  harness.give(ipv4Packet(DATA, { destination: ipv4Of("192.0.2.255") }), { flags });
  harness.give(ipv4Packet(DATA, { destination: ipv4Of("255.255.255.255") }), { flags });
  assertEquals(harness.protocol.delivered.length, 2);
  harness.give(ipv4Packet(DATA, { destination: ipv4Of("198.51.100.255") }), { flags });
  assertEquals(harness.protocol.delivered.length, 2);
  harness.assertClean();
});

// RFC 1112 section 7.2
Deno.test("packets for groups are for their members only", () => {
  const group = ipv4Of("239.1.2.3");
  const group6 = ipv6Of("ff02::1:2");
  const harness = new IpHarness();
  const flags = PacketFlag.LINK_MULTICAST;
  harness.give(ipv4Packet(DATA, { destination: group }), { flags });
  harness.give(ipv6Packet(DATA, { destination: group6 }), { flags });
  assertEquals(harness.count("DROPPED_GROUP"), 2);
  harness.groups.push({ interface: ETH, group }, { interface: ETH, group: group6 });
  harness.give(ipv4Packet(DATA, { destination: group }), { flags });
  harness.give(ipv6Packet(DATA, { destination: group6 }), { flags });
  assertEquals(harness.protocol.delivered.map(({ destination }) => destination), [group, group6]);
  harness.give(ipv4Packet(DATA, { destination: group }), { flags, on: OTHER_ETH });
  assertEquals(harness.count("DROPPED_GROUP"), 3);
  harness.assertClean();
});

// covers RFC 4291 2.7 MUST
Deno.test("groups of scope 0 and 1 never come in by a link", () => {
  for (const text of ["ff00::5", "ff01::5"]) {
    const destination = ipv6Of(text);
    const harness = new IpHarness();
    harness.groups.push({ interface: ETH, group: destination });
    harness.give(ipv6Packet(DATA, { destination }), { flags: PacketFlag.LINK_MULTICAST });
    assertEquals(harness.count("DROPPED_DESTINATION"), 1, text);
    harness.assertClean();
  }
});

Deno.test("the host model says whether another interface's address is ours", () => {
  for (const hostModel of ["weak", "strong"] as const) {
    const harness = new IpHarness({ hostModel });
    harness.give(ipv4Packet(DATA, { destination: OURS_OTHER }));
    harness.give(ipv6Packet(DATA, { destination: OURS_OTHER_6 }));
    // What was remembered of the first one is not another answer.
    harness.give(ipv4Packet(DATA, { destination: OURS_OTHER }));
    assertEquals(harness.protocol.delivered.length, hostModel === "weak" ? 3 : 0);
    harness.assertClean();
  }
});

// RFC 4007 section 6
Deno.test("an address of the link is ours on its own link only", () => {
  const harness = new IpHarness();
  const destination = ipv6Of("fe80::11");
  harness.give(ipv6Packet(DATA, { source: PEER_LINK, destination }));
  assertEquals(harness.protocol.delivered.length, 0);
  harness.give(ipv6Packet(DATA, { source: PEER_LINK, destination }), { on: OTHER_ETH });
  assertEquals(harness.protocol.delivered.length, 1);
  harness.assertClean();
});

Deno.test("what is remembered of addresses is forgotten when they change", () => {
  const harness = new IpHarness();
  const later = ipv4Of("192.0.2.77");
  harness.give(ipv4Packet(DATA, { destination: later }));
  assertEquals(harness.protocol.delivered.length, 0);
  harness.addAddress(ETH, later, 24);
  harness.give(ipv4Packet(DATA, { destination: later }));
  assertEquals(harness.protocol.delivered.length, 1);
  harness.assertClean();
});

// covers RFC 7126 4.3 SHOULD
Deno.test("packets with source routes are dropped", () => {
  for (const option of ["loose-source-route", "strict-source-route"] as const) {
    const harness = new IpHarness();
    harness.give(ipv4Packet(DATA, { options: [{ option, pointer: 4, addresses: [FAR] }] }));
    assertEquals(harness.protocol.delivered.length, 0);
    assertEquals(harness.count("DROPPED_SOURCE_ROUTE"), 1);
    harness.assertClean();
  }
});

// covers RFC 1122 3.2.1.8 MUST
// covers RFC 9293 3.9.2.1 MUST-50
Deno.test("packets with other options are delivered", () => {
  const harness = new IpHarness();
  const options = [
    { option: "router-alert", value: 0 },
    { option: "record-route", pointer: 4, addresses: [0, 0] },
    { option: "unknown", type: 30, data: Uint8Array.of(1, 2) },
  ] as const;
  harness.give(ipv4Packet(DATA, { options }));
  assertEquals(harness.protocol.delivered[0].payload, DATA);
  harness.assertClean();
});

// covers RFC 1122 3.2.2.5 SHOULD
Deno.test("a bad option is told to its sender, with the place", () => {
  const harness = new IpHarness();
  const options = [{ option: "unknown", type: 148, data: Uint8Array.of(1, 2, 3, 4) }] as const;
  harness.give(ipv4Packet(DATA, { options }));
  const { payload, destination } = readIpv4(harness.takeOne());
  assertEquals(destination, PEER);
  // Type 12, code 0, and the byte that says how long the option is.
  assertEquals([...payload.slice(0, 2), payload[4]], [12, 0, 21]);
  assertEquals(harness.countFault("IPV4_OPTION_LENGTH"), 1);
  harness.assertClean();
});

// covers RFC 1122 3.2.1.7 MUST
Deno.test("packets for us are not dropped for want of hops", () => {
  const harness = new IpHarness();
  for (const timeToLive of [0, 1]) harness.give(ipv4Packet(DATA, { timeToLive }));
  for (const hopLimit of [0, 1]) harness.give(ipv6Packet(DATA, { hopLimit }));
  assertEquals(harness.protocol.delivered.length, 4);
  harness.assertClean();
});

// covers RFC 1122 3.2.2.1 SHOULD
Deno.test("a protocol that nobody knows is told to the sender", () => {
  const harness = new IpHarness();
  const packet = ipv4Packet(DATA, { protocol: 99 });
  harness.give(packet);
  const { payload, source, destination, protocol } = readIpv4(harness.takeOne());
  assertEquals([source, destination, protocol], [OURS, PEER, Protocol.ICMPV4]);
  assertEquals([...payload.slice(0, 2)], [3, 2]);
  assertEquals(payload.slice(8), packet);
  assertEquals(harness.count("DROPPED_PROTOCOL"), 1);
  harness.assertClean();
});

// covers RFC 8200 4 SHOULD
Deno.test("a next header that nobody knows is told to the sender, with the place", () => {
  const harness = new IpHarness();
  const packet = ipv6Packet(DATA, {
    protocol: 99,
    extensions: [{ header: "destination", options: [] }],
  });
  harness.give(packet);
  const { payload } = readIpv6(harness.takeOne());
  // Type 4, code 1, and the first byte of the destination options.
  assertEquals([...payload.slice(0, 2), payload[7]], [4, 1, 40]);
  assertEquals(payload.slice(8), packet);
  harness.assertClean();
});

// covers RFC 8200 4.7 MUST
Deno.test("a packet of IPv6 that carries nothing causes nothing", () => {
  const harness = new IpHarness();
  harness.give(ipv6Packet(DATA, { protocol: Protocol.NONE }));
  assertEquals(harness.sent, []);
  harness.assertClean();
});

Deno.test("raw listeners see packets before their protocols, which go on all the same", () => {
  const harness = new IpHarness();
  const seen: [number, number][] = [];
  harness.ip.rawListener = {
    listensTo: (protocol) => protocol !== 98,
    onPacket: (packet, protocol) => {
      seen.push([protocol, harness.bytesOf(packet).length]);
      return true;
    },
  };
  harness.give(ipv4Packet(DATA));
  harness.give(ipv6Packet(DATA));
  assertEquals(seen, [[253, 120], [253, 140]]);
  assertEquals(harness.protocol.delivered.length, 2);
  // Somebody took it: its protocol is not unknown.
  harness.give(ipv4Packet(DATA, { protocol: 99 }));
  assertEquals(harness.sent, []);
  harness.give(ipv4Packet(DATA, { protocol: 98 }));
  assertEquals(harness.sent.length, 1);
  assertEquals(seen.length, 3);
  harness.assertClean();
});

// covers RFC 8200 4.2 MUST
Deno.test("unknown options of IPv6 do what their highest bits ask for", () => {
  const group = ipv6Of("ff02::1:2");
  const cases = [
    { type: 0x1e, destination: OURS_6, isDelivered: true, errors: 0 },
    { type: 0x5e, destination: OURS_6, isDelivered: false, errors: 0 },
    { type: 0x9e, destination: OURS_6, isDelivered: false, errors: 1 },
    { type: 0xde, destination: OURS_6, isDelivered: false, errors: 1 },
    { type: 0x9e, destination: group, isDelivered: false, errors: 1 },
    { type: 0xde, destination: group, isDelivered: false, errors: 0 },
  ];
  for (const header of ["hop-by-hop", "destination"] as const) {
    for (const { type, destination, isDelivered, errors } of cases) {
      const harness = new IpHarness();
      harness.groups.push({ interface: ETH, group });
      const options = [{ type, data: Uint8Array.of(1, 2, 3) }];
      const extensions = [{ header, options }];
      const flags = destination === group ? PacketFlag.LINK_MULTICAST : 0;
      harness.give(ipv6Packet(DATA, { destination, extensions }), { flags });
      assertEquals(harness.protocol.delivered.length === 1, isDelivered, `${header} ${type}`);
      const sent = harness.take();
      assertEquals(sent.length, errors, `${header} ${type}`);
      for (const { bytes } of sent) {
        const { payload } = readIpv6(bytes);
        assertEquals([...payload.slice(0, 2), payload[7]], [4, 2, 42]);
      }
      harness.assertClean();
    }
  }
});

// covers RFC 8200 4.4 MUST
Deno.test("routing headers with segments left are refused, others are passed over", () => {
  const data = new Uint8Array(4);
  for (const segmentsLeft of [0, 1]) {
    const harness = new IpHarness();
    const extensions = [{ header: "routing", type: 0, segmentsLeft, data }] as const;
    harness.give(ipv6Packet(DATA, { extensions }));
    assertEquals(harness.protocol.delivered.length, 1 - segmentsLeft);
    const sent = harness.take();
    assertEquals(sent.length, segmentsLeft);
    for (const { bytes } of sent) {
      const { payload } = readIpv6(bytes);
      assertEquals([...payload.slice(0, 2), payload[7]], [4, 0, 42]);
    }
    harness.assertClean();
  }
});

// RFC 8200 section 4.1
// covers RFC 8200 4.1 MUST
Deno.test("hop-by-hop options anywhere but first are an unknown next header", () => {
  const harness = new IpHarness();
  const extensions = [
    { header: "destination", options: [] },
    { header: "hop-by-hop", options: [] },
  ] as const;
  harness.give(ipv6Packet(DATA, { extensions }));
  const { payload } = readIpv6(harness.takeOne());
  assertEquals([...payload.slice(0, 2), payload[7]], [4, 1, 40]);
  harness.assertClean();
});

Deno.test("extension headers that span segments are walked all the same", () => {
  const options = [{ type: 0x1e, data: new Uint8Array(20) }];
  const packet = ipv6Packet(DATA, {
    extensions: [{ header: "hop-by-hop", options }, { header: "destination", options }],
  });
  for (const segments of [[40], [41, 7, 9], [60, 30, 30]]) {
    const harness = new IpHarness();
    harness.give(packet, { segments });
    assertEquals(harness.protocol.delivered[0].payload, DATA);
    harness.assertClean();
  }
});

Deno.test("a filter lets pass, drops, or rejects what comes in", () => {
  const harness = new IpHarness();
  const seen: number[] = [];
  let verdict: 0 | 1 | 2 = 0;
  harness.ip.filter = {
    judge: (point, _packet, link) => {
      if (point !== 0) return 0;
      seen.push(link.index);
      return verdict;
    },
  };
  harness.give(ipv4Packet(DATA));
  verdict = 1;
  harness.give(ipv4Packet(DATA));
  verdict = 2;
  harness.give(ipv4Packet(DATA));
  harness.give(ipv6Packet(DATA));
  assertEquals(seen, [ETH, ETH, ETH, ETH]);
  assertEquals(harness.protocol.delivered.length, 1);
  assertEquals(harness.count("DROPPED_FILTER_INPUT"), 3);
  const [first, second] = harness.take().map(({ bytes }) => bytes);
  assertEquals([...readIpv4(first).payload.slice(0, 2)], [3, 13]);
  assertEquals([...readIpv6(second).payload.slice(0, 2)], [1, 1]);
  harness.assertClean();
});

Deno.test("without memory packets are dropped and counted, not lost", () => {
  const harness = new IpHarness({}, 1, 0);
  const packet = ipv4Packet(DATA);
  const padded = new Uint8Array(packet.length + 18);
  padded.set(packet);
  const { arena, packets } = harness.environment;
  const first = harness.packet(padded);
  packets.interface[first] = ETH;
  // Somebody else holds it: its padding could be left out by a slice only.
  arena.retain(first);
  harness.ip.receiveIpv4(first, harness.link(ETH));
  assertEquals(harness.count("DROPPED_MEMORY"), 1);
  arena.release(first);
  assert(harness.protocol.delivered.length === 0);
  harness.assertClean();
});
