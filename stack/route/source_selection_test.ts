import { assertEquals } from "@std/assert";
import type { AddressOrigin, InterfaceAddress } from "../iface/address_table.ts";
import { formatAddress } from "../iface/ip_address.ts";
import { type AddressPreference, AddressState } from "../iface/types.ts";
import { ipv4Of, ipv6Of } from "../wire/addresses.ts";
import { DEFAULT_POLICIES, policyOf, Scope, scopeOf } from "./policy_table.ts";
import { selectSource } from "./source_selection.ts";

interface Candidate {
  readonly text: string;
  readonly bits?: number;
  readonly interface?: number;
  readonly state?: AddressState;
  readonly origin?: AddressOrigin;
  readonly router?: string;
}

function of(text: string) {
  return text.includes(":") ? ipv6Of(text) : ipv4Of(text);
}

function candidate(said: Candidate): InterfaceAddress {
  const { text, bits, state = AddressState.PREFERRED, origin = "static", router } = said;
  return {
    ...{ interface: said.interface ?? 1, address: of(text), state, origin },
    prefixLength: bits ?? (text.includes(":") ? 64 : 24),
    ...{ preferredUntil: Infinity, validUntil: Infinity, createdAt: 0 },
    router: router === undefined ? null : ipv6Of(router),
  };
}

/** Chooses, in both orders of the list, which must make no difference. */
function choose(
  destination: string,
  candidates: readonly (Candidate | string)[],
  { nextHop = null, preference = "default" as AddressPreference }: {
    nextHop?: string | null;
    preference?: AddressPreference;
  } = {},
): string | null {
  const list = candidates.map((said) =>
    candidate(typeof said === "string" ? { text: said } : said)
  );
  const query = {
    ...{ destination: of(destination), interfaceIndex: 1, preference },
    nextHop: nextHop === null ? null : of(nextHop),
  };
  const [one, other] = [selectSource(list, query), selectSource([...list].reverse(), query)];
  assertEquals(one, other, "the order decides");
  return one === null ? null : formatAddress(one);
}

// covers RFC 6724 5 MUST
Deno.test("the destination itself is the best source", () => {
  assertEquals(choose("2001:db8::1", ["2001:db8::2", "2001:db8::1"]), "2001:db8::1");
  const deprecated = { text: "2001:db8::1", state: AddressState.DEPRECATED };
  assertEquals(choose("2001:db8::1", ["2001:db8::2", deprecated]), "2001:db8::1");
});

// covers RFC 6724 5 MUST
Deno.test("the smallest scope that suffices is preferred, else the largest", () => {
  assertEquals(choose("2001:db8:1::1", ["fe80::1", "2001:db8:3::1"]), "2001:db8:3::1");
  assertEquals(choose("fe80::2", ["fe80::1", "2001:db8:3::1"]), "fe80::1");
  assertEquals(choose("ff05::1", ["fe80::1", "2001:db8:3::1"]), "2001:db8:3::1");
  assertEquals(choose("ff02::1", ["fe80::1", "2001:db8:3::1"]), "fe80::1");
  assertEquals(choose("2001:db8:1::1", ["fe80::1", "fec0::1"]), "fec0::1");
});

// covers RFC 6724 5 MUST
Deno.test("a deprecated address is avoided", () => {
  const deprecated = { text: "2001:db8:1::2", state: AddressState.DEPRECATED };
  assertEquals(choose("2001:db8:1::1", [deprecated, "2001:db8:9::2"]), "2001:db8:9::2");
  assertEquals(choose("2001:db8:1::1", [deprecated]), "2001:db8:1::2");
});

// covers RFC 6724 5 MUST
Deno.test("addresses of the outgoing interface are preferred", () => {
  const elsewhere = { text: "2001:db8:1::2", interface: 2 };
  assertEquals(choose("2001:db8:1::1", [elsewhere, "2001:db8:9::2"]), "2001:db8:9::2");
  assertEquals(choose("2001:db8:1::1", [elsewhere]), "2001:db8:1::2");
  assertEquals(choose("2001:db8:1::1", [elsewhere, "fe80::1"]), "2001:db8:1::2", "scope first");
});

// covers RFC 6724 4 MUST
Deno.test("for groups and the link only addresses of the outgoing interface count", () => {
  const elsewhere = { text: "2001:db8:1::2", interface: 2 };
  assertEquals(choose("ff0e::1", [elsewhere]), null);
  assertEquals(choose("fe80::1", [{ text: "fe80::2", interface: 2 }]), null);
  assertEquals(choose("2001:db8::1", [{ text: "fe80::2", interface: 2 }]), null);
});

// covers RFC 6724 5 MAY
Deno.test("prefixes that the next hop advertises are preferred", () => {
  const ofOne = { text: "2001:db8:7::2", router: "fe80::a" };
  const ofOther = { text: "2001:db8:1::2", router: "fe80::b" };
  const candidates = [ofOne, ofOther];
  assertEquals(choose("2001:db8:1::1", candidates, { nextHop: "fe80::a" }), "2001:db8:7::2");
  assertEquals(choose("2001:db8:1::1", candidates, { nextHop: "fe80::b" }), "2001:db8:1::2");
});

