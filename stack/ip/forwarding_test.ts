import { assert, assertEquals } from "@std/assert";
import { Errno } from "../../ring/abi/errno.ts";
import { PacketFlag, Segmentation } from "../packet_table.ts";
import { ipv4Of, ipv6Of } from "../wire/addresses.ts";
import * as ndp from "../wire/ndp.ts";
import { PacketBytes } from "../wire/packet_bytes.ts";
import {
  ETH,
  FAR,
  FAR_6,
  IpHarness,
  OTHER_ETH,
  OTHER_PEER,
  OTHER_PEER_6,
  OURS,
  OURS_LINK,
  pattern,
  PEER,
  PEER_6,
  PEER_LINK,
  ROUTER,
} from "../../tests/support/stack/ip.ts";
import {
  ipv4Packet,
  ipv6Packet,
  readIpv4,
  readIpv6,
} from "../../tests/support/stack/ip_packets.ts";
import { IP_OPTIONS, type IpOptions } from "./options.ts";

const DATA = pattern(100);

/** A router between two links. */
function router(options: Partial<IpOptions> = {}): IpHarness {
  const harness = new IpHarness(options);
  for (const index of [ETH, OTHER_ETH]) harness.link(index).isForwarding = true;
  return harness;
}

const across = { source: PEER, destination: OTHER_PEER };
const across6 = { source: PEER_6, destination: OTHER_PEER_6 };

// covers RFC 1812 5.3.1 MUST
Deno.test("a router sends on what is for others, with one hop less", () => {
  const harness = router();
  harness.give(ipv4Packet(DATA, { ...across, timeToLive: 9, dontFragment: true }));
  const [{ interface: link, nextHop, bytes, flags }] = harness.take();
  const header = readIpv4(bytes);
  assertEquals([link, nextHop, header.timeToLive], [OTHER_ETH, OTHER_PEER, 8]);
  assertEquals([header.source, header.destination], [PEER, OTHER_PEER]);
  assertEquals([header.payload, header.dontFragment], [DATA, true]);
  assert(flags & PacketFlag.FORWARDED);
  harness.give(ipv6Packet(DATA, { ...across6, hopLimit: 9, flowLabel: 77 }));
  const [second] = harness.take();
  const header6 = readIpv6(second.bytes);
  assertEquals([second.nextHop, header6.hopLimit, header6.flowLabel], [OTHER_PEER_6, 8, 77]);
  assertEquals(header6.payload, DATA);
  assertEquals(harness.count("FORWARDED"), 2);
  harness.assertClean();
});

// covers RFC 1812 5.3.1 MUST
// covers RFC 4443 3.3 MUST
Deno.test("what has no hops left is told to its sender: traceroute asks for that", () => {
  for (const hops of [0, 1]) {
    const harness = router();
    const packet = ipv4Packet(DATA, { ...across, timeToLive: hops });
    harness.give(packet);
    const error = readIpv4(harness.takeOne());
    assertEquals([error.source, error.destination], [OURS, PEER]);
    assertEquals([...error.payload.slice(0, 2)], [11, 0]);
    assertEquals(error.payload.slice(8), packet);
    const packet6 = ipv6Packet(DATA, { ...across6, hopLimit: hops });
    harness.give(packet6);
    const error6 = readIpv6(harness.takeOne());
    assertEquals([...error6.payload.slice(0, 2)], [3, 0]);
    assertEquals(error6.payload.slice(8), packet6);
    assertEquals(harness.count("DROPPED_HOPS"), 2);
    harness.assertClean();
  }
});

// covers RFC 1191 4 MUST
// covers RFC 4443 3.2 MUST
// covers RFC 8200 5 MUST
Deno.test("what is too long for the next link is told, with the MTU", () => {
  const harness = router();
  Object.assign(harness.link(OTHER_ETH), { mtu: 1400, ipv6Mtu: 1300 });
  harness.give(ipv4Packet(pattern(1480), { ...across, dontFragment: true }));
  const { payload } = readIpv4(harness.takeOne());
  assertEquals([...payload.slice(0, 2), payload[6] << 8 | payload[7]], [3, 4, 1400]);
  harness.give(ipv6Packet(pattern(1460), across6));
  const { payload: payload6 } = readIpv6(harness.takeOne());
  assertEquals([...payload6.slice(0, 2), payload6[6] << 8 | payload6[7]], [2, 0, 1300]);
  assertEquals(harness.count("DROPPED_TOO_BIG"), 2);
  harness.assertClean();
});

