import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { SeededRandom } from "../random.ts";
import { ipv4Of, ipv6Of } from "../wire/addresses.ts";
import { Identifications } from "./identification.ts";

const ONE = ipv4Of("192.0.2.1");
const OTHER = ipv4Of("192.0.2.2");

Deno.test("identifications come back late: each step is short", () => {
  const ids = new Identifications(new SeededRandom(1));
  const seen: number[] = [];
  for (let count = 0; count < 10_000; count++) seen.push(ids.next(ONE, OTHER, 17) & 0xffff);
  assertEquals(new Set(seen).size, seen.length);
  assertEquals(seen.includes(0), false);
});

Deno.test("what one pair of ends has tells nothing of another's", () => {
  const ids = new Identifications(new SeededRandom(1));
  const others = Array.from({ length: 50 }, (_, host) => ids.next(ONE, OTHER + host, 17));
  const gaps = others.slice(1).map((id, at) => Math.abs(id - others[at]));
  assert(gaps.filter((gap) => gap < 1000).length < 3);
  assertNotEquals(ids.next(ONE, OTHER, 6), ids.next(ONE, OTHER, 17));
});

Deno.test("ends of IPv6 have 32 bits", () => {
  const ids = new Identifications(new SeededRandom(1));
  const [one, other] = [ipv6Of("2001:db8::1"), ipv6Of("2001:db8::2")];
  const first = ids.next(one, other, 0);
  const step = ids.next(one, other, 0) - first >>> 0;
  assert(step >= 1 && step <= 5);
  assert(first >>> 0 > 0xffff);
});

Deno.test("another seed begins elsewhere", () => {
  const [one, other] = [1, 2].map((seed) => new Identifications(new SeededRandom(seed)));
  assertNotEquals(one.next(ONE, OTHER, 17), other.next(ONE, OTHER, 17));
});
