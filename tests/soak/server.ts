/**
 * The soak's server: echoes until its standard input ends.
 *
 *     deno run -A server.ts BACKEND
 *
 * @module
 */

import { NetworkCapability, type TcpStream } from "../../mod.ts";
import { settleBaseline } from "../support/leaks.ts";
import { Watch } from "./report.ts";

const [backend] = Deno.args as ["kernel" | "host"];

/** Ends like the connection it is on: peers of the soak end in every way there is. */
async function echo(stream: TcpStream): Promise<void> {
  try {
    for await (const lease of stream.receiveMany()) await stream.send(lease);
    await stream.closeWrite();
  } catch {
    counts.broken++;
  } finally {
    await stream.close();
    counts.open--;
  }
}

const counts = { accepted: 0, broken: 0, open: 0 };
await settleBaseline();
const watch = new Watch();
const capability = await NetworkCapability.request({ backend });
const endpoint = await capability.listen("127.0.0.1:0");
console.log(endpoint.addr.port);

const serving = (async () => {
  const streams = new Set<Promise<void>>();
  for await (const stream of endpoint) {
    counts.accepted++;
    counts.open++;
    const echoing = echo(stream).finally(() => streams.delete(echoing));
    streams.add(echoing);
  }
  await Promise.all(streams);
})();

for await (const _ of Deno.stdin.readable);
await endpoint[Symbol.asyncDispose]();
await serving;
await capability[Symbol.asyncDispose]();
await watch.report(capability.stats(), counts);
