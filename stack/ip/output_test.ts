import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { Errno } from "../../ring/abi/errno.ts";
import { PacketFlag, Segmentation } from "../packet_table.ts";
import { AddressState } from "../iface/types.ts";
import { ipv4Of, IPV6_ANY, ipv6Of } from "../wire/addresses.ts";
import {
  ETH,
  FAR,
  FAR_6,
  IpHarness,
  LO,
  OTHER_ETH,
  OTHER_PEER,
  OURS,
  OURS_6,
  OURS_LINK,
  pattern,
  PEER,
  PEER_6,
  PEER_LINK,
  PLAIN,
  ROUTER,
  TEST_PROTOCOL,
} from "../../tests/support/stack/ip.ts";
import { ipv4Packet, readIpv4, readIpv6, sumOf } from "../../tests/support/stack/ip_packets.ts";
import { Flow, type IpParameters } from "./types.ts";

const DATA = pattern(100);
const GROUP = ipv4Of("239.1.2.3");
const GROUP_6 = ipv6Of("ff05::1:2");

Deno.test("a packet of IPv4 leaves with a header that says what was asked for", () => {
  const harness = new IpHarness();
  const parameters = { typeOfService: 0xb9, timeToLive: 9 };
  assertEquals(harness.send(FAR, DATA, parameters), 0);
  const [{ bytes, nextHop, interface: link }] = harness.take();
  const header = readIpv4(bytes);
  assertEquals([header.source, header.destination, header.protocol], [OURS, FAR, TEST_PROTOCOL]);
  assertEquals([header.dscp, header.ecn, header.timeToLive], [0xb9 >> 2, 1, 9]);
  assertEquals(header.payload, DATA);
  assertEquals([nextHop, link], [ROUTER, ETH]);
  harness.assertClean();
});

Deno.test("a packet of IPv6 leaves with a header that says what was asked for", () => {
  const harness = new IpHarness();
  const parameters = { typeOfService: 0xb9, timeToLive: 9, flowLabel: 0x12345 };
  assertEquals(harness.send(FAR_6, DATA, parameters), 0);
  const [{ bytes, nextHop, interface: link }] = harness.take();
  const header = readIpv6(bytes);
  assertEquals([header.source, header.destination, header.nextHeader], [OURS_6, FAR_6, 253]);
  assertEquals([header.dscp, header.ecn, header.hopLimit], [0xb9 >> 2, 1, 9]);
  assertEquals([header.flowLabel, header.payload], [0x12345, DATA]);
  assertEquals([nextHop, link], [ipv6Of("fe80::fe"), ETH]);
  harness.assertClean();
});

// covers RFC 1122 3.2.1.7 MUST
Deno.test("hops are the option's, the link's, and one for groups", () => {
  const harness = new IpHarness({ timeToLive: 77 });
  harness.link(ETH).hopLimit = 55;
  harness.send(PEER, DATA);
  harness.send(PEER_6, DATA);
  harness.send(GROUP, DATA);
  harness.send(GROUP_6, DATA);
  const [one, two, three, four] = harness.take().map(({ bytes }) => bytes);
  assertEquals([readIpv4(one).timeToLive, readIpv6(two).hopLimit], [77, 55]);
  // RFC 1112 section 6.1
  assertEquals([readIpv4(three).timeToLive, readIpv6(four).hopLimit], [1, 1]);
  harness.assertClean();
});

Deno.test("a packet that others hold gets its header in front, in a packet of its own", () => {
  const harness = new IpHarness();
  const { arena } = harness.environment;
  for (const [remote, local] of [[PEER, 0], [PEER_6, IPV6_ANY]] as const) {
    const packet = harness.packet(DATA, 30);
    arena.retain(packet);
    const flow = Object.assign(new Flow(), { remote, local });
    assertEquals(harness.ip.send(flow, packet, TEST_PROTOCOL, PLAIN), 0);
    const bytes = harness.takeOne();
    assertEquals((remote === PEER ? readIpv4(bytes) : readIpv6(bytes)).payload, DATA);
    assertEquals(harness.bytesOf(packet), DATA);
    arena.release(packet);
  }
  harness.assertClean();
});

