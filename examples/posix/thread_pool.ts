/**
 * An echo server with a fixed pool of threads: the main thread accepts and puts the connections
 * into a queue in shared memory, from which whichever Worker is free takes the next.
 *
 * ```sh
 * deno run --allow-net --allow-ffi --allow-read examples/posix/thread_pool.ts 7777
 * ```
 *
 * Arguments: a port or an address, and the seconds to serve; for ever unless given. Needs the
 * kernel backend. As many clients are served at once as there are threads, and the others wait: in
 * the queue, and when that is full in the listener's own. A silent client occupies its thread until
 * its deadline.
 *
 * At the end it stops accepting, shuts down the connections, those in the queue when their turn
 * comes, waits until they are drained, and terminates what is left.
 *
 * @module
 */

import { NetworkCapability, WorkerLedger } from "../../mod.ts";
import { Posix, PosixError } from "../../posix/mod.ts";
import { greet, listen, readArguments, report, SMALL_RING, Stop, tryAccept } from "./support.ts";
import type { PoolStart } from "./thread_pool_worker.ts";
import { WorkQueue } from "./work_queue.ts";

const THREADS = 8;
const QUEUE_LENGTH = 64;
/** How long clients may take to end their side after this one has, in milliseconds. */
const GRACE_MS = 3000;
/** How long the threads may take then. */
const LATE_MS = 2000;
/** How often the main thread looks for connections to shut down, in milliseconds. */
const LOOK_MS = 50;
/** How long to wait for room in the queue, in milliseconds. */
const FULL_MS = 20;

/** One thread. */
interface Thread {
  readonly worker: Worker;
  readonly ledger: WorkerLedger;
  /** Resolves with how many connections it served, -1 if it failed. */
  readonly ended: Promise<number>;
}

function start(
  posix: Posix,
  queue: WorkQueue,
  serving: SharedArrayBuffer,
  index: number,
): Thread {
  const ledger = new WorkerLedger({ ring: SMALL_RING });
  const worker = new Worker(new URL("./thread_pool_worker.ts", import.meta.url), {
    type: "module",
  });
  const ended = new Promise<number>((resolve) => {
    worker.onmessage = ({ data }: MessageEvent<number>) => resolve(data);
    worker.onerror = (event) => {
      event.preventDefault();
      report(event.message);
      resolve(-1);
    };
  });
  const data: PoolStart = {
    table: posix.table,
    queue: queue.memory,
    serving,
    index,
    ledger: ledger.handle,
  };
  worker.postMessage(data);
  return { worker, ledger, ended };
}

/** Ends what the threads serve: a call that waits on it goes on at once. */
function shutdownAll(posix: Posix, serving: SharedArrayBuffer, how: number): void {
  const words = new Int32Array(serving);
  for (let index = 0; index < THREADS; index++) {
    const fd = Atomics.load(words, index) - 1;
    try {
      if (fd >= 0) posix.shutdown(fd, how);
    } catch (error) {
      // The client, or the thread itself, was faster.
      if (!(error instanceof PosixError)) throw error;
    }
  }
}

/** @returns how many connections the threads served */
async function end(
  posix: Posix,
  threads: readonly Thread[],
  serving: SharedArrayBuffer,
): Promise<number> {
  const began = performance.now();
  const { promise: late, resolve } = Promise.withResolvers<number>();
  const look = (): void => {
    const elapsedMs = performance.now() - began;
    shutdownAll(posix, serving, elapsedMs < GRACE_MS ? posix.SHUT_WR : posix.SHUT_RDWR);
    if (elapsedMs > GRACE_MS + LATE_MS) resolve(-1);
  };
  look();
  const timer = setInterval(look, LOOK_MS);
  const counts = await Promise.all(threads.map(async ({ worker, ledger, ended }) => {
    const count = await Promise.race([ended, late]);
    worker.terminate();
    await ledger.reap();
    return count;
  }));
  clearInterval(timer);
  return counts.reduce((sum, count) => sum + Math.max(0, count), 0);
}

const { address, seconds } = readArguments(Deno.args);
await using capability = await NetworkCapability.request({ backend: "kernel" });
await using posix = Posix.open(capability);
using stop = new Stop(seconds);

const queue = new WorkQueue(QUEUE_LENGTH);
const serving = new SharedArrayBuffer(THREADS * 4);
const threads = Array.from({ length: THREADS }, (_, index) => start(posix, queue, serving, index));
const listener = listen(posix, address);
greet(`${THREADS} threads`, posix, listener, capability);
let held = -1;
while (!stop.isRequested) {
  if (held < 0) {
    // A blocking accept, which gives up now and then: EAGAIN.
    const usec = Math.max(1, stop.waitMs) * 1000;
    posix.setsockopt(listener, posix.SOL_SOCKET, posix.SO_RCVTIMEO, { sec: 0, usec });
    const fd = tryAccept(posix, listener, 0);
    if (typeof fd === "number") held = fd;
  }
  if (held >= 0 && queue.put(held)) held = -1;
  // No room: the next ones wait in the listener's own queue.
  else if (held >= 0) await new Promise((resolve) => setTimeout(resolve, FULL_MS));
  await stop.look();
}
posix.close(listener);
if (held >= 0) posix.close(held);
queue.stop();
console.log(`served ${await end(posix, threads, serving)} connections`);
