/**
 * Counts datagrams on `Deno.listenDatagram`.
 *
 * `deno run --unstable-net --allow-net=127.0.0.1 deno_udp_receive.ts [--bytes 64] [--warmup 0.5]
 * [--seconds 2] [--lifetime 600]`
 */
/// <reference lib="deno.unstable" />
import { announce, liveAtMost } from "./arguments.ts";
import { receivedSoFar } from "./datagrams.ts";

const CLOCK_EVERY = 64;

liveAtMost();
const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
const note = receivedSoFar();
const buffer = new Uint8Array(2048);
announce((socket.addr as Deno.NetAddr).port);
let datagrams = 0;
let bytes = 0;
for (;;) {
  const [datagram] = await socket.receive(buffer);
  datagrams += 1;
  bytes += datagram.length;
  if (datagrams % CLOCK_EVERY === 1) note(datagrams, bytes);
}
