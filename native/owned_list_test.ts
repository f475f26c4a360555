import { assertEquals } from "@std/assert";
import { OwnedList } from "./owned_list.ts";
import type { Owned } from "./socket.ts";
import { withSeed } from "../tests/support/seed.ts";

function make(): Owned {
  return { place: -1, terminate: () => Promise.resolve() };
}

Deno.test("what was added is there until it is removed, once", () => {
  const list = new OwnedList();
  const [one, two, three] = [make(), make(), make()];
  for (const owned of [one, two, three]) list.add(owned);
  assertEquals([list.size, [...list]], [3, [one, two, three]]);
  assertEquals([list.remove(one), list.remove(one)], [true, false]);
  assertEquals(new Set(list), new Set([two, three]));
  assertEquals([list.remove(three), list.remove(two), list.size], [true, true, 0]);
  assertEquals([one, two, three].map(({ place }) => place), [-1, -1, -1]);
});

Deno.test("one of another list is not there, nor one that never was", () => {
  const [list, other] = [new OwnedList(), new OwnedList()];
  const [here, there] = [make(), make()];
  list.add(here);
  other.add(there);
  assertEquals([list.remove(there), list.remove(make()), list.size], [false, false, 1]);
  assertEquals([other.remove(there), list.remove(here)], [true, true]);
});

Deno.test("who goes through it is not disturbed by what comes and goes", () => {
  const list = new OwnedList();
  const all = [make(), make(), make(), make()];
  for (const owned of all) list.add(owned);
  const seen: Owned[] = [];
  for (const owned of list) {
    seen.push(owned);
    list.remove(owned);
    list.add(make());
  }
  assertEquals(seen, all);
  assertEquals(list.size, 4);
});

Deno.test(
  "it equals a set under random operations",
  withSeed((random) => {
    const list = new OwnedList();
    const model = new Set<Owned>();
    const known: Owned[] = [];
    for (let step = 0; step < 2000; step++) {
      if (random.uint32() % 2 === 0) {
        const owned = make();
        known.push(owned);
        list.add(owned);
        model.add(owned);
      } else if (known.length > 0) {
        const owned = known[random.uint32() % known.length];
        assertEquals(list.remove(owned), model.delete(owned));
      }
      assertEquals(list.size, model.size);
    }
    assertEquals(new Set(list), model);
  }),
);
