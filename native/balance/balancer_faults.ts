/**
 * What failures say about backends.
 *
 * @module
 */

import { netError } from "../errors.ts";
import { Errno } from "../../ring/abi/errno.ts";

/** Errors that say something about the backend, and nothing about this process. */
const FAULTS: ReadonlySet<number> = new Set<number>([
  Errno.ECONNREFUSED,
  Errno.ECONNRESET,
  Errno.ECONNABORTED,
  Errno.ETIMEDOUT,
  Errno.EHOSTUNREACH,
  Errno.ENETUNREACH,
  Errno.ENOENT,
  Errno.EPIPE,
]);

/** Whether an error says something about the backend. */
export function isFault(error: unknown): boolean {
  const { errno } = (error ?? {}) as { errno?: unknown };
  return typeof errno === "number" && FAULTS.has(errno);
}

/** Whether an error is a deadline. */
export function isTimeout(error: unknown): boolean {
  return (error as { errno?: unknown }).errno === Errno.ETIMEDOUT;
}

/** The error of a connection that could not be made: the last attempt's, with all as its cause. */
export function allFailed(failures: readonly unknown[], backends: number): unknown {
  if (failures.length === 0) {
    const detail = `none of the ${backends} backends takes connections`;
    return netError(Errno.EHOSTUNREACH, { operation: "connect", detail });
  }
  if (failures.length === 1) return failures[0];
  const last = failures.at(-1) as { errno: number; remote: string };
  const cause = new AggregateError(failures, `${failures.length} backends failed`);
  const detail = `none of the ${failures.length} backends that were tried answered`;
  return netError(last.errno, { operation: "connect", remote: last.remote, detail, cause });
}
