/**
 * Runs scripts and compares what they come to.
 *
 * @module
 */

import { Diverged } from "./recorder.ts";
import { type Script, ScriptContext } from "./script.ts";
import { watch } from "./watchdog.ts";
import type { PosixCalls } from "../../../posix/calls.ts";

/** Lines shown before the first that differs. */
const CONTEXT_LINES = 8;
/** Lines shown from there. */
const SHOWN_LINES = 6;

/** How often a script is run that a signal has come into. */
const ATTEMPTS = 3;
/** No script has anybody signalled, but any thread may get SIGCHLD of what earlier tests started. */
const INTERRUPTED = / = EINTR$/;

/**
 * Runs a script; again where a signal ended a wait, on libc or here, that is none of its own.
 *
 * @param expected what it is to come to: it ends at the first line that is another
 * @returns a line for each call
 */
export function runScript(
  script: Script,
  subject: PosixCalls,
  expected?: readonly string[],
): readonly string[] {
  let trace = runOnce(script, subject, expected);
  for (let attempt = 1; attempt < ATTEMPTS; attempt++) {
    if (!trace.some((line) => INTERRUPTED.test(line))) return trace;
    trace = runOnce(script, subject, expected);
  }
  return trace;
}

function runOnce(
  { name, body }: Script,
  subject: PosixCalls,
  expected: readonly string[] | undefined,
): readonly string[] {
  using _watched = watch(name);
  const context = new ScriptContext(subject, expected);
  const thrown: string[] = [];
  try {
    body(context.calls, context);
  } catch (error) {
    if (!(error instanceof Diverged)) {
      thrown.push(`!! thrown ${error instanceof Error ? error.stack : error}`);
    }
  } finally {
    context.cleanUp();
  }
  return [...context.trace, ...thrown];
}

/** Why a script says nothing: what it expected of libc did not come. */
export function complaintsOf(trace: readonly string[]): string[] {
  return trace.flatMap((line, at) => line.startsWith("!!") ? trace.slice(at - 1, at + 1) : []);
}

/** How two runs differ, as text; undefined where they do not. */
export function differenceOf(
  expected: readonly string[],
  actual: readonly string[],
): string | undefined {
  const length = Math.max(expected.length, actual.length);
  for (let at = 0; at < length; at++) {
    if (expected[at] === actual[at]) continue;
    const from = Math.max(0, at - CONTEXT_LINES);
    return [
      ...expected.slice(from, at).map((line) => `      ${line}`),
      ...expected.slice(at, at + SHOWN_LINES).map((line) => `libc: ${line}`),
      ...actual.slice(at, at + SHOWN_LINES).map((line) => `here: ${line}`),
    ].join("\n");
  }
  return undefined;
}
