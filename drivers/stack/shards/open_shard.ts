/**
 * Opens one shard of a stack, whichever thread runs it.
 *
 * @module
 */

import type { RandomSource } from "../../../stack/random.ts";
import type { StackClock } from "../clock.ts";
import { type OpenedStack, openStackIn } from "../open_stack.ts";
import type { StackOptions } from "../options.ts";
import { openShardFrames } from "./frames.ts";
import type { SendLetter } from "./messages.ts";
import { ShardControl } from "./shard_control.ts";
import { ShardPeers } from "./shard_peers.ts";
import type { OpenShardFrames, ShardFrames, ShardPlace } from "./types.ts";

/** What a shard is given beside the options of its stack. */
export interface ShardSurroundings {
  readonly place: ShardPlace;
  readonly clock: StackClock;
  readonly random?: RandomSource;
  readonly onWake?: () => void;
  readonly sendLetter: SendLetter;
  /** Wakes another shard's host. */
  readonly wake: (shard: number) => void;
  /** Asks another shard: see `ShardControlParts`. */
  readonly ask: (shard: number, request: Readonly<Record<string, unknown>>) => Promise<unknown>;
  /** Opens the side of frames. */
  readonly openFrames?: OpenShardFrames;
}

/** A shard that runs. */
export interface OpenedShard extends OpenedStack {
  readonly frames: ShardFrames;
  readonly peers: ShardPeers;
  readonly control: ShardControl;
}

/**
 * Opens a shard without interfaces and routes: shard 0 is asked for these, for all of them.
 *
 * @throws {TypeError} when options are wrong, naming what
 */
export function openShard(options: StackOptions, surroundings: ShardSurroundings): OpenedShard {
  const { place, clock, random, onWake, sendLetter, wake, ask } = surroundings;
  const frames = (surroundings.openFrames ?? openShardFrames)(place);
  const { ports, parts } = frames;
  const peers = new ShardPeers({ place, ports, sendLetter, wake });
  let control: ShardControl | null = null;
  const opened = openStackIn({ ...options, ports: [], routes: [] }, {
    ...{ clock, random, onWake },
    shard: { parts, peers, control: (request) => control!.control(request) },
  });
  const { configurator, stack, host } = opened;
  control = new ShardControl({ place, frames, configurator, ask });
  frames.attach(stack, host);
  return { ...opened, frames, peers, control };
}
