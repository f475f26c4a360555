import { assert, assertEquals } from "@std/assert";
import { Errno } from "../../ring/abi/errno.ts";
import { ipv4Packet, S, TestLinks } from "../../tests/support/stack/links.ts";
import type { TestLinksOptions } from "../../tests/support/stack/links.ts";
import { arpFrame } from "../../tests/support/stack/messages.ts";
import { formatAddress } from "../iface/ip_address.ts";
import { SMALL_LINK_OPTIONS } from "../iface/options.ts";
import type { RouteQuery } from "../iface/types.ts";
import { ipv4Of, ipv6Of } from "../wire/addresses.ts";
import type { RouteDescription } from "./route_table.ts";

function of(text: string) {
  return text.includes(":") ? ipv6Of(text) : ipv4Of(text);
}

function query(destination: string, said: Partial<RouteQuery> = {}): RouteQuery {
  const address = of(destination);
  return {
    ...{ destination: address, source: typeof address === "number" ? 0 : [0, 0, 0, 0] },
    ...{ interface: 0, inputInterface: 0, mark: 0, typeOfService: 0, flowHash: 0 },
    ...said,
  };
}

function route(text: string, via: number, said: Partial<RouteDescription> = {}): RouteDescription {
  const [prefix, bits] = text.split("/");
  return { destination: of(prefix), prefixLength: Number(bits), interface: via, ...said };
}

/** Two interfaces: 10.0.1.1/24 and 2001:db8:1::1/64, 10.0.2.1/24 and 2001:db8:2::1/64. */
function routed(options: TestLinksOptions = {}) {
  const bed = new TestLinks({ detectionTransmits: 0, ...options });
  const [one, two] = [bed.add(), bed.add()];
  for (const [at, link] of [one, two].entries()) {
    bed.links.addAddress(link.index, ipv4Of(`10.0.${at + 1}.1`), 24);
    bed.links.addAddress(link.index, ipv6Of(`2001:db8:${at + 1}::1`), 64);
  }
  const { routes } = bed.links;
  /** Such as `1` or `2 via 10.0.2.9`, or a negative errno. */
  const way = (destination: string, said: Partial<RouteQuery> = {}): string | number => {
    const found = routes.lookup(query(destination, said));
    if (typeof found === "number") return found;
    const via = found.gateway === null ? "" : ` via ${formatAddress(found.gateway)}`;
    return `${found.interface}${via}`;
  };
  return { bed, one: one.index, two: two.index, routes, way };
}

Deno.test("prefixes of addresses are on the link, as long as an address of them is there", () => {
  const { bed, one, way } = routed();
  assertEquals([way("10.0.1.77"), way("10.0.2.77")], ["1", "2"]);
  assertEquals([way("2001:db8:1::77"), way("2001:db8:2::77")], ["1", "2"]);
  assertEquals(way("10.0.3.1"), -Errno.ENETUNREACH);
  bed.links.addAddress(one, ipv4Of("10.0.1.2"), 24);
  bed.links.removeAddress(one, ipv4Of("10.0.1.1"));
  assertEquals(way("10.0.1.77"), "1");
  bed.links.removeAddress(one, ipv4Of("10.0.1.2"));
  assertEquals(way("10.0.1.77"), -Errno.ENETUNREACH);
  assertEquals(bed.counters.route.snapshot().UNREACHABLE, 2);
});

// covers RFC 1122 3.3.1.2 MUST
Deno.test("the longest prefix is found, and of one prefix the lowest metric", () => {
  const { one, two, routes, way } = routed();
  const gateway = ipv4Of("10.0.1.9");
  const other = ipv4Of("10.0.2.9");
  routes.add(route("0.0.0.0/0", one, { gateway, metric: 10 }));
  routes.add(route("0.0.0.0/0", two, { gateway: other, metric: 5 }));
  routes.add(route("192.0.2.0/24", one, { gateway, mtu: 1400, source: ipv4Of("10.0.1.1") }));
  assertEquals(way("198.51.100.1"), "2 via 10.0.2.9");
  assertEquals(way("192.0.2.1"), "1 via 10.0.1.9");
  const found = routes.lookup(query("192.0.2.1"));
  assert(typeof found !== "number");
  assertEquals([found.mtu, found.source, found.prefixLength], [1400, ipv4Of("10.0.1.1"), 24]);
  assertEquals(routes.remove(route("0.0.0.0/0", two, { gateway: other, metric: 5 })), 0);
  assertEquals(way("198.51.100.1"), "1 via 10.0.1.9");
  assertEquals(routes.remove(route("0.0.0.0/0", two, { gateway: other })), -Errno.ESRCH);
});

