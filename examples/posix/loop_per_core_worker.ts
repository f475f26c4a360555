/**
 * One event loop of `loop_per_core.ts`.
 *
 * @module
 */

/// <reference lib="deno.worker" />
import { type LedgerHandle, NetworkCapability } from "../../mod.ts";
import { formatSockaddr, Posix } from "../../posix/mod.ts";
import { EchoConnection } from "./echo_connection.ts";
import { EdgeLoop } from "./edge_loop.ts";
import { listen } from "./support.ts";

/** The longest that the loop waits before it looks at the flag again, in milliseconds. */
const WAIT_MS = 100;

/** What a loop is started with. */
export interface LoopStart {
  readonly address: string;
  /** One word, not 0 once the loop is to end. */
  readonly flag: SharedArrayBuffer;
  readonly ledger: LedgerHandle;
}

/** What it tells: first where it listens, then how many connections it served. */
export interface LoopNews {
  readonly place: string;
  readonly backend: string;
  readonly served?: number;
}

self.onmessage = async ({ data }: MessageEvent<LoopStart>): Promise<void> => {
  const flag = new Int32Array(data.flag);
  let news: LoopNews;
  {
    await using capability = await NetworkCapability.request({
      backend: "kernel",
      ledger: data.ledger,
    });
    await using posix = Posix.open(capability);
    const listener = listen(posix, data.address, { nonblocking: true, reusePort: true });
    const place = formatSockaddr(posix.getsockname(listener));
    news = { place, backend: capability.backend.kind };
    self.postMessage(news);
    const loop = new EdgeLoop(posix, listener, (fd) => new EchoConnection(posix, fd));
    while (Atomics.load(flag, 0) === 0) loop.turn(WAIT_MS);
    loop.finish();
    while (!loop.isIdle) loop.turn(WAIT_MS);
    loop.close();
    news = { ...news, served: loop.accepted };
  }
  self.postMessage(news);
  self.close();
};
