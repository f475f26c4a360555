/**
 * Sends datagrams on Bun: `sendMany` of `Bun.udpSocket`, connected where there is one port (its
 * fastest way), or `node:dgram`.
 *
 * `bun bun_udp_send.ts --ports P1,P2,... [--bytes 64] [--api udpSocket|dgram] [--warmup 0.5]
 * [--seconds 2] [--lifetime 600]`
 */
import { createSocket } from "node:dgram";
import process from "node:process";

/** The part of a Bun UDP socket that is used here. */
interface BunUdpSocket {
  sendMany(packets: readonly (Uint8Array | string | number)[]): number;
}

/** The part of Bun that is used here, so that this file type-checks beside the others. */
interface BunRuntime {
  readonly argv: readonly string[];
  udpSocket(options: {
    hostname: string;
    connect?: { hostname: string; port: number };
  }): Promise<BunUdpSocket>;
}

const bun = (globalThis as unknown as { Bun: BunRuntime }).Bun;
const HOST = "127.0.0.1";
const BURST = 64;
/** Bursts between two looks at what else the program has to do. */
const YIELD_EVERY = 16;

function argument(name: string, otherwise: string): string {
  const position = bun.argv.indexOf(`--${name}`);
  return position >= 0 ? bun.argv[position + 1] ?? otherwise : otherwise;
}

/** Gives a function that sends a burst and says how many datagrams were taken. */
async function openSender(ports: readonly number[], bytes: number): Promise<() => number> {
  const burst = Array.from({ length: BURST }, (_, index) => new Uint8Array(bytes).fill(index));
  const portOf = (index: number): number => ports[index % ports.length];
  if (argument("api", "udpSocket") === "dgram") {
    const socket = createSocket("udp4");
    await new Promise<void>((resolve) => socket.bind(0, HOST, resolve));
    return () => {
      for (const [index, data] of burst.entries()) socket.send(data, portOf(index), HOST);
      return BURST;
    };
  }
  if (ports.length === 1) {
    const connect = { hostname: HOST, port: ports[0] };
    const socket = await bun.udpSocket({ hostname: HOST, connect });
    return () => socket.sendMany(burst);
  }
  const socket = await bun.udpSocket({ hostname: HOST });
  const packets = burst.flatMap((data, index) => [data, portOf(index), HOST]);
  return () => socket.sendMany(packets);
}

const lifetimeMs = Number(argument("lifetime", "600")) * 1000;
const warmupMs = Number(argument("warmup", "0.5")) * 1000;
const countedMs = Number(argument("seconds", "2")) * 1000;
setTimeout(() => process.exit(3), lifetimeMs);
const send = await openSender(
  argument("ports", "").split(",").map(Number),
  Number(argument("bytes", "64")),
);
console.log("sending");
const first = performance.now();
let [sent, before, begun, now, bursts] = [0, 0, 0, first, 0];
while (begun === 0 || now < begun + countedMs) {
  if (begun === 0 && now >= first + warmupMs) [before, begun] = [sent, now];
  sent += send();
  bursts += 1;
  if (bursts % YIELD_EVERY === 0) await new Promise((resolve) => setImmediate(resolve));
  now = performance.now();
}
console.log(JSON.stringify({
  datagramsPerSecond: (sent - before) * 1000 / (now - begun),
  allMessages: sent,
  activeSeconds: (now - first) / 1000,
}));