Deno.test("routes by interfaces that are down, or not asked for, are passed over", () => {
  const { bed, one, two, routes, way } = routed();
  routes.add(route("0.0.0.0/0", one, { gateway: ipv4Of("10.0.1.9"), metric: 1 }));
  routes.add(route("0.0.0.0/0", two, { gateway: ipv4Of("10.0.2.9"), metric: 2 }));
  assertEquals(way("198.51.100.1", { interface: two }), "2 via 10.0.2.9");
  bed.links.setUp(one, false);
  assertEquals(way("198.51.100.1"), "2 via 10.0.2.9");
  assertEquals(way("198.51.100.1", { interface: one }), -Errno.ENETUNREACH);
  bed.links.setUp(one, true);
  assertEquals(way("198.51.100.1"), "1 via 10.0.1.9");
});

// covers RFC 1122 3.3.1.1 MUST
Deno.test("routes that make no sense are refused", () => {
  const { one, routes } = routed();
  const add = (text: string, said: Partial<RouteDescription> = {}, via = one) =>
    routes.add(route(text, via, said));
  assertEquals(add("0.0.0.0/33"), -Errno.EINVAL);
  assertEquals(add("0.0.0.0/0", {}, 9), -Errno.ENODEV);
  assertEquals(add("0.0.0.0/0", { gateway: ipv6Of("fe80::1") }), -Errno.EINVAL);
  assertEquals(add("0.0.0.0/0", { gateway: ipv4Of("224.0.0.1") }), -Errno.EINVAL);
  assertEquals(add("0.0.0.0/0", { source: ipv6Of("fe80::1") }), -Errno.EINVAL);
  assertEquals(add("0.0.0.0/0", { gateway: ipv4Of("10.0.2.9") }), -Errno.ENETUNREACH);
  assertEquals(add("::/0", { gateway: ipv6Of("fe80::9") }), 0, "a neighbour by its very address");
  assertEquals(add("::/0", { gateway: ipv6Of("fe80::9") }), -Errno.EEXIST);
  assertEquals(add("172.16.0.0/24"), 0);
  assertEquals(add("0.0.0.0/0", { gateway: ipv4Of("172.16.0.9") }), 0, "a neighbour by a route");
});

Deno.test("routes that refuse packets say so in their own ways", () => {
  const { bed, routes, way } = routed();
  routes.add(route("198.51.100.0/24", 0, { kind: "blackhole" }));
  routes.add(route("198.51.101.0/24", 0, { kind: "unreachable" }));
  routes.add(route("2001:db8:9::/48", 0, { kind: "prohibit" }));
  assertEquals(way("198.51.100.1"), -Errno.EINVAL);
  assertEquals(way("198.51.101.1"), -Errno.EHOSTUNREACH);
  assertEquals(way("2001:db8:9::1"), -Errno.EACCES);
  assertEquals(bed.counters.route.snapshot().BLACKHOLE, 1);
  assertEquals(bed.counters.route.snapshot().PROHIBITED, 2);
});

Deno.test("rules choose among tables, in the order of their priorities", () => {
  const { one, two, routes, way } = routed();
  routes.add(route("0.0.0.0/0", one, { gateway: ipv4Of("10.0.1.9") }));
  routes.add(route("0.0.0.0/0", two, { gateway: ipv4Of("10.0.2.9"), table: 7 }));
  routes.add(route("203.0.113.0/24", 0, { kind: "throw", table: 7 }));
  const source = { prefix: ipv4Of("10.0.2.0"), length: 24 };
  const apply = (rule: object) => routes.setRules([{ priority: 10, table: 7, ...rule }]);
  const destination = "198.51.100.1";
  const main = "1 via 10.0.1.9";
  const seventh = "2 via 10.0.2.9";
  apply({ source });
  assertEquals(way(destination), main);
  assertEquals(way(destination, { source: ipv4Of("10.0.2.1") }), seventh);
  assertEquals(way("203.0.113.1", { source: ipv4Of("10.0.2.1") }), main, "thrown back");
  apply({ mark: 0x10, markMask: 0xf0 });
  assertEquals([way(destination, { mark: 0x1f }), way(destination, { mark: 0x2f })], [
    seventh,
    main,
  ]);
  apply({ typeOfService: 0x10 });
  assertEquals([way(destination, { typeOfService: 0x10 }), way(destination)], [seventh, main]);
  apply({ inputInterface: two });
  assertEquals([way(destination, { inputInterface: two }), way(destination)], [seventh, main]);
  apply({ outputInterface: two });
  assertEquals(way(destination, { interface: two }), seventh);
  apply({ destination: { prefix: ipv4Of("198.51.100.0"), length: 24 } });
  assertEquals([way(destination), way("192.0.2.1")], [seventh, main]);
  routes.setRules([{ priority: 20, table: 7 }, { priority: 10, table: 254 }]);
  assertEquals(way(destination), main);
  routes.setRules([{ priority: 20, table: 254 }, { priority: 10, table: 7 }]);
  assertEquals(way(destination), seventh);
  assertEquals(routes.rules.map(({ priority }) => priority), [10, 20]);
});

