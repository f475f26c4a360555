import { assert, assertEquals } from "@std/assert";
import { MS, S, TestLinks } from "../../tests/support/stack/links.ts";
import { igmpFrame, igmpsOf } from "../../tests/support/stack/messages.ts";
import { golden } from "../../tests/support/stack/wire/golden.ts";
import { formatIpv4, IPV4_ALL_HOSTS, IPV4_IGMP_ROUTERS, ipv4Of } from "../wire/addresses.ts";
import { RecordType } from "../wire/group_records.ts";
import type { IgmpMessage } from "../wire/igmp.ts";
import * as ethernet from "../wire/ethernet.ts";

const US = ipv4Of("10.0.0.1");
const ROUTER = ipv4Of("10.0.0.254");
const GROUP = ipv4Of("239.1.1.1");
const OTHER = ipv4Of("239.1.1.2");
const [A, B, C] = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(ipv4Of);
const NAMES = Object.fromEntries(Object.entries(RecordType).map(([name, type]) => [type, name]));

function listener(seed = 1) {
  const bed = new TestLinks({ seed });
  const link = bed.add();
  bed.links.addAddress(link.index, US, 24);
  bed.advance(20 * S);
  bed.take();
  const member = bed.links.groups.newMember();
  /** What was reported since the last time, such as `CHANGE_TO_EXCLUDE 239.1.1.1 ()`. */
  const told = (): string[] =>
    igmpsOf(bed.take()).flatMap(({ source, destination, message }) => {
      assertEquals(source, US);
      if (message.message !== "report-v3") {
        const group = formatIpv4("group" in message ? message.group : 0);
        return [`${message.message} ${group} to ${formatIpv4(destination)}`];
      }
      assertEquals(destination, IPV4_IGMP_ROUTERS);
      return message.records.map(({ type, group, sources }) =>
        `${NAMES[type]} ${formatIpv4(group)} (${sources.map(formatIpv4).sort()})`
      );
    });
  const hear = (message: IgmpMessage, destination = IPV4_ALL_HOSTS) =>
    bed.give(link.index, igmpFrame(ROUTER, destination, message));
  const ask = (
    said: Partial<Extract<IgmpMessage, { message: "query-v3" }>> = {},
    destination?: number,
  ) =>
    hear({
      ...{ message: "query-v3", group: 0, maxResponse: 100, suppress: false },
      ...{ robustness: 2, interval: 125, sources: [] },
      ...said,
    }, destination);
  return { bed, link: link.index, member, told, hear, ask };
}

// covers RFC 3376 5.1 MUST
// covers RFC 3376 4.2.14 MUST
// covers RFC 3376 4 MUST
Deno.test("a group that is joined or left is reported at once, and once more", () => {
  const { bed, link, member, told } = listener();
  member.join(link, GROUP);
  bed.advance(0);
  assertEquals(told(), ["CHANGE_TO_EXCLUDE 239.1.1.1 ()"]);
  bed.advance(1 * S);
  assertEquals(told(), ["CHANGE_TO_EXCLUDE 239.1.1.1 ()"]);
  bed.advance(60 * S);
  assertEquals(told(), []);
  member.leave(link, GROUP);
  bed.advance(2 * S);
  assertEquals(told(), ["CHANGE_TO_INCLUDE 239.1.1.1 ()", "CHANGE_TO_INCLUDE 239.1.1.1 ()"]);
  assertEquals(bed.links.groups.list(link).length, 2, "forgotten, once all is told");
  const { REPORTS_SENT, DROPPED_NO_PACKET } = bed.counters.igmp.snapshot();
  assertEquals([REPORTS_SENT, DROPPED_NO_PACKET], [4, 0]);
  bed.assertClean();
});

Deno.test("a report is what the kernel's is, but for its addresses", () => {
  const { packets } = golden("igmpv3_report");
  const bed = new TestLinks();
  const link = bed.add({ mac: ethernet.source(packets, 0) });
  bed.advance(10 * S);
  bed.take();
  bed.links.groups.newMember().join(link.index, GROUP);
  bed.advance(0);
  const [ours] = bed.take();
  assertEquals(ours.to, ethernet.destination(packets, 0));
  assertEquals(ours.bytes[15], packets.bytes[15], "the type of service");
  assertEquals(ours.bytes.slice(22, 24), new Uint8Array(packets.bytes.slice(22, 24)));
  assertEquals(ours.bytes.slice(34, 39), new Uint8Array(packets.bytes.slice(34, 39)));
});

