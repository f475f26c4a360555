/**
 * A grid of losses, delays, queues and congestion controls, and what one flow makes of each. The
 * figures are kept in `loss_grid.json`. Runs repeat exactly, and so the figures are the same until
 * somebody changes what TCP does: who did so on purpose has them written anew, and sees in the
 * difference what that does.
 *
 * ```sh
 * deno run -A bench/simulation.ts --golden
 * ```
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
  /** From the first SYN to the last byte, with three digits: to the microsecond. */
  readonly milliseconds: number;
  /** Segments that were sent again. */
  readonly retransmitted: number;
}

/** What the file of the figures has. */
export interface GoldenGrid {
  /** What whoever looks at it should know. */
  readonly about: string;
  /** The seed that they were drawn with, and the figures by the names of points. */
  readonly seed: number;
  readonly points: Readonly<Record<string, GridFigures>>;
}

/** The seed of the figures that are kept. */
export const GOLDEN_SEED = 1;
/** What the file says of itself. */
export const ABOUT_GOLDEN = "It is compared exactly. Who changes TCP on purpose writes it anew: " +
  "deno run -A bench/simulation.ts --golden";
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
export function figuresOf({ goodput, milliseconds, retransmitted }: FlowResult): GridFigures {
  return {
    goodput: Math.round(goodput / 1e4) / 100,
    milliseconds: Math.round(milliseconds * 1000) / 1000,
    retransmitted,
  };
}
