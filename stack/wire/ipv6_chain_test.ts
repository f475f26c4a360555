import { assert, assertEquals } from "@std/assert";
import { Fault, faultName } from "./fault.ts";
import * as chain from "./ipv6_chain.ts";
import * as extensions from "./ipv6_extensions.ts";
import * as ipv6 from "./ipv6.ts";
import { Protocol } from "./numbers.ts";
import { PacketBytes } from "./packet_bytes.ts";
import { fuzz } from "../../tests/support/stack/wire/fuzz.ts";
import { type Golden, golden, goldens, IP_AT } from "../../tests/support/stack/wire/golden.ts";

function walkGolden(tshark: Golden): chain.Ipv6Chain {
  const found = new chain.Ipv6Chain();
  assertEquals(ipv6.check(tshark.packets, IP_AT, tshark.bytes.length - IP_AT), Fault.NONE);
  assertEquals(faultName(chain.walk(tshark.packets, IP_AT, found)), "NONE", tshark.name);
  assertEquals(found.problemAt, 0, tshark.name);
  return found;
}

Deno.test("golden packets without extension headers carry what their header says", () => {
  const tshark = golden("tcp_syn_ipv6");
  const found = walkGolden(tshark);
  assertEquals([found.protocol, found.payloadAt], [Protocol.TCP, tshark.at("tcp.srcport")]);
  assertEquals(found.payloadBytes, tshark.bytes.length - found.payloadAt);
  assertEquals(found.nextHeaderAt, tshark.at("ipv6.nxt"));
  assertEquals([found.extensions, found.isFragment], [0, false]);
});

Deno.test("golden messages of MLD lie behind a router alert", () => {
  for (const tshark of goldens("mld")) {
    const found = walkGolden(tshark);
    assertEquals([found.protocol, found.payloadAt], [58, tshark.at("icmpv6.type")]);
    assertEquals(found.routerAlert, tshark.number("ipv6.opt.router_alert"));
    assertEquals(found.hopByHopAt, tshark.at("ipv6.hopopts.nxt"));
    assertEquals(found.nextHeaderAt, found.hopByHopAt);
  }
});

Deno.test("golden destination options are passed", () => {
  const tshark = golden("ipv6_destination_options");
  const found = walkGolden(tshark);
  assertEquals([found.protocol, found.payloadAt], [17, tshark.at("udp.srcport")]);
  assertEquals(found.destinationOptionsAt, tshark.at("ipv6.dstopts.nxt"));
});

Deno.test("golden fragments tell where they belong", () => {
  for (const name of ["ipv6_fragment_first", "ipv6_fragment_last"]) {
    const tshark = golden(name);
    const found = walkGolden(tshark);
    assertEquals(found.isFragment, true);
    assertEquals(found.fragmentOffset, 8 * tshark.number("ipv6.fraghdr.offset"));
    assertEquals(found.moreFragments, tshark.number("ipv6.fraghdr.more") === 1);
    assertEquals(found.identification, tshark.number("ipv6.fraghdr.ident") | 0);
    assertEquals(found.fragmentAt, tshark.at("ipv6.fraghdr.nxt"));
    assertEquals(found.fragmentNamedAt, tshark.at("ipv6.nxt"));
    assertEquals([found.protocol, found.payloadAt], [58, found.fragmentAt + 8]);
    assertEquals(found.payloadBytes, tshark.bytes.length - found.payloadAt);
  }
});

Deno.test("a golden routing header with segments left is not for a host", () => {
  const { packets } = golden("ipv6_routing");
  const found = new chain.Ipv6Chain();
  assertEquals(faultName(chain.walk(packets, IP_AT, found)), "IPV6_ROUTING_UNRECOGNIZED");
  const typeAt = golden("ipv6_routing").at("ipv6.routing.type");
  assertEquals(found.problemAt, typeAt - IP_AT);
  packets.bytes[golden("ipv6_routing").at("ipv6.routing.segleft")] = 0;
  assertEquals(faultName(chain.walk(packets, IP_AT, found)), "NONE");
  assertEquals([found.protocol, found.routingAt], [17, typeAt - 2]);
});

/** A packet of extension headers as bytes; the first field of each is filled in. */
function packet(first: number, headers: number[][], destination = 0x20): PacketBytes {
  const payload = headers.flat();
  const packets = PacketBytes.copyOf([...Array(40).fill(0), ...payload]);
  ipv6.put(packets, 0, 0, 0, payload.length, first, 64);
  packets.bytes[24] = destination;
  return packets;
}

