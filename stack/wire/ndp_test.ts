import { assert, assertEquals } from "@std/assert";
import { formatIpv6, ipv6Of, macOf, putIpv6, solicitedNodeOf } from "./addresses.ts";
import { PlainChecksummer, pseudoIpv6At } from "./checksum.ts";
import { faultName } from "./fault.ts";
import * as icmpv6 from "./icmpv6.ts";
import * as ipv6 from "./ipv6.ts";
import * as ndp from "./ndp.ts";
import { findOption, linkLayerAddress, OptionType } from "./ndp_options.ts";
import { PacketBytes } from "./packet_bytes.ts";
import { ndpMessage } from "../../tests/support/stack/wire/arbitrary_messages.ts";
import { fuzz } from "../../tests/support/stack/wire/fuzz.ts";
import { type Golden, golden, goldens, IP_AT } from "../../tests/support/stack/wire/golden.ts";
import { assertRoundTrips } from "../../tests/support/stack/wire/round_trip.ts";

const AT = IP_AT + 40;
const CLIENT = macOf("02:00:00:00:00:0c");

function parseGolden(tshark: Golden): ndp.NdpMessage {
  const { packets, bytes, name } = tshark;
  assertEquals(faultName(ndp.check(packets, AT, bytes.length - AT, IP_AT)), "NONE", name);
  return ndp.parse(packets, AT, bytes.length - AT);
}

Deno.test("golden messages are written the same", () => {
  assertEquals(goldens("ndp").length, 7);
  for (const tshark of goldens("ndp")) {
    const { packets, bytes, name } = tshark;
    const length = bytes.length - AT;
    const message = parseGolden(tshark);
    assertEquals(ndp.emittedBytes(message), length, name);
    packets.bytes.fill(0xa5, AT);
    assertEquals(ndp.emit(packets, AT, message), length);
    const pseudo = pseudoIpv6At(packets, IP_AT, 58, length);
    icmpv6.seal(new PlainChecksummer(packets), packets, AT, length, pseudo);
    assertEquals(packets.bytes, bytes, name);
  }
});

Deno.test("golden solicitations and advertisements mean what tshark sees", () => {
  const router = macOf("02:00:00:00:00:ab");
  assertEquals(parseGolden(golden("ndp_neighbor_solicitation")), {
    message: "neighbor-solicitation",
    target: ipv6Of("fd00:1::1"),
    options: [{ option: "source-link-layer", address: CLIENT }],
  });
  assertEquals(parseGolden(golden("ndp_neighbor_advertisement")), {
    message: "neighbor-advertisement",
    isRouter: true,
    isSolicited: true,
    isOverride: true,
    target: ipv6Of("fd00:1::1"),
    options: [{ option: "target-link-layer", address: router }],
  });
  const unsolicited = golden("ndp_unsolicited_advertisement");
  assertEquals(parseGolden(unsolicited), {
    message: "neighbor-advertisement",
    isRouter: false,
    isSolicited: false,
    isOverride: true,
    target: ipv6Of(unsolicited.value("icmpv6.nd.na.target_address")),
    options: [{ option: "target-link-layer", address: CLIENT }],
  });
  const detection = golden("ndp_detection");
  const target = ipv6Of(detection.value("icmpv6.nd.ns.target_address"));
  assertEquals(parseGolden(detection), {
    message: "neighbor-solicitation",
    target,
    options: [{
      option: "nonce",
      nonce: detection.bytes.slice(detection.at("icmpv6.opt.nonce")),
    }],
  });
  const destination = formatIpv6(solicitedNodeOf(target));
  assertEquals(detection.value("ipv6.dst"), destination);
  assertEquals(parseGolden(golden("ndp_router_solicitation")), {
    message: "router-solicitation",
    options: [{ option: "source-link-layer", address: CLIENT }],
  });
});

