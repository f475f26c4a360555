/**
 * Datagrams over loopback, both ends in this process: one there and back, and a burst of them from
 * one call to the other side. `bench/compare/` measures senders and receivers alone.
 *
 * @module
 */

import { createSocket, type Socket } from "node:dgram";
import { BACKENDS, open, printMachine } from "./support.ts";
import { type NetworkCapability, UdpEndpoint } from "../mod.ts";

printMachine();

/** So many datagrams every socket holds by default, of either size. */
const BURST = 64;
const BURST_SIZES = [64, 1200];
const MESSAGE = new Uint8Array(64).fill(7);

/** What a pair of sockets can do. */
interface Pair {
  /** Sends one datagram there and back. */
  exchange(): Promise<void>;
  /** Sends a burst and waits until all of it is there. */
  burst(data: readonly Uint8Array[]): Promise<void>;
}

async function openPair(capability: NetworkCapability): Promise<Pair> {
  const [near, far] = await Promise.all([
    UdpEndpoint.bind("127.0.0.1:0", capability),
    UdpEndpoint.bind("127.0.0.1:0", capability),
  ]);
  await near.connect(far.addr);
  await far.connect(near.addr);
  const batches = far.receiveMany();
  let [echoes, arrived] = [true, 0];
  let done = (): void => {};
  let wanted = 0;
  (async () => {
    for await (const batch of batches) {
      arrived += batch.length;
      if (echoes) { for (const datagram of batch) await far.send(datagram); }
      else if (arrived === wanted) done();
    }
  })();
  return {
    async exchange() {
      echoes = true;
      await near.send(MESSAGE);
      (await near.receive()).release();
    },
    async burst(data) {
      echoes = false;
      [arrived, wanted] = [0, data.length];
      const all = new Promise<void>((resolve) => done = resolve);
      await near.sendBatch(data.map((data) => ({ data })));
      await all;
    },
  };
}

function bound(): Promise<Socket> {
  const socket = createSocket("udp4");
  return new Promise((resolve) => socket.bind(0, "127.0.0.1", () => resolve(socket)));
}

async function openPlainPair(): Promise<Pair> {
  const [near, far] = await Promise.all([bound(), bound()]);
  const portOf = (socket: Socket): number => socket.address().port;
  let [echoes, arrived, wanted] = [true, 0, 1];
  let done = (): void => {};
  near.on("message", () => done());
  far.on("message", (bytes) => {
    arrived += 1;
    if (echoes) far.send(bytes, portOf(near), "127.0.0.1");
    else if (arrived === wanted) done();
  });
  return {
    exchange() {
      echoes = true;
      near.send(MESSAGE, portOf(far), "127.0.0.1");
      return new Promise((resolve) => done = resolve);
    },
    burst(data) {
      echoes = false;
      [arrived, wanted] = [0, data.length];
      for (const bytes of data) near.send(bytes, portOf(far), "127.0.0.1");
      return new Promise((resolve) => done = resolve);
    },
  };
}

const pairs: [name: string, pair: Pair][] = [["node:dgram", await openPlainPair()]];
for (const backend of BACKENDS) pairs.push([backend, await openPair(await open(backend))]);

for (const [name, pair] of pairs) {
  const baseline = name === "node:dgram";
  Deno.bench({
    name: `64 B there and back (${name})`,
    group: "one datagram there and back",
    baseline,
    async fn() {
      await pair.exchange();
    },
  });
  for (const bytes of BURST_SIZES) {
    const data = Array.from({ length: BURST }, () => new Uint8Array(bytes).fill(7));
    Deno.bench({
      name: `${BURST} × ${bytes} B (${name})`,
      group: `${BURST} datagrams of ${bytes} B`,
      baseline,
      async fn() {
        await pair.burst(data);
      },
    });
  }
}
