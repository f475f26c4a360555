import { assert, assertEquals } from "@std/assert";
import { SECOND } from "../environment.ts";
import { IP_OPTIONS } from "../ip/options.ts";
import { PacketFlag } from "../packet_table.ts";
import { ipv4Of, ipv6Of } from "../wire/addresses.ts";
import {
  ETH,
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
} from "../../tests/support/stack/ip.ts";
import {
  icmpv4Message,
  icmpv6Message,
  ipv4Packet,
  ipv6Packet,
  readIpv4,
  readIpv6,
  sumOf,
} from "../../tests/support/stack/ip_packets.ts";

const DATA = pattern(100);

/** Says that nobody listens to a packet's port, as UDP does. */
function refuse(harness: IpHarness, bytes: Uint8Array, flags = 0): void {
  const { packets, arena } = harness.environment;
  const packet = harness.packet(bytes, 60);
  packets.interface[packet] = ETH;
  packets.flags[packet] = flags;
  harness.ip.portUnreachable(packet);
  // It was looked at only.
  assertEquals(harness.bytesOf(packet), bytes);
  arena.release(packet);
}

// covers RFC 1122 3.2.2 MUST
Deno.test("a port that nobody listens at is told, with the packet", () => {
  const harness = new IpHarness();
  const packet = ipv4Packet(DATA, { protocol: 17 });
  refuse(harness, packet);
  const error = readIpv4(harness.takeOne());
  assertEquals([error.source, error.destination, error.protocol], [OURS, PEER, 1]);
  assertEquals([...error.payload.slice(0, 2), ...error.payload.slice(4, 8)], [3, 3, 0, 0, 0, 0]);
  assertEquals(error.payload.slice(8), packet);
  assertEquals(sumOf(error.payload), 0xffff);
  // RFC 1812 section 4.3.2.5: precedence 6.
  assertEquals(error.dscp, 0xc0 >> 2);
  harness.assertClean();
});

// covers RFC 4443 2.2 MUST
Deno.test("a port of IPv6 that nobody listens at is told, with the packet", () => {
  const harness = new IpHarness();
  const packet = ipv6Packet(DATA, { protocol: 17 });
  refuse(harness, packet);
  const error = readIpv6(harness.takeOne());
  assertEquals([error.source, error.destination], [OURS_6, PEER_6]);
  assertEquals(error.payload, icmpv6Message(1, 4, 0, packet, OURS_6, PEER_6));
  harness.assertClean();
});

// covers RFC 4443 2.2 MUST
Deno.test("an error is from the address that the packet was for, wherever it came in", () => {
  const harness = new IpHarness();
  refuse(harness, ipv4Packet(DATA, { protocol: 17, destination: OURS_OTHER }));
  assertEquals(readIpv4(harness.takeOne()).source, OURS_OTHER);
  harness.link(ETH).isForwarding = true;
  // What is for another interface's address of IPv6 comes in there, or through us.
  const { packets, arena } = harness.environment;
  const packet = harness.packet(ipv6Packet(DATA, { protocol: 17, destination: OURS_OTHER_6 }));
  packets.interface[packet] = OTHER_ETH;
  harness.ip.portUnreachable(packet);
  arena.release(packet);
  assertEquals(readIpv6(harness.takeOne()).source, OURS_OTHER_6);
  harness.assertClean();
});

Deno.test("an error to an address of the link leaves by that link", () => {
  const harness = new IpHarness();
  refuse(harness, ipv6Packet(DATA, { source: PEER_LINK, destination: OURS_LINK, protocol: 17 }));
  const [{ interface: link, bytes }] = harness.take();
  assertEquals([link, readIpv6(bytes).source], [ETH, OURS_LINK]);
  harness.assertClean();
});

// covers RFC 1812 4.3.2.3 SHOULD
// covers RFC 4443 2.4 MUST
Deno.test("errors quote as much as they may, and no more", () => {
  const harness = new IpHarness();
  const long = ipv4Packet(pattern(1400), { protocol: 17 });
  refuse(harness, long);
  const error = harness.takeOne();
  assertEquals(error.length, 576);
  assertEquals(readIpv4(error).payload.slice(8), long.slice(0, 548));
  const long6 = ipv6Packet(pattern(1400), { protocol: 17 });
  refuse(harness, long6);
  const error6 = harness.takeOne();
  assertEquals(error6.length, 1280);
  assertEquals(readIpv6(error6).payload.slice(8), long6.slice(0, 1232));
  harness.assertClean();
});

// covers RFC 1122 3.2.2 MUST
Deno.test("no error is sent about what must not cause one", () => {
  const group = ipv4Of("224.0.0.5");
  const cases: readonly (readonly [string, Uint8Array, number?])[] = [
    ["an error", ipv4Packet(icmpv4Message(3, 3, 0, ipv4Packet(DATA)), { protocol: 1 })],
    ["a redirect", ipv4Packet(icmpv4Message(5, 1, 0, ipv4Packet(DATA)), { protocol: 1 })],
    ["a message that is cut off", ipv4Packet(new Uint8Array(0), { protocol: 1 })],
    ["a group", ipv4Packet(DATA, { destination: group })],
    ["everybody", ipv4Packet(DATA, { destination: -1 })],
    ["everybody of the link", ipv4Packet(DATA, { destination: ipv4Of("192.0.2.255") })],
    ["a frame for everybody", ipv4Packet(DATA), PacketFlag.LINK_BROADCAST],
    ["a frame for a group", ipv4Packet(DATA), PacketFlag.LINK_MULTICAST],
    ["a later fragment", ipv4Packet(DATA, { fragmentOffset: 8 })],
    ["from nobody", ipv4Packet(DATA, { source: 0 })],
    ["from loopback", ipv4Packet(DATA, { source: ipv4Of("127.0.0.1") })],
    ["from everybody", ipv4Packet(DATA, { source: ipv4Of("192.0.2.255") })],
    ["from a group", ipv4Packet(DATA, { source: group })],
    ["from class E", ipv4Packet(DATA, { source: ipv4Of("240.0.0.1") })],
  ];
  for (const [name, packet, flags] of cases) {
    const harness = new IpHarness();
    refuse(harness, packet, flags);
    assertEquals(harness.sent, [], name);
    assertEquals(harness.countIcmp("ERRORS_FORBIDDEN"), 1, name);
    harness.assertClean();
  }
  // An echo is no error: one may be sent about it.
  const harness = new IpHarness();
  refuse(harness, ipv4Packet(icmpv4Message(8, 0, 0, DATA), { protocol: 1 }));
  assertEquals(harness.sent.length, 1);
});

