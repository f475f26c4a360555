/**
 * The thread of one connection of `thread_per_connection.ts`.
 *
 * @module
 */

/// <reference lib="deno.worker" />
import { type LedgerHandle, NetworkCapability } from "../../mod.ts";
import { Posix, PosixError, type TableHandle } from "../../posix/mod.ts";
import { echoUntilEnd } from "./blocking_echo.ts";
import { report } from "./support.ts";

/** What the thread is started with. */
export interface ConnectionStart {
  /** The table that the descriptor is in. */
  readonly table: TableHandle;
  /** The connection. */
  readonly fd: number;
  readonly ledger: LedgerHandle;
}

/** What the thread tells: that the connection is its own, and that it has ended. */
export type ConnectionNews = "taken" | "ended";

self.onmessage = async ({ data }: MessageEvent<ConnectionStart>): Promise<void> => {
  const { table, fd, ledger } = data;
  {
    await using capability = await NetworkCapability.request({ backend: "kernel", ledger });
    await using posix = Posix.open(capability, { table });
    self.postMessage("taken" satisfies ConnectionNews);
    try {
      echoUntilEnd(posix, fd);
    } catch (error) {
      // One client's reset, or one that was too slow.
      if (!(error instanceof PosixError)) throw error;
      report(error);
    } finally {
      posix.close(fd);
    }
  }
  self.postMessage("ended" satisfies ConnectionNews);
  self.close();
};
