/**
 * Echo on Millrace, over TCP or a Unix socket. The backend in use, and why, goes to standard error.
 *
 * `deno run --allow-ffi --allow-net=127.0.0.1 millrace.ts [--backend kernel|host]
 * [--port 0 | --path P] [--fetch] [--lifetime 600]`
 */
import { NetworkCapability, TcpEndpoint, type TcpStream } from "../../../mod.ts";
import { announce, argument, flag, liveAtMost } from "./arguments.ts";
import { startFetchProbe } from "./fetch_probe.ts";

liveAtMost();
const backend = argument("backend", "kernel") as "kernel" | "host";
const capability = await NetworkCapability.request({ backend });
console.error(`backend ${capability.backend.kind}: ${capability.backend.why}`);
const path = argument("path", "");
const address = path === "" ? `127.0.0.1:${argument("port", "0")}` : `unix:${path}`;
const endpoint = await TcpEndpoint.create(address, capability, { backlog: 4096 });
if (flag("fetch")) startFetchProbe();
announce(path === "" ? endpoint.addr.port : path);
for await (const stream of endpoint) void serve(stream);

async function serve(stream: TcpStream): Promise<void> {
  try {
    for await (const lease of stream.receiveMany()) await stream.send(lease);
  } catch {
    // A client that resets its connection ends this loop as one that closes it does.
  } finally {
    await stream.close();
  }
}
