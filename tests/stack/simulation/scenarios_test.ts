import { assert, assertEquals } from "@std/assert";
import { scale, SEED } from "../../support/seed.ts";
import { type HourOptions, runHour, runShared } from "./scenarios.ts";

/** A short hour of few hosts. */
function hour(seed: number): HourOptions {
  return {
    seed,
    hosts: 10,
    minutes: 2,
    bytes: 200_000,
    link: { bandwidth: "10Mbit/s", delayMs: 20, loss: 0.01 },
  };
}

Deno.test("hosts that fetch once a minute get every byte, the same way with the same seed", () => {
  const first = runHour(hour(SEED));
  assertEquals([first.fetched, first.failed, first.leaked], [20, 0, 0], `seed ${SEED}`);
  assertEquals(runHour(hour(SEED)), first, `seed ${SEED}`);
  assert(runHour(hour(SEED + 1)).hash !== first.hash);
});

/** Virtual seconds, of which the second half counts. */
const SECONDS = scale(40, 300);

const BOTTLENECK = { bandwidth: "20Mbit/s", delayMs: 20, queue: { packets: 100 } } as const;

Deno.test("two flows of one congestion control share a bottleneck fairly, and use it", () => {
  for (const control of ["reno", "cubic", "bbr"]) {
    const controls = [control, control];
    const shared = runShared({ seed: 1, controls, bottleneck: BOTTLENECK, seconds: SECONDS });
    const told = `${control}: ${shared.rates.map(Math.round)}`;
    console.log(`fairness ${shared.fairness.toFixed(3)} of two ${told} bit/s`);
    assert(shared.fairness > 0.85, told);
    assert(shared.utilisation > 0.85, told);
  }
});

Deno.test("congestion controls that share a bottleneck leave each other something", () => {
  for (const controls of [["reno", "cubic"], ["bbr", "cubic"]]) {
    const shared = runShared({ seed: 1, controls, bottleneck: BOTTLENECK, seconds: SECONDS });
    const told = `${controls.join(" and ")}: ${shared.rates.map(Math.round)}`;
    console.log(`fairness ${shared.fairness.toFixed(3)} of ${told} bit/s`);
    assert(shared.fairness > 0.6, told);
    assert(shared.utilisation > 0.85, told);
  }
});

Deno.test("many flows share a bottleneck, and none starves", () => {
  const controls = Array.from({ length: 8 }, () => "cubic");
  const shared = runShared({ seed: 1, controls, bottleneck: BOTTLENECK, seconds: SECONDS });
  const told = `${shared.rates.map(Math.round)}`;
  console.log(`fairness ${shared.fairness.toFixed(3)} of eight cubic: ${told} bit/s`);
  assert(shared.fairness > 0.7, told);
  assert(Math.min(...shared.rates) > 2e5, told);
});