/** Judges such a packet. @returns the fault and the byte of the packet that is to blame */
function judge(first: number, headers: number[][], destination?: number): [string, number] {
  const found = new chain.Ipv6Chain();
  const { bytes } = packet(first, headers, destination);
  const packets = PacketBytes.copyOf(bytes, 6);
  assertEquals(ipv6.check(packets, 6, bytes.length), Fault.NONE);
  const fault = chain.walk(packets, 6, found);
  return [faultName(fault), found.problemAt];
}

const { HOP_BY_HOP, DESTINATION_OPTIONS, ROUTING, FRAGMENT, NONE, TCP, UDP } = Protocol;

/** Options of 8 bytes that are nothing but padding. */
const padding = (next: number) => [next, 0, 1, 4, 0, 0, 0, 0];

// covers RFC 8200 4.1 MUST
Deno.test("hop-by-hop options stand first or are a fault of the byte that names them", () => {
  assertEquals(judge(HOP_BY_HOP, [padding(NONE)]), ["NONE", 0]);
  assertEquals(judge(HOP_BY_HOP, [padding(DESTINATION_OPTIONS), padding(NONE)]), ["NONE", 0]);
  assertEquals(
    judge(DESTINATION_OPTIONS, [padding(HOP_BY_HOP), padding(NONE)]),
    ["IPV6_HOP_BY_HOP_NOT_FIRST", 40],
  );
  assertEquals(
    judge(HOP_BY_HOP, [padding(HOP_BY_HOP), padding(NONE)]),
    ["IPV6_HOP_BY_HOP_NOT_FIRST", 40],
  );
});

// covers RFC 8200 4.1 MUST
// covers RFC 8200 4 MUST
Deno.test("other headers come in any order, but not without end", () => {
  const routing = (next: number) => [next, 0, 0, 0, 0, 0, 0, 0];
  const order = [routing(DESTINATION_OPTIONS), padding(ROUTING), routing(DESTINATION_OPTIONS)];
  assertEquals(judge(ROUTING, [...order, padding(NONE)]), ["NONE", 0]);
  const many = Array(7).fill(padding(DESTINATION_OPTIONS));
  assertEquals(judge(DESTINATION_OPTIONS, [...many, padding(NONE)]), ["NONE", 0]);
  assertEquals(
    judge(DESTINATION_OPTIONS, [...many, padding(DESTINATION_OPTIONS), padding(NONE)]),
    ["IPV6_TOO_MANY_EXTENSIONS", 40 + 7 * 8],
  );
});

Deno.test("a header that is cut off is a fault", () => {
  assertEquals(judge(DESTINATION_OPTIONS, [])[0], "IPV6_EXTENSION_TRUNCATED");
  assertEquals(judge(FRAGMENT, [[NONE, 0, 0, 0]])[0], "IPV6_EXTENSION_TRUNCATED");
  assertEquals(judge(ROUTING, [[NONE, 1, 0, 0, 0, 0, 0, 0]])[0], "IPV6_EXTENSION_TRUNCATED");
});

Deno.test("options are judged one by one", () => {
  const options = (...bytes: number[]) => {
    const units = Math.ceil((bytes.length + 2) / 8);
    const header = [NONE, units - 1, ...bytes, ...Array(units * 8 - bytes.length - 2).fill(0)];
    return judge(HOP_BY_HOP, [header]);
  };
  assertEquals(options(0, 0, 0, 0, 0, 0), ["NONE", 0]);
  assertEquals(options(1, 5, 0, 0, 0, 0), ["IPV6_OPTION_LENGTH", 42]);
  assertEquals(options(0x1e, 3, 0, 0, 0, 1), ["IPV6_OPTION_LENGTH", 47]);
  assertEquals(options(5, 2, 0, 0, 1, 0), ["NONE", 0]);
  assertEquals(options(5, 3, 0, 0, 0, 0), ["IPV6_OPTION_LENGTH", 42]);
  assertEquals(options(1, 12, ...Array(12).fill(0)), ["IPV6_PADDING", 42]);
  assertEquals(options(1, 4, 0, 0, 0, 0, 0, 0), ["IPV6_PADDING", 49]);
  assertEquals(options(...Array(8).fill([0x1e, 0]).flat(), 1, 4, 0, 0, 0, 0), ["NONE", 0]);
  assertEquals(
    options(...Array(9).fill([0x1e, 0]).flat(), 1, 2, 0, 0),
    ["IPV6_TOO_MANY_OPTIONS", 58],
  );
});