Deno.test("options stand in the header of IPv4, extension headers behind that of IPv6", () => {
  const harness = new IpHarness();
  harness.send(PEER, DATA, { options: Uint8Array.of(148, 4, 0, 0) });
  const first = readIpv4(harness.takeOne());
  assertEquals(first.options, [{ option: "router-alert", value: 0 }]);
  assertEquals(first.payload, DATA);
  const bytes = Uint8Array.of(253, 0, 0x1e, 4, 1, 2, 3, 4);
  harness.send(PEER_6, DATA, { extensions: { first: 60, bytes, unfragmentableBytes: 0 } });
  const second = readIpv6(harness.takeOne());
  assertEquals(second.extensions.map(({ header }) => header), ["destination"]);
  assertEquals(second.payload, DATA);
  harness.assertClean();
});

// covers RFC 1122 3.3.3 MUST
// covers RFC 791 3.2 MUST
// covers RFC 791 3.1 MUST
Deno.test("fragments of IPv4 come together as what was sent", () => {
  const harness = new IpHarness();
  harness.link(ETH).mtu = 577;
  const data = pattern(4000);
  assertEquals(harness.send(PEER, data), 0);
  const parts = harness.take().map(({ bytes }) => readIpv4(bytes));
  assert(parts.every(({ totalLength }) => totalLength <= 577));
  assertEquals(parts.map(({ fragmentOffset }) => fragmentOffset), parts.map((_, at) => at * 552));
  assertEquals(new Set(parts.map(({ identification }) => identification)).size, 1);
  assertEquals(parts.map(({ moreFragments }) => moreFragments).lastIndexOf(true), 6);
  assertEquals(parts.some(({ dontFragment }) => dontFragment), false);
  assertEquals(parts.flatMap(({ payload }) => [...payload]), [...data]);
  assertEquals([harness.count("FRAGMENTED"), harness.count("FRAGMENTS_SENT")], [1, 8]);
  harness.assertClean();
});

// RFC 791 section 3.1
// covers RFC 791 3.1 MUST
Deno.test("options that are not to be copied stand in the first fragment only", () => {
  const harness = new IpHarness();
  harness.link(ETH).mtu = 577;
  const options = Uint8Array.of(7, 7, 4, 0, 0, 0, 0, 148, 4, 0, 0, 0);
  harness.send(PEER, pattern(1000), { options });
  const [first, second] = harness.take().map(({ bytes }) => readIpv4(bytes));
  assertEquals(first.options.map(({ option }) => option), ["record-route", "router-alert"]);
  assertEquals(second.options.at(-1), { option: "router-alert", value: 0 });
  assertEquals(second.options.some(({ option }) => option === "record-route"), false);
  assertEquals([...first.payload, ...second.payload], [...pattern(1000)]);
  harness.assertClean();
});

// RFC 8200 section 4.5
// covers RFC 5722 4 MUST
// covers RFC 8200 4.5 MUST
Deno.test("fragments of IPv6 come together as what was sent", () => {
  const harness = new IpHarness();
  harness.link(ETH).ipv6Mtu = 1280;
  const data = pattern(4000);
  assertEquals(harness.send(PEER_6, data), 0);
  const sent = harness.take().map(({ bytes }) => bytes);
  assert(sent.every(({ length }) => length <= 1280));
  const parts = sent.map(readIpv6);
  const headers = parts.map(({ extensions }) => extensions[0]);
  assertEquals(headers.map(({ header }) => header), parts.map(() => "fragment"));
  const offsets = headers.map((header) => header.header === "fragment" ? header.offset : -1);
  assertEquals(offsets, [0, 1232, 2464, 3696]);
  assertEquals(parts.flatMap(({ payload }) => [...payload]), [...data]);
  harness.assertClean();
});

Deno.test("what is longer than its sender wants is taken apart, though the path takes it", () => {
  const harness = new IpHarness();
  const limit = { mtu: 1280 };
  assertEquals(harness.send(PEER_6, pattern(1240), limit), 0);
  assertEquals(harness.take().map(({ bytes }) => bytes.length), [1280]);
  assertEquals(harness.send(PEER_6, pattern(1241), limit), 0);
  assertEquals(harness.take().map(({ bytes }) => bytes.length), [1280, 57]);
  for (const fragmentation of ["forbidden", "probe"] as const) {
    const judged = harness.send(PEER_6, pattern(1241), { ...limit, fragmentation });
    assertEquals(judged, -Errno.EMSGSIZE);
  }
  // It makes nothing longer than the path takes.
  assertEquals(harness.send(PEER_6, pattern(1461), { mtu: 9000 }), 0);
  assertEquals(harness.take().length, 2);
  harness.assertClean();
});