Deno.test("a golden router advertisement has all that radvd was told", () => {
  const message = parseGolden(golden("ndp_router_advertisement"));
  assert(message.message === "router-advertisement");
  const { options, ...fields } = message;
  assertEquals(fields, {
    message: "router-advertisement",
    hopLimit: 61,
    isManaged: false,
    hasOtherConfiguration: true,
    preference: 1,
    routerLifetime: 1800,
    reachableTime: 30_000,
    retransmitTimer: 1000,
  });
  assertEquals(options.slice(0, 3), [
    {
      option: "prefix-information",
      prefix: ipv6Of("fd00:a::"),
      prefixLength: 64,
      isOnLink: true,
      isAutonomous: true,
      validLifetime: 7200,
      preferredLifetime: 3600,
    },
    {
      option: "route-information",
      prefix: ipv6Of("fd00:b::"),
      prefixLength: 96,
      preference: 3,
      lifetime: 900,
    },
    {
      option: "dns-servers",
      lifetime: 600,
      servers: [ipv6Of("fd00:1::53"), ipv6Of("fd00:1::54")],
    },
  ]);
  // RFC 8106 section 5.2 has search lists, which this module does not read.
  assert(options[3].option === "unknown" && options[3].type === 31);
  assertEquals(options.slice(4), [
    { option: "mtu", mtu: 1492 },
    { option: "source-link-layer", address: macOf("02:00:00:00:00:ab") },
  ]);
});

Deno.test("a golden redirect quotes the packet that took the long way", () => {
  const tshark = golden("ndp_redirect");
  const message = parseGolden(tshark);
  assert(message.message === "redirect");
  assertEquals(formatIpv6(message.target), "fe80::99");
  assertEquals(formatIpv6(message.destination), "fd00:9::1");
  const quoted = message.options.find(({ option }) => option === "redirected-header");
  assert(quoted?.option === "redirected-header");
  const packets = PacketBytes.copyOf(quoted.packet);
  assertEquals(ipv6.check(packets, 0, packets.length), 0);
  assertEquals(ipv6.destination(packets, 0), message.destination);
});

Deno.test("the accessors say what parse() says, without making objects", () => {
  const tshark = golden("ndp_neighbor_advertisement");
  const { packets, bytes } = tshark;
  assertEquals(ndp.targetAt(AT), tshark.at("icmpv6.nd.na.target_address"));
  const flags = [ndp.isRouter, ndp.isSolicited, ndp.isOverride].map((is) => is(packets, AT));
  assertEquals(flags, [true, true, true]);
  const first = ndp.optionsAt(packets, AT);
  assertEquals(first, tshark.at("icmpv6.opt.type"));
  const found = findOption(packets, first, bytes.length, OptionType.TARGET_LINK_LAYER);
  assertEquals(linkLayerAddress(packets, found), macOf("02:00:00:00:00:ab"));
});

/** An IPv6 header before a message, from an address of the link to all nodes. */
function envelope(packets: PacketBytes, ipAt: number, length: number): void {
  ipv6.put(packets, ipAt, 0, 0, length, 58, 255);
  putIpv6(packets, ipv6.sourceAt(ipAt), ipv6Of("fe80::1"));
  putIpv6(packets, ipv6.destinationAt(ipAt), ipv6Of("ff02::1"));
}

Deno.test("messages survive the wire", () => {
  assertRoundTrips(ndpMessage, {
    ...ndp,
    check(packets, at, length) {
      const moved = PacketBytes.copyOf(packets.bytes.subarray(at, at + length), 40);
      envelope(moved, 0, length);
      return ndp.check(moved, 40, length, 0);
    },
  });
});

