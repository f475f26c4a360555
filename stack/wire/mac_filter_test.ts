import { assert, assertEquals } from "@std/assert";
import { MAC_BROADCAST, macOf, macOfIpv4Group, macOfIpv6Group, putMac } from "./addresses.ts";
import { ipv4Of, ipv6Of } from "./addresses.ts";
import { Cast, MacFilter } from "./mac_filter.ts";
import { PacketBytes } from "./packet_bytes.ts";

const OWN = macOf("02:00:00:00:00:01");
const GROUP = macOfIpv4Group(ipv4Of("224.0.0.251"));
const OTHER_GROUP = macOfIpv6Group(ipv6Of("ff02::fb"));

function frameTo(mac: number): PacketBytes {
  const packets = new PacketBytes(new ArrayBuffer(20));
  putMac(packets, 4, mac);
  return packets;
}

function castOf(filter: MacFilter, mac: number): Cast {
  return filter.castOf(frameTo(mac), 4);
}

Deno.test("an interface takes what is for it, for everybody, and for its groups", () => {
  const filter = new MacFilter(OWN, { groups: 4 });
  filter.join(GROUP);
  assertEquals(filter.own, OWN);
  assertEquals(castOf(filter, OWN), Cast.UNICAST);
  assertEquals(castOf(filter, OWN + 1), Cast.OTHER);
  assertEquals(castOf(filter, OWN + 2 ** 32), Cast.OTHER);
  assertEquals(castOf(filter, MAC_BROADCAST), Cast.BROADCAST);
  assertEquals(castOf(filter, GROUP), Cast.MULTICAST);
  assertEquals(castOf(filter, OTHER_GROUP), Cast.OTHER);
  assert(filter.takes(frameTo(GROUP), 4) && !filter.takes(frameTo(OTHER_GROUP), 4));
});

Deno.test("a group is left once everybody who joined it has left", () => {
  const filter = new MacFilter(OWN, { groups: 4 });
  for (const group of [GROUP, OTHER_GROUP, GROUP]) filter.join(group);
  filter.leave(GROUP);
  assertEquals(castOf(filter, GROUP), Cast.MULTICAST);
  filter.leave(GROUP);
  assertEquals(castOf(filter, GROUP), Cast.OTHER);
  assertEquals(castOf(filter, OTHER_GROUP), Cast.MULTICAST);
  // What nobody joined is left without a trace.
  filter.leave(GROUP);
  filter.leave(OTHER_GROUP);
  assertEquals(castOf(filter, OTHER_GROUP), Cast.OTHER);
  for (const group of [1, 3, 5, 7, 9].map((low) => 0x010000000000 + low)) filter.join(group);
  assertEquals(castOf(filter, OTHER_GROUP), Cast.MULTICAST, "five groups where four have room");
});

Deno.test("with more groups than it has room for, an interface takes every group", () => {
  const filter = new MacFilter(OWN, { groups: 1 });
  filter.join(GROUP);
  filter.join(OTHER_GROUP);
  const third = macOfIpv4Group(ipv4Of("239.9.9.9"));
  assertEquals(castOf(filter, third), Cast.MULTICAST);
  assertEquals(castOf(filter, MAC_BROADCAST), Cast.BROADCAST);
  filter.leave(OTHER_GROUP);
  assertEquals([castOf(filter, third), castOf(filter, GROUP)], [Cast.OTHER, Cast.MULTICAST]);
});

Deno.test("a promiscuous interface takes all, and still knows whose it is", () => {
  const filter = new MacFilter(OWN, { groups: 1 });
  filter.isPromiscuous = true;
  assert(filter.takes(frameTo(OWN + 1), 4));
  assertEquals(castOf(filter, OWN + 1), Cast.OTHER);
  filter.isPromiscuous = false;
  filter.isAllMulticast = true;
  assert(!filter.takes(frameTo(OWN + 1), 4) && filter.takes(frameTo(GROUP), 4));
});
