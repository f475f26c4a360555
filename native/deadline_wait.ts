/**
 * Waiting with a limit, on the ring's time.
 *
 * @module
 */

import type { Network } from "./network.ts";

/**
 * Waits for something that ends by itself, alive, and no longer than it may take.
 *
 * @param ending never rejects
 * @param timeoutMs 0 or more
 * @returns whether it ended in time
 */
export async function endsWithin(
  network: Network,
  ending: Promise<unknown>,
  timeoutMs: number,
): Promise<boolean> {
  const { reactor } = network;
  const { promise: late, resolve } = Promise.withResolvers<false>();
  const deadline = reactor.armDeadline(timeoutMs, { onDeadline: () => resolve(false) }, 0);
  reactor.reference();
  try {
    return await Promise.race([ending.then(() => true), late]);
  } finally {
    reactor.disarmDeadline(deadline);
    reactor.dereference();
  }
}
