import { assert, assertEquals } from "@std/assert";
import { Errno } from "../../ring/abi/errno.ts";
import { PREFIX, prefixOption } from "../../tests/support/stack/advertisements.ts";
import { MS, PEER_MAC, S, TestLinks } from "../../tests/support/stack/links.ts";
import { ndpFrame, ndpsOf } from "../../tests/support/stack/messages.ts";
import { IPV6_ALL_NODES, IPV6_ALL_ROUTERS, ipv6Of } from "../wire/addresses.ts";
import type { NdpMessage } from "../wire/ndp.ts";
import { Preference } from "../wire/ndp_options.ts";
import { isInPrefix } from "./ip_address.ts";
import type { AdvertisementOptions } from "./router_advertiser.ts";

type Advertisement = Extract<NdpMessage, { message: "router-advertisement" }>;

function router(said: AdvertisementOptions = {}, seed = 1) {
  const bed = new TestLinks({ seed, detectionTransmits: 0 });
  const link = bed.add({ isForwarding: true, autoconfiguration: { mode: "link-local" } });
  bed.links.addAddress(link.index, ipv6Of("2001:db8:1::1"), 64);
  bed.take();
  const begun = bed.links.advertise(link.index, said);
  assertEquals(begun, 0);
  const heard = (): Advertisement[] =>
    ndpsOf(bed.take()).flatMap(({ message, destination }) => {
      if (message.message !== "router-advertisement") return [];
      assertEquals(destination, IPV6_ALL_NODES);
      return [message];
    });
  const solicit = () =>
    bed.give(
      link.index,
      ndpFrame(ipv6Of("fe80::2"), IPV6_ALL_ROUTERS, {
        message: "router-solicitation",
        options: [{ option: "source-link-layer", address: PEER_MAC }],
      }),
    );
  return { bed, link, heard, solicit };
}

// covers RFC 4861 6.2.4 MUST
// covers RFC 4861 6.2.4 SHOULD
Deno.test("advertisements follow one another soon at first, and then at random intervals", () => {
  const { bed, heard } = router({ maximumInterval: 100 });
  const times: number[] = [];
  for (let turn = 0; turn < 10_000; turn++) {
    bed.advance(100 * MS);
    for (const _ of heard()) times.push(bed.environment.now / S);
  }
  const gaps = times.slice(1).map((time, at) => time - times[at]);
  assertEquals(gaps.slice(0, 2).map(Math.round), [16, 16]);
  const later = gaps.slice(2);
  assert(later.length >= 10);
  assert(later.every((gap) => gap >= 32.9 && gap <= 100.1), `${later}`);
  assert(Math.max(...later) - Math.min(...later) > 20);
});

// covers RFC 4861 6.2.6 MUST
Deno.test("a host that asks is answered soon, but not more often than every three seconds", () => {
  const { bed, heard, solicit } = router();
  bed.advance(100 * S);
  heard();
  solicit();
  bed.advance(500 * MS);
  assertEquals(heard().length, 1);
  solicit();
  bed.advance(2400 * MS);
  assertEquals(heard(), []);
  solicit();
  bed.advance(600 * MS);
  assertEquals(heard().length, 1);
});

// covers RFC 4191 2.2 MUST
// covers RFC 4861 6.2.5 SHOULD
// covers RFC 4861 6.2.2 MUST
Deno.test("what is said is what was asked for, and the end is said as well", () => {
  const options = [prefixOption(), { option: "mtu", mtu: 1400 } as const];
  const said = { lifetime: 99, preference: Preference.HIGH, hopLimit: 9, reachableTime: 5 };
  const { bed, link, heard } = router({ ...said, retransmitTimer: 7, options });
  bed.advance(0);
  const [first] = heard();
  assertEquals(first, {
    message: "router-advertisement",
    ...{ hopLimit: 9, isManaged: false, hasOtherConfiguration: false },
    ...{ preference: Preference.HIGH, routerLifetime: 99, reachableTime: 5, retransmitTimer: 7 },
    options: [{ option: "source-link-layer", address: link.mac }, ...options],
  });
  bed.links.setForwarding(link.index, false);
  const [last] = heard();
  assertEquals([last.routerLifetime, last.preference], [0, Preference.MEDIUM]);
  bed.advance(10_000 * S);
  assertEquals(heard(), []);
  assertEquals(bed.links.advertise(link.index, {}), -Errno.EINVAL, "it is no router any more");
  assertEquals(bed.links.advertise(9, {}), -Errno.ENODEV);
  bed.assertClean();
});

// covers RFC 4861 4.2 MUST
Deno.test("a host configures itself by what a router of ours says", () => {
  const { bed, link } = router({ options: [prefixOption()] });
  const host = new TestLinks({ seed: 2 });
  const own = host.add({ mac: PEER_MAC, autoconfiguration: { mode: "full", isTemporary: false } });
  for (let turn = 0; turn < 100; turn++) {
    for (const { bytes } of bed.sent.splice(0)) host.give(own.index, bytes);
    for (const { bytes } of host.sent.splice(0)) bed.give(link.index, bytes);
    bed.advance(100 * MS);
    host.advance(100 * MS);
  }
  const made = host.links.addresses.list(own.index).filter(({ address }) =>
    isInPrefix(address, PREFIX, 64)
  );
  assertEquals(made.length, 1);
  assert(host.links.addresses.isLocal(made[0].address, own.index));
  const way = host.links.routes.find(ipv6Of("2001:db8:ffff::1"));
  assert(typeof way !== "number");
  assertEquals(way.gateway, bed.links.addresses.list(link.index)[0].address);
});

// covers RFC 4861 6.2.1 MUST
Deno.test("intervals are four seconds at least, and half an hour at most", () => {
  for (const [asked, least, most] of [[1, 2.9, 4.1], [100_000, 590, 1801]]) {
    const { bed, heard } = router({ maximumInterval: asked });
    const times: number[] = [];
    for (let turn = 0; turn < 1000 && times.length < 8; turn++) {
      bed.advance(most / 40 * S);
      for (const _ of heard()) times.push(bed.environment.now / S);
    }
    const gaps = times.slice(3).map((time, at) => time - times[at + 2]);
    const step = most / 40;
    assertEquals(gaps.length, 5);
    assert(gaps.every((gap) => gap >= least - step && gap <= most + step), `${gaps}`);
  }
});