// covers RFC 3376 5.1 MUST
Deno.test("sources that are added or taken away are told as often as the robustness says", () => {
  const { bed, link, member, told } = listener();
  member.joinSource(link, GROUP, A);
  bed.advance(0);
  assertEquals(told(), ["ALLOW_NEW_SOURCES 239.1.1.1 (192.0.2.1)"]);
  member.joinSource(link, GROUP, B);
  bed.advance(0);
  assertEquals(told(), ["ALLOW_NEW_SOURCES 239.1.1.1 (192.0.2.1,192.0.2.2)"]);
  member.leaveSource(link, GROUP, A);
  bed.advance(0);
  assertEquals(told(), [
    "ALLOW_NEW_SOURCES 239.1.1.1 (192.0.2.2)",
    "BLOCK_OLD_SOURCES 239.1.1.1 (192.0.2.1)",
  ]);
  bed.advance(60 * S);
  assertEquals(told(), ["BLOCK_OLD_SOURCES 239.1.1.1 (192.0.2.1)"]);
  member.leaveSource(link, GROUP, B);
  bed.advance(60 * S);
  assertEquals(told(), [
    "BLOCK_OLD_SOURCES 239.1.1.1 (192.0.2.2)",
    "BLOCK_OLD_SOURCES 239.1.1.1 (192.0.2.2)",
  ]);
});

// covers RFC 3376 5.1 MUST
Deno.test("a change of mode takes the place of changes of sources", () => {
  const { bed, link, member, told } = listener();
  member.joinSource(link, GROUP, A);
  bed.advance(0);
  told();
  member.setFilter(link, GROUP, "exclude", [B]);
  bed.advance(0);
  assertEquals(told(), ["CHANGE_TO_EXCLUDE 239.1.1.1 (192.0.2.2)"]);
  member.blockSource(link, GROUP, C);
  bed.advance(60 * S);
  const mode = "CHANGE_TO_EXCLUDE 239.1.1.1 (192.0.2.2,192.0.2.3)";
  assertEquals(told(), [mode, mode]);
  member.unblockSource(link, GROUP, B);
  bed.advance(60 * S);
  assertEquals(told(), [
    "ALLOW_NEW_SOURCES 239.1.1.1 (192.0.2.2)",
    "ALLOW_NEW_SOURCES 239.1.1.1 (192.0.2.2)",
  ]);
});

Deno.test("two sockets are one listener to routers", () => {
  const { bed, link, member, told } = listener();
  const second = bed.links.groups.newMember();
  member.join(link, GROUP);
  bed.advance(10 * S);
  told();
  second.joinSource(link, GROUP, A);
  member.leave(link, GROUP);
  bed.advance(10 * S);
  const change = "CHANGE_TO_INCLUDE 239.1.1.1 (192.0.2.1)";
  assertEquals(told(), [change, change]);
  assert(bed.links.groups.isMember(link, GROUP, A));
  assert(!bed.links.groups.isMember(link, GROUP, B));
  assert(!member.admits(link, GROUP, A));
  second.close();
  assert(!bed.links.groups.hasGroup(link, GROUP));
});

// covers RFC 3376 5.2 MUST
// covers RFC 3376 5 MUST
Deno.test("a query for all groups is answered within its time, without 224.0.0.1", () => {
  const delays = new Set<number>();
  for (let seed = 1; seed <= 20; seed++) {
    const { bed, link, member, told, ask } = listener(seed);
    member.join(link, GROUP);
    member.setFilter(link, OTHER, "include", [A]);
    bed.advance(20 * S);
    told();
    ask({ maxResponse: 50 });
    let delay = 0;
    let answer: string[] = [];
    while (answer.length === 0) {
      bed.advance(10 * MS);
      delay += 10;
      answer = told();
    }
    assertEquals(answer, ["MODE_IS_EXCLUDE 239.1.1.1 ()", "MODE_IS_INCLUDE 239.1.1.2 (192.0.2.1)"]);
    assert(delay <= 5000, `${delay} ms`);
    delays.add(delay);
    bed.advance(60 * S);
    assertEquals(told(), []);
  }
  assert(delays.size > 10, "at random");
});

