/**
 * A Worker with sockets of its own on the host backend: it connects, and sends back what it gets,
 * with calls that block.
 *
 * @module
 */

/// <reference lib="deno.worker" />
import { NetworkCapability } from "../../mod.ts";
import { AF_INET, Posix, SOCK_STREAM } from "../../posix/mod.ts";

/** What it is told to do. */
export interface HostWorkerOrder {
  /** The port to connect to. */
  readonly port: number;
}

self.onmessage = async ({ data }: MessageEvent<HostWorkerOrder>) => {
  const capability = await NetworkCapability.request({ backend: "host" });
  const posix = Posix.open(capability);
  const fd = posix.socket(AF_INET, SOCK_STREAM);
  posix.connect(fd, { family: AF_INET, address: "127.0.0.1", port: data.port });
  const buffer = new Uint8Array(65536);
  let total = 0;
  for (let count = posix.recv(fd, buffer); count > 0; count = posix.recv(fd, buffer)) {
    total += posix.send(fd, buffer.subarray(0, count));
  }
  posix.close(fd);
  await posix[Symbol.asyncDispose]();
  await capability[Symbol.asyncDispose]();
  self.postMessage(total);
};
