import { assert, assertEquals } from "@std/assert";
import { ipv4Of } from "./addresses.ts";
import { PlainChecksummer } from "./checksum.ts";
import { Fault, faultName } from "./fault.ts";
import * as icmpv4 from "./icmpv4.ts";
import * as ipv4 from "./ipv4.ts";
import { icmpv4Message } from "../../tests/support/stack/wire/arbitrary_messages.ts";
import { fuzz } from "../../tests/support/stack/wire/fuzz.ts";
import { type Golden, golden, goldens } from "../../tests/support/stack/wire/golden.ts";
import { assertRoundTrips } from "../../tests/support/stack/wire/round_trip.ts";

/** Golden messages; the fragments of an echo are none. */
function messages(): Golden[] {
  return goldens("icmpv4").concat(golden("ipv4_record_route"), golden("ipv4_timestamp"));
}

const unreachable = (code: number, nextHopMtu = 0) => ({
  message: "unreachable" as const,
  code,
  nextHopMtu,
});

/** What each golden message means, as far as it is always the same. */
const MEANINGS: Readonly<Record<string, icmpv4.Icmpv4Message>> = {
  icmpv4_network_unreachable: unreachable(icmpv4.UnreachableCode.NETWORK),
  icmpv4_host_unreachable: unreachable(icmpv4.UnreachableCode.HOST),
  icmpv4_protocol_unreachable: unreachable(icmpv4.UnreachableCode.PROTOCOL),
  icmpv4_port_unreachable: unreachable(icmpv4.UnreachableCode.PORT),
  icmpv4_fragmentation_needed: unreachable(icmpv4.UnreachableCode.FRAGMENTATION_NEEDED, 1400),
  icmpv4_prohibited: unreachable(icmpv4.UnreachableCode.PROHIBITED),
  icmpv4_time_exceeded: {
    message: "time-exceeded",
    code: icmpv4.TimeExceededCode.IN_TRANSIT,
  },
  icmpv4_parameter_problem: {
    message: "parameter-problem",
    code: icmpv4.ParameterProblemCode.POINTER,
    pointer: 22,
  },
  icmpv4_redirect: {
    message: "redirect",
    code: icmpv4.RedirectCode.HOST,
    gateway: ipv4Of("10.1.0.99"),
  },
};

Deno.test("golden messages mean what they were sent for, and are written the same", () => {
  assertEquals(Object.keys(MEANINGS).length, messages().length - 5);
  for (const tshark of messages()) {
    const { packets, bytes, name } = tshark;
    const at = tshark.at("icmp.type");
    const length = bytes.length - at;
    assertEquals(faultName(icmpv4.check(packets, at, length)), "NONE", name);
    const summer = new PlainChecksummer(packets);
    assertEquals(icmpv4.verify(summer, at, length), Fault.NONE, name);
    const message = icmpv4.parse(packets, at);
    if (name in MEANINGS) assertEquals(message, MEANINGS[name]);
    assertEquals(icmpv4.type(packets, at), tshark.number("icmp.type"));
    assertEquals(icmpv4.code(packets, at), tshark.number("icmp.code"));
    const header = message.message.startsWith("timestamp") ? 20 : 8;
    packets.bytes.fill(0xa5, at, at + header);
    assertEquals(icmpv4.emit(packets, at, message), header);
    icmpv4.seal(summer, packets, at, length);
    assertEquals(packets.bytes, bytes, name);
  }
});

Deno.test("golden echoes have the numbers that tshark sees", () => {
  for (const name of ["echo", "echo-reply"] as const) {
    const tshark = golden(`icmpv4_${name.replace("-", "_")}`);
    const at = tshark.at("icmp.type");
    const identifier = tshark.number("icmp.ident");
    const sequence = tshark.number("icmp.seq");
    assertEquals(icmpv4.parse(tshark.packets, at), { message: name, identifier, sequence });
    assertEquals(icmpv4.echoIdentifier(tshark.packets, at), identifier);
    assertEquals(icmpv4.echoSequence(tshark.packets, at), sequence);
  }
});

Deno.test("a golden reply to a timestamp has the times that tshark sees", () => {
  const tshark = golden("icmpv4_timestamp_reply");
  const message = icmpv4.parse(tshark.packets, tshark.at("icmp.type"));
  assert(message.message === "timestamp-reply");
  assertEquals(message.originate, 1000);
  for (const name of ["originate", "receive", "transmit"] as const) {
    const bytes = tshark.packets.view.getUint32(tshark.at(`icmp.${name}_timestamp`));
    assertEquals(message[name], bytes);
  }
});

