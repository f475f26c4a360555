/**
 * Aborts, deadlines, closing and revocation at random moments, while datagrams come and go: nothing
 * is lost, doubled or left behind.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { DatagramToSend, NetworkCapability, UdpEndpoint } from "../../mod.ts";
import { testOnBackends } from "../support/backends.ts";
import { Random, scale, SEED } from "../support/seed.ts";

const LOST_MS = 5_000;

/** Lets the event loop go round a random number of times. */
async function wander(random: Random, most: number): Promise<void> {
  for (let count = random.integer(0, most); count > 0; count--) {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

function numbered(number: number): Uint8Array {
  const bytes = new Uint8Array(4 + number % 60);
  new DataView(bytes.buffer).setUint32(0, number);
  return bytes;
}

function numberOf(bytes: Uint8Array): number {
  return ((bytes[0] << 24) | (bytes[1] << 16) | (bytes[2] << 8) | bytes[3]) >>> 0;
}

testOnBackends(
  "receives that are aborted at random lose no datagram and double none",
  async (capability) => {
    console.log(`MILLRACE_SEED=${SEED}`);
    const random = new Random(SEED);
    await using server = await capability.bind("127.0.0.1:0");
    await using client = await capability.bind("127.0.0.1:0");
    let received = 0;
    let sent = 0;
    const rounds = scale(150, 10_000);
    for (let round = 0; round < rounds; round++) {
      const controller = new AbortController();
      const options = { signal: controller.signal, timeoutMs: random.pick([1, 5, LOST_MS]) };
      const reading = random.chance(0.5) ? one(server, options) : many(server, options, random);
      const burst = random.pick([0, 1, 1, 5]);
      const batch = Array.from(
        { length: burst },
        () => ({ data: numbered(sent++), to: server.addr }),
      );
      const sending = client.sendBatch(batch);
      const aborting = wander(random, 8).then(() => controller.abort(new Error("aborted")));
      for (const number of await reading) assertEquals(number, received++);
      await Promise.all([sending, aborting]);
      while (sent - received > 20) received = await drain(server, received, sent);
    }
    await drain(server, received, sent);
  },
);

interface Options {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

async function one(server: UdpEndpoint, options: Options): Promise<number[]> {
  try {
    using datagram = await server.receive(options);
    return [numberOf(datagram.bytes)];
  } catch {
    return [];
  }
}

async function many(server: UdpEndpoint, options: Options, random: Random): Promise<number[]> {
  const numbers: number[] = [];
  let left = random.integer(1, 3);
  try {
    for await (const batch of server.receiveMany(options)) {
      for (const { bytes } of batch) numbers.push(numberOf(bytes));
      if (--left === 0) break;
    }
  } catch {
    // What came before the abort counts.
  }
  return numbers;
}

async function drain(server: UdpEndpoint, received: number, sent: number): Promise<number> {
  while (received < sent) {
    using datagram = await server.receive({ timeoutMs: LOST_MS });
    assertEquals(numberOf(datagram.bytes), received++);
  }
  return received;
}

testOnBackends("what an aborted batch says was sent is what arrives", async (capability) => {
  const random = new Random(SEED, 1);
  const limited = capability.derive({
    udp: true,
    listen: true,
    connect: true,
    limits: { sendBytesPerSecond: 200_000 },
  });
  for (let round = 0; round < scale(12, 300); round++) {
    await using server = await capability.bind("127.0.0.1:0");
    await using client = await (random.chance(0.5) ? limited : capability).bind("127.0.0.1:0");
    const batch = Array.from({ length: 150 }, (_, index) => ({
      data: new Uint8Array(random.pick([100, 200])).fill(index),
      to: server.addr,
    }));
    const controller = new AbortController();
    const sending = countOf(client, batch, controller.signal);
    wander(random, 20).then(() => controller.abort(new Error("aborted")));
    const sent = await sending;
    let received = 0;
    while (received < sent) {
      using datagram = await server.receive({ timeoutMs: LOST_MS });
      assertEquals(datagram.bytes[0], batch[received++].data[0]);
    }
    await client.send(Uint8Array.of(255, 255), server.addr, { timeoutMs: LOST_MS });
    using last = await server.receive({ timeoutMs: LOST_MS });
    assertEquals(last.length, 2, "more arrived than was said to be sent");
  }
});

/** How many datagrams of a batch were sent, whatever became of it. */
async function countOf(
  client: UdpEndpoint,
  batch: readonly (DatagramToSend & { data: Uint8Array })[],
  signal: AbortSignal,
): Promise<number> {
  try {
    return (await client.sendBatch(batch, { signal })).sent;
  } catch (error) {
    const report = (error as { report?: { sent: number } }).report;
    if (report !== undefined) return report.sent;
    assert(error instanceof Error && error.message === "aborted", String(error));
    return 0;
  }
}

testOnBackends("closing and revoking under load leave nothing", async (capability) => {
  const random = new Random(SEED, 2);
  for (let round = 0; round < scale(12, 300); round++) {
    const derived = capability.derive({ udp: true, listen: true, connect: true });
    await load(derived, random);
    if (random.chance(0.5)) await derived.revoke(new Error("revoked"));
    else await derived[Symbol.asyncDispose]();
    const { sockets, leases, bufferBytes } = capability.stats();
    assertEquals({ sockets, leases, bufferBytes }, { sockets: 0, leases: 0, bufferBytes: 0 });
  }
  assertEquals(capability.stats().inFlight, 0);
});

/** Starts all kinds of traffic, and leaves it running. */
async function load(capability: NetworkCapability, random: Random): Promise<void> {
  const endpoints = await Promise.all([1, 2, 3].map(() => capability.bind("127.0.0.1:0")));
  const quietly = (work: Promise<unknown>): void => void work.catch(() => {});
  for (const endpoint of endpoints) {
    quietly(consume(endpoint));
    const to = random.pick(endpoints).addr;
    const data = random.bytes(random.pick([1, 100, 9000]));
    quietly((async () => {
      for (;;) await endpoint.sendBatch(Array(random.integer(1, 300)).fill({ data, to }));
    })());
    quietly((async () => {
      for (;;) await endpoint.send(data, to, random.chance(0.5) ? { timeoutMs: 1000 } : undefined);
    })());
  }
  await wander(random, 10);
  if (random.chance(0.3)) quietly(random.pick(endpoints).close());
  await wander(random, 10);
}

async function consume(endpoint: UdpEndpoint): Promise<void> {
  for await (const batch of endpoint.receiveMany()) {
    for (const datagram of batch) if (datagram.length === 7) return;
  }
}
