/**
 * Sends datagrams on Millrace by `sendBatch`: on a connected socket where there is one port, with
 * a destination each where there are several.
 *
 * `deno run --allow-ffi --allow-net=127.0.0.1 millrace_udp_send.ts --ports P1,P2,... [--bytes 64]
 * [--warmup 0.5] [--seconds 2] [--lifetime 600]`
 */
import { NetworkCapability, SocketAddress, UdpEndpoint } from "../../../mod.ts";
import { liveAtMost } from "./arguments.ts";
import { DATAGRAM_BYTES, sendForTheTime, sinkPorts } from "./datagrams.ts";

const BURST = 1024;

liveAtMost();
const capability = await NetworkCapability.request({ backend: "kernel" });
console.error(`backend ${capability.backend.kind}: ${capability.backend.why}`);
const socket = await UdpEndpoint.bind("127.0.0.1:0", capability);
const to = sinkPorts().map((port) => SocketAddress.parse(`127.0.0.1:${port}`));
if (to.length === 1) await socket.connect(to[0]);
const batch = Array.from({ length: BURST }, (_, index) => {
  const data = new Uint8Array(DATAGRAM_BYTES).fill(index);
  return to.length === 1 ? { data } : { data, to: to[index % to.length] };
});

await sendForTheTime(async () => {
  const { sent, failed } = await socket.sendBatch(batch);
  if (failed.length > 0) throw failed[0].error;
  return sent;
});
