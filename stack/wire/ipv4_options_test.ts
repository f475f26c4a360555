import { assert, assertEquals, assertThrows } from "@std/assert";
import { ipv4Of } from "./addresses.ts";
import { Fault, faultName } from "./fault.ts";
import * as ipv4 from "./ipv4.ts";
import * as options from "./ipv4_options.ts";
import { PacketBytes } from "./packet_bytes.ts";
import { ipv4Options } from "../../tests/support/stack/wire/arbitraries.ts";
import { fuzz } from "../../tests/support/stack/wire/fuzz.ts";
import { golden, IP_AT } from "../../tests/support/stack/wire/golden.ts";
import { assertRoundTrips } from "../../tests/support/stack/wire/round_trip.ts";

const AT = IP_AT + 20;

Deno.test("a golden record route has the addresses that tshark sees", () => {
  const tshark = golden("ipv4_record_route");
  const routers = [0, 1, 2].map((i) => ipv4Of(tshark.value("ip.rec_rt", i)));
  assertEquals(options.parseOptions(tshark.packets, AT, 40), [{
    option: "record-route",
    pointer: tshark.number("ip.opt.ptr"),
    addresses: [...routers, 0, 0, 0, 0, 0, 0],
  }]);
  const found = new options.Ipv4Options();
  assertEquals(options.checkOptions(tshark.packets, IP_AT, 60, found), Fault.NONE);
  assertEquals([found.recordRouteAt, found.sourceRouteAt, found.timestampAt], [AT, -1, -1]);
});

Deno.test("golden timestamps have the addresses and times that tshark sees", () => {
  const tshark = golden("ipv4_timestamp");
  const [first] = options.parseOptions(tshark.packets, AT, 40);
  assert(first.option === "timestamp");
  assertEquals(first.flag, 1);
  assertEquals(first.pointer, tshark.number("ip.opt.ptr"));
  const [address, time] = first.words;
  assertEquals(address, ipv4Of(tshark.value("ip.opt.time_stamp_addr")));
  assertEquals(time, tshark.number("ip.opt.time_stamp") | 0);
  const found = new options.Ipv4Options();
  assertEquals(options.checkOptions(tshark.packets, IP_AT, 60, found), Fault.NONE);
  assertEquals(found.timestampAt, AT);
});

Deno.test("a golden report of IGMP has a router alert", () => {
  const { packets } = golden("igmpv3_report");
  assertEquals(options.parseOptions(packets, AT, 4), [{ option: "router-alert", value: 0 }]);
  const found = new options.Ipv4Options();
  assertEquals(options.checkOptions(packets, IP_AT, 24, found), Fault.NONE);
  assertEquals(found.routerAlert, 0);
  assertEquals(options.checkOptions(packets, IP_AT, 20, found), Fault.NONE);
  assertEquals(found.routerAlert, -1, "what was found before is forgotten");
});

Deno.test("the kernel and this module blame the same byte of a bad option", () => {
  const tshark = golden("icmpv4_parameter_problem");
  const quoted = tshark.at("ip.version", 1);
  assertEquals(ipv4.check(tshark.packets, quoted, 36), Fault.NONE);
  const found = new options.Ipv4Options();
  const fault = options.checkOptions(tshark.packets, quoted, 28, found);
  assertEquals(faultName(fault), "IPV4_OPTION_POINTER");
  assertEquals(found.problemAt, tshark.number("icmp.pointer"));
});

Deno.test("options survive the wire in their order", () => {
  const found = new options.Ipv4Options();
  assertRoundTrips(ipv4Options, {
    emit: options.emitOptions,
    parse: (packets, at, length) => options.parseOptions(packets, at, length),
    check: (packets, at, length) => options.checkOptions(packets, at - 20, 20 + length, found),
    emittedBytes: options.optionsBytes,
  });
});

