import fc from "fast-check";
import { assertEquals, assertThrows } from "@std/assert";
import { MAXIMUM_ROUTES, PrefixTable } from "./prefix_table.ts";
import type { AddressWords } from "./prefix_trie.ts";
import type { SocketAddress } from "../../ring/abi/address.ts";
import { parseAddress } from "../../ring/abi/address_input.ts";
import { scale, SEED, withSeed } from "../../tests/support/seed.ts";

/** An address as words, in network order. */
function words(text: string): Int32Array {
  const { bytes } = parseAddress(text.includes(":") ? `[${text}]:0` : `${text}:0`) as SocketAddress;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return Int32Array.from({ length: bytes.length / 4 }, (_, word) => view.getInt32(word * 4));
}

/** Adds "10.0.0.0/8". */
function add(table: PrefixTable, prefix: string, metric: number, value: number): number {
  const [address, length] = prefix.split("/");
  return table.insert(words(address), Number(length), metric, value);
}

function valueFor(table: PrefixTable, address: string): number {
  const route = table.lookup(words(address));
  return route < 0 ? -1 : table.value(route);
}

Deno.test("lookup() finds the longest prefix of an IPv4 address", () => {
  const table = new PrefixTable({ addressWords: 1, capacity: 10 });
  assertEquals(valueFor(table, "10.0.0.1"), -1);
  add(table, "10.0.0.0/8", 0, 8);
  add(table, "10.1.0.0/16", 0, 16);
  add(table, "10.1.128.0/17", 0, 17);
  add(table, "10.1.128.7/32", 0, 32);
  add(table, "192.168.2.0/24", 0, 24);
  assertEquals(valueFor(table, "10.0.0.1"), 8);
  assertEquals(valueFor(table, "10.1.0.1"), 16);
  assertEquals(valueFor(table, "10.1.128.1"), 17);
  assertEquals(valueFor(table, "10.1.128.7"), 32);
  assertEquals(valueFor(table, "192.168.2.255"), 24);
  assertEquals(valueFor(table, "192.168.3.0"), -1);
  assertEquals(valueFor(table, "11.0.0.0"), -1);
  add(table, "0.0.0.0/0", 0, 0);
  assertEquals(valueFor(table, "11.0.0.0"), 0);
  assertEquals(valueFor(table, "255.255.255.255"), 0);
  table.verify();
});

Deno.test("lookup() finds the longest prefix of an IPv6 address", () => {
  const table = new PrefixTable({ addressWords: 4, capacity: 10 });
  add(table, "::/0", 0, 0);
  add(table, "2001:db8::/32", 0, 32);
  add(table, "2001:db8:0:1::/64", 0, 64);
  add(table, "2001:db8:0:1:8000::/65", 0, 65);
  add(table, "2001:db8:0:1::7/128", 0, 128);
  add(table, "fe80::/10", 0, 10);
  assertEquals(valueFor(table, "2001:db9::"), 0);
  assertEquals(valueFor(table, "2001:db8:1::"), 32);
  assertEquals(valueFor(table, "2001:db8:0:1::8"), 64);
  assertEquals(valueFor(table, "2001:db8:0:1:9000::"), 65);
  assertEquals(valueFor(table, "2001:db8:0:1::7"), 128);
  assertEquals(valueFor(table, "febf::1"), 10);
  assertEquals(valueFor(table, "fec0::1"), 0);
  table.verify();
});

Deno.test("of a prefix's routes the one that costs least is the best, then the oldest", () => {
  const table = new PrefixTable({ addressWords: 1, capacity: 10 });
  add(table, "0.0.0.0/0", 100, 1);
  add(table, "10.0.0.0/8", 20, 2);
  add(table, "10.0.0.0/8", 10, 3);
  add(table, "10.0.0.0/8", 10, 4);
  add(table, "0.0.0.0/0", 50, 5);
  const choices: number[] = [];
  for (let route = table.lookup(words("10.0.0.1")); route >= 0; route = table.next(route)) {
    choices.push(table.value(route));
  }
  assertEquals(choices, [3, 4, 2, 5, 1]);
  const best = table.find(words("10.0.0.0"), 8);
  assertEquals([table.value(best), table.metric(best)], [3, 10]);
  table.remove(best);
  assertEquals(valueFor(table, "10.0.0.1"), 4);
  assertEquals(table.list().map((route) => table.value(route)), [5, 1, 4, 2]);
});

Deno.test("a prefix is what its length says: bits behind it do not count", () => {
  const table = new PrefixTable({ addressWords: 1, capacity: 10 });
  const route = add(table, "10.1.2.3/12", 0, 1);
  assertEquals(table.prefix(route), words("10.0.0.0"));
  assertEquals(table.prefixLength(route), 12);
  assertEquals(table.find(words("10.15.255.255"), 12), route);
  assertEquals(table.find(words("10.16.0.0"), 12), -1);
  assertEquals([11, 13].map((length) => table.find(words("10.0.0.0"), length)), [-1, -1]);
  // Where two prefixes part there is a node, but no route.
  add(table, "10.64.0.0/12", 0, 2);
  assertEquals(table.find(words("10.0.0.0"), 9), -1);
  assertEquals(valueFor(table, "10.32.0.0"), -1);
});