Deno.test("an unknown option's type says what becomes of the packet", () => {
  const option = (type: number) => [[NONE, 0, type, 4, 0, 0, 0, 0]];
  const ofType = (type: number, destination?: number) =>
    judge(DESTINATION_OPTIONS, option(type), destination);
  assertEquals(ofType(0x1e), ["NONE", 0]);
  assertEquals(ofType(0x5e), ["IPV6_OPTION_DISCARD", 42]);
  assertEquals(ofType(0x9e), ["IPV6_OPTION_UNRECOGNIZED", 42]);
  assertEquals(ofType(0x9e, 0xff), ["IPV6_OPTION_UNRECOGNIZED", 42]);
  assertEquals(ofType(0xde), ["IPV6_OPTION_UNRECOGNIZED", 42]);
  assertEquals(ofType(0xde, 0xff), ["IPV6_OPTION_DISCARD", 42]);
  // A jumbogram (RFC 2675) is an option that this stack does not know.
  assertEquals(judge(HOP_BY_HOP, option(0xc2)), ["IPV6_OPTION_UNRECOGNIZED", 42]);
  // A router alert is for every router on the way: among destination options it means nothing.
  const found = new chain.Ipv6Chain();
  const header = [NONE, 0, 5, 2, 0, 0, 1, 0];
  assertEquals(chain.walk(packet(DESTINATION_OPTIONS, [header]), 0, found), Fault.NONE);
  assertEquals(found.routerAlert, -1);
});

Deno.test("fragments are judged by length, place and what they begin with", () => {
  const fragment = (next: number, word: number) => [next, 0, word >> 8, word & 255, 0, 0, 0, 7];
  const bytes = (count: number) => Array(count).fill(0);
  const of = (next: number, word: number, count: number) =>
    judge(FRAGMENT, [fragment(next, word), bytes(count)]);
  assertEquals(of(UDP, 0x0001, 16), ["NONE", 0]);
  assertEquals(of(UDP, 0x0001, 17), ["IPV6_FRAGMENT_LENGTH", 4]);
  assertEquals(of(UDP, 0x0008, 17), ["NONE", 0]);
  assertEquals(of(UDP, 0x0008, 0), ["IPV6_FRAGMENT_EMPTY", 0]);
  assertEquals(of(UDP, 0xfff8, 7), ["NONE", 0]);
  assertEquals(of(UDP, 0xfff8, 8), ["IPV6_FRAGMENT_OVERFLOW", 42]);
  assertEquals(of(TCP, 0x0001, 16), ["IPV6_CHAIN_INCOMPLETE", 0]);
  assertEquals(of(TCP, 0x0001, 24), ["NONE", 0]);
  assertEquals(of(ROUTING, 0x0001, 8), ["IPV6_CHAIN_INCOMPLETE", 0]);
  const inner = [fragment(DESTINATION_OPTIONS, 1), [TCP, 0, 1, 4, 0, 0, 0, 0], bytes(16)];
  assertEquals(judge(FRAGMENT, inner), ["IPV6_CHAIN_INCOMPLETE", 0]);
  // Of other protocols the header's length is known, too, or does not matter.
  const cut = (next: number) =>
    judge(FRAGMENT, [fragment(DESTINATION_OPTIONS, 1), [next, 0, 1, 4, 0, 0, 0, 0]]);
  assertEquals(cut(UDP), ["IPV6_CHAIN_INCOMPLETE", 0]);
  assertEquals(cut(Protocol.ICMPV6), ["IPV6_CHAIN_INCOMPLETE", 0]);
  assertEquals(cut(NONE), ["NONE", 0]);
  assertEquals(of(UDP, 0x0001, 8), ["NONE", 0]);
  assertEquals(
    judge(FRAGMENT, [fragment(FRAGMENT, 0), fragment(UDP, 0), bytes(8)]),
    ["IPV6_FRAGMENT_NESTED", 40],
  );
});

