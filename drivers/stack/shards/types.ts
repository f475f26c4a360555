/**
 * What the shards of a stack are made of: the side of frames, which says whose a packet is, and the
 * side of operations, by which a ring of one shard uses connections of another.
 *
 * ```text
 *               shard 0                         shard k
 *   port -> FrameDirector --pipe per port--> interface of the same name
 *           Stack, StackHost <--messages--> Stack, StackHost
 *           rings                            rings
 * ```
 *
 * @module
 */

import type { Stack, StackParts } from "../../../stack/stack.ts";
import type { SteeringRule } from "../../../stack/steering/mod.ts";
import type { PipeHandle } from "../../port/pipe_handle.ts";
import type { Port } from "../../port/port.ts";
import type { StackHost } from "../stack_host.ts";

/** What shards agree on to steer frames: one for each shard, which can be posted to its thread. */
export interface ShardSteering {
  /** The key of the hash of flows, the same for all. */
  readonly hashKey: Uint8Array;
  /** What addresses of IPv6 are made from, the same for all. */
  readonly addressSecret: Uint8Array;
  /** What cookies of TCP Fast Open are made from, the same for all. */
  readonly fastOpenSecret: Uint8Array;
  /** Who owns which port of TCP and UDP. */
  readonly portTable: SharedArrayBuffer;
  /**
   * This shard's ends of the pipes by which what a shard sends to the host itself gets to the shard
   * that owns its port: by shard, null for itself and where the way leads by shard 0.
   */
  readonly handovers: readonly (PipeHandle | null)[];
}

/** What the side of operations knows of the messages between shards. */
export interface ShardQueues {
  /** Queues of fixed-size messages between every two shards. */
  readonly queues: SharedArrayBuffer;
  /** What each shard's thread sleeps by; empty where all are in one isolate. */
  readonly bells: readonly SharedArrayBuffer[];
}

/** Which shard of which set a stack is: it can be posted to the thread that runs it. */
export interface ShardPlace {
  /** 0 to `count - 1`; shard 0 has the ports. */
  readonly index: number;
  readonly count: number;
  readonly steering: ShardSteering;
  readonly queues: ShardQueues;
}

/** A port of shard 0 behind its director. */
export interface DirectedPort {
  /** What shard 0's own interface is connected to. */
  readonly own: Port;
  /** What the interfaces of shards 1, 2 ... are connected to, in this order. */
  readonly ends: readonly PipeHandle[];
}

/** Ports of TCP and UDP that belong to shards, as the side of operations sees them. */
export interface ShardPorts {
  /**
   * Carries out calls to sockets whose ports another shard owns: a mirrored listener's bind(2)
   * claims nothing, and gives nothing back when it is closed. From when the owner listens, the hash
   * says where connections of its port go.
   */
  withoutClaims<Result>(call: () => Result): Result;
}

/** What the director did with frames. */
export interface SteeringStatistics {
  /** Frames that were directed to each shard. */
  readonly directed: readonly number[];
  /** Frames that were copied to every shard. */
  readonly copied: number;
  /** Frames for which the program's rule threw, or named no shard. */
  readonly ruleFailures: number;
}

/** The side of frames of one shard, while its stack runs. */
export interface ShardFrames {
  /** What its stack is given beside its options. */
  readonly parts: Partial<StackParts>;
  readonly ports: ShardPorts;
  /** Begins to serve a stack, once it and what runs it are made. */
  attach(stack: Stack, host: StackHost): void;
  /** Puts the director before a port of shard 0. */
  direct(port: Port): DirectedPort;
  /** Makes the port of another shard of its end. */
  openEnd(end: PipeHandle): Port;
  /**
   * Sets the program's rule, null for none: the same on every shard, since each has to know whose
   * the answers to its connections are, and whose a datagram is that came in fragments.
   */
  configure(rule: SteeringRule | null): void;
  /** What the director did; null on other shards than 0. */
  statistics(): SteeringStatistics | null;
}

/** Opens the side of frames of one shard: `drivers/stack/shards/frames.ts`. */
export type OpenShardFrames = (place: ShardPlace) => ShardFrames;
