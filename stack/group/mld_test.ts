import { assert, assertEquals } from "@std/assert";
import { S, TestLinks } from "../../tests/support/stack/links.ts";
import { mldFrame, mldsOf } from "../../tests/support/stack/messages.ts";
import { golden } from "../../tests/support/stack/wire/golden.ts";
import { formatIpv6, IPV6_ALL_NODES, IPV6_ANY, IPV6_MLD_ROUTERS } from "../wire/addresses.ts";
import { type Ipv6Address, ipv6Of, solicitedNodeOf } from "../wire/addresses.ts";
import { RecordType } from "../wire/group_records.ts";
import type { MldMessage } from "../wire/mld.ts";

const US = ipv6Of("fe80::1");
const ROUTER = ipv6Of("fe80::fe");
const GROUP = ipv6Of("ff05::1:3");
const A = ipv6Of("2001:db8::a");
const NAMES = Object.fromEntries(Object.entries(RecordType).map(([name, type]) => [type, name]));

function listener() {
  const bed = new TestLinks();
  const link = bed.add();
  bed.links.addAddress(link.index, US, 64);
  bed.advance(20 * S);
  bed.take();
  const member = bed.links.groups.newMember();
  const told = (): string[] =>
    mldsOf(bed.take()).flatMap(({ source, destination, message }) => {
      assertEquals(source, US);
      if (message.message !== "report-v2") {
        const group = "group" in message ? formatIpv6(message.group) : "";
        return [`${message.message} ${group} to ${formatIpv6(destination)}`];
      }
      assertEquals(destination, IPV6_MLD_ROUTERS);
      return message.records.map(({ type, group, sources }) =>
        `${NAMES[type]} ${formatIpv6(group)} (${sources.map(formatIpv6)})`
      );
    });
  const hear = (message: MldMessage, destination: Ipv6Address = IPV6_ALL_NODES) =>
    bed.give(link.index, mldFrame(ROUTER, destination, message));
  const ask = (group: Ipv6Address, sources: Ipv6Address[] = [], destination?: Ipv6Address) =>
    hear({
      ...{ message: "query-v2", group, maxResponse: 1000, suppress: false },
      ...{ robustness: 2, interval: 125, sources },
    }, destination);
  return { bed, link: link.index, member, told, hear, ask };
}

// covers RFC 3810 6.1 MUST
// covers RFC 3810 5.2.14 MUST
// covers RFC 3810 5 MUST
Deno.test("a group that is joined, filtered and left is reported, twice each", () => {
  const { bed, link, member, told } = listener();
  const step = (act: () => void) => {
    act();
    bed.advance(5 * S);
    return told();
  };
  const group = "ff05::1:3";
  const twice = (text: string) => [text, text];
  assertEquals(step(() => member.join(link, GROUP)), twice(`CHANGE_TO_EXCLUDE ${group} ()`));
  assertEquals(
    step(() => member.blockSource(link, GROUP, A)),
    twice(`BLOCK_OLD_SOURCES ${group} (2001:db8::a)`),
  );
  assertEquals(step(() => member.leave(link, GROUP)), twice(`CHANGE_TO_INCLUDE ${group} ()`));
  assertEquals(bed.counters.mld.snapshot().DROPPED_NO_PACKET, 0);
  bed.assertClean();
});

// covers RFC 3810 6 MUST
Deno.test("neither all nodes' group nor those of the interface alone are reported", () => {
  const { bed, link, member, told, ask } = listener();
  member.join(link, ipv6Of("ff01::5"));
  bed.advance(5 * S);
  assertEquals(told(), []);
  ask(IPV6_ANY);
  bed.advance(5 * S);
  assertEquals(told(), [`MODE_IS_EXCLUDE ${formatIpv6(solicitedNodeOf(US))} ()`]);
});

// covers RFC 3810 5.2.13 MUST
Deno.test("before there is an address of the link, reports come from ::", () => {
  const bed = new TestLinks();
  const link = bed.add();
  bed.links.addAddress(link.index, US, 64);
  bed.advance(100);
  const [report] = mldsOf(bed.take());
  assertEquals(report.source, IPV6_ANY);
});

Deno.test("queries for a group, and for sources of it, are answered", () => {
  const { bed, link, member, told, ask } = listener();
  member.setFilter(link, GROUP, "include", [A]);
  bed.advance(5 * S);
  told();
  ask(GROUP, [], GROUP);
  bed.advance(1 * S);
  assertEquals(told(), ["MODE_IS_INCLUDE ff05::1:3 (2001:db8::a)"]);
  ask(GROUP, [A], GROUP);
  bed.advance(1 * S);
  assertEquals(told(), ["MODE_IS_INCLUDE ff05::1:3 (2001:db8::a)"]);
  ask(GROUP, [ipv6Of("2001:db8::b")], GROUP);
  bed.advance(1 * S);
  assertEquals(told(), []);
});

// covers RFC 2710 8 MUST
Deno.test("while a querier of version 1 is there, its messages are spoken", () => {
  const { bed, link, member, told, hear } = listener();
  hear({ message: "query-v1", group: IPV6_ANY, maxResponse: 1000 });
  bed.advance(5 * S);
  assertEquals(told(), [`report-v1 ${formatIpv6(solicitedNodeOf(US))} to ff02::1:ff00:1`]);
  member.join(link, GROUP);
  assertEquals(told(), ["report-v1 ff05::1:3 to ff05::1:3"]);
  bed.advance(20 * S);
  told();
  member.leave(link, GROUP);
  assertEquals(told(), ["done-v1 ff05::1:3 to ff02::2"]);
  const { LEAVES_SENT, DROPPED_NO_PACKET } = bed.counters.mld.snapshot();
  assertEquals([LEAVES_SENT, DROPPED_NO_PACKET], [1, 0]);
  bed.advance(300 * S);
  assertEquals(bed.links.groups.ipv6Reporter.versionOf(bed.links.get(link)!), 2);
});

// covers RFC 3810 5.1.14 MUST
// covers RFC 3810 5.1.15 MUST
Deno.test("queries from beyond the link, or to where they do not belong, are dropped", () => {
  const { bed, link, told, ask } = listener();
  const query: MldMessage = {
    ...{ message: "query-v2", group: IPV6_ANY, maxResponse: 1000, suppress: false },
    ...{ robustness: 2, interval: 125, sources: [] },
  };
  bed.give(link, mldFrame(A, IPV6_ALL_NODES, query));
  ask(IPV6_ANY, [], solicitedNodeOf(US));
  bed.advance(5 * S);
  assertEquals(told(), []);
  assertEquals(bed.counters.mld.snapshot().DROPPED_MALFORMED, 2);
});

Deno.test("the kernel's own query of version 2 is answered", () => {
  const { bytes } = golden("mldv2_query");
  const { bed, link, told } = listener();
  bed.give(link, bytes);
  bed.advance(60 * S);
  assertEquals(bed.counters.mld.snapshot().QUERIES_RECEIVED, 1);
  assert(told().length === 1);
});
