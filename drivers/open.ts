/**
 * Opens a backend by name: the one place that knows which drivers there are. Drivers are imported
 * when they are asked for, so that a program on one backend loads no other.
 *
 * @module
 */

import type { ReapReport } from "./kernel/reap.ts";
import { HostWorkerDriver } from "./host/worker_driver.ts";
import type { DriverOptions, DriverOutcome, DriverRequest } from "./options.ts";
import { DescriptorTable, type LedgerHandle, LedgerState } from "../ring/descriptor_table.ts";
import type { RingDriver } from "../ring/driver.ts";
import type { MemoryPlan } from "../ring/memory.ts";
import type { RunningStack } from "./stack/open.ts";
import type { StackHandle } from "./stack/connection.ts";
import type { StackOptions } from "./stack/options.ts";

async function openKernel(options: DriverOptions): Promise<DriverOutcome> {
  const { openKernelDriver } = await import("./kernel/mod.ts");
  return await openKernelDriver(options);
}

async function openHost(options: DriverOptions): Promise<DriverOutcome> {
  const { openHostDriver } = await import("./host/mod.ts");
  return await openHostDriver(options);
}

async function openStack(options: DriverOptions, stack: StackOptions): Promise<DriverOutcome> {
  const { openStackDriver } = await import("./stack/mod.ts");
  return await openStackDriver(options, stack);
}

/**
 * Opens a backend; `auto` takes the kernel's io_uring where it starts and plain Deno elsewhere.
 *
 * @returns the driver, or why there is none
 */
export async function openDriver(request: DriverRequest): Promise<DriverOutcome> {
  const { plan, worker, without, ledger } = request;
  const options = { plan, worker, without, ledger, why: "" };
  switch (request.backend) {
    case "kernel":
      return await openKernel(options);
    case "host":
      return await openHost(options);
    case "stack":
      return await openStack(options, request.stack ?? {});
    case "auto": {
      const outcome = await openKernel(options);
      if ("driver" in outcome) return outcome;
      return await openHost({ ...options, why: outcome.refusal });
    }
  }
}

/**
 * Starts a stack that rings of several programs can be opened on.
 *
 * @returns it, or why there is none
 * @throws {TypeError} when options are wrong, naming what
 */
export async function startStack(
  options: StackOptions,
): Promise<RunningStack | { readonly refusal: string }> {
  const stack = await import("./stack/mod.ts");
  return await stack.startStack(options);
}

/** Uses a stack that another thread has started. */
export async function attachStack(handle: StackHandle): Promise<RunningStack> {
  const stack = await import("./stack/mod.ts");
  return stack.attachStack(handle);
}

/**
 * Opens a second ring that a thread may block on: one of the same backend where it has such rings,
 * else one of the host backend in a Worker, which can look names up at least.
 *
 * @param driver the backend
 * @param plan the sizes of the ring
 * @returns the driver, which takes entries at once; should its consumer not start, all of them fail
 * @throws {Error} when there can be none, saying why
 */
export function openPrivateDriver(driver: RingDriver, plan: MemoryPlan): RingDriver {
  // Only what starts the Worker is loaded with this module: what it runs is not.
  return driver.openPrivate?.(plan) ?? HostWorkerDriver.beginPrivate(plan, driver);
}

/**
 * Closes what a terminated Worker left open on the ring of a ledger.
 *
 * @returns what was closed, or null when the Worker's thread still runs
 */
export async function reapWorker(ledger: LedgerHandle): Promise<ReapReport | null> {
  const table = new DescriptorTable(ledger.table);
  // Only kernel rings use the table: Deno itself closes everything that is its own.
  if (table.state !== LedgerState.OPEN) {
    table.askToLeave(true);
    return { rings: 0, descriptors: 0, arrived: 0 };
  }
  const { reapDescriptors } = await import("./kernel/mod.ts");
  return await reapDescriptors(ledger);
}
