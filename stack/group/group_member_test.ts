import { assert, assertEquals } from "@std/assert";
import { Errno } from "../../ring/abi/errno.ts";
import { S, TestLinks } from "../../tests/support/stack/links.ts";
import { mldsOf } from "../../tests/support/stack/messages.ts";
import { SMALL_LINK_OPTIONS } from "../iface/options.ts";
import { ipv4Of, ipv6Of, macOfIpv4Group } from "../wire/addresses.ts";
import { Cast } from "../wire/mac_filter.ts";
import { PacketBytes } from "../wire/packet_bytes.ts";
import { putMac } from "../wire/addresses.ts";

const GROUP = ipv4Of("239.1.1.1");
const [A, B] = ["192.0.2.1", "192.0.2.2"].map(ipv4Of);

function made() {
  const bed = new TestLinks({ options: SMALL_LINK_OPTIONS });
  const link = bed.add();
  return { bed, link, index: link.index, member: bed.links.groups.newMember() };
}

Deno.test("joins and leaves answer as setsockopt(2) does", () => {
  const { index, member } = made();
  assert(member.isEmpty);
  assertEquals(member.join(index, A), -Errno.EINVAL);
  assertEquals(member.join(9, GROUP), -Errno.ENODEV);
  assertEquals(member.leave(index, GROUP), -Errno.EADDRNOTAVAIL);
  assertEquals(member.join(index, GROUP), 0);
  assertEquals(member.join(index, GROUP), -Errno.EADDRINUSE);
  assert(member.hasJoined(index, GROUP) && !member.isEmpty);
  assertEquals(member.leave(index, GROUP), 0);
  assert(member.isEmpty && !member.hasJoined(index, GROUP));
});

// covers RFC 3376 3.1 MUST
Deno.test("sources answer as setsockopt(2) does", () => {
  const { index, member } = made();
  assertEquals(member.leaveSource(index, GROUP, A), -Errno.EINVAL);
  assertEquals(member.blockSource(index, GROUP, A), -Errno.EINVAL);
  assertEquals(member.unblockSource(index, GROUP, A), -Errno.EINVAL);
  assertEquals(member.joinSource(index, GROUP, ipv6Of("::1")), -Errno.EINVAL);
  assertEquals(member.joinSource(index, GROUP, A), 0);
  assertEquals(member.joinSource(index, GROUP, A), -Errno.EADDRNOTAVAIL);
  assertEquals(member.blockSource(index, GROUP, B), -Errno.EINVAL, "it includes");
  assertEquals(member.leaveSource(index, GROUP, B), -Errno.EADDRNOTAVAIL);
  assertEquals(member.filter(index, GROUP), { mode: "include", sources: [A] });
  assertEquals(member.leaveSource(index, GROUP, A), 0);
  assertEquals(member.filter(index, GROUP), null, "to include nothing is to leave");
  member.join(index, GROUP);
  assertEquals(member.joinSource(index, GROUP, A), -Errno.EINVAL, "it excludes");
  assertEquals(member.blockSource(index, GROUP, A), 0);
  assertEquals(member.blockSource(index, GROUP, A), -Errno.EADDRNOTAVAIL);
  assertEquals([member.admits(index, GROUP, A), member.admits(index, GROUP, B)], [false, true]);
  assertEquals(member.unblockSource(index, GROUP, B), -Errno.EADDRNOTAVAIL);
  assertEquals(member.unblockSource(index, GROUP, A), 0);
  assertEquals(member.setFilter(index, GROUP, "include", [A, A, B]), 0);
  assertEquals(member.filter(index, GROUP), { mode: "include", sources: [A, B] });
  assertEquals(member.setFilter(index, GROUP, "include", []), 0);
  assert(member.isEmpty);
});

Deno.test("groups and sources are bounded", () => {
  const { bed, index, member } = made();
  const join = (who: typeof member, at: number) => who.join(index, GROUP + at);
  assertEquals(Array.from({ length: 9 }, (_, at) => join(member, at)).at(-1), -Errno.ENOBUFS);
  const results: number[] = [];
  for (let socket = 1; socket < 5; socket++) {
    const other = bed.links.groups.newMember();
    for (let at = 0; at < 8; at++) results.push(join(other, socket * 8 + at));
  }
  assertEquals(results.filter((result) => result === 0).length, 32 - 8 - 2);
  assertEquals(bed.counters.igmp.snapshot().REFUSED, 10);
  const sources = Array.from({ length: 17 }, (_, at) => A + at);
  assertEquals(member.setFilter(index, GROUP, "exclude", sources), -Errno.ENOBUFS);
  for (const source of sources.slice(0, 16)) member.blockSource(index, GROUP, source);
  assertEquals(member.blockSource(index, GROUP, sources[16]), -Errno.ENOBUFS);
  member.close();
  bed.advance(10 * S);
});

Deno.test("the link lets frames of a group pass as long as somebody listens", () => {
  const { bed, link, index, member } = made();
  const frame = new PacketBytes(new ArrayBuffer(14));
  putMac(frame, 0, macOfIpv4Group(GROUP));
  const cast = () => link.filter.castOf(frame, 0);
  assertEquals(cast(), Cast.OTHER);
  const second = bed.links.groups.newMember();
  member.join(index, GROUP);
  second.joinSource(index, GROUP, A);
  assertEquals(cast(), Cast.MULTICAST);
  member.close();
  assertEquals(cast(), Cast.MULTICAST);
  second.close();
  assertEquals(cast(), Cast.OTHER);
});

// covers RFC 3376 4.2.16 MUST
Deno.test("records that no packet has room for are split, or cut where they exclude", () => {
  const options = { ...SMALL_LINK_OPTIONS, sourcesPerGroup: 200 };
  const bed = new TestLinks({ options });
  const link = bed.add();
  bed.advance(5 * S);
  bed.take();
  const group = ipv6Of("ff05::9");
  const sources = Array.from({ length: 200 }, (_, at) => ipv6Of(`2001:db8::${at + 1}`));
  const told = () =>
    mldsOf(bed.take()).map(({ message }) => message.message === "report-v2" ? message.records : []);
  const member = bed.links.groups.newMember();
  member.setFilter(link.index, group, "include", sources);
  bed.advance(0);
  const parts = told();
  assertEquals(parts.map((records) => records[0].sources.length), [89, 89, 22]);
  member.setFilter(link.index, group, "exclude", sources);
  bed.advance(0);
  assertEquals(told().map((records) => records[0].sources.length), [89]);
  assertEquals(bed.counters.mld.snapshot().SOURCES_TRUNCATED, 111);
});
