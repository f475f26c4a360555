import { assert, assertEquals } from "@std/assert";
import { Errno } from "../../ring/abi/errno.ts";
import { ipv4Of, ipv6Of } from "../../stack/wire/addresses.ts";
import { golden, IP_AT } from "../support/stack/wire/golden.ts";
import { ETH, FakeProtocol, IpHarness, OTHER_ETH } from "../support/stack/ip.ts";
import { readIpv4, readIpv6 } from "../support/stack/ip_packets.ts";

// The network that the golden packets are from: a host, a router, and another host.
//   10.1.0.2  --  10.1.0.1 | 10.2.0.1  --  10.2.0.2

/** IP with other addresses than its usual ones. */
function harnessOf(addresses: readonly (readonly [number, string])[]): IpHarness {
  const harness = new IpHarness({ timeToLive: 64 });
  harness.addresses.splice(2);
  harness.routes.length = 0;
  for (const [index, text] of addresses) {
    const isIpv4 = text.includes(".");
    const address = isIpv4 ? ipv4Of(text) : ipv6Of(text);
    harness.addAddress(index, address, isIpv4 ? 24 : 64);
    const prefixLength = isIpv4 ? 24 : 64;
    harness.addRoute({ interface: index, prefix: address, prefixLength });
  }
  return harness;
}

/** The host at one end. */
function client(): IpHarness {
  const harness = harnessOf([[ETH, "10.1.0.2"], [ETH, "fd00:1::2"], [ETH, "fe80::2"]]);
  harness.addRoute({ interface: ETH, prefix: 0, gateway: ipv4Of("10.1.0.1") });
  harness.addRoute({ interface: ETH, prefix: ipv6Of("::"), gateway: ipv6Of("fd00:1::1") });
  return harness;
}

/** The host at the other end. */
function server(): IpHarness {
  const harness = harnessOf([[ETH, "10.2.0.2"], [ETH, "fd00:2::2"], [ETH, "fe80::3"]]);
  harness.addRoute({ interface: ETH, prefix: 0, gateway: ipv4Of("10.2.0.1") });
  harness.addRoute({ interface: ETH, prefix: ipv6Of("::"), gateway: ipv6Of("fd00:2::1") });
  return harness;
}

/** The router between them, whose second link takes 1400 bytes. */
function router(): IpHarness {
  const harness = harnessOf([
    [ETH, "10.1.0.1"],
    [ETH, "fd00:1::1"],
    [OTHER_ETH, "10.2.0.1"],
    [OTHER_ETH, "fd00:2::1"],
  ]);
  for (const index of [ETH, OTHER_ETH]) harness.link(index).isForwarding = true;
  Object.assign(harness.link(OTHER_ETH), { mtu: 1400, ipv6Mtu: 1400 });
  return harness;
}

/** A golden packet of IP. */
function packetOf(name: string): Uint8Array {
  return golden(name).bytes.slice(IP_AT);
}

/** What a golden packet carries behind its IP header. */
function messageOf(name: string): Uint8Array {
  const packet = packetOf(name);
  return packet[0] >> 4 === 4 ? readIpv4(packet).payload : readIpv6(packet).payload;
}

/** The packet that a golden error is about; what is not quoted is made up. */
function quoteOf(name: string): Uint8Array {
  const quoted = messageOf(name).slice(8);
  const view = new DataView(quoted.buffer);
  const length = quoted[0] >> 4 === 4 ? view.getUint16(2) : 40 + view.getUint16(4);
  const whole = new Uint8Array(length);
  whole.set(quoted);
  return whole;
}

/** The only message that left. */
function answerOf(harness: IpHarness): Uint8Array {
  const bytes = harness.takeOne();
  harness.assertClean();
  return bytes[0] >> 4 === 4 ? readIpv4(bytes).payload : readIpv6(bytes).payload;
}

Deno.test("echoes are answered with the very bytes that Linux answers with", () => {
  for (
    const [request, reply] of [
      ["icmpv4_echo", "icmpv4_echo_reply"],
      ["icmpv6_echo_request", "icmpv6_echo_reply"],
    ]
  ) {
    const harness = server();
    harness.give(packetOf(request));
    const answer = answerOf(harness);
    const expected = messageOf(reply);
    assertEquals(answer.length, expected.length);
    assertEquals([...answer.slice(0, 2), ...answer.slice(4, 6)], [
      ...expected.slice(0, 2),
      ...expected.slice(4, 6),
    ]);
    assertEquals(answer.slice(8), messageOf(request).slice(8));
  }
});

Deno.test("fragments of Linux come together, and are answered", () => {
  const harness = server();
  for (const name of ["ipv4_fragment_last", "ipv4_fragment_first", "ipv4_fragment_middle"]) {
    harness.give(packetOf(name));
  }
  assertEquals(harness.countIcmp("ECHOES_ANSWERED"), 1);
  harness.give(packetOf("ipv6_fragment_last"));
  harness.give(packetOf("ipv6_fragment_first"));
  assertEquals([harness.count("REASSEMBLED"), harness.countIcmp("ECHOES_ANSWERED")], [2, 2]);
  harness.assertClean();
});