Deno.test("each fragment of IPv6 has the headers that routers look at", () => {
  const harness = new IpHarness();
  harness.link(ETH).ipv6Mtu = 1280;
  const hopByHop = [60, 0, 5, 2, 0, 0, 1, 0];
  const options = [253, 0, 0x1e, 4, 1, 2, 3, 4];
  const bytes = Uint8Array.from([...hopByHop, ...options]);
  const data = pattern(2000);
  harness.send(PEER_6, data, { extensions: { first: 0, bytes, unfragmentableBytes: 8 } });
  const parts = harness.take().map(({ bytes: packet }) => packet);
  for (const part of parts) {
    assertEquals([part[6], ...part.slice(40, 48)], [0, 44, ...hopByHop.slice(1)]);
    assertEquals(part[48], 60);
  }
  assertEquals([...parts[0].slice(56, 64)], options);
  assertEquals([...parts[0].slice(64), ...parts[1].slice(56)], [...data]);
  harness.assertClean();
});

Deno.test("a partial checksum is completed before the packet is taken apart", () => {
  for (const to of [PEER, PEER_6]) {
    const harness = new IpHarness();
    const { packets, arena } = harness.environment;
    const { memory } = arena;
    const data = pattern(3000);
    const packet = harness.packet(data);
    // What the pseudo header would add up to, for all that this test wants to know.
    const view = memory.view;
    view.setUint16(arena.start(packet) + 6, 0x1234);
    packets.flags[packet] |= PacketFlag.CHECKSUM_PARTIAL;
    const flow = Object.assign(new Flow(), { remote: to, local: to === PEER ? 0 : IPV6_ANY });
    assertEquals(harness.ip.send(flow, packet, 17, PLAIN), 0);
    const parts = harness.take().map(({ bytes, flags }) => {
      assertEquals(flags & PacketFlag.CHECKSUM_PARTIAL, 0);
      return to === PEER ? readIpv4(bytes).payload : readIpv6(bytes).payload;
    });
    const whole = Uint8Array.from(parts.flatMap((part) => [...part]));
    // RFC 1071: what has its checksum in it, and the pseudo header on top, sums up to all ones.
    assertEquals((sumOf(whole) + 0x1234) % 0xffff, 0);
    harness.assertClean();
  }
});

// covers RFC 4821 7.4 MUST
Deno.test("what may not be taken apart is refused when it is too long", () => {
  const harness = new IpHarness();
  const data = pattern(1600);
  for (const to of [PEER, PEER_6]) {
    for (const fragmentation of ["forbidden", "probe"] as const) {
      assertEquals(harness.send(to, data, { fragmentation }), -Errno.EMSGSIZE);
    }
    for (const fragmentation of ["allowed", "wanted"] as const) {
      assertEquals(harness.send(to, data, { fragmentation }), 0);
    }
    assertEquals(harness.send(to, pattern(65530), {}), -Errno.EMSGSIZE);
  }
  assertEquals(harness.count("REFUSED_TOO_BIG"), 6);
  assertEquals(harness.take().length, 8);
  harness.assertClean();
});

Deno.test("routers may take apart what is allowed, and nothing else", () => {
  const harness = new IpHarness();
  const bits = (["allowed", "wanted", "forbidden", "probe"] as const).map((fragmentation) => {
    harness.send(PEER, DATA, { fragmentation });
    return readIpv4(harness.takeOne()).dontFragment;
  });
  assertEquals(bits, [false, true, true, true]);
  harness.assertClean();
});

