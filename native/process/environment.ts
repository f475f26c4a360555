/**
 * Environment variables of a service manager: read where that is allowed, without a prompt.
 *
 * @module
 */

import { netError } from "../errors.ts";
import { Errno } from "../../ring/abi/errno.ts";

/**
 * Reads a variable.
 *
 * @returns its value, undefined where there is none
 * @throws {NetError} EACCES without `--allow-env` for it
 */
export function readVariable(name: string, operation: string): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable: name });
  if (state === "granted") return Deno.env.get(name);
  const detail = `reading ${name} needs --allow-env=${name}`;
  throw netError(Errno.EACCES, { operation, detail });
}

/** Reads a variable that is a whole number. @throws {NetError} EINVAL when it is none */
export function readNumber(name: string, operation: string): number | undefined {
  const text = readVariable(name, operation);
  if (text === undefined) return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  const detail = `${name} is ${JSON.stringify(text)}, not a number`;
  throw netError(Errno.EINVAL, { operation, detail });
}

/** Whether a variable that names a process names this one; without it, nobody else is meant. */
export function isForThisProcess(name: string, operation: string): boolean {
  const process = readNumber(name, operation);
  return process === undefined || process === Deno.pid;
}
