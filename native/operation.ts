/**
 * Proves that what is passed to operations is what it should be.
 *
 * @module
 */

import { checkKeys } from "./options/options.ts";
import type { OpOptions } from "./stream/stream_receive.ts";

const OPERATION_KEYS: readonly string[] = ["signal", "timeoutMs"];
const TIMEOUT_MAX_MS = 2 ** 40;

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
