/**
 * Opens the host backend.
 *
 * @module
 */

import type { DriverOptions, DriverOutcome } from "../options.ts";
import { HostDriver } from "./driver.ts";
import { HostWorkerDriver, hostWorkerRefusal } from "./worker_driver.ts";

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
  const refusal = hostWorkerRefusal();
  if (refusal !== "") return { refusal };
  const driver = HostWorkerDriver.begin(options, false);
  const failure = await driver.started;
  if (failure === "") return { driver };
  await driver.close();
  return { refusal: failure };
}
