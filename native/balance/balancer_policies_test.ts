import { assert, assertEquals, assertThrows } from "@std/assert";
import { type BalancerPolicy, type Candidate, makePolicy } from "./balancer_policies.ts";
import { withSeed } from "../../tests/support/seed.ts";

interface Mutable extends Candidate {
  active: number;
}

function backends(...weights: number[]): Mutable[] {
  return weights.map((weight, index) => ({ name: "abcdefgh"[index], weight, active: 0 }));
}

const all = () => true;

/** The names that a policy picks, one after the other. */
function picks(
  name: BalancerPolicy,
  list: readonly Mutable[],
  count: number,
  isUsable: (backend: Mutable) => boolean = all,
): string {
  const policy = makePolicy<Mutable>(name, undefined);
  policy.update(list);
  return Array.from({ length: count }, () => policy.pick("key", isUsable)?.name ?? "-").join("");
}

Deno.test("round robin takes everybody in turn", () => {
  assertEquals(picks("round-robin", backends(1, 1, 1), 7), "abcabca");
  assertEquals(picks("round-robin", backends(1, 1, 1), 4, ({ name }) => name !== "b"), "acac");
  assertEquals(picks("round-robin", backends(1), 3), "aaa");
  assertEquals(picks("round-robin", [], 1), "-");
});

Deno.test("round robin spreads weights smoothly", () => {
  assertEquals(picks("round-robin", backends(5, 1, 1), 7), "aabacaa");
  assertEquals(picks("round-robin", backends(0.5, 0.25), 6), "abaaba");
});

Deno.test("round robin goes on where it was when a backend comes", () => {
  const policy = makePolicy<Mutable>("round-robin", undefined);
  const list = backends(1, 1, 1);
  policy.update(list.slice(0, 2));
  assertEquals(policy.pick(undefined, all)?.name, "a");
  policy.update(list);
  const after = [1, 2, 3].map(() => policy.pick(undefined, all)?.name).join("");
  assertEquals(after, "bca");
});

Deno.test("least connections picks the one with the fewest for its weight, equals in turn", () => {
  const list = backends(1, 1, 2);
  const policy = makePolicy<Mutable>("least-connections", undefined);
  policy.update(list);
  let order = "";
  for (let count = 0; count < 8; count++) {
    const backend = policy.pick(undefined, all)!;
    backend.active++;
    order += backend.name;
  }
  assertEquals(list.map(({ active }) => active), [2, 2, 4]);
  assertEquals(order[0], "c", order);
  list[1].active = 0;
  assertEquals(policy.pick(undefined, all)?.name, "b");
  assertEquals(picks("least-connections", backends(1, 1, 1), 6), "abcabc");
  assertEquals(picks("least-connections", backends(1, 1), 1, () => false), "-");
});

Deno.test(
  "least connections keeps counts within one of each other, however they end",
  withSeed((random) => {
    const list = backends(1, 1, 1, 1, 1);
    const policy = makePolicy<Mutable>("least-connections", undefined);
    policy.update(list);
    for (let step = 0; step < 10_000; step++) {
      if (random.chance(0.45)) {
        const most = list.toSorted((a, b) => b.active - a.active)[0];
        if (most.active > 0) most.active--;
      } else policy.pick(undefined, all)!.active++;
      const counts = list.map(({ active }) => active);
      assert(Math.max(...counts) - Math.min(...counts) <= 1, `${counts}`);
    }
  }),
);

Deno.test("maglev gives a key always the same, and needs one", () => {
  const list = backends(1, 1, 1);
  const [first] = picks("maglev", list, 1);
  assertEquals(picks("maglev", list, 5), first.repeat(5));
  const [other] = picks("maglev", list, 1, ({ name }) => name !== first);
  assert(other !== first && other !== "-");
  assertEquals(picks("maglev", [], 1), "-");
  const policy = makePolicy<Mutable>("maglev", undefined);
  assertThrows(() => policy.pick(undefined, all), TypeError, "key");
});
