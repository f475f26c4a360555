import { assertEquals } from "@std/assert";
import { TestLinks } from "../../tests/support/stack/links.ts";
import { formatAddress } from "../iface/ip_address.ts";
import { ipv4Of, ipv6Of } from "../wire/addresses.ts";
import { type DestinationCandidate, orderDestinations } from "./destination_order.ts";

function of(text: string) {
  return text.includes(":") ? ipv6Of(text) : ipv4Of(text);
}

function to(
  destination: string,
  source: string | null,
  said: Partial<DestinationCandidate> = {},
): DestinationCandidate {
  return {
    destination: of(destination),
    source: source === null ? null : of(source),
    sourcePrefixLength: source?.includes(":") ? 64 : 24,
    isSourceDeprecated: false,
    ...said,
  };
}

/** The order, which must not depend on the one that they are given in. */
function order(...candidates: DestinationCandidate[]): string[] {
  const sorted = orderDestinations(candidates).map(formatAddress);
  assertEquals(orderDestinations([...candidates].reverse()).map(formatAddress), sorted);
  return sorted;
}

// covers RFC 6724 6 MUST
Deno.test("destinations without a way come last", () => {
  assertEquals(order(to("2001:db8::1", null), to("198.51.100.1", "10.0.0.1")), [
    "198.51.100.1",
    "2001:db8::1",
  ]);
});

// covers RFC 6724 6 MUST
Deno.test("matching scopes are preferred", () => {
  const far = to("2001:db8:1::1", "fe80::1");
  assertEquals(order(far, to("198.51.100.121", "198.51.100.117"))[0], "198.51.100.121");
  const near = to("198.51.100.121", "169.254.13.78");
  assertEquals(order(to("2001:db8:1::1", "2001:db8:1::2"), near)[0], "2001:db8:1::1");
});

// covers RFC 6724 6 MUST
Deno.test("deprecated sources are avoided", () => {
  const deprecated = to("2001:db8:1::1", "2001:db8:1::2", { isSourceDeprecated: true });
  assertEquals(order(deprecated, to("198.51.100.1", "10.0.0.1"))[0], "198.51.100.1");
});

// covers RFC 6724 6 MUST
Deno.test("matching labels are preferred", () => {
  const sixToFour = to("2002:c633:6401::1", "2002:c633:6401::2");
  assertEquals(order(sixToFour, to("2001:db8:1::1", "2002:c633:6401::2"))[0], "2002:c633:6401::1");
});

// covers RFC 6724 6 MUST
Deno.test("the higher precedence is preferred: IPv6 before IPv4", () => {
  const both = [to("2001:db8:1::1", "2001:db8:1::2"), to("10.1.2.3", "10.1.2.4")];
  assertEquals(order(...both), ["2001:db8:1::1", "10.1.2.3"]);
  const sixToFour = to("2002:c633:6401::1", "2002:c633:6401::2");
  assertEquals(order(sixToFour, to("2001:db8:1::1", "2001:db8:1::2"))[0], "2001:db8:1::1");
});

// covers RFC 6724 6 MUST
Deno.test("the smaller scope is preferred", () => {
  const near = to("fe80::1", "fe80::2");
  assertEquals(order(to("2001:db8:1::1", "2001:db8:1::2"), near)[0], "fe80::1");
});

// covers RFC 6724 6 MUST
Deno.test("the longest matching prefix is preferred, up to the source's own", () => {
  const closer = to("2001:db8:1::1", "2001:db8:1::2");
  assertEquals(order(closer, to("2001:db8:3ffe::1", "2001:db8:3f44::2"))[0], "2001:db8:1::1");
});

// covers RFC 6724 6 MUST
Deno.test("else the order is left as it is", () => {
  const [one, other] = [to("2001:db8:1::1", "2001:db8:1::9"), to("2001:db8:1::2", "2001:db8:1::9")];
  assertEquals(orderDestinations([one, other]), [one.destination, other.destination]);
  assertEquals(orderDestinations([other, one]), [other.destination, one.destination]);
});

Deno.test("links know the ways to destinations, and so their order", () => {
  const bed = new TestLinks({ detectionTransmits: 0 });
  const link = bed.add();
  bed.links.addAddress(link.index, ipv4Of("10.0.0.1"), 24);
  const list = ["2001:db8::9", "10.0.0.9"].map(of);
  assertEquals(bed.links.orderDestinations(list).map(formatAddress), ["10.0.0.9", "2001:db8::9"]);
  bed.links.addAddress(link.index, ipv6Of("2001:db8::1"), 64);
  assertEquals(bed.links.orderDestinations(list).map(formatAddress), ["2001:db8::9", "10.0.0.9"]);
});
