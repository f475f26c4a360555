/**
 * One thread of `thread_pool.ts`.
 *
 * @module
 */

/// <reference lib="deno.worker" />
import { type LedgerHandle, NetworkCapability } from "../../mod.ts";
import { Posix, PosixError, type TableHandle } from "../../posix/mod.ts";
import { echoUntilEnd } from "./blocking_echo.ts";
import { report } from "./support.ts";
import { WorkQueue } from "./work_queue.ts";

/** Waits are short, since a thread that waits cannot be terminated. */
const TAKE_MS = 100;

/** What a thread is started with. */
export interface PoolStart {
  readonly table: TableHandle;
  readonly queue: SharedArrayBuffer;
  /** A word for each thread: the descriptor it serves, + 1, or 0. */
  readonly serving: SharedArrayBuffer;
  /** Which word is this thread's. */
  readonly index: number;
  readonly ledger: LedgerHandle;
}

self.onmessage = async ({ data }: MessageEvent<PoolStart>): Promise<void> => {
  const queue = new WorkQueue(data.queue);
  const serving = new Int32Array(data.serving);
  let served = 0;
  {
    const { ledger, table } = data;
    await using capability = await NetworkCapability.request({ backend: "kernel", ledger });
    await using posix = Posix.open(capability, { table });
    while (true) {
      const fd = queue.take(TAKE_MS);
      if (fd < 0) {
        if (queue.isStopped) break;
        continue;
      }
      served++;
      Atomics.store(serving, data.index, fd + 1);
      try {
        echoUntilEnd(posix, fd);
      } catch (error) {
        // One client's reset, or one that was too slow.
        if (!(error instanceof PosixError)) throw error;
        report(error);
      } finally {
        // First, or the main thread might shut down whatever has the number next.
        Atomics.store(serving, data.index, 0);
        posix.close(fd);
      }
    }
  }
  self.postMessage(served);
  self.close();
};
