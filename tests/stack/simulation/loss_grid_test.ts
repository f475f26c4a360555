import { assertEquals } from "@std/assert";
import { LONG, SEED } from "../../support/seed.ts";
import {
  ABOUT_GOLDEN,
  figuresOf,
  GOLDEN_FILE,
  GOLDEN_SEED,
  type GoldenGrid,
  GRID,
  type GridFigures,
  type GridPoint,
  nameOf,
  runPoint,
} from "./loss_grid.ts";
import type { FlowResult } from "./scenarios.ts";

/** Every byte came, by the rules, and nothing is left. */
function assertSound(result: FlowResult, point: GridPoint, seed: number): void {
  const where = `${nameOf(point)}, seed ${seed}`;
  assertEquals([result.isRight, result.errno], [true, 0], where);
  assertEquals([result.violations, result.leaked], ["", 0], where);
}

Deno.test("flows over links of all kinds arrive whole, exactly when the golden figures say", async () => {
  const golden: GoldenGrid = JSON.parse(await Deno.readTextFile(GOLDEN_FILE));
  assertEquals([golden.about, golden.seed], [ABOUT_GOLDEN, GOLDEN_SEED]);
  const points: Record<string, GridFigures> = {};
  for (const point of GRID) {
    const result = runPoint(point, GOLDEN_SEED);
    assertSound(result, point, GOLDEN_SEED);
    points[nameOf(point)] = figuresOf(result);
  }
  assertEquals(points, golden.points, ABOUT_GOLDEN);
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
