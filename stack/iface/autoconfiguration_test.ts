import { assert, assertEquals, assertNotEquals } from "@std/assert";
import {
  advertisement,
  PREFIX,
  prefixOption,
  ROUTER,
} from "../../tests/support/stack/advertisements.ts";
import { MS, OUR_MAC, PEER_MAC, S, TestLinks } from "../../tests/support/stack/links.ts";
import type { TestLinksOptions } from "../../tests/support/stack/links.ts";
import { ndpFrame, ndpsOf } from "../../tests/support/stack/messages.ts";
import { golden } from "../../tests/support/stack/wire/golden.ts";
import { IPV6_ALL_NODES, IPV6_ALL_ROUTERS, IPV6_ANY, type Ipv6Address } from "../wire/addresses.ts";
import { ipv6Of, isIpv6LinkLocal, solicitedNodeOf } from "../wire/addresses.ts";
import type { AutoconfigurationOptions } from "./autoconfiguration.ts";
import { isInPrefix } from "./ip_address.ts";
import { AddressState } from "./types.ts";

const DAY = 86_400 * S;
const HOUR = 3600 * S;

function host(
  autoconfiguration: AutoconfigurationOptions = { mode: "full", isTemporary: false },
  options: TestLinksOptions = {},
) {
  const bed = new TestLinks(options);
  const link = bed.add({ autoconfiguration });
  const addresses = (prefix?: Ipv6Address) =>
    bed.links.addresses.list(link.index).filter(({ address }) =>
      prefix === undefined || isInPrefix(address, prefix, 64)
    );
  return { bed, link, addresses, hear: (frame: Uint8Array) => bed.give(link.index, frame) };
}

Deno.test("an interface that comes up makes an address of the link, and asks routers", () => {
  const { bed, addresses } = host();
  const [own] = addresses();
  assert(typeof own.address !== "number" && isIpv6LinkLocal(own.address));
  assertEquals([own.state, own.origin, own.prefixLength], [
    AddressState.TENTATIVE,
    "link-local",
    64,
  ]);
  bed.advance(5 * S);
  assertEquals(addresses()[0].state, AddressState.PREFERRED);
  const asked = ndpsOf(bed.take()).filter(({ message }) => message.message.startsWith("router"));
  assert(asked.length >= 1);
  assert(asked.every(({ destination }) => destination.join() === IPV6_ALL_ROUTERS.join()));
});

// covers RFC 4861 4.1 MUST
// covers RFC 4861 6.3.7 SHOULD
// covers RFC 7559 2 SHOULD
Deno.test("routers are asked at intervals that double, with our address once there is one", () => {
  const { bed } = host();
  const times: number[] = [];
  for (let turn = 0; turn < 1300; turn++) {
    bed.advance(100 * MS);
    for (const { source, message } of ndpsOf(bed.take())) {
      if (message.message !== "router-solicitation") continue;
      times.push(bed.environment.now / S);
      assertEquals(message.options.length, source.join() === IPV6_ANY.join() ? 0 : 1);
      if (times.length > 1) assertNotEquals(source, IPV6_ANY);
    }
  }
  const gaps = times.slice(1).map((time, at) => time - times[at]);
  assertEquals(times[0] <= 1, true);
  assertEquals(gaps.length, 5);
  gaps.forEach((gap, at) => {
    const expected = 4 * 2 ** at;
    assert(gap >= Math.max(4, expected * 0.9) - 0.2 && gap <= expected * 1.1 + 0.2, `${gaps}`);
  });
});

// covers RFC 4861 6.3.7 MUST
Deno.test("after a router's advertisement routers are asked no more", () => {
  const { bed, hear } = host();
  bed.advance(1500 * MS);
  bed.take();
  hear(advertisement());
  bed.advance(HOUR);
  assertEquals(
    ndpsOf(bed.take()).filter(({ message }) => message.message.startsWith("router")),
    [],
  );
});

// covers RFC 7559 2.1 SHOULD
Deno.test("a router that is no default router does not end the search", () => {
  const { bed, hear } = host();
  bed.advance(1500 * MS);
  bed.take();
  hear(advertisement({ lifetime: 0 }));
  bed.advance(5 * S);
  const asked = ndpsOf(bed.take()).filter(({ message }) => message.message.startsWith("router"));
  assertEquals(asked.length, 1);
});

