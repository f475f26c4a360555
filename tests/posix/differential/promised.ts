/**
 * `posix.promises` as calls that scripts can make: a Worker awaits each, the thread of the script
 * sleeps meanwhile.
 *
 * @module
 */

import { deserialize } from "node:v8";
import type { PosixCalls } from "../../../posix/calls.ts";
import { PosixError } from "../../../posix/errors.ts";
import { FdSet } from "../../../posix/fd_set.ts";
import { CALL_NAMES } from "./recorder.ts";
import type { OpenSubject } from "./subjects.ts";

/** What an answer may take: it holds the arguments, too. */
const ANSWER_BYTES = 8 << 20;
/** A thread never sleeps for longer; the watchdog ends what never answers. */
const SLICE_MS = 100;

/** What the Worker is started with. */
export interface PromisedStart {
  /** The backend. */
  readonly backend: "kernel" | "host";
  /** Answers given, and bytes of the last. */
  readonly state: Int32Array;
  /** The last answer, serialized. */
  readonly answer: Uint8Array;
}

/** A call to make. */
export interface PromisedRequest {
  /** Its name; null to end. */
  readonly name: string | null;
  /** Its arguments. */
  readonly values: readonly unknown[];
}

/** What came of it. */
export interface PromisedAnswer {
  /** The result, if it did not fail. */
  readonly result?: unknown;
  /** The arguments as the call has left them. */
  readonly values: readonly unknown[];
  /** The error of the call. */
  readonly failed?: { readonly errno: number; readonly call: string };
  /** Any other error. */
  readonly thrown?: string;
}

/** Starts a Worker with a backend. */
export async function openPromised(backend: "kernel" | "host"): Promise<OpenSubject> {
  const state = new Int32Array(new SharedArrayBuffer(8));
  const answer = new Uint8Array(new SharedArrayBuffer(ANSWER_BYTES));
  const worker = new Worker(new URL("./promised_worker.ts", import.meta.url), { type: "module" });
  await answerOf(worker, { backend, state, answer } satisfies PromisedStart);
  const calls = Object.fromEntries(CALL_NAMES.map((name) => {
    return [name, (...values: unknown[]) => makeCall(worker, state, answer, name, values)];
  }));
  return {
    calls: calls as unknown as PosixCalls,
    async close() {
      await answerOf(worker, { name: null, values: [] } satisfies PromisedRequest);
      worker.terminate();
    },
  };
}

/** Posts a message, and waits for one. */
async function answerOf(worker: Worker, message: unknown): Promise<void> {
  const answered = Promise.withResolvers<void>();
  worker.onmessage = () => answered.resolve();
  worker.onerror = ({ message }) => answered.reject(new Error(message));
  worker.postMessage(message);
  await answered.promise;
}

function makeCall(
  worker: Worker,
  state: Int32Array,
  answer: Uint8Array,
  name: string,
  values: unknown[],
): unknown {
  const before = Atomics.load(state, 0);
  worker.postMessage({ name, values: values.map(plain) } satisfies PromisedRequest);
  while (Atomics.load(state, 0) === before) Atomics.wait(state, 0, before, SLICE_MS);
  const bytes = answer.slice(0, Atomics.load(state, 1));
  const { result, values: after, failed, thrown } = deserialize(bytes) as PromisedAnswer;
  values.forEach((value, index) => bringBack(value, after[index]));
  if (failed !== undefined) throw new PosixError(failed.errno, failed.call);
  if (thrown !== undefined) throw new Error(thrown);
  return result;
}

/** An argument as it crosses threads: a set as its words. */
function plain(value: unknown): unknown {
  return value instanceof FdSet ? { fdset: value.words } : value;
}

/** Writes into an argument what the call has written into its copy. */
function bringBack(into: unknown, from: unknown): void {
  if (typeof into !== "object" || into === null) return;
  if (into instanceof FdSet) {
    into.words.set((from as { fdset: Int32Array }).fdset);
  } else if (into instanceof Uint8Array) {
    into.set(from as Uint8Array);
  } else {
    const [target, source] = [into, from] as Record<string, unknown>[];
    for (const [key, value] of Object.entries(source)) {
      // Control data is replaced as a whole.
      const isNew = typeof value !== "object" || typeof target[key] !== "object" ||
        value === null || target[key] === null || key === "control" || key === "name";
      if (isNew) target[key] = value;
      else bringBack(target[key], value);
    }
  }
}
