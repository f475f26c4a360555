import { assert, assertEquals } from "@std/assert";
import { advertisement, prefixOption, ROUTER } from "../../tests/support/stack/advertisements.ts";
import { PEER_MAC, S, TestLinks } from "../../tests/support/stack/links.ts";
import { ipv6Packet, ndpFrame } from "../../tests/support/stack/messages.ts";
import { IPV6_ANY, type Ipv6Address, ipv6Of, macOf } from "../wire/addresses.ts";
import { Preference } from "../wire/ndp_options.ts";
import type { IpAddress } from "../ip/types.ts";

const OTHER = ipv6Of("fe80::3");
const OTHER_MAC = macOf("02:00:00:00:00:03");
const FAR = ipv6Of("2001:db8:ffff::1");

function host() {
  const bed = new TestLinks();
  const link = bed.add({ autoconfiguration: { mode: "full", isTemporary: false } });
  bed.advance(5 * S);
  bed.take();
  const gateway = (destination: Ipv6Address = FAR): IpAddress | null | number => {
    const found = bed.links.routes.lookup({
      ...{ destination, source: IPV6_ANY, interface: 0, inputInterface: 0 },
      ...{ mark: 0, typeOfService: 0, flowHash: 0 },
    });
    return typeof found === "number" ? found : found.gateway;
  };
  const hear = (frame: Uint8Array) => bed.give(link.index, frame);
  const other = (said = {}) => hear(advertisement({ router: OTHER, mac: OTHER_MAC, ...said }));
  return { bed, link, gateway, hear, other };
}

// covers RFC 4861 6.3.4 MUST
// covers RFC 4861 6.3.5 MUST
Deno.test("a router is a default router for its lifetime, and 0 ends it at once", () => {
  const { bed, link, gateway, hear } = host();
  assertEquals(gateway(), -101);
  hear(advertisement({ lifetime: 100 }));
  assertEquals(gateway(), ROUTER);
  assertEquals(bed.events.at(-1)?.event, "router-added");
  bed.advance(99 * S);
  hear(advertisement({ lifetime: 100 }));
  bed.advance(100 * S - 1);
  assertEquals(gateway(), ROUTER);
  bed.advance(1);
  assertEquals(gateway(), -101);
  hear(advertisement({ lifetime: 100 }));
  hear(advertisement({ lifetime: 0 }));
  assertEquals(gateway(), -101);
  assertEquals(bed.links.autoconfiguration.routers.routersOf(link.index), []);
});

// covers RFC 4191 2.2 MUST
Deno.test("routers are preferred as they say; the reserved preference means medium", () => {
  const { gateway, hear, other } = host();
  hear(advertisement({ preference: Preference.MEDIUM }));
  other({ preference: Preference.HIGH });
  assertEquals(gateway(), OTHER);
  other({ preference: Preference.LOW });
  assertEquals(gateway(), ROUTER);
  hear(advertisement({ preference: Preference.RESERVED }));
  assertEquals(gateway(), ROUTER);
});

// covers RFC 4191 2.3 MUST
// covers RFC 4191 3.1 MUST
Deno.test("advertised routes lead to their router; ::/0 speaks of the router itself", () => {
  const { bed, gateway, hear, other } = host();
  hear(advertisement({ preference: Preference.HIGH }));
  const prefix = ipv6Of("2001:db8:ffff::");
  const route = { option: "route-information", prefix, prefixLength: 48 } as const;
  other({ options: [{ ...route, preference: Preference.LOW, lifetime: 100 }] });
  assertEquals(gateway(), OTHER, "the longer prefix wins");
  bed.advance(100 * S);
  assertEquals(gateway(), ROUTER);
  other({ options: [{ ...route, preference: Preference.RESERVED, lifetime: 100 }] });
  assertEquals(gateway(), ROUTER);
  other({ options: [{ ...route, prefixLength: 0, preference: Preference.HIGH, lifetime: 100 }] });
  hear(advertisement({ preference: Preference.LOW }));
  assertEquals(gateway(), OTHER);
});

// covers RFC 4861 6.3.6 MUST
Deno.test("a router that does not answer gives way to one that does, and they take turns", () => {
  const { bed, link, gateway, hear, other } = host();
  bed.links.addAddress(link.index, ipv6Of("2001:db8::9"), 64, { detects: false });
  hear(advertisement());
  other();
  const fail = (router: Ipv6Address) => {
    link.output(bed.packet(ipv6Packet(ipv6Of("2001:db8::9"), FAR)), router);
    bed.advance(60 * S);
    bed.take();
  };
  const first = gateway() as Ipv6Address;
  fail(first);
  const second = gateway() as Ipv6Address;
  assert(second !== first);
  fail(second);
  assertEquals(gateway(), first, "none answers");
  fail(first);
  assertEquals(gateway(), second);
  hear(advertisement());
  assertEquals(gateway(), ROUTER, "heard of again");
  assertEquals(PEER_MAC, bed.links.listNeighbours().find(({ address }) => address !== OTHER)?.mac);
});

