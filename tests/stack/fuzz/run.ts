/**
 * Runs of the fuzz in slices: a pair of stacks, an attack, and the judgement.
 *
 * @module
 */

import { LONG } from "../../support/seed.ts";
import type { Stance } from "./attacker.ts";
import { liveBytes } from "./heap.ts";
import { checkBounds, checkEmpty, checkPackets } from "./judge.ts";
import { type FuzzOptions, FuzzWorld } from "./world.ts";

const SECOND = 1_000_000;
/** How long honest connections take to come to an end after an attack, at most. */
const END_TIME = 4 * 3600 * SECOND;
/**
 * How long what is left of anything is remembered, at most: packets wait for a neighbour while it
 * is asked three times, an hour may pass between two questions where a router says so, and so do
 * errors about them.
 */
const FORGET_TIME = 8 * 3600 * SECOND;
const MOST_STRIKES = 16;
const BOUNDS_INTERVAL = 64;
const PACKETS_INTERVAL = 1024;
const NAMES = ["first", "second"] as const;
const LAST_BYTES = 20_000;
/** Until then all that is filled once and for all has been filled, and code has been compiled. */
const WARM_FRAMES = 20_000;
/** By how much the heap may be larger after everything is forgotten than it was when it was warm. */
const GROWTH_BYTES = 4 << 20;

/** What is run. */
export interface FuzzRun {
  readonly stance: Stance;
  readonly seed: number;
  readonly slices: number;
  /** Frames of a slice. */
  readonly frames: number;
}

/** Worlds that are attacked in turn. */
const VARIANTS: readonly Omit<FuzzOptions, "seed" | "stance">[] = [
  { profile: "default" },
  { profile: "small", sizes: { tcp: { ecn: "accurate", fastOpen: "both" } } },
  { profile: "default", sizes: { tcp: { congestionControl: "bbr", synCookies: "always" } } },
  { profile: "small", sizes: { tcp: { congestionControl: "reno", ecn: "classic" } } },
  // There are never enough packets.
  { profile: "small", packets: { small: 128, medium: 160, large: 2, slices: 128 } },
];

/**
 * Runs all slices.
 *
 * @throws {Error} when anything went wrong; it names the seed of the slice, and the capture
 */
export async function fuzz({ stance, seed, slices, frames }: FuzzRun): Promise<void> {
  const counts = new Map<string, number>();
  const outcomes = new Map<string, number>();
  const start = performance.now();
  for (let slice = 0; slice < slices; slice++) {
    // A slice by itself is the first one of a run with its seed.
    const own = (seed + slice) >>> 0;
    const world = new FuzzWorld({ seed: own, stance, ...VARIANTS[own % VARIANTS.length] });
    try {
      run(world, frames);
    } catch (error) {
      const path = await Deno.makeTempFile({ prefix: "fuzz-", suffix: ".pcapng" });
      await Deno.writeFile(path, world.recorder.capture(NAMES, `seed ${own}, ${stance}`));
      const what = `MILLRACE_SEED=${own} repeats it, ${path} has the last frames`;
      throw new Error(`after ${world.attacker.injected} frames: ${what}`, { cause: error });
    }
    addAll(counts, world.attacker.counts);
    addAll(outcomes, world.transfers.outcomes);
    if (LONG) tell(stance, slice + 1, slices, frames, performance.now() - start);
  }
  console.log(`${stance}: ${describe(counts)}`);
  console.log(`${stance}: ${describe(outcomes)}`);
}

function addAll(sums: Map<string, number>, more: ReadonlyMap<string, number>): void {
  for (const [name, count] of more) sums.set(name, (sums.get(name) ?? 0) + count);
}

function describe(counts: ReadonlyMap<string, number>): string {
  const all = [...counts].sort(([, one], [, other]) => other - one);
  return all.map(([name, count]) => `${count} ${name}`).join(", ");
}

function tell(stance: Stance, slice: number, slices: number, frames: number, took: number): void {
  const rate = (slice * frames / took).toFixed(1);
  console.log(`${stance}: slice ${slice} of ${slices}, ${rate} frames a millisecond`);
}

/** One slice. */
function run(world: FuzzWorld, frames: number): void {
  attack(world, Math.min(WARM_FRAMES, frames / 2));
  const before = liveBytes();
  attack(world, frames);
  end(world);
  const growth = liveBytes() - before;
  if (growth > GROWTH_BYTES) throw new Error(`the heap has grown by ${growth} bytes`);
}

function attack(world: FuzzWorld, frames: number): void {
  for (let turn = 0; world.attacker.injected < frames; turn++) {
    world.turn(world.random.integer(0, MOST_STRIKES));
    if (turn % BOUNDS_INTERVAL === 0) {
      for (const [side, host] of world.hosts.entries()) checkBounds(host, NAMES[side]);
    }
    if (turn % PACKETS_INTERVAL === 0) world.hosts.forEach(checkPackets);
  }
}

/** Lets honest connections come to their end, and everything be forgotten. */
function end(world: FuzzWorld): void {
  const { transfers } = world;
  transfers.isOpen = false;
  finish(world, "the attack");
  judgeOutcomes(world);
  for (const side of [0, 1] as const) {
    const transfer = transfers.begin(side, world.ipv4[1 - side], LAST_BYTES);
    finish(world, "a new connection");
    if (transfer.client !== "right" || transfer.server !== "right") {
      throw new Error(`a new connection: client ${transfer.client}, server ${transfer.server}`);
    }
  }
  transfers.close();
  for (const { heard, told } of world.bystanders) {
    if (heard === 0 || told === 0) throw new Error(`${heard} packets were heard, ${told} errors`);
  }
  for (const traffic of [...world.datagrams, ...world.bystanders]) traffic.close();
  for (const until = world.now + FORGET_TIME; world.now < until;) world.skip(until);
  for (const [side, host] of world.hosts.entries()) checkEmpty(host, NAMES[side]);
}

/** Goes on until no honest connection is under way. */
function finish(world: FuzzWorld, what: string): void {
  const { transfers } = world;
  const until = world.now + END_TIME;
  while (transfers.pending > 0) {
    if (world.now >= until) throw new Error(`${transfers.pending} transfers hang after ${what}`);
    transfers.pump(world.now, 1 << 14);
    world.skip(until);
  }
}

function judgeOutcomes({ options: { stance }, transfers, datagrams }: FuzzWorld): void {
  if (stance === "insider") return;
  for (const [outcome, count] of transfers.outcomes) {
    if (outcome.includes("abandoned")) continue;
    const isAltered = outcome.includes("wrong") || outcome.includes("short");
    const isLost = stance === "blind" && outcome !== "client right, server right";
    if (isAltered || isLost) throw new Error(`${count} transfers: ${outcome}`);
  }
  for (const { wrong, received } of datagrams) {
    if (wrong > 0) throw new Error(`${wrong} datagrams are wrong`);
    if (received === 0) throw new Error("no datagram got through");
  }
}
