/**
 * How a simulation and its parts are described.
 *
 * @module
 */

import type { CaptureFilterOptions, StackOptions } from "../../drivers/mod.ts";
import type { RingOptions } from "../ring_options.ts";

export type {
  BurstLoss,
  CaptureEnd,
  CaptureFilterOptions,
  CaptureSink,
  DirectionOptions,
  LinkCounters,
  LinkOptions,
  LinkStatistics,
  QueueOptions,
  SwitchOptions,
} from "../../drivers/mod.ts";

/** What {@linkcode Simulation.create} takes. */
export interface SimulationOptions {
  /** What all chance comes from, a number of 32 bits; one at random, which errors tell. */
  readonly seed?: number;
  /** Virtual milliseconds after which a run fails with LIMIT; a day. */
  readonly limitMs?: number;
  /** Milliseconds since 1970 when virtual time is 0; 0. */
  readonly epochMs?: number;
  /** Whether virtual time keeps to real time; false. */
  readonly realTime?: boolean;
  /**
   * Whether what stacks send is checked: sequence numbers, windows, acknowledgments, retransmitted
   * bytes; and every buffer's return at the end. It costs some microseconds a segment; true.
   */
  readonly check?: boolean;
  /**
   * Where the newest packets of a run that failed are written as pcapng, if `--allow-write` permits
   * it; null for nowhere. `millrace_simulation_<seed>.pcapng` in the current folder.
   */
  readonly failureFile?: string | null;
}

/** What {@linkcode Simulation.host} takes. */
export interface SimulatedHostOptions
  extends Pick<StackOptions, "profile" | "sizes" | "congestionControl" | "hosts"> {
  /** Sizes of the host's ring; a small one. */
  readonly ring?: RingOptions;
}

/** What {@linkcode Simulation.capture} takes. */
export interface SimulationCaptureOptions {
  /** Which frames are captured; all of them. */
  readonly filter?: CaptureFilterOptions;
  /** Bytes of each frame that are kept, 0 for all; 0. */
  readonly snapBytes?: number;
  /** Whether frames are captured where they arrive, too; true. */
  readonly arrivals?: boolean;
}

/** A day. */
export const DEFAULT_LIMIT_MS = 86_400_000;

/** A host's ring is small: there may be a hundred of them. */
export const HOST_RING: RingOptions = {
  entries: 512,
  slots: 4096,
  buffers: { count: 256 },
  datagramBuffers: { count: 16 },
  arenaBytes: 8 * 1024 * 1024,
};

/** The keys of each kind of options. */
export const OPTION_KEYS: Readonly<Record<"simulation" | "host" | "capture", readonly string[]>> = {
  simulation: ["seed", "limitMs", "epochMs", "realTime", "check", "failureFile"],
  host: ["profile", "sizes", "congestionControl", "hosts", "ring"],
  capture: ["filter", "snapBytes", "arrivals"],
};
