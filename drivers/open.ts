/**
 * Opens a backend by name: the one place that knows which drivers there are. Drivers are imported
 * when they are asked for, so that a program on one backend loads no other.
 *
 * @module
 */

import type { ReapReport } from "./kernel/reap.ts";
import type { DriverOptions, DriverOutcome, DriverRequest } from "./options.ts";
import { DescriptorTable, type LedgerHandle, LedgerState } from "../ring/descriptor_table.ts";

async function openKernel(options: DriverOptions): Promise<DriverOutcome> {
  const { openKernelDriver } = await import("./kernel/mod.ts");
  return await openKernelDriver(options);
}

async function openHost(options: DriverOptions): Promise<DriverOutcome> {
  const { openHostDriver } = await import("./host/mod.ts");
  return await openHostDriver(options);
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
    case "auto": {
      const outcome = await openKernel(options);
      if ("driver" in outcome) return outcome;
      return await openHost({ ...options, why: outcome.refusal });
    }
  }
}

/**
 * Closes what a terminated Worker left open on the ring of a ledger.
 *
 * @returns what was closed, or null when the Worker's thread still runs
 */
export async function reapWorker(ledger: LedgerHandle): Promise<ReapReport | null> {
  const { state } = new DescriptorTable(ledger.table);
  // Only kernel rings use the table: Deno itself closes everything that is its own.
  if (state !== LedgerState.OPEN) return { rings: 0, descriptors: 0, arrived: 0 };
  const { reapDescriptors } = await import("./kernel/mod.ts");
  return await reapDescriptors(ledger);
}
