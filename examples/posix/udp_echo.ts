/**
 * A UDP echo server with one thread that blocks in `recvFrom`: what comes goes back to its sender.
 *
 * ```sh
 * deno run --allow-net --allow-ffi examples/posix/udp_echo.ts 7777
 * ```
 *
 * Arguments: a port or an address, and the seconds to serve; for ever unless given. Without
 * `--allow-ffi` it runs on plain Deno, whose calls a Worker makes: that takes `--allow-read`.
 * Who echoes to the world can be made to flood others, whose address a sender has forged:
 * `examples/udp_echo.ts` has a limit against that.
 *
 * @module
 */

import { NetworkCapability } from "../../mod.ts";
import { Posix, PosixError, Socket, toSockaddr } from "../../posix/mod.ts";
import { greet, readArguments, report, Stop } from "./support.ts";

/** The largest datagram there is: none is cut off. */
const DATAGRAM_BYTES = 65535;

const { address, seconds } = readArguments(Deno.args);
await using capability = await NetworkCapability.request({
  rights: { udp: true, listen: true, connect: true },
});
await using posix = Posix.open(capability);
using stop = new Stop(seconds);
const at = toSockaddr(address, posix);
using socket = Socket.create("datagram", posix, {
  family: at.family === posix.AF_INET6 ? "IPv6" : "IPv4",
});
socket.bind(at);
greet("UDP echo", posix, socket.fd, capability);

const buffer = new Uint8Array(DATAGRAM_BYTES);
let echoed = 0;
let lost = 0;
while (!stop.isRequested) {
  if (echoOne()) echoed++;
  await stop.look();
}
console.log(`echoed ${echoed}, lost ${lost}`);

function echoOne(): boolean {
  try {
    socket.setTimeout(Math.max(1, stop.waitMs));
    const { n, address: sender } = socket.recvFrom(buffer);
    if (sender === null) return false;
    socket.sendTo(buffer.subarray(0, n), sender);
    return true;
  } catch (error) {
    if (!(error instanceof PosixError)) throw error;
    // Nobody sent anything; or a signal came.
    if (error.code === "EAGAIN" || error.code === "EINTR") return false;
    // One datagram that cannot go back: to port 0, say. UDP promises nothing.
    lost++;
    report(error);
    return false;
  }
}
