import { assert, assertEquals } from "@std/assert";
import { ipv4Of } from "./addresses.ts";
import { PlainChecksummer } from "./checksum.ts";
import { Fault, faultName } from "./fault.ts";
import { RecordType } from "./group_records.ts";
import * as igmp from "./igmp.ts";
import { PacketBytes } from "./packet_bytes.ts";
import { igmpMessage } from "../../tests/support/stack/wire/arbitrary_messages.ts";
import { fuzz } from "../../tests/support/stack/wire/fuzz.ts";
import { type Golden, golden, goldens } from "../../tests/support/stack/wire/golden.ts";
import { assertRoundTrips } from "../../tests/support/stack/wire/round_trip.ts";

function parseGolden(tshark: Golden): igmp.IgmpMessage {
  const { packets, bytes, name } = tshark;
  const at = tshark.at("igmp.type");
  assertEquals(faultName(igmp.check(packets, at, bytes.length - at, 0)), "NONE", name);
  return igmp.parse(packets, at, bytes.length - at);
}

// covers RFC 3376 4.1.2 MUST
Deno.test("golden messages are written and summed up the same", () => {
  assertEquals(goldens("igmp").length, 6);
  for (const tshark of goldens("igmp")) {
    const { packets, bytes, name } = tshark;
    const at = tshark.at("igmp.type");
    const length = bytes.length - at;
    const summer = new PlainChecksummer(packets);
    assertEquals(igmp.verify(summer, at, length), Fault.NONE, name);
    const message = parseGolden(tshark);
    assertEquals(igmp.type(packets, at), tshark.number("igmp.type"));
    assertEquals(igmp.emittedBytes(message), length, name);
    packets.bytes.fill(0xa5, at);
    assertEquals(igmp.emit(packets, at, message), length);
    igmp.seal(summer, packets, at, length);
    assertEquals(packets.bytes, bytes, name);
    packets.bytes[at + 5] ^= 1;
    assertEquals(igmp.verify(summer, at, length), Fault.IGMP_CHECKSUM);
  }
});

Deno.test("golden messages mean what tshark sees", () => {
  const query = golden("igmpv3_query");
  assertEquals(parseGolden(query), {
    message: "query-v3",
    group: ipv4Of(query.value("igmp.maddr")),
    // tshark shows tenths of a second as they are, and the interval in seconds.
    maxResponse: query.bytes[query.at("igmp.max_resp")],
    suppress: false,
    robustness: query.number("igmp.qrv"),
    interval: query.number("igmp.qqic"),
    sources: [],
  });
  const old = golden("igmpv2_query");
  assertEquals(parseGolden(old), {
    message: "query-v2",
    group: ipv4Of(old.value("igmp.maddr")),
    maxResponse: old.bytes[old.at("igmp.max_resp")],
  });
  for (const message of ["report-v1", "report-v2", "leave-v2"] as const) {
    const [kind, version] = message.split("-");
    const tshark = golden(`igmp${version}_${kind}`);
    const group = ipv4Of(tshark.value("igmp.maddr"));
    assertEquals(parseGolden(tshark), { message, group });
    assertEquals(igmp.group(tshark.packets, tshark.at("igmp.type")), group);
  }
  assertEquals(parseGolden(golden("igmpv3_report")), {
    message: "report-v3",
    records: [{
      type: RecordType.ALLOW_NEW_SOURCES,
      group: ipv4Of("239.1.2.3"),
      sources: [ipv4Of("10.2.0.2"), ipv4Of("10.2.0.3")],
      auxiliary: new Uint8Array(0),
    }],
  });
});

Deno.test("messages survive the wire", () => {
  assertRoundTrips(igmpMessage, {
    ...igmp,
    check: (packets, at, length) => igmp.check(packets, at, length, 0),
  });
});

/** Judges a message as bytes. */
function judge(bytes: number[], routerAlert = 0): string {
  return faultName(igmp.check(PacketBytes.copyOf(bytes), 0, bytes.length, routerAlert));
}

const GROUP = [239, 1, 2, 3];