// covers RFC 6724 5 MUST
Deno.test("addresses with the label of the destination are preferred", () => {
  const sixToFour = "2002:c633:6401::2";
  assertEquals(choose("2002:c633:6401::1", [sixToFour, "2001:db8:1::2"]), sixToFour);
  assertEquals(choose("2001:db8:1::1", [sixToFour, "2001:db8:9::2"]), "2001:db8:9::2");
  assertEquals(choose("fd00::1", ["fd01::2", "2001:db8:9::2"]), "fd01::2");
});

// covers RFC 6724 5 SHOULD
Deno.test("temporary addresses are preferred, unless public ones are asked for", () => {
  const temporary = { text: "2001:db8:9::d", origin: "temporary" } as const;
  const list = [{ text: "2001:db8:1::2", origin: "autoconfigured" } as const, temporary];
  assertEquals(choose("2001:db8:1::1", list), "2001:db8:9::d");
  assertEquals(choose("2001:db8:1::1", list, { preference: "temporary" }), "2001:db8:9::d");
  assertEquals(choose("2001:db8:1::1", list, { preference: "public" }), "2001:db8:1::2");
});

// covers RFC 6724 5 MAY
Deno.test("the longest matching prefix decides in the end, up to the source's own", () => {
  assertEquals(choose("2001:db8:1::1", ["2001:db8:1::2", "2001:db8:3::2"]), "2001:db8:1::2");
  const list = [
    candidate({ text: "2001:db8:1::2", bits: 32 }),
    candidate({ text: "2001:db8:3::2" }),
  ];
  const query = { destination: ipv6Of("2001:db8:1::1"), interfaceIndex: 1, nextHop: null };
  const found = selectSource(list, { ...query, preference: "default" });
  assertEquals(found, ipv6Of("2001:db8:3::2"), "46 bits in common against 32 of its prefix");
});

// covers RFC 4862 5.4 MUST
Deno.test("addresses that are tentative, duplicated or of the other family are no sources", () => {
  const tentative = { text: "2001:db8::2", state: AddressState.TENTATIVE };
  const duplicated = { text: "2001:db8::3", state: AddressState.DUPLICATED };
  assertEquals(choose("2001:db8::1", [tentative, duplicated, "10.0.0.1"]), null);
});

// covers RFC 1122 3.3.4.3 SHOULD
Deno.test("for IPv4 the source is of the network of the first hop", () => {
  const list = ["10.0.0.1", "192.168.1.1"];
  assertEquals(choose("192.168.1.9", list), "192.168.1.1");
  assertEquals(choose("198.51.100.1", list, { nextHop: "10.0.0.254" }), "10.0.0.1");
  const loopback = { text: "127.0.0.1", bits: 8, interface: 2 };
  assertEquals(choose("198.51.100.1", [loopback, "10.0.0.1"]), "10.0.0.1");
  assertEquals(choose("198.51.100.1", [loopback]), null, "it never leaves the host");
  const narrow = { text: "10.0.0.2", bits: 28 };
  assertEquals(choose("10.0.0.9", ["10.0.0.1", narrow]), "10.0.0.2");
});

// covers RFC 6724 2.1 SHOULD
Deno.test("the default policy table is that of the RFC", () => {
  const rows = [
    ["::1", 50, 0],
    ["2001:db8::1", 40, 1],
    ["10.0.0.1", 35, 4],
    ["2002::1", 30, 2],
    ["2001::1", 5, 5],
    ["fd00::1", 3, 13],
    ["::5", 1, 3],
    ["fec0::1", 1, 11],
    ["3ffe::1", 1, 12],
  ] as const;
  assertEquals(DEFAULT_POLICIES.length, rows.length);
  for (const [text, precedence, label] of rows) {
    const policy = policyOf(of(text));
    assertEquals([policy.precedence, policy.label], [precedence, label], text);
  }
});

Deno.test("scopes are those of RFC 4291 and RFC 6724", () => {
  const rows = [
    ["::1", Scope.LINK],
    ["fe80::1", Scope.LINK],
    ["fec0::1", Scope.SITE],
    ["fd00::1", Scope.GLOBAL],
    ["ff01::1", Scope.INTERFACE],
    ["ff05::1", Scope.SITE],
    ["ff0e::1", Scope.GLOBAL],
    ["::ffff:169.254.1.1", Scope.LINK],
    ["127.0.0.1", Scope.LINK],
    ["169.254.0.1", Scope.LINK],
    ["10.0.0.1", Scope.GLOBAL],
    ["224.0.0.1", Scope.LINK],
    ["239.255.0.1", Scope.SITE],
    ["239.192.0.1", Scope.ORGANIZATION],
    ["233.1.1.1", Scope.GLOBAL],
  ] as const;
  for (const [text, scope] of rows) assertEquals(scopeOf(of(text)), scope, text);
});
