/**
 * Simulations: stacks with rings on a virtual network, in one isolate and on one virtual clock.
 *
 * @module
 */

export type { CaptureEnd, CaptureFilterOptions, CaptureSink } from "../../stack/capture/mod.ts";
export {
  type BurstLoss,
  type DirectionOptions,
  InvariantChecker,
  InvariantError,
  type Link,
  LinkCapture,
  type LinkCaptureOptions,
  type LinkCounters,
  type LinkOptions,
  type LinkStatistics,
  type QueueOptions,
  type Switch,
  SwitchCounter,
  type SwitchOptions,
  type Violation,
} from "../../stack/sim/mod.ts";
export { type EngineFailure, SimulationEngine } from "./engine.ts";
export {
  World,
  type WorldHost,
  type WorldHostOptions,
  type WorldOptions,
  type WorldPipe,
} from "./world.ts";
