/**
 * Starts a stack of several shards.
 *
 * @module
 */

import { type StackHandle, stackWorkerRefusal } from "../connection.ts";
import { StackDriver } from "../driver.ts";
import type { RunningStack } from "../open.ts";
import type { StackOptions } from "../options.ts";
import { ShardWorkers } from "./workers.ts";

/** Starts the shards of a stack. @returns them as one, or why there are none */
export async function startShards(
  options: StackOptions,
): Promise<RunningStack | { readonly refusal: string }> {
  if (options.worker === false) return await startHere(options);
  const refusal = stackWorkerRefusal();
  if (refusal !== "") return { refusal };
  const workers = await ShardWorkers.start(options);
  return "refusal" in workers ? workers : overWorkers(workers);
}

/** Uses shards that another thread started. */
export function attachShards(handle: StackHandle): RunningStack {
  return overWorkers(ShardWorkers.attach(handle));
}

function overWorkers(workers: ShardWorkers): RunningStack {
  const { connections } = workers;
  return {
    get failure() {
      return connections[0].failure;
    },
    shards: connections.length,
    isHere: false,
    openRing: (plan, without, why, onClosed, ledger, shard = 0) =>
      connections[shard].openRing({ plan, without, why, onClosed, ledger }),
    control: (request) => workers.control(request),
    handle: () => workers.handle(),
    close: () => workers.close(),
  };
}

async function startHere(options: StackOptions): Promise<RunningStack> {
  // Who has Workers for them does not load a stack.
  const { closeShardsHere, openShardsHere } = await import("./here.ts");
  const shards = await openShardsHere(options);
  let opened = 0;
  const next = () => shards[++opened % shards.length].host;
  return {
    failure: undefined,
    shards: shards.length,
    isHere: true,
    openRing: (plan, without, why, onClosed, _ledger, shard = 0) =>
      new StackDriver({ host: shards[shard].host, plan, without, why, onClosed, next }),
    control: (request) => shards[0].control.control(request),
    handle: () =>
      Promise.reject(
        new Error("stack: other threads cannot use a stack of this isolate: worker is false"),
      ),
    close: () => closeShardsHere(shards),
  };
}
