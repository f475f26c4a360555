/**
 * A file to every connection, on Millrace. The backend in use, and why, goes to standard error.
 *
 * `deno run --allow-ffi --allow-net=127.0.0.1 --allow-read=PATH millrace_file.ts --file PATH
 * [--port 0] [--lifetime 600]`
 */
import { NetworkCapability, TcpEndpoint, type TcpStream } from "../../../mod.ts";
import { announce, argument, liveAtMost } from "./arguments.ts";

liveAtMost();
const path = argument("file", "");
const capability = await NetworkCapability.request({
  backend: "kernel",
  rights: { tcp: true, listen: true, files: [`file://${path}`] },
});
console.error(`backend ${capability.backend.kind}: ${capability.backend.why}`);
const endpoint = await TcpEndpoint.create(`127.0.0.1:${argument("port", "0")}`, capability);
announce(endpoint.addr.port);
for await (const stream of endpoint) void serve(stream);

async function serve(stream: TcpStream): Promise<void> {
  try {
    await stream.sendFile(path);
  } catch (error) {
    console.error(error);
  } finally {
    await stream.close();
  }
}
