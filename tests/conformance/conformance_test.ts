/**
 * Runs every behaviour against every backend: see `behaviour.ts` and `backends.ts`. A filter such
 * as `--filter "/^host: receive/"` picks some; the matrix then shows those.
 *
 * @module
 */

import { type Backend, BACKENDS } from "./backends.ts";
import { type Behaviour, behaviours } from "./behaviour.ts";
import "./behaviours/all.ts";
import { capabilities, catchStrays, runBehaviour } from "./run_behaviour.ts";
import { Matrix, Outcome } from "./matrix.ts";
import { SEED } from "../support/seed.ts";
import { skipUnless } from "../support/skip.ts";

catchStrays();
const matrix = new Matrix(BACKENDS, behaviours);

Deno.test.beforeAll(() => console.log(`conformance: MILLRACE_SEED=${SEED}`));
Deno.test.afterAll(async () => {
  await capabilities.close();
  console.log(matrix.lines().join("\n"));
});

for (const backend of BACKENDS) {
  const refusal = backend.refusal();
  for (const name of Object.keys(backend.deviations)) {
    if (!behaviours.some((behaviour) => behaviour.name === name)) {
      throw new Error(`${backend.name} deviates from what is no behaviour: ${name}`);
    }
  }
  if (refusal === undefined) behaviours.forEach((behaviour) => define(backend, behaviour));
  else leaveOut(backend, refusal);
}

function define(backend: Backend, behaviour: Behaviour): void {
  Deno.test(`${backend.name}: ${behaviour.name}`, async () => {
    try {
      const { outcome, note } = await runBehaviour(backend, behaviour);
      matrix.record(backend, behaviour, outcome, note);
    } catch (error) {
      matrix.record(backend, behaviour, Outcome.FAIL, firstLine(error));
      throw error;
    }
  });
}

/** One line for the whole column: hundreds of skipped tests would say no more. */
function leaveOut(backend: Backend, reason: string): void {
  const name = `${backend.name}: all behaviours`;
  for (const behaviour of behaviours) matrix.record(backend, behaviour, Outcome.UNSUPPORTED);
  Deno.test({ ...skipUnless(name, false, reason), fn() {} });
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.trim().split("\n")[0];
}