// covers RFC 6864 4.1 MAY
// covers RFC 6864 4.3 MUST
Deno.test("identifications are those of packets that may be taken apart only", () => {
  const harness = new IpHarness();
  const ids: number[] = [];
  for (let count = 0; count < 1000; count++) {
    harness.send(PEER, DATA);
    ids.push(readIpv4(harness.takeOne()).identification);
  }
  assertEquals(new Set(ids).size, 1000);
  const steps = ids.slice(1).map((id, at) => id - ids[at] & 0xffff);
  assert(new Set(steps).size > 1, "each one would tell the next");
  harness.send(PEER, DATA, { fragmentation: "forbidden" });
  assertEquals(readIpv4(harness.takeOne()).identification, 0);
  harness.assertClean();
});

Deno.test("a packet for segmentation goes to an interface that takes it, whole", () => {
  const harness = new IpHarness();
  harness.link(ETH).offloadBytes = 65535;
  const { packets } = harness.environment;
  const send = (length: number, fragmentation: IpParameters["fragmentation"] = "forbidden") => {
    const packet = harness.packet(pattern(length));
    packets.segmentation[packet] = Segmentation.TCP_IPV4;
    packets.segmentBytes[packet] = 1460;
    const flow = Object.assign(new Flow(), { remote: PEER });
    return harness.ip.send(flow, packet, 6, { ...PLAIN, fragmentation });
  };
  assertEquals(send(20_000), 0);
  const [{ bytes, segmentation }] = harness.take();
  assertEquals([bytes.length, segmentation], [20_020, Segmentation.TCP_IPV4]);
  Object.assign(harness.link(ETH), { mtu: 1400 });
  harness.generation++;
  assertEquals(send(20_000), -Errno.EMSGSIZE);
  Object.assign(harness.link(ETH), { mtu: 1500, offloadBytes: 16_000 });
  harness.generation++;
  for (const fragmentation of ["forbidden", "allowed"] as const) {
    assertEquals(send(20_000, fragmentation), -Errno.EMSGSIZE);
  }
  harness.assertClean();
});

Deno.test("what is for this very stack is delivered later, never within the call", () => {
  for (const to of ["127.0.0.1", "192.0.2.1"].map(ipv4Of)) {
    const harness = new IpHarness();
    assertEquals(harness.send(to, DATA), 0);
    assertEquals(harness.protocol.delivered, []);
    assertEquals(harness.loop(), 1);
    const [{ payload, source, destination, flags }] = harness.protocol.delivered;
    assertEquals([payload, source, destination], [DATA, to, to]);
    assert(flags & PacketFlag.LOOPED && flags & PacketFlag.CHECKSUM_GOOD);
    assertEquals(harness.sent, []);
    harness.assertClean();
  }
});

Deno.test("the any-address means this very stack", () => {
  const harness = new IpHarness();
  for (const remote of [0, IPV6_ANY]) {
    const flow = Object.assign(new Flow(), { remote, local: remote });
    assertEquals(harness.ip.route(flow), 0);
    const loopback = remote === 0 ? ipv4Of("127.0.0.1") : ipv6Of("::1");
    assertEquals([flow.remote, flow.local], [loopback, loopback]);
    assertEquals([flow.path!.isLocal, flow.path!.interface], [true, LO]);
  }
});

Deno.test("our own address of a link comes in by that link", () => {
  const harness = new IpHarness();
  assertEquals(harness.send(OURS_LINK, DATA, {}, { scope: ETH }), 0);
  assertEquals(harness.ip.loopedCount, 1);
  harness.loop();
  assertEquals(harness.protocol.delivered[0].payload, DATA);
  harness.assertClean();
});

Deno.test("the queue to this very stack has a bound", () => {
  const harness = new IpHarness({ loopPackets: 2 });
  const answers = [1, 2, 3].map(() => harness.send(OURS_LINK, DATA, {}, { scope: ETH }));
  assertEquals(answers, [0, 0, -Errno.ENOBUFS]);
  assertEquals(harness.count("DROPPED_LOOP_FULL"), 1);
  harness.send(OURS_LINK, DATA, {}, { scope: ETH });
  harness.ip.clear();
  harness.assertClean();
});

Deno.test("delivering what is looped ends at the limit", () => {
  const harness = new IpHarness();
  for (let count = 0; count < 5; count++) harness.send(OURS_LINK, DATA, {}, { scope: ETH });
  assertEquals([harness.ip.deliverLooped(3), harness.ip.loopedCount], [3, 2]);
  assertEquals([harness.ip.deliverLooped(3), harness.ip.loopedCount], [2, 0]);
  harness.assertClean();
});

