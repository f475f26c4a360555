/**
 * A grid of losses, delays, queues and congestion controls, and what one flow makes of each: the
 * figures are kept in `loss_grid.json`, so that a change of the stack shows what it changes.
 *
 * `deno run -A bench/simulation.ts --golden` writes them anew.
 *
 * @module
 */

import { type FlowResult, runFlow } from "./scenarios.ts";

/** One point of the grid. */
export interface GridPoint {
  readonly control: string;
  readonly loss: number;
  /** One way, in milliseconds. */
  readonly delayMs: number;
  /** Of the queue, in packets. */
  readonly packets: number;
}

/** What is kept of a point. */
export interface GridFigures {
  /** Megabits a second, with two digits. */
  readonly goodput: number;
  /** Segments that were sent again. */
  readonly retransmitted: number;
}

/** The file that the figures are in. */
export const GOLDEN_FILE: URL = new URL("loss_grid.json", import.meta.url);

const CONTROLS = ["reno", "cubic", "bbr"];
const LOSSES = [0, 0.01, 0.05, 0.2];
const DELAYS_MS = [1, 50];
const QUEUES = [20, 500];
const BANDWIDTH = "20Mbit/s";
const BYTES = 2_000_000;
/** Where every fifth frame is lost, a flow takes minutes for less. */
const HEAVY_LOSS = 0.2;
const HEAVY_BYTES = 200_000;
/** No flow takes longer than that. */
const LIMIT_SECONDS = 3600;

/** All points. */
export const GRID: readonly GridPoint[] = CONTROLS.flatMap((control) =>
  LOSSES.flatMap((loss) =>
    DELAYS_MS.flatMap((delayMs) => QUEUES.map((packets) => ({ control, loss, delayMs, packets })))
  )
);

/** The name of a point. */
export function nameOf({ control, loss, delayMs, packets }: GridPoint): string {
  return `${control}, ${100 * loss} % loss, ${delayMs} ms, ${packets} packets`;
}

/** Lets one flow cross the link of a point. */
export function runPoint({ control, loss, delayMs, packets }: GridPoint, seed: number): FlowResult {
  return runFlow({
    seed,
    bytes: loss >= HEAVY_LOSS ? HEAVY_BYTES : BYTES,
    control,
    link: { bandwidth: BANDWIDTH, delayMs, loss, queue: { packets } },
    limitSeconds: LIMIT_SECONDS,
  });
}

/** What is kept of a result. */
export function figuresOf({ goodput, retransmitted }: FlowResult): GridFigures {
  return { goodput: Math.round(goodput / 1e4) / 100, retransmitted };
}
