/**
 * Opens the host backend.
 *
 * @module
 */

import { RingMemory } from "../../ring/memory.ts";
import type { DriverOptions, DriverOutcome } from "../options.ts";
import { HostDriver } from "./driver.ts";
import { READY_MESSAGE, type WorkerStart } from "./worker_messages.ts";
import { HostWorkerDriver } from "./worker_driver.ts";

/**
 * Opens the backend that executes a ring's entries with Deno's own API.
 *
 * Permissions: `--allow-net`; with `worker: true` also to read this library's files, where they are
 * files, because Deno loads a Worker's modules only with it.
 *
 * @param options the sizes of the ring, and whether to execute in a Worker
 * @returns the driver, or why there is none
 */
export async function openHostDriver(options: DriverOptions): Promise<DriverOutcome> {
  if (!options.worker) return { driver: new HostDriver(options) };
  return await openInWorker(options);
}

async function openInWorker(options: DriverOptions): Promise<DriverOutcome> {
  const entry = new URL("./worker.ts", import.meta.url);
  const root = new URL("../../", entry);
  if (root.protocol === "file:" && !isReadable(root)) {
    return { refusal: `host: a driver Worker needs --allow-read=${root.pathname}` };
  }
  const { Worker } = await import("node:worker_threads");
  const memory = RingMemory.create(options.plan);
  const workerData: WorkerStart = {
    memory: memory.handle(),
    timeOrigin: performance.timeOrigin,
  };
  const worker = new Worker(asWorkerUrl(entry), { workerData });
  const problem = await new Promise<string>((resolve) => {
    worker.once("error", (error) => resolve(String(error)));
    worker.once("message", (message) => {
      resolve(message === READY_MESSAGE ? "" : `unexpected message ${message}`);
    });
  });
  if (problem === "") return { driver: new HostWorkerDriver(options, memory, worker) };
  await worker.terminate();
  return { refusal: `host: the driver Worker did not start: ${problem}` };
}

/** Deno starts such Workers from files and data URLs only, but those may import anything. */
function asWorkerUrl(entry: URL): URL {
  if (entry.protocol === "file:") return entry;
  const source = `import ${JSON.stringify(entry.href)};`;
  return new URL(`data:text/javascript,${encodeURIComponent(source)}`);
}

function isReadable(root: URL): boolean {
  return Deno.permissions.querySync({ name: "read", path: root }).state === "granted";
}
