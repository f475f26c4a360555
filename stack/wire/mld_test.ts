import { assert, assertEquals } from "@std/assert";
import { ipv6Of, putIpv6 } from "./addresses.ts";
import { PlainChecksummer, pseudoIpv6At } from "./checksum.ts";
import { faultName } from "./fault.ts";
import { RecordType } from "./group_records.ts";
import * as icmpv6 from "./icmpv6.ts";
import * as ipv6 from "./ipv6.ts";
import * as mld from "./mld.ts";
import { PacketBytes } from "./packet_bytes.ts";
import { mldMessage } from "../../tests/support/stack/wire/arbitrary_messages.ts";
import { fuzz } from "../../tests/support/stack/wire/fuzz.ts";
import { type Golden, golden, goldens, IP_AT } from "../../tests/support/stack/wire/golden.ts";
import { assertRoundTrips } from "../../tests/support/stack/wire/round_trip.ts";

/** Behind the IPv6 header and hop-by-hop options with a router alert. */
const AT = IP_AT + 48;

function parseGolden(tshark: Golden): mld.MldMessage {
  const { packets, bytes, name } = tshark;
  assertEquals(faultName(mld.check(packets, AT, bytes.length - AT, IP_AT, 0)), "NONE", name);
  return mld.parse(packets, AT, bytes.length - AT);
}

Deno.test("golden messages are written the same", () => {
  assertEquals(goldens("mld").length, 5);
  for (const tshark of goldens("mld")) {
    const { packets, bytes, name } = tshark;
    const length = bytes.length - AT;
    const message = parseGolden(tshark);
    assertEquals(mld.emittedBytes(message), length, name);
    packets.bytes.fill(0xa5, AT);
    assertEquals(mld.emit(packets, AT, message), length);
    const pseudo = pseudoIpv6At(packets, IP_AT, 58, length);
    icmpv6.seal(new PlainChecksummer(packets), packets, AT, length, pseudo);
    assertEquals(packets.bytes, bytes, name);
  }
});

Deno.test("golden messages mean what tshark sees", () => {
  const query = golden("mldv2_query");
  assertEquals(parseGolden(query), {
    message: "query-v2",
    group: ipv6Of(query.value("icmpv6.mld.multicast_address")),
    maxResponse: query.number("icmpv6.mld.maximum_response_code"),
    suppress: query.number("icmpv6.mld.flag.s") === 1,
    robustness: query.number("icmpv6.mld.flag.qrv"),
    interval: query.number("icmpv6.mld.qqi"),
    sources: [],
  });
  const old = golden("mldv1_query");
  const response = old.number("icmpv6.mld.maximum_response_delay");
  const group = ipv6Of(old.value("icmpv6.mld.multicast_address"));
  assertEquals(parseGolden(old), { message: "query-v1", group, maxResponse: response });
  assertEquals(mld.groupAt(AT), old.at("icmpv6.mld.multicast_address"));
  for (const name of ["report", "done"] as const) {
    const tshark = golden(`mldv1_${name}`);
    const group = ipv6Of(tshark.value("icmpv6.mld.multicast_address"));
    assertEquals(parseGolden(tshark), { message: `${name}-v1`, group });
  }
  const report = parseGolden(golden("mldv2_report"));
  assert(report.message === "report-v2");
  assertEquals(report.records.find(({ sources }) => sources.length > 0), {
    type: golden("mldv2_report").number("icmpv6.mldr.mar.record_type"),
    group: ipv6Of("ff05::1:3"),
    sources: [ipv6Of("fd00:2::2"), ipv6Of("fd00:2::3")],
    auxiliary: new Uint8Array(0),
  });
  assertEquals(report.records[0].type, RecordType.ALLOW_NEW_SOURCES);
});

Deno.test("messages survive the wire", () => {
  assertRoundTrips(mldMessage, {
    ...mld,
    check(packets, at, length) {
      const moved = PacketBytes.copyOf(packets.bytes.subarray(at, at + length), 40);
      ipv6.put(moved, 0, 0, 0, length, 58, 1);
      putIpv6(moved, ipv6.sourceAt(0), ipv6Of("fe80::1"));
      return mld.check(moved, 40, length, 0, 0);
    },
  });
});