Deno.test("a full table answers -1, is counted, and has room again once one is removed", () => {
  const table = new PrefixTable({ addressWords: 1, capacity: 2 });
  const first = add(table, "10.0.0.0/8", 0, 1);
  add(table, "11.0.0.0/8", 0, 2);
  assertEquals(add(table, "12.0.0.0/8", 0, 3), -1);
  assertEquals([table.size, table.refused], [2, 1]);
  table.verify();
  table.remove(first);
  assertEquals(add(table, "12.0.0.0/8", 0, 3), first);
  assertEquals(valueFor(table, "12.0.0.1"), 3);
});

Deno.test("a route that is not there can neither be removed nor asked for more", () => {
  const table = new PrefixTable({ addressWords: 1, capacity: 2 });
  const route = add(table, "10.0.0.0/8", 0, 1);
  table.remove(route);
  for (const wrong of [route, 1, 2, -1, NaN]) {
    assertThrows(() => table.remove(wrong), Error, `there is no route ${wrong}`);
    assertThrows(() => table.next(wrong), Error, `there is no route ${wrong}`);
    assertThrows(() => table.prefix(wrong), Error, `there is no route ${wrong}`);
  }
  assertEquals(table.size, 0);
  table.verify();
});

Deno.test("lengths and capacities that are none are refused", () => {
  const table = new PrefixTable({ addressWords: 1, capacity: 2 });
  for (const length of [-1, 33, 0.5, NaN]) {
    assertThrows(() => table.insert(words("1.2.3.4"), length, 0, 0), RangeError, `not ${length}`);
  }
  assertEquals(table.size, 0);
  const make = (capacity: number) => () => new PrefixTable({ addressWords: 4, capacity });
  for (const capacity of [-1, 0.5, MAXIMUM_ROUTES + 1]) {
    assertThrows(make(capacity), RangeError, `not ${capacity}`);
  }
  assertEquals(make(0)().insert(new Int32Array(4), 0, 0, 0), -1);
});

interface Route {
  readonly number: number;
  readonly address: Int32Array;
  readonly length: number;
  readonly metric: number;
  readonly value: number;
}

function hasPrefix(address: Int32Array, { address: prefix, length }: Route): boolean {
  for (let bit = 0; bit < length; bit++) {
    const mask = 1 << (31 - (bit & 31));
    if (((address[bit >>> 5] ^ prefix[bit >>> 5]) & mask) !== 0) return false;
  }
  return true;
}

/** All routes to an address, the best one first: a list that is looked through. */
function choicesOf(routes: readonly Route[], address: Int32Array): number[] {
  const found = routes.filter((route) => hasPrefix(address, route));
  // The sort is stable, and the list is in the order of age.
  found.sort((one, other) => other.length - one.length || one.metric - other.metric);
  return found.map(({ number }) => number);
}

const steps = fc.array(
  fc.record({
    name: fc.constantFrom("insert", "insert", "insert", "remove", "lookup"),
    // Addresses that have a long part in common, and differ at a few bits.
    flips: fc.array(fc.nat(127), { maxLength: 3 }),
    length: fc.nat(128),
    metric: fc.constantFrom(0, 1, 2, -5, 2 ** 31 - 1),
    which: fc.nat(1000),
  }),
  { maxLength: 120, size: "max" },
);

for (const addressWords of [1, 4] as AddressWords[]) {
  const bits = addressWords * 32;
  Deno.test(
    `a PrefixTable of ${bits} bits equals a list of routes under random operations`,
    withSeed(() => {
      const flip = (base: Int32Array, flips: readonly number[]) => {
        const address = base.slice();
        for (const at of flips) address[(at % bits) >>> 5] ^= 1 << (at & 31);
        return address;
      };
      const base = fc.array(fc.integer(), { minLength: addressWords, maxLength: addressWords });
      const capacity = 40;
      fc.assert(
        fc.property(base, steps, (start, list) => {
          const origin = Int32Array.from(start);
          const table = new PrefixTable({ addressWords, capacity });
          let routes: Route[] = [];
          for (const { name, flips, length: any, metric, which } of list) {
            const address = flip(origin, flips);
            const length = any % (bits + 1);
            if (name === "insert") {
              const number = table.insert(address, length, metric, which);
              assertEquals(number >= 0, routes.length < capacity, "insert()");
              if (number >= 0) routes.push({ number, address, length, metric, value: which });
            } else if (name === "remove" && routes.length > 0) {
              const { number } = routes[which % routes.length];
              table.remove(number);
              routes = routes.filter((route) => route.number !== number);
            }
            table.verify();
            const expected = choicesOf(routes, address);
            const choices: number[] = [];
            for (let at = table.lookup(address); at >= 0; at = table.next(at)) choices.push(at);
            assertEquals(choices, expected);
          }
          assertEquals(table.size, routes.length);
          for (const { number, address, length, metric, value } of routes) {
            assertEquals(table.prefixLength(number), length);
            assertEquals([table.metric(number), table.value(number)], [metric, value]);
            assertEquals(
              hasPrefix(table.prefix(number), { number, address, length, metric, value }),
              true,
            );
            const same = routes.filter((other) =>
              other.length === length &&
              hasPrefix(other.address, { number, address, length, metric, value })
            );
            same.sort((one, other) => one.metric - other.metric);
            assertEquals(table.find(address, length), same[0].number);
          }
          for (const { number } of routes) table.remove(number);
          assertEquals(table.list(), []);
          table.verify();
        }),
        { seed: SEED | 0, numRuns: scale(40, 4000) },
      );
    }),
  );
}
