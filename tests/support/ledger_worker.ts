/**
 * A Worker that requests a capability with its parent's ledger, listens, and then parks, or serves
 * itself as fast as it can; its parent terminates it.
 *
 * @module
 */

import { NetworkCapability, type TcpStream } from "../../mod.ts";
import type { BackendName, FeatureMask } from "../../drivers/mod.ts";
import type { LedgerHandle } from "../../ring/descriptor_table.ts";

/** What the parent posts. */
export interface LedgerWorkerStart {
  readonly backend: BackendName;
  readonly ledger: LedgerHandle;
  /** "park": an accept pends; "load": connections come, echo and go; "close": it ends itself. */
  readonly mode: "park" | "load" | "close";
  readonly without: FeatureMask;
}

/** Echoing clients at once under load. */
const CLIENTS = 6;

async function echo(stream: TcpStream): Promise<void> {
  try {
    for await (const lease of stream.receiveMany()) await stream.send(lease);
  } finally {
    await stream.close();
  }
}

self.addEventListener("message", async (event) => {
  const { backend, ledger, mode, without } = (event as MessageEvent<LedgerWorkerStart>).data;
  const capability = await NetworkCapability.request({ backend, ledger, ring: { without } });
  const endpoint = await capability.listen("127.0.0.1:0");
  if (mode === "close") await capability[Symbol.asyncDispose]();
  self.postMessage(endpoint.addr.port);
  if (mode === "park") await endpoint.accept();
  if (mode !== "load") return;
  const serve = async () => {
    for await (const stream of endpoint) echo(stream);
  };
  const client = async (messages: number) => {
    while (true) {
      await using stream = await capability.connect(endpoint.addr);
      for (let count = 0; count < messages; count++) {
        await stream.send(new Uint8Array(100));
        (await stream.receive())?.release();
      }
    }
  };
  serve();
  for (let index = 0; index < CLIENTS; index++) client(index);
});

declare global {
  /** Workers have it, which the types of a window do not say. */
  function postMessage(message: unknown): void;
}
