/**
 * Millions of frames that nobody honest sent, at two stacks that talk to each other all the while:
 * nothing throws, nothing hangs, nothing grows, and honest connections end with the right bytes
 * wherever an attacker could not know or change them.
 *
 * @module
 */

import { LONG, scale, SEED } from "../../support/seed.ts";
import type { Stance } from "./attacker.ts";
import { fuzz } from "./run.ts";

/** Frames that are injected in all. */
const FRAMES = scale(45_000, 10_000_000);
/** Frames into one pair of stacks, before the next pair begins: every kind of pair gets its turn. */
const SLICE = scale(3000, 100_000);

/**
 * Every run of all tests takes the same frames: what only one in a million frames brings to light is
 * for `test:long` to find, with seeds of its own.
 */
const FUZZ_SEED = LONG ? SEED : 40;

const CASES: readonly { readonly stance: Stance; readonly name: string }[] = [
  {
    stance: "blind",
    name: "whoever sees nothing cannot keep honest connections from their bytes",
  },
  {
    stance: "observer",
    name: "whoever changes no checksum can end connections, but not alter them",
  },
  {
    stance: "insider",
    name: "whoever does what it likes makes nothing throw, hang or leak",
  },
];

for (const { stance, name } of CASES) {
  Deno.test(name, async () => {
    if (LONG) console.log(`seed ${SEED} (MILLRACE_SEED=${SEED} repeats it)`);
    const slices = Math.ceil(FRAMES / CASES.length / SLICE);
    await fuzz({ stance, seed: FUZZ_SEED, slices, frames: SLICE });
  });
}
