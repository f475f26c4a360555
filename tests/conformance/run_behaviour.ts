/**
 * Runs one behaviour on one backend, and sees to it that nothing is left.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { delay } from "@std/async";
import type { Backend } from "./backends.ts";
import type { Behaviour, BehaviourBody } from "./behaviour.ts";
import { Capabilities } from "./capabilities.ts";
import { Context } from "./context.ts";
import { Outcome } from "./matrix.ts";
import { assertNoLeaks } from "../support/leaks.ts";
import { Random, SEED } from "../support/seed.ts";
import type { NetworkCapability } from "../../mod.ts";

/** A behaviour that takes longer hangs. */
const LIMIT_MS = 10_000;
/** How long closing what a behaviour left may take. */
const CLOSE_LIMIT_MS = 5_000;
/** How long counters may take to come to rest: a cancelled operation ends some turns later. */
const SETTLE_LIMIT_MS = 1_000;

/** What came of it, and why it is no plain pass. */
export interface Ran {
  readonly outcome: Outcome;
  readonly note?: string;
}

/** Where behaviours get theirs; close it when the last one has run. */
export const capabilities: Capabilities = new Capabilities();

/** What went wrong where nobody awaits it, in the behaviour that runs now. */
const strays: unknown[] = [];

/** Has failures that nobody awaits count against the behaviour that runs, not end the run. */
export function catchStrays(): void {
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    strays.push(event.reason);
  });
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    strays.push(event.error);
  });
}

/**
 * Runs a behaviour, or the documented outcome of a deviation from it.
 *
 * @throws What the behaviour throws, or an AssertionError for what it left open
 */
export async function runBehaviour(backend: Backend, behaviour: Behaviour): Promise<Ran> {
  const deviation = backend.deviations[behaviour.name];
  if (deviation !== undefined) {
    const { why, outcome } = deviation;
    if (outcome === undefined) return { outcome: Outcome.UNSUPPORTED, note: why };
    await runBody(backend, behaviour, outcome);
    return { outcome: Outcome.DEVIATES, note: why };
  }
  const missing = await runBody(backend, behaviour, behaviour.body);
  if (missing === undefined) return { outcome: Outcome.PASS };
  return { outcome: Outcome.UNSUPPORTED, note: `the driver has no opcode ${missing}` };
}

/** @returns undefined, or the opcode that the driver lacks */
async function runBody(
  backend: Backend,
  behaviour: Behaviour,
  body: BehaviourBody,
): Promise<number | undefined> {
  const { opcodes = [], limitMs = LIMIT_MS } = behaviour.options;
  let missing: number | undefined;
  await capabilities.warmUp(backend);
  await assertNoLeaks(async () => {
    const capability = await capabilities.take(backend, behaviour);
    const { supported } = capability.network.reactor.driver;
    missing = opcodes.find((opcode) => supported[opcode] !== 1);
    const t = new Context(backend, capability, new Random(SEED));
    let failure: { readonly error: unknown } | null = null;
    const attempt = async (limit: number, what: string, run: () => Promise<unknown>) => {
      try {
        await within(limit, what, run);
      } catch (error) {
        // The first thing that goes wrong is the cause of what follows.
        failure ??= { error };
      }
    };
    if (missing === undefined) await attempt(limitMs, "it", async () => await body(t));
    await attempt(CLOSE_LIMIT_MS, "closing its streams", () => t.close());
    if (failure === null) await attempt(CLOSE_LIMIT_MS, "settling", () => settled(capability));
    const give = () => capabilities.give(capability, failure !== null);
    await attempt(CLOSE_LIMIT_MS, "closing the capability", give);
    // What is closed leaves the process a moment later: leaks are looked for after that.
    await delay(1);
    const [stray] = strays.splice(0);
    if (failure === null && stray !== undefined) failure = { error: stray };
    if (failure !== null) throw (failure as { readonly error: unknown }).error;
  });
  return missing;
}

/** Proves that the counters come to zero. */
async function settled(capability: NetworkCapability): Promise<void> {
  const nothing = { sockets: 0, inFlight: 0, leases: 0, bufferBytes: 0 };
  const deadline = performance.now() + SETTLE_LIMIT_MS;
  for (;;) {
    const { sockets, inFlight, leases, bufferBytes } = capability.stats();
    const left = { sockets, inFlight, leases, bufferBytes };
    const isSettled = Object.values(left).every((count) => count === 0);
    if (!isSettled && performance.now() < deadline) {
      await delay(1);
      continue;
    }
    assertEquals(left, nothing, "the behaviour left something open");
    return;
  }
}

async function within(
  limitMs: number,
  what: string,
  body: () => Promise<unknown>,
): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took more than ${limitMs} ms`)), limitMs);
  });
  try {
    await Promise.race([body(), limit]);
  } finally {
    clearTimeout(timer);
  }
}
