/**
 * An echo server with an event loop for each core: every Worker has a listener of its own on the
 * same port, by `SO_REUSEPORT`, and the kernel shares the connections out. The threads share
 * nothing, so that none waits for another.
 *
 * ```sh
 * deno run --allow-net --allow-ffi --allow-read examples/posix/loop_per_core.ts 7777
 * ```
 *
 * Arguments: a port or an address, and the seconds to serve; for ever unless given. Needs the
 * kernel backend: plain Deno has no such option.
 *
 * The main thread tells the others by a word of shared memory to stop: each ends its connections in
 * order, and whoever takes too long is terminated.
 *
 * @module
 */

import { WorkerLedger } from "../../mod.ts";
import type { LoopNews, LoopStart } from "./loop_per_core_worker.ts";
import { readArguments, report, SMALL_RING, Stop } from "./support.ts";

/** How long the loops may take to end, in milliseconds. */
const GRACE_MS = 5000;

/** One thread. */
interface LoopThread {
  readonly worker: Worker;
  readonly ledger: WorkerLedger;
  /** Resolves with where it listens; rejects if it does not. */
  readonly listening: Promise<LoopNews>;
  /** Resolves with how many connections it served, -1 if it failed. */
  readonly ended: Promise<number>;
}

function start(address: string, flag: SharedArrayBuffer): LoopThread {
  const ledger = new WorkerLedger({ ring: SMALL_RING });
  const module = new URL("./loop_per_core_worker.ts", import.meta.url);
  const worker = new Worker(module, { type: "module" });
  const listening = Promise.withResolvers<LoopNews>();
  const ended = Promise.withResolvers<number>();
  worker.onmessage = ({ data }: MessageEvent<LoopNews>) => {
    if (data.served === undefined) listening.resolve(data);
    else ended.resolve(data.served);
  };
  worker.onerror = (event) => {
    event.preventDefault();
    listening.reject(new Error(event.message));
    ended.resolve(-1);
    report(event.message);
  };
  const data: LoopStart = { address, flag, ledger: ledger.handle };
  worker.postMessage(data);
  return { worker, ledger, listening: listening.promise, ended: ended.promise };
}

/** @returns whether all of them ended in order */
async function end(threads: readonly LoopThread[]): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<number>();
  const timer = setTimeout(() => resolve(-1), GRACE_MS);
  const counts = await Promise.all(threads.map(async ({ worker, ledger, ended }) => {
    const served = await Promise.race([ended, late]);
    worker.terminate();
    await ledger.reap();
    return served;
  }));
  clearTimeout(timer);
  const words = counts.map((served) => served < 0 ? "cut off" : served);
  console.log(`served ${words.join(" + ")} connections`);
  return !counts.includes(-1);
}

const { address, seconds } = readArguments(Deno.args);
using stop = new Stop(seconds);
const flag = new SharedArrayBuffer(4);
// The first one finds the port where it is to be a free one.
const first = start(address, flag);
const { place, backend } = await first.listening;
const count = Math.max(2, navigator.hardwareConcurrency);
const threads = [first, ...Array.from({ length: count - 1 }, () => start(place, flag))];
await Promise.all(threads.map(({ listening }) => listening));
console.log(`${count} loops on ${place}, ${backend} backend`);
// This thread has nothing to do but to hear of signals, and of a loop that fails.
let hasFailed = false;
for (const { ended } of threads) ended.then(() => hasFailed = true);
while (!stop.isRequested && !hasFailed) {
  await new Promise((resolve) => setTimeout(resolve, stop.waitMs));
}
Atomics.store(new Int32Array(flag), 0, 1);
if (!await end(threads)) Deno.exit(1);