Deno.test("each way in which a message is bad has its name", () => {
  const judge = (
    name: string,
    edits: Record<number, number[]>,
    length?: number,
    routerAlert = 0,
  ) => {
    const tshark = golden(`mld${name}`);
    const { packets } = tshark;
    for (const [at, bytes] of Object.entries(edits)) packets.bytes.set(bytes, Number(at));
    const there = length ?? tshark.bytes.length - AT;
    return faultName(mld.check(packets, AT, there, IP_AT, routerAlert));
  };
  const [hopLimit, source] = [IP_AT + 7, IP_AT + 8];
  const nobody = Array(16).fill(0);
  assertEquals(judge("v2_query", {}, 7), "MLD_TOO_SHORT");
  assertEquals(judge("v2_query", {}, 23), "MLD_TOO_SHORT");
  assertEquals(judge("v1_report", {}, 23), "MLD_TOO_SHORT");
  for (const length of [25, 26, 27]) {
    assertEquals(judge("v2_query", {}, length), "MLD_QUERY_LENGTH");
  }
  assertEquals(judge("v2_query", { [AT]: [129] }), "MLD_TYPE");
  assertEquals(judge("v2_query", { [hopLimit]: [2] }), "MLD_HOP_LIMIT");
  assertEquals(judge("v2_query", {}, undefined, -1), "MLD_ROUTER_ALERT");
  assertEquals(judge("v2_query", { [source]: [0x20] }), "MLD_SOURCE");
  assertEquals(judge("v2_query", { [source]: nobody }), "MLD_SOURCE");
  assertEquals(judge("v2_report", { [source]: nobody }), "NONE");
  assertEquals(judge("v2_report", { [source]: [0x20] }), "MLD_SOURCE");
  assertEquals(judge("v2_query", { [AT + 8]: [0x20] }), "MLD_GROUP");
  assertEquals(judge("v2_query", { [AT + 27]: [1] }), "MLD_SOURCES_TRUNCATED");
  assertEquals(judge("v1_done", { [AT + 8]: [0x20] }), "MLD_GROUP");
  assertEquals(judge("v2_report", { [AT + 6]: [0, 9] }), "MLD_RECORDS_TRUNCATED");
  assertEquals(judge("v2_report", { [AT + 6]: [4, 0] }), "MLD_RECORDS_TRUNCATED");
  assertEquals(judge("v2_report", { [AT + 6]: [4, 1] }), "MLD_TOO_MANY_RECORDS");
  assertEquals(judge("v2_report", { [AT + 9]: [255] }), "MLD_RECORDS_TRUNCATED");
  assertEquals(judge("v2_report", { [AT + 12]: [0x20] }), "MLD_GROUP");
});

Deno.test("a query about every group names no sources", () => {
  const { packets } = golden("mldv2_query");
  const query = PacketBytes.copyOf([...packets.bytes, ...Array(16).fill(0x20)]);
  query.bytes[AT + 27] = 1;
  const judge = () => faultName(mld.check(query, AT, 44, IP_AT, 0));
  assertEquals(judge(), "MLD_GROUP");
  putIpv6(query, mld.groupAt(AT), ipv6Of("ff02::fb"));
  assertEquals(judge(), "NONE");
});

Deno.test("whatever arrives is a message or has a fault", () => {
  const { good, faults } = fuzz({
    seeds: goldens("mld").map(({ bytes }) => ({ bytes: bytes.subarray(IP_AT), at: 48 })),
    starts: [[], [130, 0], [131, 0], [132, 0], [143, 0, 0, 0, 0, 0, 0, 2, 1, 0, 0, 1, 0xff]],
    check: (packets, at, length, ipAt) => mld.check(packets, at, length, ipAt, 0),
    read: mld.parse,
  });
  assert(good > 100);
  for (const name of ["TOO_SHORT", "TYPE", "GROUP", "RECORDS_TRUNCATED", "HOP_LIMIT"]) {
    assert(faults.has(`MLD_${name}`), name);
  }
});