Deno.test("more options than a header has room for are refused", () => {
  const route = { option: "record-route", pointer: 4, addresses: Array(9).fill(0) } as const;
  const alert = { option: "router-alert", value: 0 } as const;
  const packets = new PacketBytes(new ArrayBuffer(64));
  assertEquals(options.emitOptions(packets, 0, [route]), 40);
  assertThrows(() => options.emitOptions(packets, 0, [route, alert]), RangeError, "44 bytes");
});

/** Judges options. @returns the fault and the byte of the header that is to blame */
function judge(...bytes: number[]): [string, number] {
  const padded = [...bytes, ...Array((4 - bytes.length % 4) % 4).fill(0)];
  const packets = PacketBytes.copyOf(padded, 20);
  const found = new options.Ipv4Options();
  const fault = options.checkOptions(packets, 0, 20 + padded.length, found);
  return [faultName(fault), found.problemAt];
}

Deno.test("each way in which an option is bad has its name, and a byte to blame", () => {
  assertEquals(judge(), ["NONE", 0]);
  assertEquals(judge(1, 1, 1, 148), ["IPV4_OPTION_LENGTH", 24]);
  assertEquals(judge(1, 30, 0, 0), ["IPV4_OPTION_LENGTH", 22]);
  assertEquals(judge(1, 30, 1, 0), ["IPV4_OPTION_LENGTH", 22]);
  assertEquals(judge(30, 5, 0, 0), ["IPV4_OPTION_LENGTH", 21]);
  assertEquals(judge(30, 4, 0, 0), ["NONE", 0]);
  assertEquals(judge(148, 3, 0), ["IPV4_OPTION_LENGTH", 21]);
  assertEquals(judge(7, 6, 4, 0, 0, 0), ["IPV4_OPTION_LENGTH", 21]);
  assertEquals(judge(7, 2), ["IPV4_OPTION_LENGTH", 21]);
  assertEquals(judge(7, 7, 3, 0, 0, 0, 0), ["IPV4_OPTION_POINTER", 22]);
  assertEquals(judge(7, 7, 5, 0, 0, 0, 0), ["IPV4_OPTION_POINTER", 22]);
  // A pointer behind the option says that it is full.
  assertEquals(judge(7, 7, 200, 0, 0, 0, 0), ["NONE", 0]);
  assertEquals(judge(131, 3, 4, 137, 3, 4), ["IPV4_OPTION_REPEATED", 23]);
  assertEquals(judge(68, 3, 5), ["IPV4_OPTION_LENGTH", 21]);
  assertEquals(judge(68, 8, 5, 1, 0, 0, 0, 0), ["IPV4_OPTION_LENGTH", 21]);
  assertEquals(judge(68, 8, 5, 0, 0, 0, 0, 0), ["NONE", 0]);
  assertEquals(judge(68, 8, 4, 0, 0, 0, 0, 0), ["IPV4_OPTION_POINTER", 22]);
  // Behind the end of options anything may stand.
  assertEquals(judge(0, 7, 1, 1), ["NONE", 0]);
});

Deno.test("whatever arrives is options or has a fault, and can be listed all the same", () => {
  const found = new options.Ipv4Options();
  const { good, faults } = fuzz({
    seeds: ["ipv4_record_route", "ipv4_timestamp", "igmpv3_report"].map((name) => ({
      bytes: golden(name).bytes.subarray(AT, AT + golden(name).number("ip.hdr_len") - 20),
      at: 0,
    })),
    starts: [[], [7, 39, 4], [68, 36, 5, 1], [131, 3, 4, 137, 3, 4], [148, 4, 0, 0]],
    check(packets, at, length) {
      const fault = options.checkOptions(packets, at - 20, 20 + Math.min(length, 40), found);
      options.parseOptions(packets, at, Math.min(length, 40));
      return fault;
    },
    read() {
      assertEquals(found.problemAt, 0);
    },
  });
  assert(good > 100);
  for (const name of ["LENGTH", "POINTER", "REPEATED"]) {
    assert(faults.has(`IPV4_OPTION_${name}`), name);
  }
});
