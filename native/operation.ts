/**
 * What every operation takes, and the proof that what was passed is that.
 *
 * @module
 */

import { checkKeys } from "./options/options.ts";

const OPERATION_KEYS: readonly string[] = ["signal", "timeoutMs"];
const TIMEOUT_MAX_MS = 2 ** 40;

/** What every operation takes. */
export interface OpOptions {
  /** Cancels the operation; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Deadline in milliseconds, 0 or more; for `receiveMany` idle time between leases. */
  readonly timeoutMs?: number;
}

/** Proves that operation options are what they should be. */
export function checkOperation(operation: string, options: OpOptions): void {
  checkKeys(operation, options, OPERATION_KEYS);
  checkTimeout(operation, options.timeoutMs);
}

/** Proves that a deadline is one. */
export function checkTimeout(operation: string, timeoutMs: number | undefined): void {
  if (timeoutMs === undefined) return;
  if (typeof timeoutMs !== "number" || !(timeoutMs >= 0 && timeoutMs <= TIMEOUT_MAX_MS)) {
    throw new RangeError(`${operation}: timeoutMs must be 0 or more, not ${String(timeoutMs)}`);
  }
}
