/**
 * Counts datagrams on Millrace. The backend in use, and why, goes to standard error.
 *
 * `deno run --allow-ffi --allow-net=127.0.0.1 millrace_udp_receive.ts [--bytes 64] [--warmup 0.5]
 * [--seconds 2] [--lifetime 600]`
 */
import { NetworkCapability, UdpEndpoint } from "../../../mod.ts";
import { announce, liveAtMost } from "./arguments.ts";
import { receivedSoFar } from "./datagrams.ts";

/** As the C reference asks for; Linux gives at most `net.core.rmem_max`. */
const RECEIVE_BUFFER_BYTES = 4 << 20;

liveAtMost();
const capability = await NetworkCapability.request({ backend: "kernel" });
console.error(`backend ${capability.backend.kind}: ${capability.backend.why}`);
const socket = await UdpEndpoint.bind("127.0.0.1:0", capability, {
  receiveBufferBytes: RECEIVE_BUFFER_BYTES,
});
const note = receivedSoFar();
announce((socket.addr as Deno.NetAddr).port);
let datagrams = 0;
let bytes = 0;
for await (const batch of socket.receiveMany()) {
  for (const datagram of batch) {
    datagrams += 1;
    bytes += datagram.length;
  }
  note(datagrams, bytes);
}