Deno.test("a query's length and time tell its version, and what is between is none", () => {
  const version = (bytes: number[]) => {
    assertEquals(judge(bytes), "NONE");
    return igmp.parse(PacketBytes.copyOf(bytes), 0, bytes.length).message;
  };
  assertEquals(version([0x11, 0, 0, 0, 0, 0, 0, 0]), "query-v1");
  assertEquals(version([0x11, 1, 0, 0, ...GROUP]), "query-v2");
  assertEquals(version([0x11, 0, 0, 0, ...GROUP, 0, 0, 0, 0]), "query-v3");
  for (const more of [1, 2, 3]) {
    assertEquals(judge([0x11, 1, 0, 0, ...GROUP, ...Array(more).fill(0)]), "IGMP_QUERY_LENGTH");
  }
});

// covers RFC 3376 4 MUST
Deno.test("each way in which a message is bad has its name", () => {
  assertEquals(judge([0x11, 0, 0, 0, 0, 0, 0]), "IGMP_TOO_SHORT");
  assertEquals(judge([0x13, 0, 0, 0, ...GROUP]), "IGMP_TYPE");
  assertEquals(judge([0x11, 0, 0, 0, 0, 0, 0, 0], -1), "NONE");
  assertEquals(judge([0x11, 1, 0, 0, ...GROUP], -1), "IGMP_ROUTER_ALERT");
  assertEquals(judge([0x11, 0, 0, 0, ...GROUP, 0, 0, 0, 0], -1), "IGMP_ROUTER_ALERT");
  assertEquals(judge([0x11, 1, 0, 0, 10, 0, 0, 1]), "IGMP_GROUP");
  assertEquals(judge([0x16, 0, 0, 0, 0, 0, 0, 0]), "IGMP_GROUP");
  assertEquals(judge([0x11, 1, 0, 0, ...GROUP, 2, 9, 0, 1]), "IGMP_SOURCES_TRUNCATED");
  assertEquals(judge([0x11, 1, 0, 0, ...GROUP, 2, 9, 0, 1, 1, 2, 3, 4]), "NONE");
  assertEquals(judge([0x11, 1, 0, 0, 0, 0, 0, 0, 2, 9, 0, 1, 1, 2, 3, 4]), "IGMP_GROUP");
  const report = (records: number, ...bytes: number[]) =>
    judge([0x22, 0, 0, 0, 0, 0, records >> 8, records & 255, ...bytes]);
  assertEquals(report(0), "NONE");
  assertEquals(report(1), "IGMP_RECORDS_TRUNCATED");
  assertEquals(report(1024), "IGMP_RECORDS_TRUNCATED");
  assertEquals(report(1025), "IGMP_TOO_MANY_RECORDS");
  assertEquals(report(1, 1, 0, 0, 0, ...GROUP), "NONE");
  assertEquals(report(2, 1, 0, 0, 0, ...GROUP), "IGMP_RECORDS_TRUNCATED");
  assertEquals(report(1, 1, 0, 0, 1, ...GROUP), "IGMP_RECORDS_TRUNCATED");
  assertEquals(report(1, 1, 1, 0, 0, ...GROUP, 0, 0, 0, 0), "NONE");
  assertEquals(report(1, 1, 2, 0, 0, ...GROUP, 0, 0, 0, 0), "IGMP_RECORDS_TRUNCATED");
  assertEquals(report(1, 1, 0, 0, 0, 10, 0, 0, 1), "IGMP_GROUP");
});

Deno.test("whatever arrives is a message or has a fault", () => {
  const { good, faults } = fuzz({
    seeds: goldens("igmp").map((tshark) => ({
      bytes: tshark.bytes.subarray(tshark.at("igmp.type")),
      at: 0,
    })),
    starts: [[], [0x11, 5, 0, 0, ...GROUP], [0x22, 0, 0, 0, 0, 0, 0, 2, 1, 0, 0, 1, ...GROUP]],
    check: (packets, at, length) => igmp.check(packets, at, length, 0),
    read: igmp.parse,
  });
  assert(good > 100);
  for (const name of ["TOO_SHORT", "TYPE", "GROUP", "RECORDS_TRUNCATED", "SOURCES_TRUNCATED"]) {
    assert(faults.has(`IGMP_${name}`), name);
  }
});