Deno.test("without autoconfiguration, or with the link's alone, advertisements are ignored", () => {
  for (const mode of ["none", "link-local"] as const) {
    const { bed, addresses, hear } = host({ mode });
    bed.advance(5 * S);
    hear(advertisement({ options: [prefixOption()] }));
    assertEquals(addresses().length, mode === "none" ? 0 : 1);
    assertEquals(bed.counters.ndp.snapshot().DROPPED_ROUTER_ADVERTISEMENT, 1);
    assert(!bed.links.routes.list().some(({ origin }) => origin === "advertised"));
  }
});

Deno.test("a router's interface does not listen to other routers", () => {
  const bed = new TestLinks();
  const link = bed.add({ isForwarding: true, autoconfiguration: { mode: "full" } });
  bed.advance(5 * S);
  bed.give(link.index, advertisement({ options: [prefixOption()] }));
  assertEquals(bed.counters.ndp.snapshot().DROPPED_ROUTER_ADVERTISEMENT, 1);
  assertEquals(bed.links.addresses.list(link.index).length, 1);
});

// covers RFC 4862 5.5.3 MUST
// covers RFC 8981 3.7 MUST
Deno.test("an autonomous prefix makes an address, which is asked for and then used", () => {
  const { bed, addresses, hear, link } = host();
  bed.advance(5 * S);
  hear(advertisement({ options: [prefixOption()] }));
  const [made] = addresses(PREFIX);
  assertEquals([made.state, made.origin], [AddressState.TENTATIVE, "autoconfigured"]);
  bed.advance(1 * S);
  assertEquals(made.state, AddressState.PREFERRED);
  assertEquals(made.router, ROUTER);
  hear(advertisement({ options: [prefixOption()] }));
  assertEquals(addresses(PREFIX).length, 1, "and no second one");
  assert(bed.links.groups.hasGroup(link.index, solicitedNodeOf(made.address as Ipv6Address)));
  bed.assertClean();
});

Deno.test("the kernel's own advertisement is understood", () => {
  const { bytes } = golden("ndp_router_advertisement");
  const { bed, addresses, hear } = host();
  bed.advance(5 * S);
  hear(bytes);
  assertEquals(bed.counters.ndp.snapshot().ROUTER_ADVERTISEMENTS_RECEIVED, 1);
  assertEquals(bed.counters.ndp.snapshot().DROPPED_MALFORMED, 0);
  assert(addresses().some(({ origin }) => origin === "autoconfigured"));
});

// covers RFC 4862 5.5.3 MUST
Deno.test("prefixes that may make no address are ignored", () => {
  const { bed, addresses, hear } = host();
  bed.advance(5 * S);
  const before = addresses().length;
  hear(advertisement({
    options: [
      prefixOption({ isAutonomous: false, isOnLink: false }),
      prefixOption({ prefix: ipv6Of("fe80::") }),
      prefixOption({ validLifetime: 10, preferredLifetime: 20 }),
      prefixOption({ prefixLength: 63 }),
      prefixOption({ validLifetime: 0, preferredLifetime: 0 }),
    ],
  }));
  assertEquals(addresses().length, before);
  assertEquals(bed.counters.ndp.snapshot().OPTIONS_IGNORED, 3);
});

// covers RFC 4862 5.5.3 MUST
// covers RFC 4862 5.5.4 MUST
// covers RFC 4862 5.5.4 SHOULD
Deno.test("lifetimes end preference and validity; short ones only cut to two hours", () => {
  const { bed, addresses, hear } = host();
  const say = (validLifetime: number, preferredLifetime: number) =>
    hear(advertisement({ options: [prefixOption({ validLifetime, preferredLifetime })] }));
  const left = () => Math.round((addresses(PREFIX)[0].validUntil - bed.environment.now) / S);
  bed.advance(5 * S);
  say(20_000, 10_000);
  bed.advance(1 * S);
  assertEquals(left(), 19_999);
  say(30_000, 10_000);
  assertEquals(left(), 30_000, "more than remains");
  say(8000, 5000);
  assertEquals(left(), 8000, "more than two hours");
  say(60, 60);
  assertEquals(left(), 7200, "two hours");
  bed.advance(1000 * S);
  say(60, 60);
  assertEquals(left(), 6200, "what remains of two hours is not cut");
  bed.advance(59 * S);
  assertEquals(addresses(PREFIX)[0].state, AddressState.PREFERRED);
  bed.advance(1 * S);
  assertEquals(addresses(PREFIX)[0].state, AddressState.DEPRECATED, "preference is cut at will");
  assert(bed.links.addresses.isLocal(addresses(PREFIX)[0].address, 0), "but it still receives");
  say(6300, 100);
  assertEquals(addresses(PREFIX)[0].state, AddressState.PREFERRED, "and comes back");
  bed.advance(6299 * S);
  assertEquals(addresses(PREFIX).length, 1);
  bed.advance(1 * S);
  assertEquals(addresses(PREFIX), []);
  assert(bed.events.some(({ event }) => event === "address-removed"));
  bed.assertClean();
});

