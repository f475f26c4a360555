/**
 * The network that exists only in memory: nodes, links that lose and delay, hubs, switches, and a
 * clock that goes on when somebody says so.
 *
 * @module
 */

export { EventQueue } from "./event_queue.ts";
export { copyBetween, FrameStore } from "./frame_store.ts";
export { Hub } from "./hub.ts";
export { LinkCapture, type LinkCaptureOptions } from "./link_capture.ts";
export { Link, type LinkStatistics } from "./link.ts";
export { describeFate, DROPPED, Fate, LinkCounter, type LinkCounters } from "./link_counters.ts";
export { type DirectionEnd, LinkDirection, type LinkTap } from "./link_direction.ts";
export {
  bandwidthOf,
  type BurstLoss,
  type DirectionOptions,
  type DirectionParameters,
  type LinkOptions,
  parametersOf,
  type QueueOptions,
} from "./link_options.ts";
export {
  MAXIMUM_ROUNDS,
  type NetworkObserver,
  VirtualNetwork,
  type VirtualNetworkOptions,
} from "./network.ts";
export type { PortNumber, SimNode } from "./node.ts";
export { Switch, SwitchCounter, type SwitchOptions } from "./switch.ts";
export { TraceHash } from "./trace.ts";
export { VirtualClock } from "./virtual_clock.ts";
export { FlowChecker, MAXIMUM_WATCHED_FLOWS } from "./flow_checker.ts";
export { InvariantChecker, type InvariantOptions } from "./invariants.ts";
export { StackNode, type StackProgram } from "./stack_node.ts";
export { InvariantError, type Violation, Violations } from "./violations.ts";
export {
  addressesOf,
  IPV4_PREFIX_BITS,
  IPV6_PREFIX_BITS,
  type NodeKind,
  type NodePlan,
  planAddresses,
  type PlannedLink,
  type PlannedNode,
  type PlannedRoute,
  type PortAddresses,
} from "./addressing.ts";