// covers RFC 4443 2.4 MUST
Deno.test("no error of IPv6 is sent about what must not cause one", () => {
  const destination = ipv6Of("ff02::5");
  const error = icmpv6Message(1, 4, 0, ipv6Packet(DATA));
  const options = { header: "destination", options: [] } as const;
  const cases: readonly (readonly [string, Uint8Array, number?])[] = [
    ["an error", ipv6Packet(error, { protocol: 58 })],
    ["an error behind options", ipv6Packet(error, { protocol: 58, extensions: [options] })],
    ["a redirect", ipv6Packet(icmpv6Message(137, 0, 0, DATA), { protocol: 58 })],
    ["a message that is cut off", ipv6Packet(new Uint8Array(0), { protocol: 58 })],
    ["a group", ipv6Packet(DATA, { destination })],
    ["a frame for a group", ipv6Packet(DATA), PacketFlag.LINK_MULTICAST],
    ["a frame for everybody", ipv6Packet(DATA), PacketFlag.LINK_BROADCAST],
    ["from nobody", ipv6Packet(DATA, { source: ipv6Of("::") })],
    ["from a group", ipv6Packet(DATA, { source: destination })],
  ];
  for (const [name, packet, flags] of cases) {
    const harness = new IpHarness();
    refuse(harness, packet, flags);
    assertEquals(harness.sent, [], name);
    assertEquals(harness.countIcmp("ERRORS_FORBIDDEN"), 1, name);
    harness.assertClean();
  }
});

// covers RFC 1812 4.3.2.8 SHOULD
// covers RFC 4443 2.4 MUST
Deno.test("errors are sent so often and no more, in all and to each", () => {
  const icmp = {
    ...IP_OPTIONS.icmp,
    ...{ errorsPerSecond: 100, errorBurst: 50, errorsPerDestination: 5, destinationBurst: 6 },
  };
  const harness = new IpHarness({ icmp });
  const flood = (count: number, hosts: number) => {
    for (let index = 0; index < count; index++) {
      const source = ipv4Of("10.0.0.1") + index % hosts;
      refuse(harness, ipv4Packet(DATA, { protocol: 17, source }));
    }
    return harness.take().length;
  };
  assertEquals(flood(40, 1), 6);
  assertEquals(harness.countIcmp("ERRORS_LIMITED_DESTINATION"), 34);
  harness.advance(SECOND);
  assertEquals(flood(40, 1), 5);
  harness.advance(SECOND);
  // About as many as the bucket has: how many exactly must not be known.
  const sent = flood(300, 300);
  assert(sent > 25 && sent < 100, `${sent} errors`);
  assert(harness.countIcmp("ERRORS_LIMITED") > 150);
  harness.assertClean();
});

Deno.test("hosts of IPv6 share a limit by the first half of their addresses", () => {
  const icmp = { ...IP_OPTIONS.icmp, errorsPerDestination: 1, destinationBurst: 3 };
  const harness = new IpHarness({ icmp });
  for (let host = 2; host < 50; host++) {
    const source = ipv6Of(`2001:db8::${host}`);
    refuse(harness, ipv6Packet(DATA, { protocol: 17, source }));
  }
  assertEquals(harness.take().length, 3);
  harness.assertClean();
});

Deno.test("to itself the stack speaks as often as it wants", () => {
  const icmp = { ...IP_OPTIONS.icmp, errorBurst: 1, destinationBurst: 1 };
  const harness = new IpHarness({ icmp });
  const loopback = ipv4Of("127.0.0.1");
  for (let count = 0; count < 10; count++) {
    const packet = ipv4Packet(DATA, { protocol: 253, source: loopback, destination: loopback });
    refuse(harness, packet, PacketFlag.LOOPED);
  }
  harness.loop();
  assertEquals(harness.protocol.errors.length, 10);
  harness.assertClean();
});

Deno.test("errors without memory or a route are counted, and nothing is lost", () => {
  const harness = new IpHarness();
  const { arena } = harness.environment;
  const packet = harness.packet(ipv4Packet(DATA));
  harness.environment.packets.interface[packet] = ETH;
  harness.routeError = -101;
  harness.ip.portUnreachable(packet);
  assertEquals(harness.countIcmp("ERRORS_FAILED"), 1);
  harness.routeError = 0;
  const held: number[] = [];
  for (let taken = 0; (taken = arena.take(1)) >= 0;) held.push(taken);
  for (let taken = 0; (taken = arena.take(1000)) >= 0;) held.push(taken);
  harness.ip.portUnreachable(packet);
  assertEquals(harness.countIcmp("DROPPED_MEMORY"), 1);
  for (const one of held) arena.release(one);
  arena.release(packet);
  harness.assertClean();
});