Deno.test("groups and neighbours by their link need no route, but an interface", () => {
  const { bed, one, two, way } = routed();
  assertEquals(way("224.0.0.5"), "1");
  assertEquals(way("224.0.0.5", { interface: two }), "2");
  assertEquals(way("255.255.255.255", { source: ipv4Of("10.0.2.1") }), "2");
  assertEquals(way("fe80::9", { interface: two }), "2");
  assertEquals(way("ff02::1"), "1");
  bed.links.setUp(one, false);
  assertEquals(way("ff02::1"), "2");
  assertEquals(way("ff02::1", { interface: one }), -Errno.ENETDOWN);
  assertEquals(way("ff02::1", { interface: 9 }), -Errno.ENETUNREACH);
});

Deno.test("a route for groups is taken before any interface is", () => {
  const { two, routes, way } = routed();
  routes.add(route("224.0.0.0/4", two));
  assertEquals(way("239.1.1.1"), "2");
});

Deno.test("equal routes share the flows where that is wanted", () => {
  const shared = routed({ isMultipath: true });
  const plain = routed();
  for (const { one, two, routes } of [shared, plain]) {
    routes.add(route("0.0.0.0/0", one, { gateway: ipv4Of("10.0.1.9") }));
    routes.add(route("0.0.0.0/0", two, { gateway: ipv4Of("10.0.2.9") }));
    routes.add(route("0.0.0.0/0", two, { gateway: ipv4Of("10.0.2.8"), metric: 1 }));
  }
  const ways = (bed: typeof shared) =>
    [0, 1, 2, -1].map((flowHash) => bed.way("198.51.100.1", { flowHash }));
  assertEquals(ways(shared), [
    "1 via 10.0.1.9",
    "2 via 10.0.2.9",
    "1 via 10.0.1.9",
    "2 via 10.0.2.9",
  ]);
  assertEquals(new Set(ways(plain)), new Set(["1 via 10.0.1.9"]));
  shared.bed.links.setUp(shared.one, false);
  assertEquals(new Set(ways(shared)), new Set(["2 via 10.0.2.9"]));
});

// covers RFC 1122 3.2.2.2 SHOULD
Deno.test("a redirect is believed of the router that is used, to a neighbour", () => {
  const { bed, one, routes, way } = routed();
  const far = ipv4Of("198.51.100.1");
  const [router, better, foreign] = ["10.0.1.9", "10.0.1.8", "10.0.2.8"].map(ipv4Of);
  routes.add(route("0.0.0.0/0", one, { gateway: router }));
  assertEquals(routes.redirect(far, better, ipv4Of("10.0.1.7"), one), false, "another router");
  assertEquals(routes.redirect(far, foreign, router, one), false, "no neighbour");
  assertEquals(routes.redirect(far, ipv4Of("10.0.1.1"), router, one), false, "ourselves");
  assertEquals(routes.redirect(far, ipv4Of("224.0.0.1"), router, one), false, "a group");
  assertEquals(routes.redirect(ipv4Of("10.0.1.5"), better, router, one), false, "a neighbour");
  assertEquals(bed.counters.route.snapshot().REDIRECTS_REFUSED, 5);
  const { generation } = bed.links.topology;
  assertEquals(routes.redirect(far, better, router, one), true);
  assert(bed.links.topology.generation > generation);
  assertEquals([way("198.51.100.1"), way("198.51.100.2")], ["1 via 10.0.1.8", "1 via 10.0.1.9"]);
  bed.links.routes.setReachable(one, better, false);
  assertEquals(way("198.51.100.1"), "1 via 10.0.1.9", "it does not answer");
});

