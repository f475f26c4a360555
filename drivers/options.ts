/**
 * What is asked of a driver, and what it answers.
 *
 * @module
 */

import type { LedgerHandle } from "../ring/descriptor_table.ts";
import type { RingDriver } from "../ring/driver.ts";
import type { MemoryPlan } from "../ring/memory.ts";
import type { StackOptions } from "./stack/options.ts";

/** The backends a program can ask for by name. */
export type BackendName = "auto" | "kernel" | "host" | "stack";

/** Features of the kernel to do without, for tests of what older kernels have. */
export interface FeatureMask {
  /** Do without rings in our own memory (Linux 6.5). */
  readonly noMmap?: boolean;
  /** Do without deferred task work (Linux 6.1) and what comes with it. */
  readonly deferTaskrun?: boolean;
  /** Do without multishot receive (Linux 6.0). */
  readonly multishotReceive?: boolean;
  /** Do without multishot accept (Linux 5.19). */
  readonly multishotAccept?: boolean;
  /** Do without provided-buffer rings (Linux 5.19). */
  readonly bufferRing?: boolean;
  /** Do without direct descriptors (Linux 5.5, allocated ones 5.19). */
  readonly directDescriptors?: boolean;
  /** Do without the wake channel, as when `--allow-net=127.0.0.1` is not granted. */
  readonly wakeChannel?: boolean;
  /** Opcodes to treat as unknown to the kernel. */
  readonly opcodes?: readonly number[];
}

/** The small ring by which an isolate with a kernel ring sleeps. */
export const WAKE_PLAN: MemoryPlan = {
  entries: 4,
  completions: 8,
  slots: 16,
  bufferCount: 0,
  bufferBytes: 64,
  datagramCount: 0,
  datagramBytes: 1024,
  arenaBytes: 4096,
};

/** What is asked of {@linkcode openDriver}. */
export interface DriverRequest {
  readonly backend: BackendName;
  readonly plan: MemoryPlan;
  /** Run the driver in a Worker of its own, where the backend can. */
  readonly worker: boolean;
  readonly without: FeatureMask;
  /** Memory that a Worker's parent holds, and where the Worker's descriptors are recorded. */
  readonly ledger?: LedgerHandle;
  /** How the stack of the stack backend is set up; with loopback only unless said otherwise. */
  readonly stack?: StackOptions;
}

/** What a driver needs to open. */
export interface DriverOptions {
  readonly plan: MemoryPlan;
  readonly worker: boolean;
  readonly without: FeatureMask;
  readonly ledger?: LedgerHandle;
  /** Why this driver was taken instead of a better one, "" when it was asked for. */
  readonly why: string;
}

/** A driver, or the sentence that says why it cannot start. */
export type DriverOutcome = { readonly driver: RingDriver } | { readonly refusal: string };