Deno.test("what may be taken apart is, also what is a fragment already", () => {
  const harness = router();
  harness.link(OTHER_ETH).mtu = 576;
  harness.give(ipv4Packet(pattern(1480), { ...across, fragmentOffset: 800, moreFragments: true }));
  const parts = harness.take().map(({ bytes, interface: link }) => {
    assertEquals(link, OTHER_ETH);
    return readIpv4(bytes);
  });
  assertEquals(parts.map(({ fragmentOffset }) => fragmentOffset), [800, 1352, 1904]);
  assertEquals(parts.map(({ moreFragments }) => moreFragments), [true, true, true]);
  assertEquals(parts.map(({ timeToLive }) => timeToLive), [63, 63, 63]);
  assertEquals(parts.flatMap(({ payload }) => [...payload]), [...pattern(1480)]);
  harness.assertClean();
});

Deno.test("what stands for several packets passes if these fit", () => {
  const harness = router();
  const { packets, arena } = harness.environment;
  const give = (segmentBytes: number, dontFragment: boolean) => {
    const payload = pattern(9000);
    // A header of 32 bytes.
    payload[12] = 0x80;
    const header = { ...across, protocol: 6, dontFragment };
    const packet = harness.packet(ipv4Packet(payload, header));
    packets.interface[packet] = ETH;
    packets.segmentation[packet] = Segmentation.TCP_IPV4;
    packets.segmentBytes[packet] = segmentBytes;
    packets.flags[packet] = PacketFlag.CHECKSUM_PARTIAL;
    packets.network[packet] = arena.start(packet);
    harness.ip.receiveIpv4(packet, harness.link(ETH));
    return harness.take();
  };
  const [{ bytes, segmentation }] = give(1448, true);
  assertEquals([bytes.length, segmentation], [9020, Segmentation.TCP_IPV4]);
  // One byte more, and its sender is told.
  const [error] = give(1449, true);
  assertEquals([...readIpv4(error.bytes).payload.slice(0, 2)], [3, 4]);
  // Or its packets are taken apart, each by itself.
  const parts = give(2000, false).map((sent) => readIpv4(sent.bytes));
  assertEquals(parts.map(({ payload }) => payload.length), [
    ...[1480, 552, 1480, 552, 1480, 552, 1480, 552, 1000],
  ]);
  assertEquals(parts.map(({ fragmentOffset }) => fragmentOffset), [
    ...[0, 1480, 0, 1480, 0, 1480, 0, 1480, 0],
  ]);
  harness.assertClean();
});

Deno.test("ways that are not there are told to the sender", () => {
  const cases = [
    [Errno.ENETUNREACH, [3, 0], [1, 0]],
    [Errno.EHOSTUNREACH, [3, 1], [1, 3]],
    [Errno.EACCES, [3, 13], [1, 1]],
  ] as const;
  for (const [errno, expected, expected6] of cases) {
    const harness = router();
    // The way back is there: it was asked for before.
    harness.send(PEER, DATA, {}, { local: OURS });
    harness.send(PEER, DATA);
    harness.send(PEER_6, DATA);
    harness.take();
    harness.routeError = -errno;
    harness.give(ipv4Packet(DATA, across));
    assertEquals([...readIpv4(harness.takeOne()).payload.slice(0, 2)], [...expected]);
    harness.give(ipv6Packet(DATA, across6));
    assertEquals([...readIpv6(harness.takeOne()).payload.slice(0, 2)], [...expected6]);
    assertEquals(harness.count("DROPPED_FORWARD_ROUTE"), 2);
    harness.assertClean();
  }
  const hole = router();
  hole.routeError = -Errno.EINVAL;
  hole.give(ipv4Packet(DATA, across));
  assertEquals([hole.sent.length, hole.count("DROPPED_FORWARD_ROUTE")], [0, 1]);
  hole.assertClean();
});