// covers RFC 1122 3.2.1.3 MUST
Deno.test("what is from the loopback network never leaves", () => {
  const harness = new IpHarness();
  const local = ipv4Of("127.0.0.1");
  assertEquals(harness.send(PEER, DATA, {}, { local }), -Errno.EINVAL);
  assertEquals(harness.send(OURS, DATA, {}, { local }), 0);
  harness.loop();
  assertEquals(harness.sent, []);
  harness.assertClean();
});

// RFC 1122 section 3.3.6
Deno.test("to everybody only for those who asked to be able to", () => {
  const harness = new IpHarness();
  for (const to of ["255.255.255.255", "192.0.2.255"].map(ipv4Of)) {
    assertEquals(harness.send(to, DATA), -Errno.EACCES);
    assertEquals(harness.send(to, DATA, { mayBroadcast: true }), 0);
    const [{ nextHop, bytes }] = harness.take();
    assertEquals([nextHop, readIpv4(bytes).destination], [null, to]);
    // Whoever listens here hears it, too.
    harness.loop();
    assertEquals(harness.protocol.delivered.pop()!.payload, DATA);
  }
  assertEquals(harness.count("REFUSED_BROADCAST"), 2);
  harness.assertClean();
});

Deno.test("who has no address yet may speak to everybody", () => {
  const harness = new IpHarness();
  for (const address of harness.addresses) address.state = AddressState.TENTATIVE;
  harness.generation++;
  assertEquals(harness.send(PEER, DATA), -Errno.EADDRNOTAVAIL);
  assertEquals(harness.send(-1, DATA, { mayBroadcast: true, loopsMulticast: false }), 0);
  assertEquals(readIpv4(harness.takeOne()).source, 0);
  harness.assertClean();
});

Deno.test("members in this stack get what it sends to a group, unless it wants otherwise", () => {
  const harness = new IpHarness();
  for (const group of [GROUP, GROUP_6]) {
    harness.send(group, DATA);
    harness.loop();
    assertEquals(harness.protocol.delivered.length, 0);
    harness.groups.push({ interface: ETH, group });
    harness.send(group, DATA);
    harness.send(group, DATA, { loopsMulticast: false });
    harness.loop();
    assertEquals(harness.protocol.delivered.splice(0).map(({ payload }) => payload), [DATA]);
    assertEquals(harness.take().map(({ nextHop }) => nextHop), [group, group, group]);
  }
  harness.assertClean();
});

Deno.test("a member's copy is whole where what leaves is taken apart", () => {
  const harness = new IpHarness();
  harness.groups.push({ interface: ETH, group: GROUP });
  const data = pattern(4000);
  harness.send(GROUP, data);
  assertEquals(harness.take().length, 3);
  harness.loop();
  assertEquals(harness.protocol.delivered.map(({ payload }) => payload), [data]);
  harness.assertClean();
});

// RFC 1112 section 6.1
// covers RFC 4291 2.7 MUST
Deno.test("what must not leave the host does not", () => {
  const harness = new IpHarness();
  const own = ipv6Of("ff01::5");
  harness.groups.push({ interface: ETH, group: GROUP }, { interface: ETH, group: own });
  assertEquals(harness.send(GROUP, DATA, { timeToLive: -1 }), 0);
  assertEquals(harness.send(own, DATA, { timeToLive: 5 }), 0);
  assertEquals(harness.sent, []);
  harness.loop();
  assertEquals(harness.protocol.delivered.length, 2);
  harness.assertClean();
});

// covers RFC 6437 3 SHOULD
Deno.test("flows have labels that tell them apart and stay the same", () => {
  const harness = new IpHarness();
  const labelOf = (remotePort: number) => {
    harness.send(PEER_6, DATA, {}, { localPort: 5, remotePort });
    return readIpv6(harness.takeOne()).flowLabel;
  };
  const labels = Array.from({ length: 50 }, (_, port) => labelOf(port));
  assert(new Set(labels).size > 45);
  assertEquals(labelOf(7), labels[7]);
  assertEquals(labels.includes(0), false);
  const other = new IpHarness({}, 2);
  other.send(PEER_6, DATA, {}, { localPort: 5, remotePort: 7 });
  assertNotEquals(readIpv6(other.takeOne()).flowLabel, labels[7], "strangers could tell");
  const plain = new IpHarness({ flowLabels: false });
  plain.send(PEER_6, DATA, {}, { localPort: 5 });
  assertEquals(readIpv6(plain.takeOne()).flowLabel, 0);
});

