import { assert, assertEquals } from "@std/assert";
import { Errno } from "../../ring/abi/errno.ts";
import { S, TestLinks } from "../../tests/support/stack/links.ts";
import { ipv4Of, ipv6Of, solicitedNodeOf } from "../wire/addresses.ts";
import { SMALL_LINK_OPTIONS } from "./options.ts";
import { AddressState } from "./types.ts";

const US = ipv4Of("10.0.0.1");
const US6 = ipv6Of("2001:db8::1");

function made() {
  const bed = new TestLinks({ options: SMALL_LINK_OPTIONS, detectionTransmits: 0 });
  return { bed, one: bed.add().index, two: bed.add().index, addresses: bed.links.addresses };
}

Deno.test("addresses are added, found and removed, and each of it is told", () => {
  const { bed, one, two, addresses } = made();
  bed.events.length = 0;
  assertEquals(bed.links.addAddress(one, US, 24), 0);
  assertEquals(bed.links.addAddress(one, US6, 64), 0);
  assertEquals(addresses.interfaceOf(US), one);
  assertEquals([addresses.isLocal(US6, one), addresses.isLocal(US6, two)], [true, false]);
  assertEquals(addresses.stateOf(US6, 0), AddressState.PREFERRED);
  assertEquals(addresses.stateOf(US, two), AddressState.NONE);
  assertEquals(addresses.list(two), []);
  assertEquals(bed.links.removeAddress(one, US), 0);
  assertEquals(bed.links.removeAddress(one, US), -Errno.EADDRNOTAVAIL);
  assertEquals([addresses.isLocal(US, 0), addresses.interfaceOf(US)], [false, 0]);
  const told = bed.events.filter(({ event }) => event.startsWith("address")).map(({ event }) =>
    event
  );
  assertEquals(told, ["address-added", "address-added", "address-removed"]);
});

Deno.test("two interfaces may have one address, each of which can be removed first", () => {
  const link = ipv6Of("fe80::1");
  for (const first of [0, 1]) {
    const { bed, one, two, addresses } = made();
    bed.links.addAddress(one, link, 64);
    bed.links.addAddress(two, link, 64);
    assertEquals([addresses.isLocal(link, one), addresses.isLocal(link, two)], [true, true]);
    bed.links.removeAddress(first === 0 ? one : two, link);
    assertEquals([addresses.isLocal(link, one), addresses.isLocal(link, two)], [
      first === 1,
      first === 0,
    ]);
    bed.links.removeAddress(first === 0 ? two : one, link);
    assertEquals(addresses.stateOf(link, 0), AddressState.NONE);
  }
});

Deno.test("addresses that nobody can have, or that are there, are refused, as are too many", () => {
  const { bed, one } = made();
  const add = (address: number | typeof US6, length = 24) =>
    bed.links.addAddress(one, address, length);
  assertEquals(add(0), -Errno.EINVAL);
  assertEquals(add(-1), -Errno.EINVAL);
  assertEquals(add(ipv4Of("224.0.0.1")), -Errno.EINVAL);
  assertEquals(add(ipv6Of("::")), -Errno.EINVAL);
  assertEquals(add(ipv6Of("ff02::1")), -Errno.EINVAL);
  assertEquals(add(US, 33), -Errno.EINVAL);
  assertEquals(bed.links.addAddress(99, US, 24), -Errno.ENODEV);
  assertEquals(add(US), 0);
  assertEquals(add(US), -Errno.EEXIST);
  const results = Array.from({ length: 16 }, (_, at) => add(ipv4Of(`10.1.${at}.1`)));
  assertEquals(results.filter((result) => result === 0).length, 15);
  assertEquals(results.at(-1), -Errno.ENOBUFS);
});

Deno.test("everybody of a link is the last address of its prefixes, and 255.255.255.255", () => {
  const { bed, one, two, addresses } = made();
  bed.links.addLoopback();
  bed.links.addAddress(one, US, 24);
  bed.links.addAddress(two, ipv4Of("192.0.2.0"), 31);
  assert(addresses.isBroadcast(-1, two));
  assert(addresses.isBroadcast(ipv4Of("10.0.0.255"), 0));
  assert(addresses.isBroadcast(ipv4Of("10.0.0.255"), one));
  assert(!addresses.isBroadcast(ipv4Of("10.0.0.255"), two));
  assert(!addresses.isBroadcast(ipv4Of("10.0.0.254"), 0));
  assert(!addresses.isBroadcast(ipv4Of("192.0.2.1"), 0), "a link between two has none");
  assert(addresses.isBroadcast(ipv4Of("127.255.255.255"), 0), "as on Linux: of loopback, too");
});

Deno.test("what is on the link follows from the prefixes of its addresses", () => {
  const { bed, one, two, addresses } = made();
  bed.links.addAddress(one, US, 24);
  bed.links.addAddress(one, US6, 64);
  assert(addresses.isOnLink(ipv4Of("10.0.0.77"), one));
  assert(!addresses.isOnLink(ipv4Of("10.0.0.77"), two));
  assert(addresses.isOnLink(ipv6Of("2001:db8::5"), 0));
  assert(!addresses.isOnLink(ipv6Of("2001:db8:0:1::5"), 0));
});

// covers RFC 4291 2.8 MUST
// covers RFC 1112 4 MUST
Deno.test("the solicited-node group is joined until the last address that shares it goes", () => {
  const { bed, one } = made();
  const other = ipv6Of("2001:db8:9::1");
  const { groups } = bed.links;
  const group = solicitedNodeOf(US6);
  bed.links.addAddress(one, US6, 64);
  bed.links.addAddress(one, other, 64);
  bed.links.removeAddress(one, US6);
  assert(groups.hasGroup(one, group));
  bed.links.removeAddress(one, other);
  assert(!groups.hasGroup(one, group));
  assert(groups.hasGroup(one, ipv4Of("224.0.0.1")) && groups.hasGroup(one, ipv6Of("ff02::1")));
  assert(!groups.hasGroup(one, ipv6Of("ff02::2")));
  bed.links.setForwarding(one, true);
  assert(groups.hasGroup(one, ipv6Of("ff02::2")) && groups.hasGroup(one, ipv4Of("224.0.0.2")));
  bed.links.setForwarding(one, false);
  assert(!groups.hasGroup(one, ipv6Of("ff02::2")));
});

Deno.test("addresses of all kinds may have lifetimes", () => {
  const { bed, one, addresses } = made();
  bed.links.addAddress(one, US, 24, { preferredUntil: 10 * S, validUntil: 20 * S });
  bed.advance(10 * S);
  assertEquals(addresses.stateOf(US, one), AddressState.DEPRECATED);
  bed.advance(10 * S);
  assertEquals(addresses.stateOf(US, one), AddressState.NONE);
  assertEquals(bed.links.routes.list(), []);
});
