import { assert, assertEquals } from "@std/assert";
import { advertisement, PREFIX, prefixOption } from "../../tests/support/stack/advertisements.ts";
import { S, TestLinks } from "../../tests/support/stack/links.ts";
import { ndpFrame } from "../../tests/support/stack/messages.ts";
import { IPV6_ANY, type Ipv6Address, solicitedNodeOf } from "../wire/addresses.ts";
import { isInPrefix } from "./ip_address.ts";
import { AddressState } from "./types.ts";

const DAY = 86_400 * S;

function host() {
  const bed = new TestLinks();
  const link = bed.add({ autoconfiguration: { mode: "full" } });
  const addresses = (prefix: Ipv6Address) =>
    bed.links.addresses.list(link.index).filter(({ address }) => isInPrefix(address, prefix, 64));
  return { bed, link, addresses, hear: (frame: Uint8Array) => bed.give(link.index, frame) };
}

// covers RFC 8981 3.4 MUST
Deno.test("a temporary address that is a duplicate is replaced, three times at most", () => {
  const { bed, addresses, hear } = host();
  bed.advance(5 * S);
  hear(advertisement({ options: [prefixOption()] }));
  const temporary = () => addresses(PREFIX).find(({ origin }) => origin === "temporary")?.address;
  const tried = new Set<string>();
  for (let turn = 0; turn < 10; turn++) {
    const address = temporary() as Ipv6Address | undefined;
    if (address === undefined) break;
    tried.add(address.join());
    const target = { message: "neighbor-solicitation", target: address, options: [] } as const;
    hear(ndpFrame(IPV6_ANY, solicitedNodeOf(address), target));
  }
  assertEquals(tried.size, 4);
  assertEquals(addresses(PREFIX).length, 1, "the stable one is left");
});

// covers RFC 8981 3.4 MUST
// covers RFC 8981 3.5 SHOULD
Deno.test("a temporary address is preferred for less than a day, and then replaced", () => {
  const { bed, addresses, hear } = host();
  bed.advance(5 * S);
  const temporaries = () => addresses(PREFIX).filter(({ origin }) => origin === "temporary");
  hear(advertisement({ options: [prefixOption()] }));
  bed.advance(2 * S);
  const [first] = temporaries();
  assertEquals(first.state, AddressState.PREFERRED);
  const preferredFor = first.preferredUntil - bed.environment.now;
  assert(preferredFor <= DAY && preferredFor > 0.6 * DAY - 3 * S);
  assertEquals(Math.round((first.validUntil - bed.environment.now) / DAY), 2);
  bed.advance(preferredFor - 6 * S);
  assertEquals(temporaries().length, 1);
  bed.advance(3 * S);
  assertEquals(temporaries().map(({ state }) => state), [
    AddressState.PREFERRED,
    AddressState.PREFERRED,
  ]);
  bed.advance(3 * S);
  assertEquals(first.state, AddressState.DEPRECATED);
  for (let day = 0; day < 30; day++) {
    bed.advance(DAY);
    hear(advertisement({ options: [prefixOption()] }));
    const states = temporaries().map(({ state }) => state);
    assert(states.filter((state) => state === AddressState.PREFERRED).length >= 1);
    assert(states.length <= 4, `${states}`);
  }
  bed.assertClean();
});

// covers RFC 8981 3.4 MUST
Deno.test("temporary addresses last no longer than their prefix, nor are made for a moment", () => {
  const { bed, addresses, hear } = host();
  bed.advance(5 * S);
  hear(advertisement({ options: [prefixOption({ validLifetime: 9000, preferredLifetime: 600 })] }));
  const own = addresses(PREFIX).find(({ origin }) => origin === "temporary");
  assert(own !== undefined);
  assertEquals(own.validUntil - bed.environment.now, 9000 * S);
  assertEquals(own.preferredUntil - bed.environment.now, 600 * S);
  bed.advance(9001 * S);
  assertEquals(addresses(PREFIX), []);
  hear(advertisement({ options: [prefixOption({ validLifetime: 9000, preferredLifetime: 4 })] }));
  assertEquals(addresses(PREFIX).map(({ origin }) => origin), ["autoconfigured"]);
});

// covers RFC 8981 3.5 MUST
Deno.test("a temporary address is not replaced once its prefix makes no addresses", () => {
  const { bed, addresses, hear, link } = host();
  bed.advance(5 * S);
  hear(advertisement({ options: [prefixOption()] }));
  const stable = addresses(PREFIX).find(({ origin }) => origin === "autoconfigured");
  assert(stable !== undefined);
  bed.links.removeAddress(link.index, stable.address);
  bed.advance(DAY);
  assertEquals(addresses(PREFIX).map(({ state }) => state), [AddressState.DEPRECATED]);
  bed.advance(DAY);
  assertEquals(addresses(PREFIX), []);
});
