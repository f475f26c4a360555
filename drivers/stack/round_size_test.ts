import { assertEquals } from "@std/assert";
import { LARGEST_ROUND, RoundSize } from "./round_size.ts";

Deno.test("a round gets smaller each time that there was nothing to do, down to a few", () => {
  const size = new RoundSize();
  const seen = [size.frames];
  for (let time = 0; time < 5; time++) {
    size.starved();
    seen.push(size.frames);
  }
  assertEquals(seen, [LARGEST_ROUND, 12, 6, 4, 4, 4]);
});

Deno.test("it grows while rounds are full, and does not by others", () => {
  const size = new RoundSize();
  for (let time = 0; time < 5; time++) size.starved();
  size.took(3);
  assertEquals(size.frames, 4);
  size.took(4);
  assertEquals(size.frames, 5);
  for (let time = 0; time < 100; time++) size.took(64);
  assertEquals(size.frames, LARGEST_ROUND);
});
