/**
 * A Worker with a ring of its own that echoes until it is told to end.
 *
 * @module
 */

import { NetworkCapability, type NetworkStats } from "../../mod.ts";
import { type Backend, serveEcho } from "./fixtures.ts";

/** What it says: the port once it listens, the counters once everything is closed. */
export interface EchoWorkerMessage {
  readonly port?: number;
  readonly stats?: NetworkStats;
}

const worker = self as unknown as {
  onmessage: ((event: MessageEvent<{ backend: Backend } | "end">) => void) | null;
  postMessage(message: EchoWorkerMessage): void;
  close(): void;
};

let end: () => void = () => {};

async function run(backend: Backend): Promise<void> {
  const capability = await NetworkCapability.request({ backend });
  const endpoint = await capability.listen("127.0.0.1:0");
  const serving = serveEcho(endpoint);
  const ended = new Promise<void>((resolve) => end = resolve);
  worker.postMessage({ port: endpoint.addr.port });
  await ended;
  await endpoint[Symbol.asyncDispose]();
  await serving;
  await capability[Symbol.asyncDispose]();
  worker.postMessage({ stats: capability.stats() });
  worker.close();
}

worker.onmessage = ({ data }) => {
  if (data === "end") end();
  else run(data.backend);
};
