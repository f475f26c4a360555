import assert from "node:assert/strict";
import type { Goal } from "./row.ts";
import { judge, median, medianOf, medianRatio } from "./statistics.ts";

Deno.test("median() takes the middle of odd, and the mean of the middle two of even counts", () => {
  assert.equal(median([]), null);
  assert.equal(median([9, 1, 5]), 5);
  assert.equal(median([4, 1, 2, 100]), 3);
});

Deno.test("medianRatio() pairs the values of one round and leaves out failed ones", () => {
  const rounds = {
    millrace: [{ rate: 10 }, null, { rate: 300 }, { rate: 40 }],
    bun: [{ rate: 10 }, { rate: 1 }, { rate: 100 }, { rate: 20 }],
  };
  assert.equal(medianRatio(rounds, "millrace", "bun", "rate"), 2);
  assert.equal(medianRatio(rounds, "millrace", "cUring", "rate"), null);
  assert.equal(medianOf(rounds, "millrace", "rate"), 40);
});

Deno.test("judge() includes the bound itself and says when there was nothing to judge", () => {
  const goal: Goal = { peer: "millrace", metric: "rate", against: "bun", atLeast: 1.1 };
  const rounds = (rate: number) => ({ millrace: [{ rate }], bun: [{ rate: 100 }] });
  assert.equal(judge(goal, rounds(110)).verdict, "met");
  assert.equal(judge(goal, rounds(109)).verdict, "missed");
  assert.equal(judge(goal, { bun: [{ rate: 100 }] }).verdict, "not measured");
  const absolute: Goal = { peer: "millrace", metric: "rate", atMost: 5 };
  assert.equal(judge(absolute, { millrace: [{ rate: 5 }] }).verdict, "met");
  assert.equal(judge(absolute, { millrace: [{ rate: 5.1 }] }).verdict, "missed");
});