Deno.test("a path is good until something changes that it was made from", () => {
  const harness = new IpHarness();
  const flow = Object.assign(new Flow(), { remote: FAR });
  assertEquals(harness.ip.route(flow), 0);
  const path = flow.path!;
  assertEquals([path.interface, path.mtu, path.isLocal, path.isValid], [ETH, 1500, false, true]);
  assertEquals(flow.local, OURS);
  const other = Object.assign(new Flow(), { remote: FAR });
  harness.ip.route(other);
  assertEquals(other.path === path, true, "paths are shared");
  harness.addRoute({ interface: OTHER_ETH, prefix: FAR, prefixLength: 32, gateway: OTHER_PEER });
  assertEquals(path.isValid, false);
  // Whoever sends all the same is led the new way.
  assertEquals(harness.ip.send(flow, harness.packet(DATA), TEST_PROTOCOL, PLAIN), 0);
  const [{ interface: link, nextHop }] = harness.take();
  assertEquals([link, nextHop], [OTHER_ETH, OTHER_PEER]);
  harness.assertClean();
});

Deno.test("paths ask for what the flow says, and are as short as the route says", () => {
  const harness = new IpHarness();
  harness.addRoute({ interface: ETH, prefix: FAR, prefixLength: 32, mtu: 1400 });
  const flow = Object.assign(new Flow(), { remote: FAR, mark: 5 });
  harness.ip.route(flow);
  assertEquals([flow.path!.mtu, harness.lastQuery!.mark], [1400, 5]);
  const bound = Object.assign(new Flow(), { remote: FAR, scope: OTHER_ETH });
  assertEquals(harness.ip.route(bound), -Errno.ENETUNREACH);
  assertEquals(harness.lastQuery!.interface, OTHER_ETH);
});

Deno.test("in the strong model packets leave by the interface of their source", () => {
  const scopes = (["weak", "strong"] as const).map((hostModel) => {
    const harness = new IpHarness({ hostModel });
    harness.ip.route(Object.assign(new Flow(), { remote: FAR, local: OURS }));
    return harness.lastQuery!.interface;
  });
  assertEquals(scopes, [0, ETH]);
});

Deno.test("ways that are not there are refused with their reasons", () => {
  const harness = new IpHarness();
  const { ip } = harness;
  const route = (parts: Partial<Flow>) => ip.route(Object.assign(new Flow(), parts));
  assertEquals(route({ remote: PEER, local: PEER }), -Errno.EADDRNOTAVAIL);
  assertEquals(route({ remote: PEER, local: OURS_6 }), -Errno.EINVAL);
  for (const error of [Errno.ENETUNREACH, Errno.EHOSTUNREACH, Errno.EACCES]) {
    harness.routeError = -error;
    harness.generation++;
    assertEquals(route({ remote: FAR }), -error);
    assertEquals(harness.send(FAR, DATA), -error);
  }
  harness.routeError = 0;
  harness.link(ETH).isUp = false;
  harness.generation++;
  assertEquals(route({ remote: FAR }), -Errno.ENETDOWN);
  assertEquals(harness.count("REFUSED_ROUTE"), 3);
  harness.assertClean();
});

Deno.test("link-local destinations leave by their scope", () => {
  const harness = new IpHarness();
  harness.send(PEER_LINK, DATA, {}, { scope: OTHER_ETH });
  const [{ interface: link, bytes }] = harness.take();
  assertEquals([link, readIpv6(bytes).source], [OTHER_ETH, ipv6Of("fe80::11")]);
  harness.assertClean();
});

