import { assert, assertEquals } from "@std/assert";
import { concat, copy, endsWith, equals, indexOfNeedle, startsWith } from "@std/bytes";

const bytes = (...values: number[]) => new Uint8Array(values);

Deno.test("concat() joins parts in order, none of them included", () => {
  assertEquals(concat([bytes(1, 2), bytes(), bytes(3)]), bytes(1, 2, 3));
  assertEquals(concat([]), bytes());
});

Deno.test("copy() copies what fits and says how much", () => {
  const target = bytes(0, 0, 0);
  assertEquals(copy(bytes(1, 2, 3), target, 1), 2);
  assertEquals(target, bytes(0, 1, 2));
  assertEquals(copy(bytes(9), target, 7), 0);
  assertEquals(copy(bytes(9), target, -1), 1);
  assertEquals(target, bytes(9, 1, 2));
});

Deno.test("equals() compares every byte, long arrays and odd offsets too", () => {
  assert(equals(bytes(), bytes()));
  assert(!equals(bytes(1), bytes(1, 2)));
  const long = new Uint8Array(1001).fill(7);
  for (const offset of [0, 1, 500, 1000]) {
    const other = long.slice();
    assert(equals(long.subarray(1), other.subarray(1)));
    other[offset] = 8;
    assert(!equals(long, other));
  }
});

Deno.test("startsWith() and endsWith() compare one end", () => {
  assert(startsWith(bytes(1, 2, 3), bytes(1, 2)) && startsWith(bytes(1), bytes()));
  assert(!startsWith(bytes(1, 2), bytes(2)) && !startsWith(bytes(1), bytes(1, 2)));
  assert(endsWith(bytes(1, 2, 3), bytes(2, 3)) && endsWith(bytes(1), bytes()));
  assert(!endsWith(bytes(1, 2), bytes(1)) && !endsWith(bytes(2), bytes(1, 2)));
});

Deno.test("indexOfNeedle() finds the first occurrence from a start", () => {
  const source = bytes(1, 2, 1, 2, 1, 3);
  assertEquals(indexOfNeedle(source, bytes(1, 2)), 0);
  assertEquals(indexOfNeedle(source, bytes(1, 2), 1), 2);
  assertEquals(indexOfNeedle(source, bytes(1, 3)), 4);
  assertEquals(indexOfNeedle(source, bytes(1), -2), 4);
  assertEquals(indexOfNeedle(source, bytes(3, 1)), -1);
  assertEquals(indexOfNeedle(source, bytes(3), 6), -1);
  assertEquals(indexOfNeedle(bytes(1), bytes(1, 2)), -1);
});
