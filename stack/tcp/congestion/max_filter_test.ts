import { assert, assertEquals } from "@std/assert";
import { withSeed } from "../../../tests/support/seed.ts";
import { MaxFilter } from "./max_filter.ts";

Deno.test("the largest value is remembered for as long as it counts", () => {
  const filter = new MaxFilter();
  assertEquals(filter.update(5, 0, 10), 5);
  for (let time = 1; time <= 10; time++) assertEquals(filter.update(1, time, 10), 5);
  assertEquals(filter.update(1, 11, 10), 1);
  assertEquals(filter.update(9, 12, 10), 9);
});

Deno.test(
  "the maximum is one of the window's values, and never below the newest",
  withSeed((random) => {
    const filter = new MaxFilter();
    const values: number[] = [];
    for (let time = 0; time < 5000; time++) {
      values.push(random.integer(0, 1000));
      const value = filter.update(values[time], time, 20);
      const recent = values.slice(Math.max(0, time - 20));
      assert(recent.includes(value), `${value} at ${time} is too old`);
      assert(value >= values[time]);
    }
  }),
);