// covers RFC 3376 5.2 MUST
Deno.test("queries for a group, and for sources of it, are answered as they were asked", () => {
  const { bed, link, member, told, ask } = listener();
  member.setFilter(link, GROUP, "include", [A, B]);
  bed.advance(20 * S);
  told();
  const query = (sources: number[]) => {
    ask({ group: GROUP, sources, maxResponse: 10 }, GROUP);
  };
  query([]);
  bed.advance(1 * S);
  assertEquals(told(), ["MODE_IS_INCLUDE 239.1.1.1 (192.0.2.1,192.0.2.2)"]);
  query([A]);
  query([B, C]);
  bed.advance(1 * S);
  assertEquals(told(), ["MODE_IS_INCLUDE 239.1.1.1 (192.0.2.1,192.0.2.2)"]);
  query([A]);
  bed.advance(1 * S);
  assertEquals(told(), ["MODE_IS_INCLUDE 239.1.1.1 (192.0.2.1)"]);
  query([C]);
  bed.advance(1 * S);
  assertEquals(told(), [], "there is nothing to be told");
  query([C]);
  query([]);
  bed.advance(1 * S);
  assertEquals(told(), ["MODE_IS_INCLUDE 239.1.1.1 (192.0.2.1,192.0.2.2)"]);
  member.setFilter(link, GROUP, "exclude", [A]);
  bed.advance(20 * S);
  told();
  query([A, C]);
  bed.advance(1 * S);
  assertEquals(told(), ["MODE_IS_INCLUDE 239.1.1.1 (192.0.2.3)"]);
  ask({ group: OTHER, maxResponse: 10 }, GROUP);
  bed.advance(1 * S);
  assertEquals(told(), []);
  assertEquals(bed.counters.igmp.snapshot().QUERIES_NOT_FOR_US, 1);
});

// covers RFC 3376 5.2 MUST
Deno.test("one answer about all groups will do for several queries", () => {
  const { bed, link, member, told, ask } = listener();
  member.join(link, GROUP);
  bed.advance(20 * S);
  told();
  ask({ maxResponse: 1 });
  for (let turn = 0; turn < 5; turn++) ask({ maxResponse: 100 });
  ask({ group: GROUP, maxResponse: 100 }, GROUP);
  bed.advance(20 * S);
  const answers = told();
  assert(answers.length >= 1 && answers.length <= 2, `${answers}`);
  assert(answers.every((answer) => answer === "MODE_IS_EXCLUDE 239.1.1.1 ()"));
});

// covers RFC 3376 4.1.6 SHOULD
Deno.test("changes are told as often as the querier's robustness says", () => {
  const { bed, link, member, told, ask } = listener();
  ask({ robustness: 5 });
  bed.advance(20 * S);
  told();
  member.join(link, GROUP);
  bed.advance(20 * S);
  assertEquals(told().length, 5);
  ask({ robustness: 0 });
  bed.advance(20 * S);
  told();
  member.leave(link, GROUP);
  bed.advance(20 * S);
  assertEquals(told().length, 2);
});

// covers RFC 3376 7.2.1 MUST
// covers RFC 3376 8.12 MUST
// covers RFC 2236 3 SHOULD
// covers RFC 2236 9 MUST
Deno.test("while a querier of version 2 is there, its messages are spoken", () => {
  const { bed, link, member, told, hear } = listener();
  hear({ message: "query-v2", group: 0, maxResponse: 100 });
  member.join(link, GROUP);
  assertEquals(told(), ["report-v2 239.1.1.1 to 239.1.1.1"]);
  bed.advance(10 * S);
  assertEquals(told(), ["report-v2 239.1.1.1 to 239.1.1.1"]);
  member.leave(link, GROUP);
  assertEquals(told(), ["leave-v2 239.1.1.1 to 224.0.0.2"]);
  assertEquals(bed.counters.igmp.snapshot().DROPPED_NO_PACKET, 0);
  assertEquals(bed.links.groups.list(link).length, 2);
  member.join(link, GROUP);
  bed.advance(10 * S);
  told();
  bed.advance(239 * S);
  assertEquals(bed.links.groups.ipv4Reporter.versionOf(bed.links.get(link)!), 2);
  bed.advance(1 * S);
  assertEquals(bed.links.groups.ipv4Reporter.versionOf(bed.links.get(link)!), 3);
  member.leave(link, GROUP);
  bed.advance(0);
  assertEquals(told(), ["CHANGE_TO_INCLUDE 239.1.1.1 ()"]);
});

