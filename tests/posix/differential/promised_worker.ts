/**
 * The Worker of `promised.ts`: awaits one call after the other.
 *
 * @module
 */

import { serialize } from "node:v8";
import { PosixError } from "../../../posix/errors.ts";
import { FdSet } from "../../../posix/fd_set.ts";
import type { Posix } from "../../../posix/mod.ts";
import type { PromisedAnswer, PromisedRequest, PromisedStart } from "./promised.ts";
import { openBackend } from "./subjects.ts";

const scope = globalThis as unknown as { postMessage(message: unknown): void };
let start: PromisedStart | undefined;
let posix: Posix | undefined;
let end: (() => Promise<void>) | undefined;

globalThis.addEventListener("message", async (event) => {
  const { data } = event as MessageEvent<PromisedStart | PromisedRequest>;
  if ("backend" in data) {
    start = data;
    ({ posix, close: end } = await openBackend(data.backend));
    scope.postMessage("ready");
  } else if (data.name === null) {
    await end!();
    scope.postMessage("ended");
  } else {
    const { name, values } = data;
    give(await answerTo(name, values.map(rebuilt)));
  }
});

async function answerTo(name: string, values: unknown[]): Promise<PromisedAnswer> {
  const left = () => values.map((value) => value instanceof FdSet ? { fdset: value.words } : value);
  const call = posix!.promises[name as keyof Posix["promises"]] as (
    ...values: unknown[]
  ) => Promise<unknown>;
  try {
    return { result: await call(...values), values: left() };
  } catch (error) {
    if (!(error instanceof PosixError)) return { thrown: String(error), values: left() };
    return { failed: { errno: error.errno, call: error.call }, values: left() };
  }
}

function rebuilt(value: unknown): unknown {
  if (typeof value !== "object" || value === null || !("fdset" in value)) return value;
  const set = new FdSet();
  set.words.set(value.fdset as Int32Array);
  return set;
}

function give(answer: PromisedAnswer): void {
  const { state, answer: room } = start!;
  const bytes = serialize(answer);
  if (bytes.length > room.length) throw new RangeError(`an answer of ${bytes.length} bytes`);
  room.set(bytes);
  Atomics.store(state, 1, bytes.length);
  Atomics.add(state, 0, 1);
  Atomics.notify(state, 0);
}
