/**
 * A server that runs out of descriptors: `emfile_test.ts` starts it with few. It says its port,
 * that accepting paused, and once its standard input ends what it has counted.
 *
 *     deno run -A emfile_server.ts BACKEND
 *
 * @module
 */

import { NetworkCapability, type TcpStream } from "../../mod.ts";

/** Deno ends in a panic when descriptors run out within about 1.5 s of its start. */
const DENO_START_MS = 2000;
const LOOK_MS = 10;

const [backend] = Deno.args as ["kernel" | "host"];
const capability = await NetworkCapability.request({ backend });
const endpoint = await capability.listen("127.0.0.1:0");
await new Promise((resolve) => setTimeout(resolve, DENO_START_MS - performance.now()));
console.log(endpoint.addr.port);

async function echo(stream: TcpStream): Promise<void> {
  try {
    for await (const lease of stream.receiveMany()) await stream.send(lease);
  } catch {
    // Its peer's affair.
  }
  await stream.close();
}

let seen = 0;
const looking = setInterval(() => {
  const { exhausted } = endpoint.stats();
  if (exhausted === seen) return;
  if (seen === 0) console.log("exhausted");
  seen = exhausted;
}, LOOK_MS);

const serving = (async () => {
  for await (const stream of endpoint) echo(stream);
})();
for await (const _ of Deno.stdin.readable);
clearInterval(looking);
await endpoint[Symbol.asyncDispose]();
await serving;
const { accepted, exhausted } = endpoint.stats();
await capability[Symbol.asyncDispose]();
const { sockets, inFlight, leases } = capability.stats();
console.log(JSON.stringify({ accepted, exhausted, sockets, inFlight, leases }));