// covers RFC 1122 3.3.1.4 MUST
Deno.test("a first hop that does not answer is passed over until it is heard of", () => {
  const { bed, one, routes, way } = routed();
  const [first, second] = ["10.0.1.9", "10.0.1.8"].map(ipv4Of);
  routes.add(route("0.0.0.0/0", one, { gateway: first, metric: 1 }));
  const link = bed.links.get(one)!;
  const fail = (gateway: number) => {
    link.output(bed.packet(ipv4Packet(ipv4Of("10.0.1.1"), ipv4Of("198.51.100.1"))), gateway);
    bed.advance(5 * S);
    bed.take();
  };
  fail(first);
  assertEquals(way("198.51.100.1"), "1 via 10.0.1.9", "there is no other one");
  routes.add(route("0.0.0.0/0", one, { gateway: second, metric: 2 }));
  assertEquals(way("198.51.100.1"), "1 via 10.0.1.8");
  const { generation } = bed.links.topology;
  bed.advance(60 * S);
  assertEquals(way("198.51.100.1"), "1 via 10.0.1.9");
  assert(bed.links.topology.generation > generation);
  fail(first);
  assertEquals(way("198.51.100.1"), "1 via 10.0.1.8");
  fail(second);
  assertEquals(way("198.51.100.1"), "1 via 10.0.1.9", "neither answers");
  bed.give(one, arpFrame({ sender: second, target: ipv4Of("10.0.1.1") }));
  assertEquals(way("198.51.100.1"), "1 via 10.0.1.8");
});

Deno.test("of redirects the oldest gives way when there are too many", () => {
  const { bed, one, routes, way } = routed({ options: SMALL_LINK_OPTIONS });
  const [router, better] = ["10.0.1.9", "10.0.1.8"].map(ipv4Of);
  routes.add(route("0.0.0.0/0", one, { gateway: router }));
  for (let at = 0; at < 9; at++) {
    routes.redirect(ipv4Of(`198.51.100.${at}`), better, router, one);
  }
  assertEquals([way("198.51.100.0"), way("198.51.100.1")], ["1 via 10.0.1.9", "1 via 10.0.1.8"]);
  assertEquals(bed.counters.route.snapshot().REDIRECTS_EVICTED, 1);
});

Deno.test("no more routes and tables are kept than the options say", () => {
  const { one, routes } = routed({ options: SMALL_LINK_OPTIONS });
  const results: number[] = [];
  for (let at = 0; at < 40; at++) results.push(routes.add(route(`172.16.${at}.0/24`, one)));
  assertEquals(results.filter((result) => result === 0).length, 32 - 4);
  assertEquals(results.at(-1), -Errno.ENOBUFS);
  routes.remove(route("172.16.0.0/24", one));
  const tables = [1, 2, 3, 4].map((table) => {
    const made = routes.add(route("10.9.0.0/16", one, { table }));
    routes.remove(route("10.9.0.0/16", one, { table }));
    return made;
  });
  assertEquals(tables, [0, 0, 0, -Errno.ENOBUFS]);
  const rules = Array.from({ length: 9 }, (_, priority) => ({ priority, table: 1 }));
  assertEquals(routes.setRules(rules), -Errno.ENOBUFS);
});

Deno.test("everything that may change a way makes paths stale", () => {
  const { bed, one, routes } = routed();
  let before = bed.links.topology.generation;
  const changes: (() => void)[] = [
    () => routes.add(route("192.0.2.0/24", one)),
    () => routes.remove(route("192.0.2.0/24", one)),
    () => routes.setRules([]),
    () => bed.links.setUp(one, false),
    () => bed.links.setUp(one, true),
    () => bed.links.setMtu(one, 1400),
    () => bed.links.addAddress(one, ipv4Of("10.0.9.1"), 24),
    () => bed.links.removeAddress(one, ipv4Of("10.0.9.1")),
    () => bed.links.setForwarding(one, true),
    () => bed.links.removeInterface(one),
  ];
  for (const [at, change] of changes.entries()) {
    change();
    assert(bed.links.topology.generation > before, `change ${at}`);
    before = bed.links.topology.generation;
  }
  bed.advance(10 * S);
  bed.take();
});
