import { assert, assertEquals } from "@std/assert";
import { LONG, SEED } from "../../support/seed.ts";
import {
  figuresOf,
  GOLDEN_FILE,
  GRID,
  type GridFigures,
  type GridPoint,
  nameOf,
  runPoint,
} from "./loss_grid.ts";
import type { FlowResult } from "./scenarios.ts";

/** The seed of the golden figures. */
const GOLDEN_SEED = 1;
/** A change by less than this is a matter of chance: another loss, at another moment. */
const TOLERANCE = 2;
/** Where every fifth frame is lost, timeouts rule, and one more or less of them is much. */
const HEAVY_LOSS = 0.2;
const HEAVY_TOLERANCE = 10;
/** A loss more or less. */
const SPARE_RETRANSMISSIONS = 20;

/** Every byte came, by the rules, and nothing is left. */
function assertSound(result: FlowResult, point: GridPoint, seed: number): void {
  const where = `${nameOf(point)}, seed ${seed}`;
  assertEquals([result.isRight, result.errno], [true, 0], where);
  assertEquals([result.violations, result.leaked], ["", 0], where);
}

Deno.test("flows over links of all kinds arrive whole, as fast as the golden figures say", async () => {
  const golden: Record<string, GridFigures> = JSON.parse(await Deno.readTextFile(GOLDEN_FILE));
  assertEquals(Object.keys(golden), GRID.map(nameOf));
  for (const point of GRID) {
    const result = runPoint(point, GOLDEN_SEED);
    assertSound(result, point, GOLDEN_SEED);
    const { goodput, retransmitted } = figuresOf(result);
    const wanted = golden[nameOf(point)];
    const told = `${nameOf(point)}: ${goodput} Mbit/s, ${retransmitted} sent again; golden ` +
      `${wanted.goodput} and ${wanted.retransmitted}. deno run -A bench/simulation.ts --golden`;
    const isHeavy = point.loss >= HEAVY_LOSS;
    const tolerance = isHeavy ? HEAVY_TOLERANCE : TOLERANCE;
    assert(goodput * tolerance >= wanted.goodput, told);
    assert(isHeavy || goodput <= wanted.goodput * tolerance, told);
    assert(retransmitted <= wanted.retransmitted * TOLERANCE + SPARE_RETRANSMISSIONS, told);
  }
});

Deno.test("flows with any seed arrive whole", () => {
  // One point of each kind of loss, or all of them.
  const points = LONG ? GRID : GRID.filter((_, nth) => nth % 5 === SEED % 5);
  const seeds = LONG ? 10 : 1;
  for (let seed = SEED; seed < SEED + seeds; seed++) {
    for (const point of points) {
      assertSound(runPoint(point, seed >>> 0), point, seed >>> 0);
    }
  }
});
