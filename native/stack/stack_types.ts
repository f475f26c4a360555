/**
 * What a stack tells its owner.
 *
 * @module
 */

import type { SteeringStatistics } from "../../drivers/mod.ts";

/** Counters of one protocol, by name. */
export type StackCounters = Readonly<Record<string, number>>;

/** Counters by protocol, and by the name of an interface those of its port. */
export type StackStatistics =
  & Readonly<Record<string, StackCounters | Readonly<Record<string, StackCounters | null>>>>
  & {
    /** Of a stack of several shards: what its director did with frames. */
    readonly steering?: SteeringStatistics;
    /** Of a stack of several shards: the counters of each, which are added up beside. */
    readonly shards?: readonly StackStatistics[];
  };

/** Something that happened in a stack; its other fields are about what: address, state, mac ... */
export interface StackEventInfo extends Readonly<Record<string, unknown>> {
  /** Such as "link-up", "address-added", "neighbour-changed", "route-added". */
  readonly event: string;
  /** The name of the interface. */
  readonly interface: string;
  /** Events before this one that nobody took in time. */
  readonly missed?: number;
}

/** Events as they come. */
export type StackEventIterator = AsyncIterableIterator<StackEventInfo>;
