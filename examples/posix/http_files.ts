/**
 * A small file server, HTTP/1.0: `sendfile` from edge-triggered `epoll`, with pipelined requests.
 *
 * ```sh
 * deno run --allow-net --allow-ffi --allow-read examples/posix/http_files.ts 7777 0 docs
 * ```
 *
 * Arguments: a port or an address, the seconds to serve (0: for ever), and a folder, the current
 * one unless given. Without `--allow-ffi` it runs on plain Deno.
 *
 * The capability has a rule for that folder: what a link in it leads out of it to is 403. At the
 * end the server stops accepting, finishes the answers on their way, and closes.
 *
 * @module
 */

import { NetworkCapability } from "../../mod.ts";
import { Posix } from "../../posix/mod.ts";
import { EdgeLoop } from "./edge_loop.ts";
import { HttpConnection } from "./http_connection.ts";
import { greet, listen, readArguments, Stop } from "./support.ts";

const { address, seconds } = readArguments(Deno.args.slice(0, 2));
const root = Deno.realPathSync(Deno.args[2] ?? ".").replace(/\/$/, "");
await using capability = await NetworkCapability.request({
  rights: { tcp: true, listen: true, connect: true, files: [`file://${root}/**`] },
});
await using posix = Posix.open(capability);
using stop = new Stop(seconds);
const listener = listen(posix, address, { nonblocking: true });
greet(`files of ${root}`, posix, listener, capability);
const loop = new EdgeLoop(posix, listener, (fd) => new HttpConnection(posix, fd, root));
while (!stop.isRequested) {
  loop.turn(stop.waitMs);
  await stop.look();
}
loop.finish();
while (!loop.isIdle) loop.turn(100);
loop.close();
console.log(`served ${loop.accepted} connections`);
