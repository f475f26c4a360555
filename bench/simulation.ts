/**
 * Scenarios in virtual time: an hour of a hundred hosts, the grid of losses, flows that share a
 * bottleneck.
 *
 * ```sh
 * deno run -A bench/simulation.ts --hour [minutes]
 * deno run -A bench/simulation.ts --grid
 * deno run -A bench/simulation.ts --golden
 * deno run -A bench/simulation.ts --shared
 * ```
 *
 * Without any of these it runs all but `--golden`, which writes the figures of the grid to where its
 * test finds them.
 *
 * @module
 */

import { printMachine } from "./support.ts";
import {
  ABOUT_GOLDEN,
  figuresOf,
  GOLDEN_FILE,
  GOLDEN_SEED,
  type GoldenGrid,
  GRID,
  type GridFigures,
  nameOf,
  runPoint,
} from "../tests/stack/simulation/loss_grid.ts";
import { runHour, runShared } from "../tests/stack/simulation/scenarios.ts";

const SEED = 1;
const HOSTS = 100;
const MINUTES = 60;
const MEGABYTE = 1_000_000;
const SHARED: readonly (readonly string[])[] = [
  ["reno", "reno"],
  ["cubic", "cubic"],
  ["bbr", "bbr"],
  ["reno", "cubic"],
  ["bbr", "cubic"],
  Array.from({ length: 16 }, () => "cubic"),
  Array.from({ length: 16 }, (_, nth) => nth % 2 === 0 ? "cubic" : "bbr"),
];

function printHour(minutes: number): void {
  const started = performance.now();
  const link = { bandwidth: "10Mbit/s", delayMs: 20, loss: 0.01 };
  const hour = runHour({ seed: SEED, hosts: HOSTS, minutes, bytes: MEGABYTE, link });
  const seconds = (performance.now() - started) / 1000;
  console.log(`${minutes} virtual minutes of ${HOSTS} hosts, 1 MB a minute each over 10 Mbit/s,`);
  console.log(`20 ms, 1 % loss: ${seconds.toFixed(1)} s of real time`);
  console.log(`${hour.fetched} fetched, ${hour.failed} failed, ${hour.frames} frames on links,`);
  const each = (seconds * 1e6 / hour.frames).toFixed(2);
  console.log(`${each} us each; ${hour.leaked} packets lost; hash ${hour.hash}`);
}

function printGrid(): Record<string, GridFigures> {
  const all: Record<string, GridFigures> = {};
  for (const point of GRID) {
    const result = runPoint(point, GOLDEN_SEED);
    const figures = figuresOf(result);
    all[nameOf(point)] = figures;
    const verdict = result.isRight && result.violations === "" ? "" : "  NOT RIGHT";
    const { goodput, retransmitted } = figures;
    console.log(`${nameOf(point)}: ${goodput} Mbit/s, ${retransmitted} sent again${verdict}`);
  }
  return all;
}

function printShared(): void {
  const bottleneck = { bandwidth: "20Mbit/s", delayMs: 20, queue: { packets: 100 } };
  for (const controls of SHARED) {
    const shared = runShared({ seed: SEED, controls, bottleneck, seconds: 120 });
    const rates = shared.rates.map((rate) => (rate / 1e6).toFixed(2)).join(" ");
    const fairness = shared.fairness.toFixed(3);
    const used = Math.round(100 * shared.utilisation);
    console.log(`${controls.join(" ")}: fairness ${fairness}, ${used} % used, ${rates} Mbit/s`);
  }
}

async function main([what, argument]: readonly string[]): Promise<void> {
  printMachine();
  if (what === "--golden") {
    const golden: GoldenGrid = { about: ABOUT_GOLDEN, seed: GOLDEN_SEED, points: printGrid() };
    await Deno.writeTextFile(GOLDEN_FILE, `${JSON.stringify(golden, null, 2)}\n`);
    return;
  }
  if (what === undefined || what === "--hour") printHour(Number(argument ?? MINUTES));
  if (what === undefined || what === "--grid") printGrid();
  if (what === undefined || what === "--shared") printShared();
}

if (import.meta.main) await main(Deno.args);
