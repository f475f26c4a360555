import { assert, assertEquals } from "@std/assert";
import { withSeed } from "../../tests/support/seed.ts";
import { AF_INET, AF_INET6 } from "../constants/sockets.ts";
import { orderAddresses, type SourceAddress } from "./address_order.ts";
import { inet_ntop, inet_pton } from "./inet.ts";

type Source = string | (Omit<SourceAddress, "bytes"> & { from: string }) | null;

function bytes(text: string): Uint8Array {
  return inet_pton(text.includes(":") ? AF_INET6 : AF_INET, text)!;
}

/** Orders destinations, each given with the address that would be sent from. */
function order(...pairs: readonly [string, Source][]): string[] {
  const destinations = pairs.map(([to]) => bytes(to));
  const indexes = orderAddresses(destinations, (destination, index) => {
    assert(destination === destinations[index]);
    const source = pairs[index][1];
    if (source === null) return null;
    if (typeof source === "string") return bytes(source);
    const { from, ...rest } = source;
    return { bytes: bytes(from), ...rest };
  });
  return indexes.map((index) => pairs[index][0]);
}

/** Both orders of asking must come to the same answer. */
function prefers(first: [string, Source], second: [string, Source]): void {
  assertEquals(order(first, second), [first[0], second[0]]);
  assertEquals(order(second, first), [first[0], second[0]]);
}

Deno.test("rule 1: what cannot be reached comes last", () => {
  prefers(["198.51.100.1", "198.51.100.9"], ["2001:db8::1", null]);
  prefers(["fe80::1", "fe80::2"], ["2001:db8::1", null]);
});

Deno.test("rule 2: a source of the same scope", () => {
  // RFC 6724 section 10.2.
  prefers(["198.51.100.121", "198.51.100.117"], ["2001:db8:1::1", "fe80::1"]);
  prefers(["2001:db8:1::1", "2001:db8:1::2"], ["198.51.100.121", "169.254.13.78"]);
  prefers(["ff05::1", "fec0::5"], ["ff0e::1", "fe80::1"]);
});

Deno.test("rule 3: no deprecated source", () => {
  prefers(
    ["2001:db8:2::1", "2001:db8:2::2"],
    ["2001:db8:1::1", { from: "2001:db8:1::2", isDeprecated: true }],
  );
  // Section 10.2: the deprecated link-local source loses.
  prefers(["2001:db8:1::1", "2001:db8:1::2"], ["fe80::1", { from: "fe80::2", isDeprecated: true }]);
});

Deno.test("rule 4: a home address", () => {
  prefers(
    ["2001:db8:1::1", { from: "2001:db8:3::1", isHome: true }],
    ["fe80::1", { from: "fe80::2", isHome: false }],
  );
});

Deno.test("rule 5: a source with the same label", () => {
  // Section 10.2: 6to4 talks to 6to4, and native to native.
  prefers(["2002:c633:6401::1", "2002:c633:6401::2"], ["2001:db8:1::1", "2002:c633:6401::2"]);
  prefers(["2001:db8:1::1", "2001:db8:1::2"], ["2001:0:1::1", "2001:db8:1::2"]);
});

Deno.test("rule 6: the precedence of the policy table", () => {
  prefers(["::1", "::1"], ["127.0.0.1", "127.0.0.1"]);
  prefers(["2001:db8:1::1", "2001:db8:1::2"], ["10.1.2.3", "10.1.2.4"]);
  prefers(["2001:db8:1::1", "2001:db8:1::2"], ["2002:c633:6401::1", "2002:c633:6401::2"]);
  prefers(["10.1.2.3", "10.1.2.4"], ["2002:c633:6401::1", "2002:c633:6401::2"]);
  prefers(["2002:c633:6401::1", "2002:c633:6401::2"], ["2001:0:1::1", "2001:0:1::2"]);
  prefers(["2001:0:1::1", "2001:0:1::2"], ["fd00::1", "fd00::2"]);
  prefers(["10.1.2.3", "10.1.2.4"], ["fd00::1", "fd00::2"]);
  prefers(["fd00::1", "fd00::2"], ["fec0::1", "fec0::2"]);
  prefers(["fd00::1", "fd00::2"], ["3ffe::1", "3ffe::2"]);
  prefers(["fd00::1", "fd00::2"], ["::9.9.9.9", "::9.9.9.8"]);
});

