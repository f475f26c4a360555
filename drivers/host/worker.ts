/**
 * Where the driver Worker starts; nothing else imports this.
 *
 * @module
 */

import { isMainThread, parentPort, workerData } from "node:worker_threads";
import { WorkerStatus } from "../machine/worker_status.ts";

if (!isMainThread && parentPort !== null) {
  const status = new WorkerStatus(workerData.status);
  globalThis.addEventListener("error", (event) => status.fail(event.error ?? event.message));
  globalThis.addEventListener("unhandledrejection", (event) => status.fail(event.reason));
  try {
    // Loaded from here, so that a parent that is blocked learns why it could not be.
    const { consumeRing } = await import("./worker_loop.ts");
    await consumeRing(parentPort, workerData, status);
  } catch (error) {
    status.fail(error);
    throw error;
  }
}
