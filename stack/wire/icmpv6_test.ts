import { assert, assertEquals } from "@std/assert";
import { PlainChecksummer, pseudoIpv6At } from "./checksum.ts";
import { Fault, faultName } from "./fault.ts";
import * as icmpv6 from "./icmpv6.ts";
import * as ipv6 from "./ipv6.ts";
import { icmpv6Message } from "../../tests/support/stack/wire/arbitrary_messages.ts";
import { fuzz } from "../../tests/support/stack/wire/fuzz.ts";
import { golden, goldens, IP_AT } from "../../tests/support/stack/wire/golden.ts";
import { assertRoundTrips } from "../../tests/support/stack/wire/round_trip.ts";

/** What each golden message means, as far as it is always the same. */
const MEANINGS: Readonly<Record<string, icmpv6.Icmpv6Message>> = {
  icmpv6_no_route: { message: "unreachable", code: icmpv6.UnreachableCode.NO_ROUTE },
  icmpv6_prohibited: { message: "unreachable", code: icmpv6.UnreachableCode.PROHIBITED },
  icmpv6_address_unreachable: { message: "unreachable", code: icmpv6.UnreachableCode.ADDRESS },
  icmpv6_port_unreachable: { message: "unreachable", code: icmpv6.UnreachableCode.PORT },
  icmpv6_packet_too_big: { message: "packet-too-big", mtu: 1400 },
  icmpv6_time_exceeded: { message: "time-exceeded", code: icmpv6.TimeExceededCode.IN_TRANSIT },
  icmpv6_parameter_problem: {
    message: "parameter-problem",
    code: icmpv6.ParameterProblemCode.NEXT_HEADER,
    pointer: 6,
  },
};

Deno.test("golden messages mean what they were sent for, and are written the same", () => {
  assertEquals(Object.keys(MEANINGS).length, goldens("icmpv6").length - 2);
  for (const tshark of goldens("icmpv6")) {
    const { packets, bytes, name } = tshark;
    const at = tshark.at("icmpv6.type");
    const length = bytes.length - at;
    assertEquals(faultName(icmpv6.check(packets, at, length)), "NONE", name);
    const summer = new PlainChecksummer(packets);
    const pseudo = pseudoIpv6At(packets, IP_AT, 58, length);
    assertEquals(icmpv6.verify(summer, at, length, pseudo), Fault.NONE, name);
    const message = icmpv6.parse(packets, at);
    if (name in MEANINGS) assertEquals(message, MEANINGS[name]);
    assertEquals(icmpv6.type(packets, at), tshark.number("icmpv6.type"));
    assertEquals(icmpv6.code(packets, at), tshark.number("icmpv6.code"));
    packets.bytes.fill(0xa5, at, at + 8);
    assertEquals(icmpv6.emit(packets, at, message), icmpv6.HEADER_BYTES);
    icmpv6.seal(summer, packets, at, length, pseudo);
    assertEquals(packets.bytes, bytes, name);
  }
});

Deno.test("golden echoes have the numbers that tshark sees", () => {
  for (const name of ["echo-request", "echo-reply"] as const) {
    const tshark = golden(`icmpv6_${name.replace("-", "_")}`);
    const at = tshark.at("icmpv6.type");
    const identifier = tshark.packets.view.getUint16(tshark.at("icmpv6.echo.identifier"));
    const sequence = tshark.number("icmpv6.echo.sequence_number");
    assertEquals(icmpv6.parse(tshark.packets, at), { message: name, identifier, sequence });
    assertEquals(icmpv6.echoIdentifier(tshark.packets, at), identifier);
    assertEquals(icmpv6.echoSequence(tshark.packets, at), sequence);
  }
});

Deno.test("every golden message of discovery has a good checksum and passes the first look", () => {
  const summed = [...goldens("ndp"), ...goldens("mld")];
  for (
    const { packets, bytes, name, ...rest } of summed.map((tshark) => ({
      packets: tshark.packets,
      bytes: tshark.bytes,
      name: tshark.name,
      at: tshark.at("icmpv6.type"),
    }))
  ) {
    const { at } = rest;
    const length = bytes.length - at;
    assertEquals(faultName(icmpv6.check(packets, at, length)), "NONE", name);
    const pseudo = pseudoIpv6At(packets, IP_AT, 58, length);
    assertEquals(icmpv6.verify(new PlainChecksummer(packets), at, length, pseudo), Fault.NONE);
    const type = icmpv6.type(packets, at);
    assertEquals(icmpv6.isNeighborDiscovery(type), name.startsWith("ndp"), name);
    assertEquals(icmpv6.isListenerDiscovery(type), name.startsWith("mld"), name);
    assertEquals(icmpv6.parse(packets, at).message, "unknown");
  }
});