// covers RFC 4862 5.4.5 MUST
// covers RFC 4862 5.3 MUST
Deno.test("a duplicate gives way to another identifier, but for EUI-64", () => {
  const conflict = (bed: TestLinks, index: number, address: Ipv6Address) =>
    bed.give(
      index,
      ndpFrame(IPV6_ANY, solicitedNodeOf(address), {
        ...{ message: "neighbor-solicitation", target: address, options: [] },
      }),
    );
  const stable = host();
  const first = stable.addresses()[0].address as Ipv6Address;
  conflict(stable.bed, stable.link.index, first);
  const second = stable.addresses()[0].address as Ipv6Address;
  assertNotEquals(second, first);
  assertEquals(stable.addresses().length, 1);
  for (let turn = 0; turn < 3; turn++) {
    conflict(stable.bed, stable.link.index, stable.addresses()[0].address as Ipv6Address);
  }
  assertEquals(stable.addresses(), [], "after three more it is enough");
  const eui64 = host({ mode: "link-local", identifiers: "eui64" });
  const own = eui64.addresses()[0].address as Ipv6Address;
  assertEquals(own, ipv6Of("fe80::ff:fe00:1"));
  conflict(eui64.bed, eui64.link.index, own);
  assertEquals(eui64.addresses(), []);
  assertEquals(eui64.link.mac, OUR_MAC);
});

// covers RFC 7217 6 SHOULD
Deno.test("an address of a prefix that is a duplicate gives way, too", () => {
  const { bed, addresses, hear } = host();
  bed.advance(5 * S);
  hear(advertisement({ options: [prefixOption()] }));
  const first = addresses(PREFIX)[0].address as Ipv6Address;
  const target = { message: "neighbor-solicitation", target: first, options: [] } as const;
  hear(ndpFrame(IPV6_ANY, solicitedNodeOf(first), target));
  const [second] = addresses(PREFIX);
  assertNotEquals(second.address, first);
  bed.advance(1 * S);
  assertEquals(second.state, AddressState.PREFERRED);
});

// covers RFC 7217 5 MUST
Deno.test("stable addresses depend on prefix, interface and secret, and on nothing else", () => {
  const made = (seed: number, addressSecret: readonly number[] | undefined, prefix = PREFIX) => {
    const { bed, addresses, hear } = host(undefined, { seed, addressSecret });
    hear(advertisement({ options: [prefixOption({ prefix })] }));
    assert(bed.links.size === 1);
    return addresses(prefix)[0].address as Ipv6Address;
  };
  const secret = [1, 2, 3, 4];
  assertEquals(made(1, secret), made(2, secret));
  assertNotEquals(made(1, secret), made(1, [1, 2, 3, 5]));
  assertNotEquals(made(1, undefined), made(2, undefined));
  for (const prefix of ["2001:db8:2::", "2001:db9:1::"].map(ipv6Of)) {
    assertNotEquals(made(1, secret).slice(2), made(1, secret, prefix).slice(2));
  }
});

Deno.test("however many prefixes there are, addresses are bounded", () => {
  const { bed, addresses, hear } = host({ mode: "full" });
  bed.advance(5 * S);
  for (let at = 0; at < 40; at++) {
    const prefix = ipv6Of(`2001:db8:${at.toString(16)}::`);
    hear(advertisement({ options: [prefixOption({ prefix })] }));
  }
  assertEquals(addresses().length, 17);
  assert(bed.counters.ndp.snapshot().AUTOCONFIGURATION_REFUSED > 0);
  const advertised = bed.links.routes.list().filter(({ prefixLength }) => prefixLength === 64);
  assert(advertised.length <= 17);
  bed.assertClean();
});

