/**
 * Tests of the expert layer, on every backend.
 *
 * @module
 */

import { assert } from "@std/assert";
import { NetworkCapability } from "../../native/capability.ts";
import { IoUring, type IoUringOptions } from "../../native/io_uring/io_uring.ts";
import { Op } from "../../ring/abi/opcodes.ts";
import type { NetworkRights } from "../../ring/authority/mod.ts";
import { kernelRefusal } from "./kernel.ts";
import { assertNoLeaks } from "./leaks.ts";
import { skipUnless } from "./skip.ts";

/** What tests of the expert layer need. */
export const RIGHTS: NetworkRights = { tcp: true, listen: true, connect: true, ring: true };
/** A ring for the capability that is made quickly. */
export const SMALL = { ring: { entries: 64, buffers: { count: 16, bytes: 1024 } } } as const;
const REFUSAL = kernelRefusal();
const BACKENDS = ["kernel", "host"] as const;

/** What a test does with its ring. */
export type Body = (ring: IoUring, capability: NetworkCapability) => Promise<void>;

/** Runs a test on a ring of a capability of its own, and asserts that it leaves nothing. */
export async function withRing(
  backend: typeof BACKENDS[number],
  options: Omit<IoUringOptions, "capability"> & { entries?: number },
  body: Body,
): Promise<void> {
  const { entries = 8, ...rest } = options;
  await assertNoLeaks(async () => {
    await using capability = await NetworkCapability.request({ backend, rights: RIGHTS, ...SMALL });
    await using ring = await IoUring.create(entries, { capability, ...rest });
    await body(ring, capability);
  });
}

/** A test of one ring, on both backends. */
export function testRing(
  name: string,
  body: Body,
  options: Omit<IoUringOptions, "capability"> = {},
): void {
  for (const backend of BACKENDS) {
    const isThere = backend === "host" || REFUSAL === undefined;
    Deno.test(
      skipUnless(`${name} (${backend})`, isThere, REFUSAL ?? ""),
      () => withRing(backend, options, body),
    );
  }
}

/** A test of what only kernels have. */
export function testKernel(
  name: string,
  body: Body,
  options: Omit<IoUringOptions, "capability"> = {},
): void {
  Deno.test(
    skipUnless(name, REFUSAL === undefined, REFUSAL ?? ""),
    () => withRing("kernel", options, body),
  );
}

/** Prepares an entry that does nothing. */
export function nop(ring: IoUring, userData: number): void {
  const entry = ring.prepare();
  assert(entry !== undefined);
  entry.opcode = Op.NOP;
  entry.userData = userData;
}