Deno.test("errors quote the packet that they are about", () => {
  for (const tshark of goldens("icmpv6")) {
    const at = tshark.at("icmpv6.type");
    const isError = icmpv6.isError(tshark.packets, at);
    assertEquals(isError, tshark.name in MEANINGS, tshark.name);
    if (!isError) continue;
    const quoted = icmpv6.quoteAt(at);
    assertEquals(quoted, tshark.at("ipv6.version", 1));
    assertEquals(ipv6.payloadLength(tshark.packets, quoted), tshark.number("ipv6.plen", 1));
  }
});

Deno.test("the numbers of errors can be read in place", () => {
  const tooBig = golden("icmpv6_packet_too_big");
  assertEquals(icmpv6.mtu(tooBig.packets, tooBig.at("icmpv6.type")), tooBig.number("icmpv6.mtu"));
  const problem = golden("icmpv6_parameter_problem");
  const at = problem.at("icmpv6.type");
  assertEquals(icmpv6.pointer(problem.packets, at), problem.number("icmpv6.pointer"));
});

Deno.test("a code has all of its bits", () => {
  const { packets } = golden("icmpv6_no_route");
  const at = golden("icmpv6_no_route").at("icmpv6.type");
  packets.view.setUint8(at + 1, 200);
  assertEquals(icmpv6.code(packets, at), 200);
});

Deno.test("messages survive the wire", () => {
  assertRoundTrips(icmpv6Message, {
    emit: icmpv6.emit,
    parse: icmpv6.parse,
    check(packets, at, length) {
      packets.bytes[at + 8] = 0x60;
      return icmpv6.check(packets, at, length);
    },
    payload: 40,
  });
});

// covers RFC 4443 2.4 MUST
Deno.test("each way in which a message is bad has its name", () => {
  const judge = (name: string, edits: Record<number, number>, length?: number) => {
    const tshark = golden(name);
    const { packets } = tshark;
    const at = tshark.at("icmpv6.type");
    for (const [offset, byte] of Object.entries(edits)) packets.bytes[at + Number(offset)] = byte;
    return faultName(icmpv6.check(packets, at, length ?? tshark.bytes.length - at));
  };
  assertEquals(judge("icmpv6_echo_request", {}, 7), "ICMPV6_TOO_SHORT");
  assertEquals(judge("icmpv6_echo_request", {}, 8), "NONE");
  assertEquals(judge("icmpv6_echo_request", { 1: 1 }), "ICMPV6_CODE");
  for (const type of [138, 142, 144, 200, 255]) {
    assertEquals(judge("icmpv6_echo_request", { 0: type }), "ICMPV6_TYPE");
  }
  assertEquals(judge("icmpv6_no_route", {}, 47), "ICMPV6_QUOTE");
  assertEquals(judge("icmpv6_no_route", {}, 48), "NONE");
  assertEquals(judge("icmpv6_no_route", { 8: 0x45 }), "ICMPV6_QUOTE");
  // RFC 4443 section 2.4 (a): an error of unknown type is passed on all the same.
  assertEquals(judge("icmpv6_no_route", { 0: 100 }), "NONE");
});

Deno.test("whatever arrives is a message or has a fault", () => {
  const { good, faults } = fuzz({
    seeds: goldens("icmpv6").map((tshark) => ({
      bytes: tshark.bytes.subarray(tshark.at("icmpv6.type")),
      at: 0,
    })),
    check: icmpv6.check,
    read(packets, at) {
      icmpv6.parse(packets, at);
      icmpv6.isError(packets, at);
    },
  });
  assert(good > 100);
  for (const name of ["TOO_SHORT", "TYPE", "CODE", "QUOTE"]) assert(faults.has(`ICMPV6_${name}`));
});
