/**
 * What an `IoUring` is made with, and what its calls take.
 *
 * @module
 */

import { Authorization } from "../authorization.ts";
import type { NetworkCapability } from "../capability.ts";
import { LOOP_SCRATCH_BYTES } from "./io_uring_loop.ts";
import { checkKeys } from "../options/options.ts";
import { ledgerPlanOf, planOf, type RingOptions, type RingPlan } from "../ring_options.ts";
import type { LedgerHandle } from "../../ring/descriptor_table.ts";
import { SCRATCH_BYTES } from "../../ring/slots.ts";
import { TIMESPEC } from "../../ring/abi/layout.ts";

/** What `IoUring.create` takes beside the number of entries. */
export interface IoUringOptions
  extends Pick<RingOptions, "completions" | "arenaBytes" | "without"> {
  /** Must hold the right `ring`; its backend is the ring's. */
  readonly capability: NetworkCapability;
  /** In a Worker: the handle of a `WorkerLedger` for this ring alone, whose memory it then has. */
  readonly ledger?: LedgerHandle;
}

/** Where a read or a write starts and how long it is. */
export interface TransferOptions {
  /** Bytes; the rest of the buffer unless said otherwise. */
  readonly length?: number;
  /** Where in the file, in bytes; -1, the default: where it stands, and all that sockets have. */
  readonly fileOffset?: number;
  /** Where in the buffer, in bytes; 0. */
  readonly bufferOffset?: number;
}

/** Counters of one `IoUring`. */
export interface IoUringStats {
  /** Times that the consumer was entered. */
  readonly enters: number;
  /** Times that a sleeping ring was woken. */
  readonly wakes: number;
  /** Turns of the loop. */
  readonly turns: number;
  /** Completions reaped. */
  readonly completions: number;
  /** Completions that found the queue full; none is lost. */
  readonly cqOverflows: number;
}

const CREATE_KEYS: readonly string[] = [
  "capability",
  "completions",
  "arenaBytes",
  "without",
  "ledger",
];

/**
 * Makes a plan: without provided buffers, and with no more slots than the times of timeouts need.
 *
 * @throws {TypeError} for an unknown key, or when the capability is none
 * @throws {RangeError} for a size out of its range, naming it
 */
export function ringPlanOf(entries: number, options: IoUringOptions): RingPlan {
  checkKeys("IoUring.create", options, CREATE_KEYS);
  const { capability, completions, arenaBytes, without, ledger } = options;
  if (!(capability?.authorization instanceof Authorization)) {
    throw new TypeError("IoUring.create: capability must be a NetworkCapability");
  }
  const bytes = LOOP_SCRATCH_BYTES + entries * TIMESPEC.SIZE;
  const slots = Math.max(16, Math.ceil(bytes / SCRATCH_BYTES));
  if (ledger !== undefined) {
    const sizes = defined({ completions, arenaBytes, without });
    const checked = ledgerPlanOf(ledger, sizes);
    if (checked.plan.entries !== entries || checked.plan.slots < slots) {
      throw new RangeError(
        `IoUring.create: entries must be what the ledger was made with, ` +
          `${checked.plan.entries}, not ${entries}`,
      );
    }
    return checked;
  }
  const checked = planOf({ entries, completions, arenaBytes, without });
  return {
    ...checked,
    plan: { ...checked.plan, slots, bufferCount: 0, datagramCount: 0, bufferBytes: 64 },
  };
}

/** Leaves out what is undefined. */
function defined(options: RingOptions): RingOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
