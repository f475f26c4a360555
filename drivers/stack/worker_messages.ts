/**
 * What a stack's Worker and its clients say to each other beside the rings.
 *
 * @module
 */

import type { MessagePort } from "node:worker_threads";
import type { StackOptions } from "./options.ts";
import type { ShardPlace } from "./shards/types.ts";
import type { StackRingHandle } from "./user_memory.ts";

/** What the Worker is started with. */
export interface StackWorkerStart {
  readonly options: StackOptions;
  /** Where the Worker says how it fares. */
  readonly status: SharedArrayBuffer;
  /** What it sleeps by. */
  readonly bell: SharedArrayBuffer;
  /** Which shard of which set it is, where there are several. */
  readonly shard?: ShardPlace;
}

/** To the Worker. */
export type StackRequest =
  | {
    /** Serve a ring. */
    readonly type: "attach";
    readonly id: number;
    readonly ring: StackRingHandle;
    /** When the clock of the ring's program began. */
    readonly timeOrigin: number;
  }
  | {
    /** Close what a ring has open, and serve it no more. */
    readonly type: "detach";
    readonly id: number;
  }
  | {
    /** Answer a request of the control API. */
    readonly type: "control";
    readonly id: number;
    readonly request: unknown;
  }
  | {
    /** Hear another client, who may be in any thread. */
    readonly type: "client";
    readonly port: MessagePort;
  }
  | {
    /** Talk to the other shards; said before all else. */
    readonly type: "shards";
    /** By shard, null where there is none. */
    readonly ports: readonly (MessagePort | null)[];
  }
  | {
    /** Another shard does no more. */
    readonly type: "failed";
    readonly shard: number;
  }
  | {
    /** Close every ring, while the other shards still run. */
    readonly type: "detachAll";
    readonly id: number;
  };

/** From the Worker. */
export type StackAnswer =
  | {
    /** A ring is served no more, or none is. */
    readonly type: "detached";
    readonly id: number;
  }
  | {
    /** What became of a request of the control API. */
    readonly type: "controlled";
    readonly id: number;
    readonly answer?: unknown;
    /** What is wrong with it. */
    readonly refusal?: string;
  };
