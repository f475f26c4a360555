/**
 * Sends datagrams on Millrace by `sendBatch`: on a connected socket where there is one port, with
 * a destination each where there are several. Each has memory of its own, or all of them are slices
 * of one buffer in the ring, or that buffer is cut into them by `sendSegments`.
 *
 * `deno run --allow-ffi --allow-net=127.0.0.1 millrace_udp_send.ts --ports P1,P2,... [--bytes 64]
 * [--memory apart|slices|segments] [--warmup 0.5] [--seconds 2] [--lifetime 600]`
 */
import {
  type BatchReport,
  type DatagramToSend,
  NetworkCapability,
  type RingBuffer,
  SocketAddress,
  UdpEndpoint,
} from "../../../mod.ts";
import { argument, liveAtMost } from "./arguments.ts";
import { DATAGRAM_BYTES, sendForTheTime, sinkPorts } from "./datagrams.ts";

const BURST = 1024;
/** A burst of small ones out of one buffer has as many as this. */
const WHOLE_BYTES = 256 * 1024;

liveAtMost();
const capability = await NetworkCapability.request({ backend: "kernel" });
console.error(`backend ${capability.backend.kind}: ${capability.backend.why}`);
const socket = await UdpEndpoint.bind("127.0.0.1:0", capability);
const to = sinkPorts().map((port) => SocketAddress.parse(`127.0.0.1:${port}`));
if (to.length === 1) await socket.connect(to[0]);
const send = sender(argument("memory", "apart"));
await sendForTheTime(async () => {
  const { sent, failed } = await send();
  if (failed.length > 0) throw failed[0].error;
  return sent;
});

/** What sends one burst. */
function sender(memory: string): () => Promise<BatchReport> {
  if (memory === "segments") {
    const buffer = filledBuffer();
    return () => socket.sendSegments(buffer, DATAGRAM_BYTES);
  }
  const batch = memory === "slices" ? slices(filledBuffer()) : apart();
  return () => socket.sendBatch(batch);
}

/** Datagrams with memory of their own. */
function apart(): DatagramToSend[] {
  return Array.from({ length: BURST }, (_, index) => {
    const data = new Uint8Array(DATAGRAM_BYTES).fill(index);
    return to.length === 1 ? { data } : { data, to: to[index % to.length] };
  });
}

/** A buffer in the ring with a burst of datagrams in it, which is never released. */
function filledBuffer(): RingBuffer {
  const count = Math.max(BURST, Math.floor(WHOLE_BYTES / DATAGRAM_BYTES));
  const buffer = socket.allocBuffer(count * DATAGRAM_BYTES);
  for (let index = 0; index < count; index++) {
    const start = index * DATAGRAM_BYTES;
    buffer.bytes.fill(index, start, start + DATAGRAM_BYTES);
  }
  return buffer;
}

/** The datagrams of a buffer. */
function slices(buffer: RingBuffer): DatagramToSend[] {
  return Array.from({ length: buffer.length / DATAGRAM_BYTES }, (_, index) => {
    const start = index * DATAGRAM_BYTES;
    return { data: buffer.slice(start, start + DATAGRAM_BYTES) };
  });
}
