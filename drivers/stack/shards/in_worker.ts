/**
 * A shard of a stack in a Worker of its own.
 *
 * @module
 */

import { Bell } from "../../port/bell.ts";
import type { StackClock } from "../clock.ts";
import type { OpenedStack } from "../open_stack.ts";
import type { StackOptions } from "../options.ts";
import { openShard } from "./open_shard.ts";
import { ShardChannels } from "./shard_channels.ts";
import type { ShardPeers } from "./shard_peers.ts";
import type { ShardPlace } from "./types.ts";

/** A stack that a Worker runs. */
export interface ServedStack extends OpenedStack {
  /** What is between it and the other shards, where it is one of several. */
  readonly shard: { readonly peers: ShardPeers; readonly channels: ShardChannels } | null;
  /** Answers a request of the control API, at once or by a promise. */
  control(request: unknown): unknown;
}

/**
 * Opens a shard.
 *
 * @param onWake called when it has something to do
 */
export function openShardInWorker(
  options: StackOptions,
  place: ShardPlace,
  clock: StackClock,
  onWake: () => void,
): ServedStack {
  const bells = place.queues.bells.map((buffer) => Bell.of(buffer));
  const channels: ShardChannels = new ShardChannels(place.index, {
    onLetter: (from, letter) => opened.peers.hear(from, letter),
    onQuestion: (from, request) => opened.control.hear(from, request),
  });
  const opened = openShard(options, {
    ...{ place, clock, onWake },
    sendLetter: (to, letter) => channels.sendLetter(to, letter),
    wake: (shard) => bells[shard].ring(),
    ask: (shard, request) => channels.ask(shard, request),
  });
  const { peers, control } = opened;
  return { ...opened, shard: { peers, channels }, control: (request) => control.control(request) };
}
