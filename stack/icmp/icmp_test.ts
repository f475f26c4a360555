import { assert, assertEquals } from "@std/assert";
import { Errno } from "../../ring/abi/errno.ts";
import { PacketFlag } from "../packet_table.ts";
import { ipv4Of, ipv6Of } from "../wire/addresses.ts";
import { IP_OPTIONS } from "../ip/options.ts";
import type { IcmpError, IpAddress } from "../ip/types.ts";
import {
  ETH,
  FakeProtocol,
  FAR,
  FAR_6,
  IpHarness,
  OTHER_ETH,
  OURS,
  OURS_6,
  OURS_LINK,
  OURS_OTHER,
  OURS_OTHER_6,
  pattern,
  PEER,
  PEER_6,
  PEER_LINK,
  ROUTER,
} from "../../tests/support/stack/ip.ts";
import {
  icmpv4Message,
  icmpv6Message,
  ipv4Packet,
  ipv6Packet,
  ourIpv4Packet,
  ourIpv6Packet,
  readIpv4,
  readIpv6,
  sumOf,
} from "../../tests/support/stack/ip_packets.ts";
import { meaningOfIcmpv4, meaningOfIcmpv6 } from "./errors.ts";

const DATA = pattern(56);
const ECHO = { protocol: 1 };
const ECHO_6 = { protocol: 58 };

// covers RFC 1122 3.2.2.6 MUST
Deno.test("an echo is answered with the same data, from where it went to", () => {
  for (const data of [DATA, new Uint8Array(0), pattern(1)]) {
    const harness = new IpHarness();
    harness.give(ipv4Packet(icmpv4Message(8, 0, 0x12345678, data), { ...ECHO, dscp: 10, ecn: 2 }));
    const reply = readIpv4(harness.takeOne());
    assertEquals([reply.source, reply.destination, reply.protocol], [OURS, PEER, 1]);
    assertEquals([reply.dscp, reply.ecn], [10, 0]);
    assertEquals([...reply.payload.slice(0, 2)], [0, 0]);
    assertEquals([...reply.payload.slice(4, 8)], [0x12, 0x34, 0x56, 0x78]);
    assertEquals(reply.payload.slice(8), data);
    assertEquals(sumOf(reply.payload), 0xffff);
    assertEquals(harness.countIcmp("ECHOES_ANSWERED"), 1);
    harness.assertClean();
  }
});

// covers RFC 4443 4.2 MUST
Deno.test("an echo of IPv6 is answered with the same data, from where it went to", () => {
  const harness = new IpHarness();
  harness.give(ipv6Packet(icmpv6Message(128, 0, 0x12345678, DATA), ECHO_6));
  const reply = readIpv6(harness.takeOne());
  assertEquals([reply.source, reply.destination, reply.nextHeader], [OURS_6, PEER_6, 58]);
  const expected = icmpv6Message(129, 0, 0x12345678, DATA, OURS_6, PEER_6);
  assertEquals(reply.payload, expected);
  harness.assertClean();
});

// covers RFC 1122 3.2.2.6 MUST
// covers RFC 4443 4.2 MUST
Deno.test("an echo to another interface's address is answered from that address", () => {
  const harness = new IpHarness();
  harness.give(ipv4Packet(icmpv4Message(8, 0, 1, DATA), { ...ECHO, destination: OURS_OTHER }));
  assertEquals(readIpv4(harness.takeOne()).source, OURS_OTHER);
  const message = icmpv6Message(128, 0, 1, DATA, PEER_6, OURS_OTHER_6);
  harness.give(ipv6Packet(message, { ...ECHO_6, destination: OURS_OTHER_6 }));
  assertEquals(readIpv6(harness.takeOne()).source, OURS_OTHER_6);
  harness.assertClean();
});

