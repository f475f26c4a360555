/**
 * An echo server: whatever comes in goes back, for as many clients as come.
 *
 * ```sh
 * deno run --allow-net --allow-ffi examples/echo_server.ts [address]
 * ```
 *
 * The address is `127.0.0.1:7777` unless given; `[::1]:7777` and `localhost:0` work too. Without
 * `--allow-ffi` it runs on plain Deno instead of io_uring. Try `echo hello | nc -N 127.0.0.1 7777`.
 *
 * @module
 */

import { NetworkCapability, TcpEndpoint, type TcpStream } from "../mod.ts";

await using capability = await NetworkCapability.request();
await using endpoint = await TcpEndpoint.create(Deno.args[0] ?? "127.0.0.1:7777", capability);
console.log(`echo server on ${endpoint.localName}, ${capability.backend.kind} backend`);
if (capability.backend.why !== "") console.log(`(${capability.backend.why})`);

for await (const stream of endpoint) echo(stream);

async function echo(stream: TcpStream): Promise<void> {
  try {
    // A lease is a view of what arrived; sending it copies nothing.
    for await (const lease of stream.receiveMany()) await stream.send(lease);
  } catch (error) {
    // One client's reset is no reason to stop serving the others.
    console.error(error instanceof Error ? error.message : error);
  } finally {
    await stream.close();
  }
}