Deno.test("destinations are a bounded number, and those asked for lately stay", () => {
  const harness = new IpHarness({ destinations: 16 });
  const flow = Object.assign(new Flow(), { remote: PEER, local: OURS });
  harness.ip.route(flow);
  const path = flow.path!;
  for (let host = 0; host < 1000; host++) {
    const other = Object.assign(new Flow(), { remote: FAR + host });
    harness.ip.route(other);
    harness.ip.route(flow);
    assertEquals(flow.path === path && path.isValid, true);
  }
  assertEquals(harness.count("PATHS_EVICTED"), 1001 - 16);
  for (let host = 0; host < 100; host++) {
    harness.ip.route(Object.assign(new Flow(), { remote: FAR + host }));
  }
  // Nobody has asked for it: whoever still has the path has to ask again.
  assertEquals(path.isValid, false);
});

Deno.test("what an interface does not take is the sender's to know", () => {
  const harness = new IpHarness();
  harness.link(ETH).answer = -Errno.ENOBUFS;
  assertEquals(harness.send(PEER, DATA), -Errno.ENOBUFS);
  assertEquals(harness.send(PEER, pattern(3000)), -Errno.ENOBUFS);
  assertEquals(harness.count("DROPPED_OUTPUT"), 2);
  harness.assertClean();
});

Deno.test("without memory for parts the sender is told, and nothing is lost", () => {
  const harness = new IpHarness({}, 1, 0);
  assertEquals(harness.send(PEER, pattern(1900)), -Errno.ENOBUFS);
  assertEquals(harness.send(PEER_6, pattern(1900)), -Errno.ENOBUFS);
  harness.assertClean();
});

Deno.test("a filter drops what leaves, and rejects it", () => {
  const harness = new IpHarness();
  let verdict: 0 | 1 | 2 = 1;
  harness.ip.filter = { judge: (point) => point === 2 ? verdict : 0 };
  assertEquals(harness.send(PEER, DATA), -Errno.EPERM);
  assertEquals([harness.sent.length, harness.count("DROPPED_FILTER_OUTPUT")], [0, 1]);
  verdict = 0;
  assertEquals(harness.send(PEER, DATA), 0);
  harness.assertClean();
});

Deno.test("confirming a flow confirms its next hop", () => {
  const harness = new IpHarness();
  for (const remote of [FAR, PEER, OURS]) {
    const flow = Object.assign(new Flow(), { remote });
    harness.ip.confirm(flow);
    harness.ip.route(flow);
    harness.ip.confirm(flow);
  }
  assertEquals(harness.confirmed, [ROUTER, PEER]);
});

Deno.test("two stacks exchange fragmented packets in both directions", () => {
  const data = pattern(9000);
  const one = new IpHarness();
  one.send(PEER, data);
  one.send(PEER_6, data);
  const other = new IpHarness({}, 5);
  other.addAddress(ETH, PEER, 24);
  other.addAddress(ETH, PEER_6, 64);
  // The fake would take a packet from its own address for a forged one.
  other.addresses.splice(2, 2);
  other.generation++;
  for (const { bytes } of one.take().reverse()) other.give(bytes);
  assertEquals(other.protocol.delivered.map(({ payload }) => payload), [data, data]);
  for (const harness of [one, other]) harness.assertClean();
});

Deno.test("a packet that brings its header leaves as it is", () => {
  const harness = new IpHarness();
  const { ip } = harness;
  const send = (bytes: Uint8Array, remote: number, parameters = PLAIN) => {
    const flow = Object.assign(new Flow(), { remote });
    return ip.sendWithHeader(flow, harness.packet(bytes), parameters);
  };
  const packet = ipv4Packet(DATA, { source: ipv4Of("10.1.2.3"), destination: FAR, timeToLive: 3 });
  assertEquals(send(packet, FAR), 0);
  const [{ bytes, nextHop }] = harness.take();
  assertEquals([bytes, nextHop], [packet, ROUTER]);
  assertEquals(send(ipv4Packet(pattern(1481)), FAR), -Errno.EMSGSIZE);
  assertEquals(send(ipv4Packet(DATA, { destination: -1 }), -1), -Errno.EACCES);
  assertEquals(
    send(ipv4Packet(DATA, { destination: -1 }), -1, { ...PLAIN, mayBroadcast: true }),
    0,
  );
  assertEquals(harness.take()[0].nextHop, null);
  harness.routeError = -Errno.ENETUNREACH;
  harness.generation++;
  assertEquals(send(packet, FAR), -Errno.ENETUNREACH);
  harness.loop();
  harness.assertClean();
});