Deno.test("an echo to an address of the link is answered on that link", () => {
  const harness = new IpHarness();
  const message = icmpv6Message(128, 0, 1, DATA, PEER_LINK, OURS_LINK);
  harness.give(ipv6Packet(message, { ...ECHO_6, source: PEER_LINK, destination: OURS_LINK }));
  const [{ bytes, interface: link, nextHop }] = harness.take();
  assertEquals([readIpv6(bytes).source, link, nextHop], [OURS_LINK, ETH, PEER_LINK]);
  harness.assertClean();
});

Deno.test("an echo that is longer than the MTU comes back whole", () => {
  const harness = new IpHarness();
  harness.give(ipv4Packet(icmpv4Message(8, 0, 1, pattern(4000)), ECHO));
  const parts = harness.take().map(({ bytes }) => readIpv4(bytes).payload);
  assertEquals(parts.flatMap((part) => [...part]).slice(8), [...pattern(4000)]);
  harness.assertClean();
});

// covers RFC 1122 3.2.2.6 MAY
// covers RFC 4443 4.2 SHOULD
Deno.test("echoes of IPv4 to many are not answered, those of IPv6 are", () => {
  const group = ipv4Of("224.0.0.1");
  const all = ipv6Of("ff02::1");
  const flags = PacketFlag.LINK_MULTICAST;
  const give = (harness: IpHarness) => {
    harness.groups.push({ interface: ETH, group }, { interface: ETH, group: all });
    const message = icmpv4Message(8, 0, 1, DATA);
    harness.give(ipv4Packet(message, { ...ECHO, destination: group }), { flags });
    const everybody = ipv4Packet(message, { ...ECHO, destination: ipv4Of("192.0.2.255") });
    harness.give(everybody, { flags: PacketFlag.LINK_BROADCAST });
    const message6 = icmpv6Message(128, 0, 1, DATA, PEER_LINK, all);
    harness.give(ipv6Packet(message6, { ...ECHO_6, source: PEER_LINK, destination: all }), {
      flags,
    });
    const sent = harness.take().map(({ bytes }) =>
      bytes[0] >> 4 === 4 ? readIpv4(bytes).source : readIpv6(bytes).source
    );
    harness.assertClean();
    return sent;
  };
  assertEquals(give(new IpHarness()), [OURS_LINK]);
  const icmp = { ...IP_OPTIONS.icmp, answersGroupEchoes: true };
  assertEquals(give(new IpHarness({ icmp })), [OURS, OURS, OURS_LINK]);
  const silent = { ...IP_OPTIONS.icmp, answersEchoes: false };
  assertEquals(give(new IpHarness({ icmp: silent })), []);
});

Deno.test("echoes are answered so often and no more", () => {
  const icmp = { ...IP_OPTIONS.icmp, repliesPerSecond: 100, replyBurst: 10 };
  const harness = new IpHarness({ icmp });
  const flood = () => {
    for (let count = 0; count < 30; count++) {
      harness.give(ipv4Packet(icmpv4Message(8, 0, count, DATA), ECHO));
    }
    return harness.take().length;
  };
  assertEquals(flood(), 10);
  harness.advance(50_000);
  assertEquals(flood(), 5);
  assertEquals(harness.countIcmp("DROPPED_ECHO_RATE"), 45);
  harness.assertClean();
});

Deno.test("answers go to whoever asked, by the identifier", () => {
  const harness = new IpHarness();
  const give = () => {
    harness.give(ipv4Packet(icmpv4Message(0, 0, 0x1234_0001, DATA), ECHO));
    harness.give(ipv6Packet(icmpv6Message(129, 0, 0x4321_0001, DATA), ECHO_6));
  };
  give();
  assertEquals(harness.countIcmp("DROPPED_ECHO_REPLY"), 2);
  const seen: [number, IpAddress, IpAddress][] = [];
  harness.ip.echoListener = {
    onEchoReply: (packet, identifier, source, destination) => {
      seen.push([identifier, source, destination]);
      harness.environment.arena.release(packet);
    },
    onError: () => {},
  };
  give();
  assertEquals(seen, [[0x1234, PEER, OURS], [0x4321, PEER_6, OURS_6]]);
  harness.assertClean();
});