// covers RFC 4861 7.2.5 MUST
Deno.test("a router that says it is none is no default router any more", () => {
  const { bed, link, gateway, hear } = host();
  hear(advertisement());
  const own = bed.links.addresses.list(link.index)[0].address as Ipv6Address;
  hear(ndpFrame(ROUTER, own, {
    message: "neighbor-advertisement",
    ...{ isRouter: false, isSolicited: false, isOverride: false, target: ROUTER },
    options: [],
  }));
  assertEquals(gateway(), -101);
  assertEquals(bed.events.at(-1)?.event, "router-removed");
});

Deno.test("no more routers and routes are kept than the options say", () => {
  const { bed, link, hear } = host();
  for (let at = 0; at < 30; at++) {
    const router = ipv6Of(`fe80::${(100 + at).toString(16)}`);
    const prefix = ipv6Of(`2001:db8:${(at + 1).toString(16)}::`);
    const route = { prefix, prefixLength: 48, preference: 0, lifetime: 1000 };
    hear(advertisement({
      ...{ router, mac: OTHER_MAC + at },
      options: [{ option: "route-information", ...route }],
    }));
  }
  assertEquals(bed.links.autoconfiguration.routers.routersOf(link.index).length, 8);
  const advertised = bed.links.routes.list().filter(({ origin }) => origin === "advertised");
  assertEquals(advertised.length, 8 + 16);
});

// covers RFC 4861 6.3.4 MUST
// covers RFC 5942 4 MUST
Deno.test("only prefixes that are said to be on the link are, for their lifetimes", () => {
  const { bed, gateway, hear } = host();
  const near = ipv6Of("2001:db8:1::77");
  hear(advertisement({ options: [prefixOption({ isOnLink: false })] }));
  assertEquals(gateway(near), ROUTER);
  const short = { validLifetime: 100, preferredLifetime: 100 };
  hear(advertisement({ options: [prefixOption({ isAutonomous: false, ...short })] }));
  assertEquals(gateway(near), null);
  bed.advance(100 * S);
  assertEquals(gateway(near), ROUTER);
  hear(advertisement({ options: [prefixOption({ isAutonomous: false })] }));
  const none = { validLifetime: 0, preferredLifetime: 0 };
  hear(advertisement({ options: [prefixOption({ isAutonomous: false, ...none })] }));
  assertEquals(gateway(near), ROUTER);
});

// covers RFC 4861 8.1 MUST
// covers RFC 4861 8.3 SHOULD
Deno.test("a redirect of the router that is used is followed, of others not", () => {
  const { bed, link, gateway, hear } = host();
  const own = bed.links.addresses.list(link.index)[0].address as Ipv6Address;
  const redirect = (from: Ipv6Address, target: Ipv6Address, mac = OTHER_MAC) =>
    hear(ndpFrame(from, own, {
      ...{ message: "redirect", target, destination: FAR },
      options: [{ option: "target-link-layer", address: mac }],
    }));
  hear(advertisement());
  redirect(OTHER, OTHER);
  assertEquals(gateway(), ROUTER);
  assertEquals(bed.counters.ndp.snapshot().DROPPED_REDIRECT, 1);
  redirect(ROUTER, OTHER);
  assertEquals(gateway(), OTHER);
  assertEquals(gateway(ipv6Of("2001:db8:ffff::2")), ROUTER, "for this destination only");
  const known = bed.links.listNeighbours().find(({ mac }) => mac === OTHER_MAC);
  assertEquals([known?.address, known?.isRouter], [OTHER, true]);
  redirect(OTHER, FAR);
  assertEquals(gateway(), null, "a destination that is itself a neighbour");
});

// covers RFC 4861 8.3 MUST
Deno.test("a router does not follow redirects", () => {
  const { bed, link, gateway, hear } = host();
  const own = bed.links.addresses.list(link.index)[0].address as Ipv6Address;
  hear(advertisement());
  bed.links.setForwarding(link.index, true);
  hear(ndpFrame(ROUTER, own, {
    ...{ message: "redirect", target: OTHER, destination: FAR },
    options: [{ option: "target-link-layer", address: OTHER_MAC }],
  }));
  assertEquals(gateway(), ROUTER);
  assertEquals(bed.counters.ndp.snapshot().DROPPED_REDIRECT, 1);
});

// covers RFC 4861 6.3.5 MUST
Deno.test("who was redirected to a router that ends goes back to another one", () => {
  const { bed, link, gateway, hear, other } = host();
  const own = bed.links.addresses.list(link.index)[0].address as Ipv6Address;
  hear(advertisement({ preference: Preference.HIGH }));
  other({ lifetime: 100 });
  hear(ndpFrame(ROUTER, own, {
    ...{ message: "redirect", target: OTHER, destination: FAR },
    options: [{ option: "target-link-layer", address: OTHER_MAC }],
  }));
  assertEquals(gateway(), OTHER);
  bed.advance(100 * S);
  assertEquals(gateway(), ROUTER);
});
