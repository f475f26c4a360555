/**
 * Receives a flood of descriptors with few of its own left: `descriptors_test.ts` starts it under a
 * low limit. It says what it received, and how many descriptors it has more than before.
 *
 *     deno run -A flood_receiver.ts PATH TYPE
 *
 * @module
 */

import { type NetError, NetworkCapability, type UnixSocketType, UnixStream } from "../../mod.ts";

/** Deno ends in a panic when descriptors run out within about 1.5 s of its start. */
const DENO_START_MS = 2000;
const SETTLE_MS = 2000;

function openDescriptors(): number {
  return [...Deno.readDirSync("/proc/self/fd")].length;
}

const [path, type] = Deno.args as [string, UnixSocketType];
const rights = { unix: true, connect: true, adopt: true };
const capability = await NetworkCapability.request({ backend: "kernel", rights });
await new Promise((resolve) => setTimeout(resolve, DENO_START_MS - performance.now()));
const stream = await UnixStream.connect(`unix:${path}`, capability, { type });
await stream.send(new Uint8Array(1));
const before = openDescriptors();
const report = { messages: 0, bytes: 0, received: 0, refused: 0, left: 0, sockets: 0, leases: 0 };
for (;;) {
  try {
    using message = await stream.receiveFds();
    if (message === null) break;
    report.messages++;
    report.bytes += message.lease.length;
    report.received += message.fds.length;
  } catch (error) {
    if ((error as NetError).code !== "EMFILE") throw error;
    report.refused++;
  }
}
await stream.close();
const deadline = performance.now() + SETTLE_MS;
do {
  await new Promise((resolve) => setTimeout(resolve, 10));
  report.left = openDescriptors() - before + 1;
} while (report.left > 0 && performance.now() < deadline);
const { sockets, leases } = capability.stats();
await capability[Symbol.asyncDispose]();
console.log(JSON.stringify({ ...report, sockets, leases }));
