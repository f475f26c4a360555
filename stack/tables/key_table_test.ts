import fc from "fast-check";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { KeyTable, MAXIMUM_ENTRIES, MAXIMUM_VALUE } from "./key_table.ts";
import { hashWords } from "../../ring/abi/sip_hash.ts";
import { scale, SEED, withSeed } from "../../tests/support/seed.ts";

const HASH_KEY = { low: 0x1234567, high: -77 };

function makeTable(capacity: number, keyWords = 2): KeyTable {
  return new KeyTable({ capacity, keyWords, hashKey: HASH_KEY });
}

Deno.test("insert() adds an entry once, and lookup() and remove() find it", () => {
  const table = makeTable(10);
  const [key, other] = [Int32Array.of(1, 2), Int32Array.of(1, 3)];
  assertEquals([table.lookup(key), table.remove(key)], [-1, -1]);
  assertEquals(table.insert(key, 0), 0);
  assertEquals(table.insert(other, MAXIMUM_VALUE), MAXIMUM_VALUE);
  assertEquals([table.lookup(key), table.lookup(other)], [0, MAXIMUM_VALUE]);
  // The key has a value: it keeps that, and tells so.
  assertEquals(table.insert(key, 5), 0);
  assertEquals(table.size, 2);
  assertEquals(table.values().sort((one, two) => one - two), [0, MAXIMUM_VALUE]);
  assertEquals(table.remove(key), 0);
  assertEquals([table.lookup(key), table.remove(key), table.size], [-1, -1, 1]);
  assertEquals(table.insert(key, 5), 5);
  table.verify();
});

Deno.test("words behind the key's own do not count", () => {
  const table = makeTable(10);
  table.insert(Int32Array.of(1, 2, 3), 7);
  assertEquals(table.lookup(Int32Array.of(1, 2, 9)), 7);
});

Deno.test("a key of zeros is a key like any other", () => {
  const table = makeTable(10);
  const zeros = new Int32Array(2);
  assertEquals(table.lookup(zeros), -1);
  table.insert(zeros, 3);
  assertEquals(table.lookup(zeros), 3);
});

Deno.test("a full table answers -1, is counted, and still finds and removes everything", () => {
  const table = makeTable(100);
  for (let index = 0; index < 100; index++) table.insert(Int32Array.of(index, 0), index);
  assertEquals(table.insert(Int32Array.of(100, 0), 100), -1);
  assertEquals(table.insert(Int32Array.of(5, 0), 6), 5);
  table.verify();
  assertEquals(table.statistics(), { capacity: 100, size: 100, peak: 100, refused: 1 });
  for (let index = 0; index < 100; index++) {
    assertEquals(table.lookup(Int32Array.of(index, 1)), -1);
    assertEquals(table.remove(Int32Array.of(index, 0)), index);
  }
  assertEquals(table.statistics(), { capacity: 100, size: 0, peak: 100, refused: 1 });
  assertEquals(table.values(), []);
});

Deno.test("a table of no entries finds nothing and takes nothing", () => {
  const table = makeTable(0);
  assertEquals([table.lookup(new Int32Array(2)), table.insert(new Int32Array(2), 1)], [-1, -1]);
});

Deno.test("entries whose hashes collide are told apart, and removed without losing others", () => {
  // 16 places: of so many keys, these all belong to one of the last, and run over the end.
  const table = makeTable(10);
  const keys: Int32Array[] = [];
  for (let word = 0; keys.length < 8; word++) {
    const key = Int32Array.of(word, 0);
    if ((hashWords(HASH_KEY, key, 2) & 15) === 13) keys.push(key);
  }
  for (const first of keys) {
    for (const [index, key] of keys.entries()) table.insert(key, index);
    table.verify();
    table.remove(first);
    table.verify();
    for (const [index, key] of keys.entries()) {
      assertEquals(table.lookup(key), key === first ? -1 : index);
      table.remove(key);
    }
    assertEquals(table.size, 0);
  }
});

Deno.test("removals leave nothing behind that would slow down a lookup", () => {
  const table = makeTable(1000, 4);
  const key = new Int32Array(4);
  for (let round = 0; round < scale(100_000, 3_000_000); round++) {
    key[0] = round;
    table.insert(key, 1);
    key[0] = round - 900;
    table.remove(key);
  }
  table.verify();
  assertEquals(table.size, 900);
  key[0] = -1;
  assertEquals(table.lookup(key), -1);
});

Deno.test("the places of keys depend on the hash's key", () => {
  const keys = Array.from({ length: 40 }, (_, index) => Int32Array.of(index, 1));
  const orders = [1, 2].map((low) => {
    const table = new KeyTable({ capacity: 64, keyWords: 2, hashKey: { low, high: 0 } });
    for (const [index, key] of keys.entries()) table.insert(key, index);
    return table.values().join();
  });
  assert(orders[0] !== orders[1]);
});

Deno.test("values, keys and capacities that are none are refused", () => {
  const table = makeTable(1);
  for (const value of [-1, 0.5, NaN, MAXIMUM_VALUE + 1]) {
    assertThrows(() => table.insert(new Int32Array(2), value), RangeError, `${value} is no value`);
  }
  assertThrows(() => makeTable(MAXIMUM_ENTRIES + 1), RangeError, "up to");
  assertThrows(() => makeTable(-1), RangeError, "not -1");
  assertThrows(() => makeTable(1, 0), RangeError, "1 word or more, not 0");
});

interface Step {
  readonly name: "insert" | "lookup" | "remove";
  readonly key: readonly number[];
  readonly value: number;
}

function compare(capacity: number, keyWords: number, steps: readonly Step[]): void {
  const table = makeTable(capacity, keyWords);
  const model = new Map<string, number>();
  const words = new Int32Array(keyWords);
  for (const { name, key, value } of steps) {
    for (let word = 0; word < keyWords; word++) words[word] = key[word % key.length];
    const text = words.join();
    const known = model.get(text);
    if (name === "lookup") {
      assertEquals(table.lookup(words), known ?? -1);
    } else if (name === "remove") {
      assertEquals(table.remove(words), known ?? -1);
      model.delete(text);
    } else {
      const fits = known !== undefined || model.size < capacity;
      assertEquals(table.insert(words, value), fits ? known ?? value : -1);
      if (fits && known === undefined) model.set(text, value);
    }
    assertEquals(table.size, model.size);
  }
  table.verify();
  const order = (one: number, other: number) => one - other;
  assertEquals(table.values().sort(order), [...model.values()].sort(order));
}

Deno.test(
  "a KeyTable equals a Map under random operations",
  withSeed(() => {
    const step = fc.record({
      name: fc.constantFrom("insert", "insert", "lookup", "remove"),
      // Few keys, so that they meet again.
      key: fc.tuple(fc.constantFrom(0, 1, -1, 2 ** 31 - 1), fc.integer({ min: 0, max: 15 })),
      value: fc.nat(MAXIMUM_VALUE),
    }) as fc.Arbitrary<Step>;
    const sizes = [fc.integer({ min: 0, max: 70 }), fc.constantFrom(1, 2, 4, 10)] as const;
    const steps = fc.array(step, { maxLength: 400, size: "max" });
    fc.assert(fc.property(...sizes, steps, compare), { seed: SEED | 0, numRuns: scale(60, 5000) });
  }),
);
