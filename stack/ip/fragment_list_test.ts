import { assert, assertEquals } from "@std/assert";
import { scale, withSeed } from "../../tests/support/seed.ts";
import { FragmentList, FragmentPool, NONE, Placement } from "./fragment_list.ts";

const HEADER = 20;

/** The places of a list's fragments, in their order. */
function placesOf(pool: FragmentPool, list: FragmentList): number[][] {
  const places: number[][] = [];
  for (let node = list.head; node !== NONE; node = pool.next[node]) {
    places.push([pool.offset[node], pool.end[node], pool.packet[node]]);
  }
  return places;
}

Deno.test("fragments are listed by their places, whatever order they come in", () => {
  const pool = new FragmentPool(8);
  const list = new FragmentList(pool);
  assertEquals(list.first, NONE);
  assertEquals(list.insert(1, HEADER, 16, 24, true), Placement.TAKEN);
  assertEquals([list.first, list.isComplete, list.end], [NONE, false, 24]);
  assertEquals(list.insert(2, HEADER, 0, 8, false), Placement.TAKEN);
  assertEquals([list.first, list.isComplete], [2, false]);
  assertEquals(list.insert(3, HEADER, 8, 16, false), Placement.TAKEN);
  assertEquals([list.isComplete, list.bytes, list.count, pool.used], [true, 24, 3, 3]);
  assertEquals(placesOf(pool, list), [[0, 8, 2], [8, 16, 3], [16, 24, 1]]);
  list.clear();
  assertEquals([list.head, list.count, list.end, pool.used], [NONE, 0, NONE, 0]);
});

Deno.test("a duplicate is one only if it says the same about the end", () => {
  const pool = new FragmentPool(8);
  const list = new FragmentList(pool);
  list.insert(1, HEADER, 8, 16, false);
  assertEquals(list.insert(2, HEADER, 8, 16, false), Placement.DUPLICATE);
  assertEquals(pool.packet[list.duplicate], 1);
  assertEquals(list.insert(2, HEADER, 8, 16, true), Placement.OVERLAP);
  list.insert(3, HEADER, 16, 20, true);
  assertEquals(list.insert(4, HEADER, 16, 20, true), Placement.DUPLICATE);
  assertEquals(list.insert(4, HEADER, 16, 20, false), Placement.OVERLAP);
});

Deno.test("a pool that is used up takes nothing more", () => {
  const pool = new FragmentPool(2);
  const list = new FragmentList(pool);
  assertEquals([0, 8, 16].map((at) => list.insert(at, HEADER, at, at + 8, false)), [
    Placement.TAKEN,
    Placement.TAKEN,
    Placement.FULL,
  ]);
  list.clear();
  assertEquals(list.insert(1, HEADER, 0, 8, false), Placement.TAKEN);
});

Deno.test(
  "random places are judged as a map of bytes judges them",
  withSeed((random) => {
    const pool = new FragmentPool(64);
    for (let round = 0; round < scale(500, 20_000); round++) {
      const list = new FragmentList(pool);
      const owners = new Array<number>(64).fill(NONE);
      const taken = new Map<string, boolean>();
      let end = NONE;
      for (let packet = 0; packet < 12; packet++) {
        const offset = random.integer(0, 7) * 8;
        const isLast = random.integer(0, 5) === 0;
        const stop = offset + (isLast ? random.integer(1, 8) : 8);
        const bytes = owners.slice(offset, stop);
        const known = taken.get(`${offset} ${stop}`);
        const isFree = bytes.every((owner) => owner === NONE);
        const isBehind = isLast
          ? end !== NONE || owners.slice(stop).some((owner) => owner !== NONE)
          : end !== NONE && stop > end;
        const expected = known === isLast
          ? Placement.DUPLICATE
          : isFree && !isBehind
          ? Placement.TAKEN
          : Placement.OVERLAP;
        assertEquals(list.insert(packet, HEADER, offset, stop, isLast), expected);
        if (expected !== Placement.TAKEN) continue;
        owners.fill(packet, offset, stop);
        taken.set(`${offset} ${stop}`, isLast);
        if (isLast) end = stop;
        const isWhole = end !== NONE && owners.slice(0, end).every((owner) => owner !== NONE);
        assertEquals(list.isComplete, isWhole);
      }
      const places = placesOf(pool, list);
      assert(places.every(([offset], at) => at === 0 || places[at - 1][1] <= offset));
      list.clear();
      assertEquals(pool.used, 0);
    }
  }),
);
