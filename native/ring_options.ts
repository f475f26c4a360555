/**
 * How big a ring is made, and what it is made to do without.
 *
 * @module
 */

import { checkKeys } from "./options/options.ts";
import type { FeatureMask } from "../drivers/mod.ts";
import type { LedgerHandle } from "../ring/descriptor_table.ts";
import { checkPlan, type MemoryPlan } from "../ring/memory.ts";

export type { BackendName, FeatureMask } from "../drivers/mod.ts";

/** Sizes of a ring; all are fixed for its life, and memory is used only as far as it is touched. */
export interface RingOptions {
  /** Submission queue entries, a power of two from 1 to 32768; 4096 unless said otherwise. */
  readonly entries?: number;
  /** Completion queue entries, a power of two up to 65536; four times `entries`. */
  readonly completions?: number;
  /** Operations in flight, 16 to 1048576; 65536. */
  readonly slots?: number;
  /** Provided buffers: how many (a power of two up to 32768; 4096) and their bytes (16384). */
  readonly buffers?: { readonly count?: number; readonly bytes?: number };
  /** The same for datagrams: how many (256) and their bytes, headers among them (67584). */
  readonly datagramBuffers?: { readonly count?: number; readonly bytes?: number };
  /** Bytes for copies of what is sent and for `allocBuffer`, a multiple of 4096; 32 MiB. */
  readonly arenaBytes?: number;
  /** Overwrite received bytes when their lease ends, so that tests catch views kept too long. */
  readonly poison?: boolean;
  /** Features to do without, for tests of what older kernels have. */
  readonly without?: FeatureMask;
}

const KEYS: readonly string[] = [
  "entries",
  "completions",
  "slots",
  "buffers",
  "datagramBuffers",
  "arenaBytes",
  "poison",
  "without",
];
const ENTRIES = 4096;
const COMPLETIONS_MAX = 65536;
const SLOTS = 65536;
const BUFFER_COUNT = 4096;
const BUFFER_BYTES = 16384;
const DATAGRAM_COUNT = 256;
/** The largest datagram, its addresses and control messages, in whole pages. */
const DATAGRAM_BYTES = 67584;
const ARENA_BYTES = 32 * 1024 * 1024;

/** A checked plan, and what goes with it. */
export interface RingPlan {
  readonly plan: MemoryPlan;
  readonly without: FeatureMask;
  readonly poison: boolean;
}

/**
 * Makes a plan of options.
 *
 * @throws {TypeError} for an unknown key
 * @throws {RangeError} for a size out of its range, naming it
 */
export function planOf(options: RingOptions): RingPlan {
  checkKeys("ring", options, KEYS);
  checkKeys("ring.buffers", options.buffers ?? {}, ["count", "bytes"]);
  checkKeys("ring.datagramBuffers", options.datagramBuffers ?? {}, ["count", "bytes"]);
  const entries = options.entries ?? ENTRIES;
  const plan: MemoryPlan = {
    entries,
    completions: options.completions ?? Math.min(COMPLETIONS_MAX, entries * 4),
    slots: options.slots ?? SLOTS,
    bufferCount: options.buffers?.count ?? BUFFER_COUNT,
    bufferBytes: options.buffers?.bytes ?? BUFFER_BYTES,
    datagramCount: options.datagramBuffers?.count ?? DATAGRAM_COUNT,
    datagramBytes: options.datagramBuffers?.bytes ?? DATAGRAM_BYTES,
    arenaBytes: options.arenaBytes ?? ARENA_BYTES,
  };
  checkPlan(plan);
  if (plan.bufferCount === 0) {
    throw new RangeError("buffers.count must be 1 or more: receives take their memory from them");
  }
  return { plan, without: options.without ?? {}, poison: options.poison ?? false };
}

/**
 * Makes a plan where a ledger may say what the memory is like: sizes are then not to be chosen.
 *
 * @throws {TypeError} when the ledger is none, or sizes are given beside it
 */
export function ledgerPlanOf(ledger: LedgerHandle | undefined, options: RingOptions): RingPlan {
  if (ledger === undefined) return planOf(options);
  if (!(ledger?.table instanceof SharedArrayBuffer) || ledger.ring?.plan === undefined) {
    throw new TypeError("request: ledger must be the handle of a WorkerLedger");
  }
  const { poison, without, ...sizes } = options;
  const [size] = Object.keys(sizes);
  if (size !== undefined) {
    throw new TypeError(
      `request: ring.${size} is given to the WorkerLedger, not beside its handle`,
    );
  }
  return { ...planOf({ poison, without }), plan: ledger.ring.plan };
}