Deno.test("errors quote the packet that they are about", () => {
  for (const tshark of messages()) {
    const at = tshark.at("icmp.type");
    const isError = icmpv4.isError(tshark.packets, at);
    assertEquals(isError, tshark.name in MEANINGS, tshark.name);
    if (!isError) continue;
    const quoted = icmpv4.quoteAt(at);
    assertEquals(quoted, tshark.at("ip.version", 1));
    const whole = tshark.number("ip.len", 1);
    assertEquals(ipv4.check(tshark.packets, quoted, whole), Fault.NONE);
  }
});

Deno.test("messages survive the wire, errors with what they quote", () => {
  const quote = golden("icmpv4_port_unreachable").bytes.subarray(42, 70);
  assertRoundTrips(icmpv4Message, {
    emit: icmpv4.emit,
    parse: icmpv4.parse,
    check(packets, at, length) {
      if (icmpv4.isError(packets, at)) {
        assertEquals(icmpv4.check(packets, at, length - quote.length), Fault.ICMPV4_QUOTE);
        packets.bytes.set(quote, at + 8);
      }
      return icmpv4.check(packets, at, length);
    },
    payload: quote.length,
  });
});

// covers RFC 1122 3.2.2 MUST
Deno.test("each way in which a message is bad has its name", () => {
  const judge = (name: string, edits: Record<number, number>, length?: number) => {
    const tshark = golden(name);
    const { packets } = tshark;
    const at = tshark.at("icmp.type");
    for (const [offset, byte] of Object.entries(edits)) packets.bytes[at + Number(offset)] = byte;
    return faultName(icmpv4.check(packets, at, length ?? tshark.bytes.length - at));
  };
  assertEquals(judge("icmpv4_echo", {}, 7), "ICMPV4_TOO_SHORT");
  assertEquals(judge("icmpv4_echo", {}, 8), "NONE");
  assertEquals(judge("icmpv4_echo", { 1: 1 }), "ICMPV4_CODE");
  for (const type of [1, 2, 7, 9, 15, 18, 42, 255]) {
    assertEquals(judge("icmpv4_echo", { 0: type }), "ICMPV4_TYPE");
  }
  assertEquals(judge("icmpv4_port_unreachable", { 1: 16 }), "ICMPV4_CODE");
  assertEquals(judge("icmpv4_redirect", { 1: 4 }), "ICMPV4_CODE");
  assertEquals(judge("icmpv4_time_exceeded", { 1: 2 }), "ICMPV4_CODE");
  assertEquals(judge("icmpv4_parameter_problem", { 1: 3 }), "ICMPV4_CODE");
  assertEquals(judge("icmpv4_port_unreachable", { 0: 4, 1: 1 }), "ICMPV4_CODE");
  assertEquals(judge("icmpv4_port_unreachable", { 0: 4, 1: 0 }), "NONE");
  assertEquals(judge("icmpv4_port_unreachable", { 8: 0x65 }), "ICMPV4_QUOTE");
  assertEquals(judge("icmpv4_port_unreachable", { 8: 0x44 }), "ICMPV4_QUOTE");
  assertEquals(judge("icmpv4_port_unreachable", {}, 35), "ICMPV4_QUOTE");
  assertEquals(judge("icmpv4_port_unreachable", { 8: 0x46 }, 36), "ICMPV4_QUOTE");
  assertEquals(judge("icmpv4_port_unreachable", {}, 36), "NONE");
  assertEquals(judge("icmpv4_timestamp_reply", {}, 19), "ICMPV4_TOO_SHORT");
  assertEquals(judge("icmpv4_timestamp_reply", { 1: 1 }), "ICMPV4_CODE");
});

Deno.test("a message of another type can be shown all the same", () => {
  const { packets } = golden("icmpv4_echo");
  const at = golden("icmpv4_echo").at("icmp.type");
  packets.view.setUint16(at, 0x2a05);
  const message = icmpv4.parse(packets, at);
  assertEquals([message.message, icmpv4.isError(packets, at)], ["unknown", false]);
  const { bytes } = packets;
  const before = bytes.slice();
  bytes.fill(0, at, at + 4);
  icmpv4.emit(packets, at, message);
  bytes.set(before.subarray(at + 2, at + 4), at + 2);
  assertEquals(bytes, before);
});

Deno.test("whatever arrives is a message or has a fault", () => {
  const { good, faults } = fuzz({
    seeds: messages().map((tshark) => ({
      bytes: tshark.bytes.subarray(tshark.at("icmp.type")),
      at: 0,
    })),
    starts: [[], [3, 3], [8, 0], [13, 0], [12, 0]],
    check: icmpv4.check,
    read(packets, at) {
      icmpv4.parse(packets, at);
      icmpv4.isError(packets, at);
    },
  });
  assert(good > 100);
  for (const name of ["TOO_SHORT", "TYPE", "CODE", "QUOTE"]) assert(faults.has(`ICMPV4_${name}`));
});
