/**
 * What behaviours expect, said shortly.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { NetError } from "../../mod.ts";

/** Fields of an error that are to be as said; the others may be anything. */
export interface ExpectedError {
  readonly code: string;
  readonly errno?: number;
  readonly operation?: string;
  readonly local?: string;
  readonly remote?: string;
}

/** Asserts that a value is an error of this library, with these fields. */
export function assertNetError(
  error: unknown,
  expected: ExpectedError,
): asserts error is NetError {
  assert(error instanceof NetError, `${error} is no NetError`);
  const wanted: Record<string, unknown> = { ...expected };
  const found: Record<string, unknown> = {};
  for (const name of Object.keys(wanted)) found[name] = error[name as keyof NetError];
  assertEquals(found, wanted, error.message);
  assert(error.message.includes(expected.code), error.message);
}

/** @returns A port of loopback that was free a moment ago, and that nobody listens on. */
export function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

/** @returns What a promise rejects with, or undefined. */
export async function reasonOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
    return undefined;
  } catch (error) {
    return error;
  }
}
