import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { SeededRandom } from "../random.ts";
import { ipv6Of, macOf } from "../wire/addresses.ts";
import { InterfaceIdentifiers, isReservedIdentifier } from "./interface_identifiers.ts";

const PREFIX = ipv6Of("2001:db8::");
const MAC = macOf("00:1c:42:fe:12:ab");

Deno.test("EUI-64 has ff:fe in the middle and the universal bit inverted", () => {
  const identifiers = new InterfaceIdentifiers(new SeededRandom(1), null);
  const made = identifiers.stable("eui64", PREFIX, MAC, 1, 0);
  assertEquals(made, ipv6Of("2001:db8::21c:42ff:fefe:12ab"));
  assertEquals(identifiers.stable("eui64", PREFIX, MAC, 1, 1), null, "there is no other one");
});

Deno.test("stable identifiers differ by counter, interface and address on the link", () => {
  const identifiers = new InterfaceIdentifiers(new SeededRandom(1), [1, 2, 3, 4]);
  const made = (index: number, mac: number, counter: number) =>
    identifiers.stable("stable", PREFIX, mac, index, counter)!;
  const first = made(1, MAC, 0);
  assertEquals(made(1, MAC, 0), first);
  for (const other of [made(1, MAC, 1), made(2, MAC, 0), made(1, MAC + 1, 0)]) {
    assertNotEquals(other.slice(2), first.slice(2));
    assertEquals(other.slice(0, 2), first.slice(0, 2));
  }
});

// covers RFC 8981 3.3.1 MUST
// covers RFC 7217 5 SHOULD
Deno.test("reserved identifiers are passed over", () => {
  const of = (text: string) => ipv6Of(`::${text}`).slice(2) as [number, number];
  for (const text of ["0:0:0:0", "200:5eff:fe00:0", "200:5eff:fe00:5213", "200:5eff:fefe:1"]) {
    assert(isReservedIdentifier(...of(text)), text);
  }
  assert(isReservedIdentifier(...of("fdff:ffff:ffff:ff80")));
  assert(isReservedIdentifier(...of("fdff:ffff:ffff:ffff")));
  for (const text of ["0:0:0:1", "200:5eff:fd00:0", "fdff:ffff:ffff:ff7f", "fdff:fffe:ffff:ffff"]) {
    assert(!isReservedIdentifier(...of(text)), text);
  }
  const drawn = [0, 0, 0x02005eff, 0xfe000001, 7, 8];
  const identifiers = new InterfaceIdentifiers({ uint32: () => drawn.shift() ?? 1 }, [1, 2, 3, 4]);
  assertEquals(identifiers.temporary(PREFIX), ipv6Of("2001:db8::7:0:8"));
});