// covers RFC 4443 2.3 MUST
Deno.test("bad messages are dropped and counted", () => {
  const harness = new IpHarness();
  const message = icmpv4Message(8, 0, 1, DATA);
  message[20] ^= 1;
  harness.give(ipv4Packet(message, ECHO));
  const message6 = icmpv6Message(128, 0, 1, DATA);
  message6[20] ^= 1;
  harness.give(ipv6Packet(message6, ECHO_6));
  harness.give(ipv4Packet(icmpv4Message(99, 0, 1, DATA), ECHO));
  harness.give(ipv6Packet(icmpv6Message(200, 0, 1, DATA), ECHO_6));
  harness.give(ipv4Packet(pattern(4), ECHO));
  harness.give(ipv6Packet(pattern(4), ECHO_6));
  assertEquals(harness.sent, []);
  const faults = ["ICMPV4_CHECKSUM", "ICMPV6_CHECKSUM", "ICMPV4_TYPE", "ICMPV6_TYPE"] as const;
  for (const fault of faults) assertEquals(harness.countFault(fault), 1, fault);
  assertEquals([harness.countFault("ICMPV4_TOO_SHORT"), harness.countFault("ICMPV6_TOO_SHORT")], [
    1,
    1,
  ]);
  assertEquals(harness.countIcmp("DROPPED_MESSAGE"), 6);
  // Where the sum is known to be good, nobody adds it up.
  harness.give(ipv4Packet(message, ECHO), { flags: PacketFlag.CHECKSUM_GOOD });
  assertEquals(harness.take().length, 1);
  harness.assertClean();
});

Deno.test("messages about the link go to whom they are for, whole and in one segment", () => {
  const harness = new IpHarness();
  for (const type of [133, 134, 135, 136, 137, 130, 131, 132, 143]) {
    const message = icmpv6Message(type, 0, 0, pattern(300));
    harness.give(ipv6Packet(message, ECHO_6), { segments: [50, 100] });
  }
  const igmp = icmpv4Message(0x16, 0, 5, new Uint8Array(0));
  harness.give(ipv4Packet(igmp, { protocol: 2 }));
  igmp[5] ^= 1;
  harness.give(ipv4Packet(igmp, { protocol: 2 }));
  harness.give(ipv4Packet(igmp.slice(0, 4), { protocol: 2 }));
  const protocols = harness.messages.map(({ protocol }) => protocol);
  const expected = [..."nnnnnmmmm"].map((letter) => letter === "n" ? "ndp" : "mld");
  assertEquals(protocols, [...expected, "igmp"]);
  assertEquals(harness.messages[0].bytes.length, 348);
  assertEquals([harness.countFault("IGMP_CHECKSUM"), harness.countFault("IGMP_TOO_SHORT")], [1, 1]);
  harness.assertClean();
});

// covers RFC 1122 3.2.2.8 MAY
// covers RFC 1122 3.2.2.8 MUST
Deno.test("timestamps are answered by a host that has the time of day only", () => {
  const request = icmpv4Message(13, 0, 7, Uint8Array.of(0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0));
  const without = new IpHarness();
  without.give(ipv4Packet(request, ECHO));
  assertEquals([without.sent.length, without.countIcmp("DROPPED_TIMESTAMP")], [0, 1]);
  const icmp = { ...IP_OPTIONS.icmp, timeOfDay: (now: number) => now / 1000 + 5 };
  const harness = new IpHarness({ icmp });
  harness.advance(2_000_000);
  harness.give(ipv4Packet(request, ECHO));
  const { payload } = readIpv4(harness.takeOne());
  const words = Array.from(
    { length: 4 },
    (_, at) => new DataView(payload.buffer).getUint32(4 + at * 4),
  );
  assertEquals([payload[0], ...words], [14, 7, 9, 2005, 2005]);
  assertEquals(sumOf(payload), 0xffff);
  // What answers get is nothing.
  harness.give(ipv4Packet(payload, ECHO));
  assertEquals(harness.sent, []);
  for (const clean of [without, harness]) clean.assertClean();
});