// covers RFC 8200 4.5 MUST
Deno.test("what is whole in one fragment is no fragment", () => {
  const found = new chain.Ipv6Chain();
  const packets = packet(FRAGMENT, [[DESTINATION_OPTIONS, 0, 0, 0, 1, 2, 3, 4], padding(NONE)]);
  assertEquals(chain.walk(packets, 0, found), Fault.NONE);
  assertEquals([found.isFragment, found.fragmentAt, found.protocol], [false, 40, NONE]);
  assertEquals([found.identification, found.extensions], [0x01020304, 2]);
});

Deno.test("options behind a fragment header wait for the whole packet", () => {
  const bad = [NONE, 0, 0x9e, 4, 0, 0, 0, 0];
  const first = [DESTINATION_OPTIONS, 0, 0, 1, 0, 0, 0, 1];
  assertEquals(judge(FRAGMENT, [first, bad, [0, 0, 0, 0, 0, 0, 0, 0]]), ["NONE", 0]);
});

Deno.test("what was found in another packet is forgotten", () => {
  const found = new chain.Ipv6Chain();
  const names = ["ipv6_fragment_last", "mldv2_report", "ipv6_destination_options", "ipv6_routing"];
  for (const name of names) {
    chain.walk(golden(name).packets, IP_AT, found);
    for (const next of ["tcp_syn_ipv6", "ipv6_fragment_first"]) {
      assertEquals(chain.walk(golden(next).packets, IP_AT, found), Fault.NONE);
      assertEquals(found, walkGolden(golden(next)), `${next} after ${name}`);
    }
  }
});

Deno.test("the value of a router alert has all of its bits", () => {
  const found = new chain.Ipv6Chain();
  const alert = packet(HOP_BY_HOP, [[NONE, 0, 5, 2, 0x80, 1, 1, 0]]);
  assertEquals(chain.walk(alert, 0, found), Fault.NONE);
  assertEquals(found.routerAlert, 0x8001);
});

Deno.test("the kernel and this module blame the same byte of an unknown protocol", () => {
  const tshark = golden("icmpv6_parameter_problem");
  const found = new chain.Ipv6Chain();
  chain.walk(tshark.packets, tshark.at("ipv6.version", 1), found);
  const byte = found.nextHeaderAt - tshark.at("ipv6.version", 1);
  assertEquals(byte, tshark.number("icmpv6.pointer"));
});

Deno.test("whatever arrives has a chain or a fault", () => {
  const found = new chain.Ipv6Chain();
  const header = [0x60, 0, 0, 0, 0, 80, 0, 64, ...Array(32).fill(0x20)];
  const { good, faults } = fuzz({
    seeds: [...goldens("ipv6"), ...goldens("mld"), golden("tcp_syn_ipv6")]
      .map(({ bytes }) => ({ bytes: bytes.subarray(IP_AT), at: 0 })),
    starts: [HOP_BY_HOP, DESTINATION_OPTIONS, ROUTING, FRAGMENT].flatMap((first) => [
      header.with(6, first),
      [...header.with(6, first), DESTINATION_OPTIONS, 1, 1, 4, 0, 0, 0, 0],
      [...header.with(6, first), FRAGMENT, 0, 0, 1, 0, 0, 0, 0],
    ]),
    check(packets, at, length) {
      const fault = ipv6.check(packets, at, length);
      return fault === Fault.NONE ? chain.walk(packets, at, found) : fault;
    },
    read(packets, at, length) {
      assert(found.payloadAt + found.payloadBytes <= at + length && found.payloadBytes >= 0);
      assert(found.nextHeaderAt < found.payloadAt && found.problemAt === 0);
      const rest = ipv6.payloadLength(packets, at);
      const next = ipv6.nextHeader(packets, at);
      // What the walk takes, the list can show.
      const fault = extensions.check(packets, at + 40, rest, next);
      if (!found.isFragment) assertEquals(faultName(fault), "NONE");
      if (fault !== Fault.NONE) return;
      const listed = extensions.parse(packets, at + 40, next);
      if (!found.isFragment) assertEquals(listed.extensions.length, found.extensions);
    },
  });
  assert(good > 100);
  for (const name of ["EXTENSION_TRUNCATED", "OPTION_LENGTH", "FRAGMENT_LENGTH"]) {
    assert(faults.has(`IPV6_${name}`), name);
  }
});
