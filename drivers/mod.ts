/**
 * The backends: whoever consumes a ring's submission queue.
 *
 * @module
 */

export { attachStack, openDriver, openPrivateDriver, reapWorker, startStack } from "./open.ts";
export { createPipe, type PipeHandle, type PipeOptions } from "./port/pipe_handle.ts";
export type { Port, PortStatistics } from "./port/port.ts";
export { WAKE_PLAN } from "./options.ts";
export type { ReapReport } from "./kernel/reap.ts";
export type { StackHandle } from "./stack/connection.ts";
export type { AddressInfo, InterfaceInfo, RouteInfo, StackInfo } from "./stack/information.ts";
export type { RunningStack } from "./stack/open.ts";
export type {
  LocalPort,
  PortSpecifier,
  StackInterfaceOptions,
  StackOptions,
  StackRouteOptions,
  StackSizeChoices,
} from "./stack/options.ts";
export type {
  BackendName,
  DriverOptions,
  DriverOutcome,
  DriverRequest,
  FeatureMask,
} from "./options.ts";
export { CaptureFile } from "./capture/capture_file.ts";
export type { StackCaptureOptions, StackCaptureReport } from "./stack/stack_captures.ts";
export { loadSimulator, type Simulator } from "./load_simulator.ts";
export type {
  BurstLoss,
  CaptureEnd,
  CaptureFilterOptions,
  CaptureSink,
  DirectionOptions,
  EngineFailure,
  InvariantChecker,
  Link,
  LinkCounters,
  LinkOptions,
  LinkStatistics,
  QueueOptions,
  SwitchOptions,
  World,
  WorldHost,
  WorldHostOptions,
  WorldPipe,
} from "./simulation/mod.ts";
export type { StackProfile } from "../stack/profiles.ts";
export type { SteeredPacket, Steering, SteeringRule } from "../stack/steering/mod.ts";
export type {
  CustomProtocolHandler,
  IcmpReport,
  PacketAction,
  PacketView,
} from "../stack/raw/mod.ts";
export type { SteeringStatistics } from "./stack/shards/types.ts";