// covers RFC 1122 3.2.1.3 MUST
// covers RFC 1812 5.3.7 SHOULD
// covers RFC 3927 2.7 MUST
// covers RFC 4291 2.5.2 MUST
// covers RFC 4291 2.5.6 MUST
Deno.test("addresses that stay on their link, or are nobody's, are not forwarded", () => {
  const cases = [
    [{ source: ipv4Of("169.254.1.1"), destination: OTHER_PEER }],
    [{ source: PEER, destination: ipv4Of("169.254.1.1") }],
    [{ source: ipv4Of("240.0.0.1"), destination: OTHER_PEER }],
    [{ source: PEER, destination: ipv4Of("250.0.0.1") }],
  ];
  for (const [header] of cases) {
    const harness = router();
    harness.give(ipv4Packet(DATA, header));
    assertEquals([harness.sent.length, harness.count("DROPPED_FORWARD_SCOPE")], [0, 1]);
    harness.assertClean();
  }
  const harness = router();
  harness.give(ipv6Packet(DATA, { source: PEER_6, destination: ipv6Of("fe80::99") }));
  harness.give(ipv6Packet(DATA, { source: ipv6Of("::"), destination: OTHER_PEER_6 }));
  assertEquals([harness.sent.length, harness.count("DROPPED_FORWARD_SCOPE")], [0, 2]);
  harness.give(ipv4Packet(DATA, { destination: ipv4Of("0.0.0.5") }));
  harness.give(ipv4Packet(DATA, { destination: ipv4Of("127.0.0.5") }));
  assertEquals(harness.count("DROPPED_DESTINATION"), 2);
  harness.assertClean();
});

// RFC 4443 section 3.1
Deno.test("a source of the link that wants to leave it is told so", () => {
  const harness = router();
  harness.give(ipv6Packet(DATA, { source: PEER_LINK, destination: OTHER_PEER_6 }));
  const [{ bytes, interface: link }] = harness.take();
  assertEquals([link, ...readIpv6(bytes).payload.slice(0, 2)], [ETH, 1, 2]);
  harness.assertClean();
});

// covers RFC 1812 5.3.4 MUST
Deno.test("what came in a frame for many is not forwarded", () => {
  for (const flags of [PacketFlag.LINK_BROADCAST, PacketFlag.LINK_MULTICAST]) {
    const harness = router();
    harness.give(ipv4Packet(DATA, across), { flags });
    harness.give(ipv6Packet(DATA, across6), { flags });
    assertEquals([harness.sent.length, harness.count("DROPPED_LINK_CAST")], [0, 2]);
    harness.assertClean();
  }
});

Deno.test("reverse paths are looked at as they are asked for", () => {
  const spoofed = { source: ipv4Of("198.51.100.77"), destination: FAR };
  const results = (["off", "loose", "strict"] as const).map((reversePath) => {
    const harness = router({ reversePath });
    harness.give(ipv4Packet(DATA, spoofed));
    harness.give(ipv4Packet(DATA, across));
    harness.give(ipv6Packet(DATA, { ...across6, source: ipv6Of("2001:db8:1::77") }));
    harness.assertClean();
    return [harness.count("FORWARDED"), harness.count("DROPPED_REVERSE_PATH")];
  });
  assertEquals(results, [[3, 0], [3, 0], [1, 2]]);
  const harness = router({ reversePath: "loose" });
  harness.routes.splice(harness.routes.findIndex(({ prefix }) => prefix === 0), 1);
  harness.give(ipv4Packet(DATA, { source: ipv4Of("8.8.8.8"), destination: OTHER_PEER }));
  assertEquals(harness.count("DROPPED_REVERSE_PATH"), 1);
  harness.assertClean();
});

// RFC 1812 section 5.2.7.2
Deno.test("a host is told of a better router on its own link, and the packet goes on", () => {
  const harness = router();
  const packet = ipv4Packet(DATA, { source: PEER, destination: FAR });
  harness.give(packet);
  const [redirect, forwarded] = harness.take();
  const { payload, destination } = readIpv4(redirect.bytes);
  assertEquals([destination, ...payload.slice(0, 2)], [PEER, 5, 1]);
  assertEquals(new DataView(payload.buffer).getInt32(4), ROUTER);
  assertEquals(payload.slice(8), packet);
  assertEquals([harness.countIcmp("REDIRECTS_SENT"), harness.countIcmp("ERRORS_SENT")], [1, 0]);
  assertEquals([forwarded.nextHop, readIpv4(forwarded.bytes).destination], [ROUTER, FAR]);
  // Who is not on the link itself is not told, nor anybody where that is not wanted.
  harness.give(ipv4Packet(DATA, { source: ipv4Of("10.9.9.9"), destination: FAR }));
  assertEquals(harness.take().length, 1);
  const silent = router({ sendsRedirects: false });
  silent.give(packet);
  assertEquals(silent.take().length, 1);
  for (const clean of [harness, silent]) clean.assertClean();
});