// covers RFC 4861 4.6 MUST
Deno.test("each way in which a message is bad has its name", () => {
  const judge = (name: string, edits: Record<number, number[]>, length?: number) => {
    const tshark = golden(`ndp_${name}`);
    const { packets } = tshark;
    for (const [at, bytes] of Object.entries(edits)) packets.bytes.set(bytes, Number(at));
    return faultName(ndp.check(packets, AT, length ?? tshark.bytes.length - AT, IP_AT));
  };
  const [hopLimit, source, destination, target] = [IP_AT + 7, IP_AT + 8, IP_AT + 24, AT + 8];
  const group = Array(16).fill(0xff);
  const nobody = Array(16).fill(0);
  assertEquals(judge("neighbor_solicitation", {}, 7), "NDP_TOO_SHORT");
  assertEquals(judge("neighbor_solicitation", {}, 23), "NDP_TOO_SHORT");
  assertEquals(judge("router_advertisement", {}, 15), "NDP_TOO_SHORT");
  assertEquals(judge("redirect", {}, 39), "NDP_TOO_SHORT");
  assertEquals(judge("neighbor_solicitation", { [AT]: [128] }), "NDP_TYPE");
  assertEquals(judge("neighbor_solicitation", { [AT + 1]: [1] }), "NDP_CODE");
  assertEquals(judge("neighbor_solicitation", { [hopLimit]: [254] }), "NDP_HOP_LIMIT");
  assertEquals(judge("neighbor_solicitation", { [target]: group }), "NDP_TARGET");
  assertEquals(judge("neighbor_solicitation", { [AT + 25]: [0] }), "NDP_OPTION_LENGTH");
  assertEquals(judge("neighbor_solicitation", { [AT + 25]: [2] }), "NDP_OPTION_LENGTH");
  assertEquals(judge("neighbor_solicitation", {}, 31), "NDP_OPTION_LENGTH");
  assertEquals(judge("neighbor_solicitation", {}, 24), "NONE");
  assertEquals(judge("neighbor_solicitation", { [source]: nobody }), "NDP_SOURCE_LINK_LAYER");
  assertEquals(judge("router_solicitation", { [source]: nobody }), "NDP_SOURCE_LINK_LAYER");
  assertEquals(judge("router_solicitation", { [source]: nobody }, 8), "NONE");
  assertEquals(judge("detection", { [destination + 11]: [0] }), "NDP_DESTINATION");
  assertEquals(judge("neighbor_advertisement", { [target]: group }), "NDP_TARGET");
  assertEquals(judge("neighbor_advertisement", { [destination]: group }), "NDP_SOLICITED_TO_GROUP");
  assertEquals(judge("router_advertisement", { [source]: [0x20, 1] }), "NDP_SOURCE");
  assertEquals(judge("redirect", { [source]: [0x20, 1] }), "NDP_SOURCE");
  assertEquals(judge("redirect", { [target]: [0x20, 1] }), "NDP_TARGET");
  assertEquals(judge("redirect", { [AT + 24]: group }), "NDP_DESTINATION");
  const neighbor = golden("ndp_redirect").bytes.subarray(AT + 24, AT + 40);
  assertEquals(judge("redirect", { [target]: [...neighbor] }), "NONE");
});

Deno.test("a message has a limit of options", () => {
  const options = Array(64).fill({ option: "mtu", mtu: 1500 } as const);
  const packets = new PacketBytes(new ArrayBuffer(1024));
  for (const more of [0, 1]) {
    const message = { message: "router-solicitation", options: options.slice(1 - more) } as const;
    const length = ndp.emit(packets, 40, message);
    envelope(packets, 0, length);
    assertEquals(faultName(ndp.check(packets, 40, length, 0)), "NONE");
  }
  const message = { message: "router-solicitation", options: [...options, options[0]] } as const;
  const length = ndp.emit(packets, 40, message);
  assertEquals(faultName(ndp.check(packets, 40, length, 0)), "NDP_TOO_MANY_OPTIONS");
});

Deno.test("whatever arrives is a message or has a fault", () => {
  const { good, faults } = fuzz({
    seeds: goldens("ndp").map(({ bytes }) => ({ bytes: bytes.subarray(IP_AT), at: 40 })),
    starts: [[], ...[133, 134, 135, 136, 137].map((type) => [type, 0])],
    check: ndp.check,
    read(packets, at, length) {
      const message = ndp.parse(packets, at, length);
      assertEquals(message.options.length > 0, ndp.optionsAt(packets, at) < at + length);
    },
  });
  assert(good > 100);
  for (const name of ["TOO_SHORT", "TYPE", "HOP_LIMIT", "CODE", "OPTION_LENGTH"]) {
    assert(faults.has(`NDP_${name}`), name);
  }
});