Deno.test("extension headers of Linux are walked to what they carry", () => {
  for (const name of ["ipv6_destination_options", "ipv6_hop_by_hop", "ipv6_routing"]) {
    const harness = server();
    const packet = packetOf(name);
    const destination = readIpv6(packet).destination;
    harness.addAddress(ETH, destination, 64);
    harness.groups.push({ interface: ETH, group: destination });
    harness.give(packet);
    const taken = harness.count("DELIVERED") + harness.count("DROPPED_HEADER");
    assertEquals([taken, harness.countFault("IPV6_OPTION_LENGTH")], [1, 0], name);
    harness.sent.length = 0;
    harness.loop();
    harness.assertClean();
  }
});

Deno.test("ports that nobody listens at are told with the bytes of Linux", () => {
  for (const name of ["icmpv4_port_unreachable", "icmpv6_port_unreachable"]) {
    const harness = server();
    const { packets, arena } = harness.environment;
    const packet = harness.packet(quoteOf(name));
    packets.interface[packet] = ETH;
    harness.ip.portUnreachable(packet);
    arena.release(packet);
    assertEquals(answerOf(harness), messageOf(name), name);
  }
});

Deno.test("protocols that nobody knows are told with the bytes of Linux", () => {
  for (const name of ["icmpv4_protocol_unreachable", "icmpv6_parameter_problem"]) {
    const harness = server();
    harness.give(quoteOf(name));
    assertEquals(answerOf(harness), messageOf(name), name);
  }
});

Deno.test("bad options are told with the bytes of Linux", () => {
  const harness = router();
  harness.give(quoteOf("icmpv4_parameter_problem"));
  assertEquals(answerOf(harness), messageOf("icmpv4_parameter_problem"));
});

Deno.test("a router tells what it cannot forward with the bytes of Linux", () => {
  const cases = [
    ["icmpv4_time_exceeded", 0],
    ["icmpv6_time_exceeded", 0],
    ["icmpv4_fragmentation_needed", 0],
    ["icmpv6_packet_too_big", 0],
    ["icmpv4_network_unreachable", -Errno.ENETUNREACH],
    ["icmpv6_no_route", -Errno.ENETUNREACH],
    ["icmpv4_prohibited", -Errno.EACCES],
    ["icmpv6_prohibited", -Errno.EACCES],
    ["icmpv4_host_unreachable", -Errno.EHOSTUNREACH],
    ["icmpv6_address_unreachable", -Errno.EHOSTUNREACH],
  ] as const;
  for (const [name, error] of cases) {
    const harness = router();
    // The way back is known already.
    harness.send(ipv4Of("10.1.0.2"), new Uint8Array(1));
    harness.send(ipv6Of("fd00:1::2"), new Uint8Array(1));
    harness.take();
    harness.routeError = error;
    harness.give(quoteOf(name));
    const answer = answerOf(harness);
    const expected = messageOf(name);
    assertEquals(answer, expected, name);
  }
});

Deno.test("a router redirects with the bytes of Linux", () => {
  const harness = router();
  harness.addRoute({
    interface: ETH,
    prefix: ipv4Of("10.9.0.0"),
    prefixLength: 16,
    gateway: ipv4Of("10.1.0.99"),
  });
  harness.give(quoteOf("icmpv4_redirect"));
  const [redirect] = harness.take();
  assertEquals(readIpv4(redirect.bytes).payload, messageOf("icmpv4_redirect"));
  harness.assertClean();
});

Deno.test("errors of Linux mean to us what they mean to Linux", () => {
  const cases = [
    ["icmpv4_fragmentation_needed", Errno.EMSGSIZE, 1400],
    ["icmpv4_host_unreachable", Errno.EHOSTUNREACH, 0],
    ["icmpv4_network_unreachable", Errno.ENETUNREACH, 0],
    ["icmpv4_prohibited", Errno.EHOSTUNREACH, 0],
    ["icmpv4_time_exceeded", Errno.EHOSTUNREACH, 0],
    ["icmpv4_port_unreachable", Errno.ECONNREFUSED, 0],
    ["icmpv6_packet_too_big", Errno.EMSGSIZE, 1400],
    ["icmpv6_address_unreachable", Errno.EHOSTUNREACH, 0],
    ["icmpv6_no_route", Errno.ENETUNREACH, 0],
    ["icmpv6_prohibited", Errno.EACCES, 0],
    ["icmpv6_time_exceeded", Errno.EHOSTUNREACH, 0],
    ["icmpv6_port_unreachable", Errno.ECONNREFUSED, 0],
  ] as const;
  for (const [name, errno, info] of cases) {
    const harness = client();
    const udp = new FakeProtocol(harness, 17);
    harness.ip.register(udp);
    harness.ip.echoListener = { onEchoReply: () => {}, onError: (error) => udp.onError(error) };
    harness.give(packetOf(name));
    const [error] = udp.errors;
    assert(error !== undefined, name);
    assertEquals([error.errno, error.info], [errno, info], name);
    const isUdp = name.includes("port");
    if (isUdp) assertEquals([error.flow.localPort, error.flow.remotePort], [6001, 7001]);
    harness.assertClean();
  }
});
