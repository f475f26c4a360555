/**
 * Times as `__kernel_timespec` has them.
 *
 * @module
 */

import { TIMESPEC } from "./layout.ts";
import { putLong } from "./long.ts";

/** More would be no valid timespec. */
const NANOSECONDS_MAX = 999_999_999;

/** Writes a time at a byte offset. @param milliseconds 0 or more */
export function writeTimespec(
  words: Int32Array<ArrayBufferLike>,
  offset: number,
  milliseconds: number,
): void {
  const seconds = Math.floor(milliseconds / 1000);
  const nanoseconds = Math.ceil((milliseconds - seconds * 1000) * 1e6);
  putLong(words, offset + TIMESPEC.SECONDS, seconds);
  putLong(words, offset + TIMESPEC.NANOSECONDS, Math.min(nanoseconds, NANOSECONDS_MAX));
}
