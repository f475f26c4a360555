/**
 * Tests of `posix/` that are the same on several backends.
 *
 * @module
 */

import { NetworkCapability } from "../../mod.ts";
import { Posix } from "../../posix/mod.ts";
import { REFUSALS } from "../support/backends.ts";
import { skipUnless } from "../support/skip.ts";

/** A backend whose sockets `posix/` has. */
export type PosixBackend = "kernel" | "host" | "stack";

/** Makes a test for each backend, with sockets of its own. */
export function testPosix(
  name: string,
  backends: readonly PosixBackend[],
  body: (posix: Posix, backend: PosixBackend) => void | Promise<void>,
): void {
  for (const backend of backends) {
    const refusal = backend === "stack" ? undefined : REFUSALS[backend];
    const options = skipUnless(`${name} [${backend}]`, refusal === undefined, refusal ?? "");
    Deno.test(options, async () => {
      await using capability = await NetworkCapability.request({ backend });
      await using posix = Posix.open(capability);
      await body(posix, backend);
    });
  }
}