/** What the protocol is told of an error about a packet that it sent. */
function toldOf(harness: IpHarness, type: number, code: number, rest = 0): FakeProtocol["errors"] {
  const message = icmpv4Message(type, code, rest, ourIpv4Packet(DATA));
  harness.give(ipv4Packet(message, { ...ECHO, source: ROUTER }));
  return harness.protocol.errors.splice(0);
}

// covers RFC 1122 3.2.2.1 MUST
// covers RFC 1122 3.2.2.4 MUST
// covers RFC 1122 3.2.2.5 MUST
Deno.test("errors of IPv4 go to the protocol whose packet they quote", () => {
  const cases = [
    [3, 0, Errno.ENETUNREACH, false],
    [3, 1, Errno.EHOSTUNREACH, false],
    [3, 2, Errno.ENOPROTOOPT, true],
    [3, 3, Errno.ECONNREFUSED, true],
    [3, 5, Errno.EOPNOTSUPP, false],
    [3, 9, Errno.ENETUNREACH, true],
    [3, 13, Errno.EHOSTUNREACH, true],
    [11, 0, Errno.EHOSTUNREACH, false],
    [12, 0, Errno.EPROTO, false],
  ] as const;
  const harness = new IpHarness();
  for (const [type, code, errno, isHard] of cases) {
    const [error] = toldOf(harness, type, code, 0x0102_0304);
    assertEquals([error.errno, error.isHard, error.type, error.code], [errno, isHard, type, code]);
    assertEquals([error.from, error.info], [ROUTER, 0x0102_0304]);
    assertEquals([error.flow.local, error.flow.remote], [OURS, FAR]);
    assertEquals(error.quoted, DATA);
  }
  assertEquals(harness.countIcmp("ERRORS_DELIVERED"), cases.length);
  harness.assertClean();
});

Deno.test("errors tell where the header begins that they quote", () => {
  const harness = new IpHarness();
  const quoted = ourIpv4Packet(DATA, { timeToLive: 9 });
  harness.give(ipv4Packet(icmpv4Message(3, 1, 0, quoted), { ...ECHO, source: ROUTER }));
  const quoted6 = ourIpv6Packet(DATA, { hopLimit: 8 });
  harness.give(ipv6Packet(icmpv6Message(1, 3, 0, quoted6), ECHO_6));
  const [first, second] = harness.protocol.errors.map(({ header }) => header);
  assertEquals([first[0], first[8], first.length], [0x45, 9, 20]);
  assertEquals([second[0] >> 4, second[7], second.length], [6, 8, 40]);
  harness.assertClean();
});

// covers RFC 4443 2.4 MUST
// covers RFC 4443 2.4 MUST
Deno.test("errors of IPv6 go to the protocol whose packet they quote, unknown ones too", () => {
  const cases = [
    [1, 0, Errno.ENETUNREACH, false],
    [1, 1, Errno.EACCES, true],
    [1, 3, Errno.EHOSTUNREACH, false],
    [1, 4, Errno.ECONNREFUSED, true],
    [1, 99, Errno.EPROTO, false],
    [3, 0, Errno.EHOSTUNREACH, false],
    [4, 1, Errno.EPROTO, true],
    [100, 5, Errno.EPROTO, false],
  ] as const;
  const harness = new IpHarness();
  const quoted = ourIpv6Packet(DATA, { extensions: [{ header: "destination", options: [] }] });
  for (const [type, code, errno, isHard] of cases) {
    harness.give(ipv6Packet(icmpv6Message(type, code, 9, quoted), ECHO_6));
    const error = harness.protocol.errors.pop()!;
    assertEquals([error.errno, error.isHard, error.type, error.code], [errno, isHard, type, code]);
    assertEquals([error.from, error.info], [PEER_6, 9]);
    assertEquals([error.flow.local, error.flow.remote], [OURS_6, FAR_6]);
    assertEquals(error.quoted, DATA);
  }
  harness.assertClean();
});

