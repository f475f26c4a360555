import { assertEquals, assertThrows } from "@std/assert";
import { formatIpv4, formatIpv6 } from "../wire/mod.ts";
import { type NodeKind, planAddresses, type PlannedLink } from "./addressing.ts";

/** Plans a topology that is written as `"host a, router r: a-r"`. */
function plan(text: string): Record<string, { ports: string[]; routes: string[] }> {
  const [nodeText, linkText] = text.split(": ");
  const nodes = nodeText.split(", ").map((node) => {
    const [kind, name] = node.split(" ");
    return { kind: kind as NodeKind, name };
  });
  const links = linkText.split(", ").map((link) => {
    const ends = link.split("-").map((name) => nodes.findIndex((node) => node.name === name));
    return [ends[0], ends[1]] as PlannedLink;
  });
  const plans = planAddresses(nodes, links).map(({ ports, routes }, nth) =>
    [nodes[nth].name, {
      ports: ports.map(({ ipv4 }) => formatIpv4(ipv4)),
      routes: routes.map(({ segment, port, gateway }) =>
        `${segment} by ${port} over ${formatIpv4(gateway.ipv4)}`
      ),
    }] as const
  );
  return Object.fromEntries(plans);
}

Deno.test("two hosts on a link share a segment", () => {
  assertEquals(plan("host a, host b: a-b"), {
    a: { ports: ["10.0.0.1"], routes: [] },
    b: { ports: ["10.0.0.2"], routes: [] },
  });
});

Deno.test("bridges join links to one segment, and have no addresses", () => {
  const planned = plan("host a, bridge s, bridge t, host b, host c: a-s, b-t, s-t, c-s");
  assertEquals(Object.entries(planned).map(([name, { ports }]) => [name, ...ports]), [
    ["a", "10.0.0.1"],
    ["s"],
    ["t"],
    ["b", "10.0.0.2"],
    ["c", "10.0.0.3"],
  ]);
});

Deno.test("routers part segments, and routes take the way with the fewest of them", () => {
  const planned = plan("host a, router r, router t, host b, router u: a-r, r-t, t-b, r-u, u-t");
  assertEquals(planned.a, {
    ports: ["10.0.0.1"],
    routes: [
      "1 by 0 over 10.0.0.2",
      "3 by 0 over 10.0.0.2",
      "2 by 0 over 10.0.0.2",
      "4 by 0 over 10.0.0.2",
    ],
  });
  assertEquals(planned.r, {
    ports: ["10.0.0.2", "10.0.1.1", "10.0.3.1"],
    routes: ["2 by 1 over 10.0.1.2", "4 by 1 over 10.0.1.2"],
  });
});

Deno.test("what cannot be reached has no route; hosts pass nothing on", () => {
  const planned = plan("host a, host b, host c: a-b, b-c");
  assertEquals(planned.a.routes, []);
  assertEquals(planned.b.ports, ["10.0.0.2", "10.0.1.1"]);
});

Deno.test("addresses of IPv6 have the segment in their prefix", () => {
  const nodes = ["a", "b", "c"].map((name) => ({ name, kind: "host" as const }));
  const [, , { ports: [port] }] = planAddresses(nodes, [[0, 1], [1, 2]]);
  assertEquals(formatIpv6(port.ipv6), "fd00:0:0:1::2");
});

Deno.test("a segment has no more nodes than addresses", () => {
  const nodes = [
    { name: "s", kind: "bridge" as const },
    ...Array.from({ length: 255 }, (_, nth) => ({ name: `h${nth}`, kind: "host" as const })),
  ];
  const links = Array.from({ length: 255 }, (_, nth) => [0, nth + 1] as const);
  assertThrows(() => planAddresses(nodes, links), RangeError, "255 nodes");
});
