/**
 * An echo server with one thread and edge-triggered `epoll`: the loop itself is in `edge_loop.ts`.
 *
 * ```sh
 * deno run --allow-net --allow-ffi examples/posix/epoll_edge.ts 7777
 * ```
 *
 * Arguments: a port or an address, and the seconds to serve; for ever unless given. Without
 * `--allow-ffi` it runs on plain Deno, whose calls a Worker makes: that takes `--allow-read`. At
 * the end it stops accepting, ends its side of every connection, and waits until the clients
 * have ended theirs, within a limit.
 *
 * @module
 */

import { NetworkCapability } from "../../mod.ts";
import { Posix } from "../../posix/mod.ts";
import { EchoConnection } from "./echo_connection.ts";
import { EdgeLoop } from "./edge_loop.ts";
import { greet, listen, readArguments, Stop } from "./support.ts";

const { address, seconds } = readArguments(Deno.args);
await using capability = await NetworkCapability.request();
await using posix = Posix.open(capability);
using stop = new Stop(seconds);
const listener = listen(posix, address, { nonblocking: true });
greet("edge-triggered epoll", posix, listener, capability);
const loop = new EdgeLoop(posix, listener, (fd) => new EchoConnection(posix, fd));
while (!stop.isRequested) {
  loop.turn(stop.waitMs);
  await stop.look();
}
loop.finish();
while (!loop.isIdle) loop.turn(100);
loop.close();
console.log(`served ${loop.accepted} connections`);
