/**
 * Opens the stack backend, in this isolate or in a Worker.
 *
 * @module
 */

import type { LedgerHandle } from "../../ring/descriptor_table.ts";
import type { RingDriver } from "../../ring/driver.ts";
import type { MemoryPlan } from "../../ring/memory.ts";
import type { DriverOptions, DriverOutcome, FeatureMask } from "../options.ts";
import { SystemClock } from "./clock.ts";
import { StackConnection, type StackHandle, stackWorkerRefusal } from "./connection.ts";
import { StackDriver } from "./driver.ts";
import { checkStackOptions, type StackOptions } from "./options.ts";

/** A stack that runs, whoever runs it. */
export interface RunningStack {
  /** Why nobody runs it any more, undefined while somebody does. */
  readonly failure: string | undefined;
  /** How many shards it has. */
  readonly shards: number;
  /** Whether it runs in this isolate: what is handed to it may be a function then. */
  readonly isHere: boolean;
  /**
   * Opens a ring on it, which takes entries at once.
   *
   * @param plan the sizes of the ring
   * @param onClosed called when the ring has been closed
   * @param ledger by which a thread that blocks on the ring is asked to leave
   * @param shard which of its shards serves the ring; the first one
   */
  openRing(
    plan: MemoryPlan,
    without: FeatureMask,
    why: string,
    onClosed?: () => Promise<void>,
    ledger?: LedgerHandle,
    shard?: number,
  ): RingDriver;
  /**
   * Has the stack answer a request of its control API, which may hand over ports.
   *
   * @throws {Error} whose message says what is wrong with it
   */
  control(request: unknown): Promise<unknown>;
  /**
   * What another thread needs to open rings on it; its `port`, and those of its `shards`, are to be
   * transferred.
   *
   * @throws {Error} where the stack runs in this isolate
   */
  handle(): Promise<StackHandle>;
  /** Ends it: its rings are closed before. */
  close(): Promise<void>;
}

/**
 * Starts a stack.
 *
 * @returns it, or why there is none
 * @throws {TypeError} when options are wrong, naming what
 */
export async function startStack(
  options: StackOptions,
): Promise<RunningStack | { readonly refusal: string }> {
  checkStackOptions(options);
  if ((options.shards ?? 1) > 1) {
    // Who has one shard loads nothing of it.
    const { startShards } = await import("./shards/start.ts");
    return await startShards(options);
  }
  return options.worker ?? true ? await startInWorker(options) : await startHere(options);
}

/** Uses a stack that another thread started. */
export async function attachStack(handle: StackHandle): Promise<RunningStack> {
  if (handle.shards === undefined) return overConnection(StackConnection.attach(handle));
  const { attachShards } = await import("./shards/start.ts");
  return attachShards(handle);
}

async function startInWorker(
  options: StackOptions,
): Promise<RunningStack | { readonly refusal: string }> {
  const refusal = stackWorkerRefusal();
  if (refusal !== "") return { refusal };
  const connection = StackConnection.start(options);
  const failure = await connection.started;
  if (failure === "") {
    connection.unref();
    return overConnection(connection);
  }
  await connection.close();
  return { refusal: failure };
}

function overConnection(connection: StackConnection): RunningStack {
  return {
    get failure() {
      return connection.failure;
    },
    shards: 1,
    isHere: false,
    openRing: (plan, without, why, onClosed, ledger) =>
      connection.openRing({ plan, without, why, onClosed, ledger }),
    control: (request) => connection.control(request),
    handle: () => connection.handle(),
    close: () => connection.close(),
  };
}

async function startHere(options: StackOptions): Promise<RunningStack> {
  // Who has a Worker for it does not load a stack.
  const { closeStack, openStack } = await import("./open_stack.ts");
  const opened = openStack(options, new SystemClock());
  const { host, configurator } = opened;
  return {
    failure: undefined,
    shards: 1,
    isHere: true,
    openRing: (plan, without, why, onClosed) =>
      new StackDriver({ host, plan, without, why, onClosed }),
    control: (request) => Promise.try(() => configurator.control(request)),
    handle: () =>
      Promise.reject(
        new Error("stack: other threads cannot use a stack of this isolate: worker is false"),
      ),
    close: () => closeStack(opened),
  };
}

/** Opens a stack of its own for one ring, with which it ends. */
export async function openStackDriver(
  options: DriverOptions,
  stack: StackOptions,
): Promise<DriverOutcome> {
  const worker = stack.worker ?? options.worker;
  let running: RunningStack | { readonly refusal: string };
  try {
    running = await startStack({ ...stack, worker });
  } catch (error) {
    return { refusal: `stack: ${error instanceof Error ? error.message : String(error)}` };
  }
  if ("refusal" in running) return running;
  const { plan, without, why, ledger } = options;
  const own = running;
  return { driver: own.openRing(plan, without, why, () => own.close(), ledger) };
}