// covers RFC 4861 6.3.4 SHOULD
Deno.test("hop limit, MTU and times of neighbours are taken over, where they make sense", () => {
  const { bed, link, hear } = host();
  const { times } = bed.links.ipv6Neighbours;
  bed.advance(5 * S);
  hear(advertisement({
    ...{ hopLimit: 33, reachableTime: 100_000, retransmitTimer: 2000 },
    options: [{ option: "mtu", mtu: 1400 }],
  }));
  assertEquals([link.hopLimit, link.ipv6Mtu, link.mtu], [33, 1400, 1500]);
  assertEquals(times.retransmit(link.index), 2 * S);
  const reachable = times.reachable(link.index);
  assert(reachable >= 50 * S && reachable <= 150 * S);
  hear(advertisement({ options: [{ option: "mtu", mtu: 1279 }, { option: "mtu", mtu: 1501 }] }));
  assertEquals([link.hopLimit, link.ipv6Mtu], [33, 1400]);
  assertEquals(times.retransmit(link.index), 2 * S, "0 says nothing");
});

// covers RFC 8106 5.1 MUST
// covers RFC 8106 6.1 MUST
Deno.test("servers of DNS are kept as long as they are advertised", () => {
  const { bed, link, hear } = host();
  const [one, two] = [ipv6Of("2001:db8::53"), ipv6Of("2001:db8::54")];
  const say = (servers: Ipv6Address[], lifetime: number) =>
    hear(advertisement({ options: [{ option: "dns-servers", servers, lifetime }] }));
  const list = () => bed.links.autoconfiguration.dnsServers.list(link.index);
  say([one, two], 100);
  assertEquals(list(), [one, two]);
  bed.advance(50 * S);
  say([two], 100);
  bed.advance(50 * S);
  assertEquals(list(), [two]);
  const told = { event: "dns-servers-changed", interface: link.index, servers: [two] };
  assertEquals(bed.events.filter(({ event }) => event === told.event).at(-1), told as never);
  say([two], 0);
  assertEquals(list(), []);
  say(Array.from({ length: 20 }, (_, at) => ipv6Of(`2001:db8::${at + 1}`)), 100);
  assertEquals(list().length, 8);
});

Deno.test("what an interface found out is forgotten with it", () => {
  const { bed, link, hear } = host({ mode: "full" });
  bed.advance(5 * S);
  const servers = [ipv6Of("2001:db8::53")];
  hear(advertisement({
    options: [prefixOption(), { option: "dns-servers", servers, lifetime: 100 }],
  }));
  bed.links.removeInterface(link.index);
  assertEquals(bed.links.routes.list(), []);
  assertEquals(bed.links.addresses.list(), []);
  assertEquals(bed.links.autoconfiguration.dnsServers.list(link.index), []);
  assertEquals(bed.links.autoconfiguration.routers.routersOf(link.index), []);
  bed.take();
  bed.advance(10 * DAY);
  assertEquals(bed.take(), []);
  bed.assertClean();
});

Deno.test("a coarse clock changes times by a tick, and nothing else", () => {
  const { bed, addresses, hear } = host({ mode: "full" }, { resolution: 1000 });
  bed.advance(5 * S + 1);
  hear(advertisement({ options: [prefixOption({ validLifetime: 9000, preferredLifetime: 600 })] }));
  bed.advance(2 * S);
  assert(addresses().every(({ state }) => state === AddressState.PREFERRED));
  bed.advance(600 * S);
  assertEquals(addresses(PREFIX)[0].state, AddressState.DEPRECATED);
  bed.advance(9000 * S);
  assertEquals(addresses(PREFIX), []);
  hear(ndpFrame(ROUTER, IPV6_ALL_NODES, {
    message: "router-advertisement",
    ...{ hopLimit: 0, isManaged: false, hasOtherConfiguration: false, preference: 0 },
    ...{ routerLifetime: 0, reachableTime: 0, retransmitTimer: 0 },
    options: [{ option: "source-link-layer", address: PEER_MAC }],
  }));
  bed.assertClean();
});