Deno.test("errors name the ports of the quoted packet, or the identifier of an echo", () => {
  const harness = new IpHarness();
  const ports = Uint8Array.of(0x12, 0x34, 0x56, 0x78, 0, 0, 0, 0);
  const protocols = [6, 17, 136].map((protocol) => new FakeProtocol(harness, protocol));
  for (const one of protocols) {
    harness.ip.register(one);
    const quoted = ourIpv4Packet(ports, { protocol: one.protocol });
    harness.give(ipv4Packet(icmpv4Message(3, 3, 0, quoted), ECHO));
    const [{ flow }] = one.errors;
    assertEquals([flow.localPort, flow.remotePort], [0x1234, 0x5678]);
  }
  const echoes: number[] = [];
  harness.ip.echoListener = {
    onEchoReply: () => {},
    onError: ({ flow }: IcmpError) => void echoes.push(flow.localPort),
  };
  const echo = icmpv4Message(8, 0, 0x4444_0001, DATA);
  harness.give(ipv4Packet(icmpv4Message(11, 0, 0, ourIpv4Packet(echo, ECHO)), ECHO));
  const echo6 = icmpv6Message(128, 0, 0x5555_0001, DATA);
  harness.give(ipv6Packet(icmpv6Message(3, 0, 0, ourIpv6Packet(echo6, ECHO_6)), ECHO_6));
  assertEquals(echoes, [0x4444, 0x5555]);
  // An echo reply of ours is nobody's matter.
  const reply = icmpv4Message(0, 0, 0x4444_0001, DATA);
  harness.give(ipv4Packet(icmpv4Message(11, 0, 0, ourIpv4Packet(reply, ECHO)), ECHO));
  assertEquals([echoes.length, harness.countIcmp("DROPPED_ERROR_UNKNOWN")], [2, 1]);
  harness.assertClean();
});

// covers RFC 4443 2.4 MUST
Deno.test("errors about what we cannot have sent are dropped", () => {
  const harness = new IpHarness();
  const give = (quoted: Uint8Array) =>
    harness.give(ipv4Packet(icmpv4Message(3, 3, 0, quoted), ECHO));
  give(ourIpv4Packet(DATA, { source: PEER }));
  give(ourIpv4Packet(DATA, { source: ipv4Of("127.0.0.1") }));
  give(ourIpv4Packet(DATA, { source: ipv4Of("224.0.0.1") }));
  give(ourIpv4Packet(DATA, { fragmentOffset: 8 }));
  const give6 = (quoted: Uint8Array) =>
    harness.give(ipv6Packet(icmpv6Message(1, 4, 0, quoted), ECHO_6));
  give6(ourIpv6Packet(DATA, { source: PEER_6 }));
  give6(ourIpv6Packet(DATA.slice(0, 7)));
  const fragment = {
    header: "fragment",
    offset: 8,
    moreFragments: true,
    identification: 1,
  } as const;
  give6(ourIpv6Packet(DATA, { extensions: [fragment] }));
  assertEquals(harness.countIcmp("DROPPED_ERROR_QUOTE"), 7);
  give(ourIpv4Packet(DATA, { protocol: 99 }));
  assertEquals(harness.countIcmp("DROPPED_ERROR_UNKNOWN"), 1);
  assertEquals(harness.protocol.errors, []);
  // RFC 1122 section 3.2.2: at least 8 bytes of what it carried.
  give(ourIpv4Packet(DATA).slice(0, 27));
  assertEquals(harness.countFault("ICMPV4_QUOTE"), 1);
  harness.assertClean();
});