// covers RFC 4861 8.2 SHOULD
// covers RFC 4861 8.2 MUST
Deno.test("a host of IPv6 is told by neighbour discovery", () => {
  const harness = router();
  const packet = ipv6Packet(DATA, { source: PEER_6, destination: FAR_6 });
  harness.give(packet);
  const [redirect] = harness.take();
  const packets = PacketBytes.copyOf(redirect.bytes);
  const at = 40;
  assertEquals(ndp.check(packets, at, redirect.bytes.length - at, 0), 0);
  const { source, destination, hopLimit } = readIpv6(redirect.bytes);
  assertEquals([source, destination, hopLimit], [OURS_LINK, PEER_6, 255]);
  const message = ndp.parse(packets, at, redirect.bytes.length - at);
  assert(message.message === "redirect");
  assertEquals([message.target, message.destination], [ipv6Of("fe80::fe"), FAR_6]);
  const [option] = message.options;
  assert(option.option === "redirected-header");
  assertEquals(option.packet.slice(0, packet.length), packet);
  harness.assertClean();
});

// covers RFC 4861 4.5 MUST
// covers RFC 4861 8.2 MUST
Deno.test("a router of IPv6 redirects by link-local addresses only, and not too often", () => {
  const destination = ipv6Of("2001:db8:77::1");
  const prefix = ipv6Of("2001:db8:77::");
  const gateway = ipv6Of("2001:db8::99");
  const harness = router();
  harness.addRoute({ interface: ETH, prefix, prefixLength: 64, gateway });
  harness.give(ipv6Packet(DATA, { source: PEER_6, destination }));
  assertEquals(harness.take().length, 1);
  // Without a link-local address of its own it is silent as well.
  const nameless = router();
  nameless.addresses.splice(
    nameless.addresses.findIndex(({ address }) => address === OURS_LINK),
    1,
  );
  nameless.generation++;
  nameless.give(ipv6Packet(DATA, { source: PEER_6, destination: FAR_6 }));
  assertEquals(nameless.take().length, 1);
  const busy = router();
  for (let count = 0; count < 100; count++) {
    busy.give(ipv6Packet(DATA, { source: PEER_6, destination: FAR_6 }));
  }
  assertEquals(busy.take().length, 100 + IP_OPTIONS.icmp.destinationBurst);
  for (const clean of [harness, nameless, busy]) clean.assertClean();
});

Deno.test("a filter judges what is on its way through", () => {
  const harness = router();
  harness.ip.filter = { judge: (point, _packet, link) => point === 1 && link.index === 3 ? 2 : 0 };
  harness.give(ipv4Packet(DATA, across));
  assertEquals([...readIpv4(harness.takeOne()).payload.slice(0, 2)], [3, 13]);
  assertEquals(harness.count("DROPPED_FILTER_FORWARD"), 1);
  harness.assertClean();
});

Deno.test("a packet that others hold is forwarded without being touched", () => {
  const harness = router();
  const { arena, packets } = harness.environment;
  for (const bytes of [ipv4Packet(DATA, across), ipv6Packet(DATA, across6)]) {
    const packet = harness.packet(bytes);
    packets.interface[packet] = ETH;
    arena.retain(packet);
    if (bytes[0] === 0x45) harness.ip.receiveIpv4(packet, harness.link(ETH));
    else harness.ip.receiveIpv6(packet, harness.link(ETH));
    assertEquals(harness.bytesOf(packet), bytes);
    assertEquals(harness.take().length, 1);
    arena.release(packet);
  }
  harness.assertClean();
});

// covers RFC 8200 4 MUST
Deno.test("a router looks at no extension header but its own business", () => {
  const harness = router();
  const options = [{ type: 0x9e, data: pattern(3) }];
  const extensions = [{ header: "destination", options }] as const;
  harness.give(ipv6Packet(DATA, { ...across6, extensions }));
  assertEquals(readIpv6(harness.takeOne()).destination, OTHER_PEER_6);
  harness.assertClean();
});

// covers RFC 2644 3 MUST
Deno.test("what is for everybody of another link is not forwarded", () => {
  const harness = router();
  harness.give(ipv4Packet(DATA, { source: PEER, destination: ipv4Of("198.51.100.255") }));
  assertEquals([harness.sent.length, harness.count("DROPPED_FORWARD_SCOPE")], [0, 1]);
  harness.assertClean();
});

Deno.test("an interface that is down is no way", () => {
  const harness = router();
  harness.link(OTHER_ETH).isUp = false;
  harness.give(ipv4Packet(DATA, across));
  assertEquals([...readIpv4(harness.takeOne()).payload.slice(0, 2)], [3, 0]);
  harness.assertClean();
});