// covers RFC 3376 7.2.1 MUST
Deno.test("what was to be told in version 3 is forgotten when an older querier appears", () => {
  const { bed, link, member, told, hear, ask } = listener();
  member.join(link, GROUP);
  bed.advance(20 * S);
  told();
  ask({ maxResponse: 100 });
  hear({ message: "query-v2", group: 0, maxResponse: 100 });
  bed.advance(20 * S);
  assertEquals(told(), ["report-v2 239.1.1.1 to 239.1.1.1"]);
  const { REPORTS_SENT, DROPPED_NO_PACKET } = bed.counters.igmp.snapshot();
  assertEquals([REPORTS_SENT, DROPPED_NO_PACKET], [3, 0]);
});

// covers RFC 2236 3 MUST
Deno.test("in version 2 somebody else's report takes the place of ours", () => {
  const { bed, link, member, told, hear } = listener();
  hear({ message: "query-v2", group: 0, maxResponse: 100 });
  member.join(link, GROUP);
  bed.advance(20 * S);
  told();
  hear({ message: "query-v2", group: GROUP, maxResponse: 100 }, GROUP);
  hear({ message: "report-v2", group: GROUP }, GROUP);
  bed.advance(20 * S);
  assertEquals(told(), []);
  assertEquals(bed.counters.igmp.snapshot().SUPPRESSED, 1);
  member.leave(link, GROUP);
  assertEquals(told(), [], "who was not the last to report does not say that it leaves");
});

// covers RFC 3376 7.2.1 MUST
Deno.test("version 1 has reports of its own, and no leaves", () => {
  const { bed, link, member, told, hear } = listener();
  hear({ message: "query-v1", group: 0, maxResponse: 0 });
  member.join(link, GROUP);
  bed.advance(10 * S);
  const report = "report-v1 239.1.1.1 to 239.1.1.1";
  assertEquals(told(), [report, report]);
  member.leave(link, GROUP);
  assertEquals(told(), []);
});

Deno.test("the kernel's own query of version 3 is answered", () => {
  const { bytes } = golden("igmpv3_query");
  const { bed, link, member, told } = listener();
  member.join(link, GROUP);
  bed.advance(20 * S);
  told();
  bed.give(link, bytes);
  bed.advance(30 * S);
  assertEquals(bed.counters.igmp.snapshot().QUERIES_RECEIVED, 1);
});

// covers RFC 3376 4.1.12 MUST
Deno.test("queries that are malformed, or to where they do not belong, are dropped", () => {
  const { bed, link, told, ask, hear } = listener();
  bed.links.groups.join(link, GROUP, {});
  bed.advance(20 * S);
  told();
  ask({}, GROUP);
  hear({ message: "report-v2", group: OTHER }, GROUP);
  const frame = igmpFrame(ROUTER, IPV4_ALL_HOSTS, {
    ...{ message: "query-v3", group: GROUP, maxResponse: 10, suppress: false, robustness: 2 },
    ...{ interval: 125, sources: [A, B, C] },
  });
  frame[14 + 24 + 11] = 200;
  bed.give(link, frame);
  bed.advance(20 * S);
  assertEquals(told(), []);
  assertEquals(bed.counters.igmp.snapshot().DROPPED_MALFORMED, 2);
  bed.assertClean();
});

Deno.test("groups are reported again when the interface comes up", () => {
  const { bed, link, member, told } = listener();
  member.setFilter(link, GROUP, "include", [A]);
  bed.advance(20 * S);
  bed.links.setUp(link, false);
  member.join(link, OTHER);
  bed.advance(20 * S);
  told();
  bed.links.setUp(link, true);
  bed.advance(0);
  assertEquals(told(), [
    "ALLOW_NEW_SOURCES 239.1.1.1 (192.0.2.1)",
    "CHANGE_TO_EXCLUDE 239.1.1.2 ()",
  ]);
});