// covers RFC 6633 3 MUST
// covers RFC 9293 3.9.2.2 MUST-55
Deno.test("source quench is discarded", () => {
  const harness = new IpHarness();
  assertEquals(toldOf(harness, 4, 0), []);
  assertEquals(harness.countIcmp("DROPPED_OBSOLETE"), 1);
  harness.assertClean();
});

// covers RFC 1122 3.2.2.2 MUST
Deno.test("redirects go to the routes, those from nowhere do not", () => {
  const better = ipv4Of("192.0.2.253");
  const redirect = (gateway: number, quoted = ourIpv4Packet(DATA)) =>
    ipv4Packet(icmpv4Message(5, 1, gateway, quoted), { ...ECHO, source: ROUTER });
  const harness = new IpHarness();
  harness.give(redirect(better));
  assertEquals(harness.redirects, [{ destination: FAR, gateway: better, from: ROUTER }]);
  harness.give(redirect(ipv4Of("203.0.113.1")));
  harness.give(redirect(better, ourIpv4Packet(DATA, { source: PEER })));
  harness.link(ETH).isForwarding = true;
  harness.give(redirect(better));
  const deaf = new IpHarness({ acceptsRedirects: false });
  deaf.give(redirect(better));
  assertEquals([harness.redirects.length, deaf.redirects.length], [1, 0]);
  assertEquals(harness.countIcmp("REDIRECTS_TAKEN"), 1);
  assertEquals(harness.countIcmp("DROPPED_REDIRECT"), 3);
  for (const clean of [harness, deaf]) clean.assertClean();
});

// covers RFC 1122 4.2.3.9 MUST
Deno.test("what cannot be reached now may be reachable soon", () => {
  for (const code of [0, 1, 5, 11, 12]) assertEquals(meaningOfIcmpv4(3, code)!.isHard, false);
  for (const code of [2, 3]) assertEquals(meaningOfIcmpv4(3, code)!.isHard, true);
  for (const code of [0, 2, 3]) assertEquals(meaningOfIcmpv6(1, code)!.isHard, false);
  assert(meaningOfIcmpv6(1, 4)!.isHard);
  assertEquals(meaningOfIcmpv4(8, 0), null);
});

Deno.test("errors that this stack sends to itself come back to the sender", () => {
  const harness = new IpHarness();
  const { arena, packets } = harness.environment;
  const packet = harness.packet(ourIpv4Packet(DATA));
  packets.interface[packet] = ETH;
  harness.ip.onUnreachable(packet, harness.link(ETH));
  // Never within the call.
  assertEquals(harness.protocol.errors, []);
  harness.loop();
  const [error] = harness.protocol.errors;
  assertEquals([error.errno, error.isHard, error.quoted], [Errno.EHOSTUNREACH, false, DATA]);
  const packet6 = harness.packet(ourIpv6Packet(DATA));
  packets.interface[packet6] = ETH;
  harness.ip.onUnreachable(packet6, harness.link(ETH));
  harness.loop();
  assertEquals(harness.protocol.errors[1].errno, Errno.EHOSTUNREACH);
  assertEquals([harness.count("DROPPED_NEIGHBOUR"), harness.sent.length], [2, 0]);
  assertEquals(arena.usedCount, 0);
  harness.assertClean();
});

Deno.test("a packet on its way through that cannot be delivered is told to its sender", () => {
  const harness = new IpHarness();
  const { packets } = harness.environment;
  const packet = harness.packet(ipv4Packet(DATA, { destination: FAR }));
  packets.interface[packet] = OTHER_ETH;
  packets.flags[packet] = PacketFlag.FORWARDED;
  harness.ip.onUnreachable(packet, harness.link(OTHER_ETH));
  const { destination, payload } = readIpv4(harness.takeOne());
  assertEquals([destination, ...payload.slice(0, 2)], [PEER, 3, 1]);
  harness.assertClean();
});
