import { assert, assertEquals } from "@std/assert";
import { SeededRandom } from "../random.ts";
import { SEED } from "../../tests/support/seed.ts";
import { admits, isSameFilter, mergeFilters, type SourceFilter } from "./source_filter.ts";

function filter(mode: SourceFilter["mode"], ...sources: number[]): SourceFilter {
  return { mode, sources };
}

// covers RFC 3376 3.2 MUST
Deno.test("the examples of RFC 3376 section 3.2 come out as it says", () => {
  const [a, b, c, d, e, f] = [1, 2, 3, 4, 5, 6];
  const exclude = [filter("exclude", a, b, c, d), filter("exclude", b, c, d, e)];
  assertEquals(mergeFilters([...exclude, filter("include", d, e, f)]), filter("exclude", b, c));
  const include = [filter("include", a, b, c), filter("include", b, c, d)];
  assertEquals(mergeFilters([...include, filter("include", e, f)]).sources.length, 6);
  assertEquals(mergeFilters([]), filter("include"));
});

// covers RFC 3376 3.2 MUST
Deno.test("a merged filter lets exactly that pass which one of its parts does", () => {
  const random = new SeededRandom(SEED);
  for (let round = 0; round < 2000; round++) {
    const parts = Array.from({ length: random.uint32() % 4 }, () => {
      const sources = [1, 2, 3, 4, 5].filter(() => random.uint32() % 2 === 0);
      return filter(random.uint32() % 2 === 0 ? "include" : "exclude", ...sources);
    });
    const merged = mergeFilters(parts);
    for (const source of [1, 2, 3, 4, 5, 6]) {
      const isWanted = parts.some((part) => admits(part, source));
      assertEquals(admits(merged, source), isWanted, `seed ${SEED}, round ${round}`);
    }
  }
});

Deno.test("filters are the same whatever the order of their sources", () => {
  assert(isSameFilter(filter("include", 1, 2), filter("include", 2, 1)));
  assert(!isSameFilter(filter("include", 1, 2), filter("exclude", 1, 2)));
  assert(!isSameFilter(filter("include", 1, 2), filter("include", 1, 3)));
});
