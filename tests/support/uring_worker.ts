/**
 * A Worker with a ring of the expert layer in memory of its parent's: it exchanges a number of
 * entries, then leaves one in flight and waits for it until it is terminated.
 *
 * @module
 */

import { NetworkCapability } from "../../native/capability.ts";
import { IoUring } from "../../native/io_uring/io_uring.ts";
import type { LedgerHandle } from "../../ring/descriptor_table.ts";

/** What the parent posts. */
export interface RingWorkerStart {
  readonly backend: "kernel" | "host";
  /** For the capability's ring, and for the expert's. */
  readonly ledgers: readonly [LedgerHandle, LedgerHandle];
  readonly entries: number;
  readonly count: number;
}

self.addEventListener("message", async (event) => {
  const { backend, ledgers, entries, count } = (event as MessageEvent<RingWorkerStart>).data;
  const capability = await NetworkCapability.request({
    backend,
    rights: { ring: true },
    ledger: ledgers[0],
  });
  const ring = await IoUring.create(entries, { capability, ledger: ledgers[1] });
  let sum = 0;
  for (let index = 1; index <= count; index++) {
    ring.prepare()!.userData = index;
    for (const { userData } of await ring.waitCqes(1)) sum += userData;
  }
  ring.submitTimeout(100_000, 0);
  self.postMessage(sum);
  await ring.waitCqes(1);
});

declare global {
  /** Workers have it, which the types of a window do not say. */
  function postMessage(message: unknown): void;
}