Deno.test("rule 7: a native transport", () => {
  prefers(
    ["2001:db8:1::1", "2001:db8:1::2"],
    ["2001:db8:2::1", { from: "2001:db8:2::2", isEncapsulated: true }],
  );
});

Deno.test("rule 8: the smaller scope", () => {
  prefers(["fe80::1", "fe80::2"], ["2001:db8:1::1", "2001:db8:1::2"]);
  prefers(["169.254.1.1", "169.254.1.2"], ["198.51.100.1", "198.51.100.2"]);
});

Deno.test("rule 9: the longest prefix in common, no longer than the network's", () => {
  prefers(["2001:db8:1::1", "2001:db8:1::2"], ["2001:db8:3ffe::1", "2001:db8:3f44::2"]);
  // Both agree in all the bits of the network: the order stays.
  assertEquals(order(["2001:db8::1", "2001:db8::f0"], ["2001:db8::f1", "2001:db8::f0"]), [
    "2001:db8::1",
    "2001:db8::f1",
  ]);
  prefers(
    ["2001:db8::f1", { from: "2001:db8::f0", prefixBits: 128 }],
    ["2001:db8::1", { from: "2001:db8::f0", prefixBits: 128 }],
  );
});

Deno.test("rule 9: IPv4 addresses are compared within a network only", () => {
  const from = "192.0.2.1";
  prefers(["192.0.2.9", { from, prefixBits: 24 }], ["198.51.100.9", { from, prefixBits: 24 }]);
  const far = [["192.9.2.9", { from, prefixBits: 24 }], ["192.0.3.9", { from, prefixBits: 24 }]];
  assertEquals(order(...far as [string, Source][]), ["192.9.2.9", "192.0.3.9"]);
  assertEquals(order(["10.9.0.1", "10.0.0.1"], ["10.0.0.2", "10.0.0.1"]), ["10.9.0.1", "10.0.0.2"]);
});

Deno.test("rule 10: otherwise the order stays", () => {
  assertEquals(order(["198.51.100.2", "10.0.0.1"], ["198.51.100.1", "10.0.0.1"]), [
    "198.51.100.2",
    "198.51.100.1",
  ]);
  assertEquals(order(), []);
});

Deno.test("without any source, precedence and scope are left to go by", () => {
  assertEquals(order(["10.0.0.1", null], ["2001:db8::1", null], ["::1", null]), [
    "::1",
    "2001:db8::1",
    "10.0.0.1",
  ]);
});

Deno.test("an IPv4-mapped address counts as IPv4", () => {
  prefers(
    ["2001:db8:1::1", "2001:db8:1::2"],
    ["::ffff:198.51.100.1", "::ffff:198.51.100.2"],
  );
  prefers(
    ["::ffff:127.0.0.1", "::ffff:127.0.0.1"],
    ["::ffff:198.51.100.1", "::ffff:198.51.100.2"],
  );
});

Deno.test("the address to bind to comes out as glibc has it: IPv4 first", () => {
  prefers(["0.0.0.0", "127.0.0.1"], ["::", "::1"]);
});

Deno.test(
  "any list comes back whole, and in the same order when it is ordered again",
  withSeed((random) => {
    const texts = ["::1", "127.0.0.1", "fe80::1", "fd00::1", "2001:db8::1", "2002::1", "ff02::1"];
    for (let round = 0; round < 500; round++) {
      const list: Uint8Array[] = [];
      const sources: (Uint8Array | null)[] = [];
      for (let count = random.integer(0, 12); count > 0; count--) {
        const isIpv4 = random.chance(0.4);
        list.push(
          isIpv4 ? random.bytes(4) : bytes(random.pick(texts.filter((t) => t !== texts[1]))),
        );
        const same = isIpv4
          ? random.bytes(4)
          : bytes(random.pick(texts.filter((t) => t !== texts[1])));
        sources.push(random.chance(0.2) ? null : same);
      }
      const first = orderAddresses(list, (_, index) => sources[index]);
      assertEquals([...first].sort((a, b) => a - b), list.map((_, index) => index));
      const again = orderAddresses(
        first.map((index) => list[index]),
        (_, index) => sources[first[index]],
      );
      const shown = (indexes: number[]) =>
        indexes.map((index) =>
          inet_ntop(list[index].length === 4 ? AF_INET : AF_INET6, list[index])
        );
      assertEquals(shown(again.map((index) => first[index])), shown(first));
    }
  }),
);
