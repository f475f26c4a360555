import { assertEquals } from "@std/assert";
import { type Placed, PlaceList } from "./place_list.ts";
import { withSeed } from "../tests/support/seed.ts";

function make(): Placed {
  return { place: -1 };
}

Deno.test("what was added is there until it is removed, once", () => {
  const list = new PlaceList<Placed>();
  const [one, two, three] = [make(), make(), make()];
  for (const item of [one, two, three]) list.add(item);
  assertEquals([list.size, [...list]], [3, [one, two, three]]);
  assertEquals([list.remove(one), list.remove(one)], [true, false]);
  assertEquals(new Set(list), new Set([two, three]));
  assertEquals([list.remove(three), list.remove(two), list.size], [true, true, 0]);
  assertEquals([one, two, three].map(({ place }) => place), [-1, -1, -1]);
});

Deno.test("one of another list is not there, nor one that never was", () => {
  const [list, other] = [new PlaceList<Placed>(), new PlaceList<Placed>()];
  const [here, there] = [make(), make()];
  list.add(here);
  other.add(there);
  assertEquals([list.remove(there), list.remove(make()), list.size], [false, false, 1]);
  assertEquals([other.remove(there), list.remove(here)], [true, true]);
});

Deno.test("who goes through it is not disturbed by what comes and goes", () => {
  const list = new PlaceList<Placed>();
  const all = [make(), make(), make(), make()];
  for (const item of all) list.add(item);
  const seen: Placed[] = [];
  for (const item of list) {
    seen.push(item);
    list.remove(item);
    list.add(make());
  }
  assertEquals(seen, all);
  assertEquals(list.size, 4);
});

Deno.test(
  "it equals a set under random operations",
  withSeed((random) => {
    const list = new PlaceList<Placed>();
    const model = new Set<Placed>();
    const known: Placed[] = [];
    for (let step = 0; step < 2000; step++) {
      if (random.uint32() % 2 === 0) {
        const item = make();
        known.push(item);
        list.add(item);
        model.add(item);
      } else if (known.length > 0) {
        const item = known[random.uint32() % known.length];
        assertEquals(list.remove(item), model.delete(item));
      }
      assertEquals(list.size, model.size);
    }
    assertEquals(new Set(list), model);
  }),
);
