/**
 * A file crosses a network that exists only in memory: two hosts, a router between them, and a slow
 * link that loses frames. It takes a moment, however long it would take on a real network; with the
 * same seed it happens the same way again, byte for byte.
 *
 * ```sh
 * deno run --allow-write=transfer.pcapng examples/simulate.ts --seed 7 --loss 0.02
 * wireshark transfer.pcapng
 * ```
 *
 * @module
 */

import {
  type NetworkCapability,
  type SimulatedLink,
  Simulation,
  TcpEndpoint,
  TcpStream,
} from "../mod.ts";

const FILE_BYTES = 2_000_000;
const CHUNK_BYTES = 65_536;
const CAPTURE = "transfer.pcapng";
const PORT = 8080;

/** The program under test, one half: gives the file to whoever connects. */
async function serve(capability: NetworkCapability, file: Uint8Array): Promise<void> {
  await using endpoint = await TcpEndpoint.create(`0.0.0.0:${PORT}`, capability);
  await using stream = await endpoint.accept();
  for (let at = 0; at < file.length; at += CHUNK_BYTES) {
    await stream.send(file.subarray(at, at + CHUNK_BYTES));
  }
  await stream.closeWrite();
  // The other side ends when it has everything.
  while (await stream.receive() !== null);
}

/** The other half: fetches it. */
async function fetchFile(capability: NetworkCapability): Promise<Uint8Array> {
  await using stream = await TcpStream.connect(`server:${PORT}`, capability);
  const parts: Uint8Array[] = [];
  for await (const lease of stream.receiveMany()) parts.push(lease.copy());
  const file = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    file.set(part, at);
    at += part.length;
  }
  return file;
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}

function describe(link: SimulatedLink): string {
  const { SENT, DELIVERED, DROPPED_LOST, DROPPED_QUEUE_FULL } = link.statistics().back;
  return `${link.name}: ${SENT} frames towards the client, ${DELIVERED} arrived, ` +
    `${DROPPED_LOST} lost, ${DROPPED_QUEUE_FULL} found no room in the queue`;
}

/** The number behind a flag. */
function numberOf(flag: string, otherwise: number): number {
  const at = Deno.args.indexOf(flag);
  return at < 0 ? otherwise : Number(Deno.args[at + 1]);
}

async function main(): Promise<void> {
  const seed = numberOf("--seed", 1);
  const loss = numberOf("--loss", 0.01);
  await using simulation = await Simulation.create({ seed });
  const client = simulation.host("client");
  simulation.router("router");
  const server = simulation.host("server");
  const slow = simulation.link("client", "router", {
    bandwidth: "10Mbit/s",
    delayMs: 20,
    loss,
    queue: { packets: 100 },
  });
  simulation.link("router", "server", { bandwidth: "1Gbit/s", delayMs: 0.1 });

  const { state } = await Deno.permissions.query({ name: "write", path: CAPTURE });
  using _capture = state === "granted" ? await simulation.capture(CAPTURE) : null;

  const file = Uint8Array.from({ length: FILE_BYTES }, (_, at) => at % 251);
  const started = performance.now();
  const received = await simulation.run(async () => {
    const [fetched] = await Promise.all([
      fetchFile(client.capability),
      serve(server.capability, file),
    ]);
    return fetched;
  });

  const milliseconds = simulation.now;
  const real = Math.round(performance.now() - started);
  const goodput = (received.length * 8 / milliseconds / 1000).toFixed(2);
  console.log(`seed ${seed}, ${(100 * loss).toFixed(1)} % loss`);
  console.log(`${received.length} bytes in ${milliseconds.toFixed(1)} ms of virtual time`);
  console.log(`goodput ${goodput} Mbit/s, right bytes: ${isSame(received, file)}`);
  console.log(describe(slow));
  console.log(`hash of all frames ${simulation.hash}, ${real} ms of real time`);
  if (state === "granted") console.log(`captured in ${CAPTURE}`);
}

if (import.meta.main) await main();
