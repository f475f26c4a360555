/**
 * A stack of several shards in the isolate of its program.
 *
 * @module
 */

import { type StackClock, SystemClock } from "../clock.ts";
import { lastBytes } from "../open_stack.ts";
import type { StackOptions } from "../options.ts";
import { createShardSteering } from "./frames.ts";
import { allocateQueues } from "./message_queue.ts";
import { firstRequests } from "./first_requests.ts";
import { type OpenedShard, openShard, type ShardSurroundings } from "./open_shard.ts";

/** What the shards of a test are given. */
export type ShardsHereSurroundings =
  & Pick<ShardSurroundings, "openFrames" | "random">
  & { readonly clockOf?: (shard: number) => StackClock };

/**
 * Opens the shards of a stack, with their interfaces and routes.
 *
 * @throws {TypeError} when options are wrong, naming what
 * @throws {Error} when something of them cannot be had
 */
export async function openShardsHere(
  options: StackOptions,
  surroundings: ShardsHereSurroundings = {},
): Promise<readonly OpenedShard[]> {
  const count = options.shards ?? 1;
  const { clockOf = () => new SystemClock(), ...rest } = surroundings;
  const steering = createShardSteering(count);
  const queues = { queues: allocateQueues(count), bells: [] };
  const shards: OpenedShard[] = [];
  for (let index = 0; index < count; index++) {
    shards.push(openShard(options, {
      ...rest,
      place: { index, count, steering: steering[index], queues },
      clock: clockOf(index),
      // Whoever writes may be in the middle of something that the reader would disturb.
      sendLetter: (to, letter) => queueMicrotask(() => shards[to].peers.hear(index, letter)),
      wake: (shard) => shards[shard].host.wake(),
      ask: (shard, request) => shards[shard].control.hear(index, request),
    }));
  }
  try {
    for (const request of firstRequests(options)) await shards[0].control.control(request);
  } catch (error) {
    await closeShardsHere(shards);
    throw error;
  }
  return shards;
}

/** Closes all shards once their last bytes are out, or have waited for too long. */
export async function closeShardsHere(shards: readonly OpenedShard[]): Promise<void> {
  // A ring closes what it has in every shard: all of them go on until all rings are closed.
  await Promise.all(shards.map(({ host }) => host.closeRings()));
  await Promise.all(shards.map(lastBytes));
  // The frames of the others go through shard 0.
  for (const shard of shards.toReversed()) await shard.close();
}
