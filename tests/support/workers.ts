/**
 * Workers that have ended: Deno keeps an epoll and an eventfd of the last one's event loop for a
 * while.
 *
 * @module
 */

import { delay } from "@std/async";
import { assertNoLeaks, type LeakCounters, settleBaseline } from "./leaks.ts";

/** How long the thread of a Worker may take to end. */
const LIMIT_MS = 2_000;

/**
 * {@linkcode assertNoLeaks} for a test that has Workers: what Deno keeps of one is there before it,
 * too.
 */
export async function assertNoWorkerLeaks(
  body: () => void | Promise<void>,
  counters?: () => LeakCounters,
): Promise<void> {
  await settleBaseline();
  await endWorker();
  await assertNoLeaks(body, counters);
}

/** Starts a Worker and ends it. */
async function endWorker(): Promise<void> {
  const worker = new Worker("data:text/javascript,self.postMessage('')", { type: "module" });
  await new Promise((resolve) => worker.onmessage = resolve);
  worker.terminate();
  // Until its thread is gone it has descriptors, which would be counted as there before.
  const until = performance.now() + LIMIT_MS;
  while (countWorkers() > 0 && performance.now() < until) await delay(1);
}

/** Threads of Workers in this process; none where that is not Linux. */
export function countWorkers(): number {
  if (Deno.build.os !== "linux") return 0;
  let count = 0;
  for (const { name } of Deno.readDirSync("/proc/self/task")) {
    try {
      const comm = Deno.readTextFileSync(`/proc/self/task/${name}/comm`);
      if (comm.startsWith("worker-")) count++;
    } catch {
      // It has ended meanwhile.
    }
  }
  return count;
}
