/**
 * The thread of `watchdog.ts`: names a script that hangs, and ends the process, which nothing else
 * could do while its main thread is in a call.
 *
 * @module
 */

import type { WatchOrder } from "./watchdog.ts";

const INTERVAL_MS = 1_000;
const scope = globalThis as unknown as { postMessage(message: unknown): void };

globalThis.addEventListener("message", (event) => {
  const { state, name, limitSeconds } = (event as MessageEvent<WatchOrder>).data;
  let last = 0;
  let since = performance.now();
  setInterval(() => {
    const current = Atomics.load(state, 0);
    if (current !== last || current === 0) since = performance.now();
    last = current;
    if (performance.now() - since < limitSeconds * 1000) return;
    const text = new TextDecoder().decode(name.slice(0, Atomics.load(state, 1)));
    const line = `"${text}" has not ended after ${limitSeconds} s: a call blocks for ever\n`;
    Deno.stderr.writeSync(new TextEncoder().encode(line));
    Deno.kill(Deno.pid, "SIGKILL");
  }, INTERVAL_MS);
  scope.postMessage("ready");
});
