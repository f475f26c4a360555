/**
 * Random batches between endpoints and strangers: joined datagrams arrive as they were, in the order
 * of each destination, with the bytes that they were sent with.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import type { DatagramToSend, NetworkCapability, UdpEndpoint } from "../../mod.ts";
import { testOnBackends } from "../support/backends.ts";
import { Random, scale, SEED } from "../support/seed.ts";

/** More would overflow the smallest queues, of loopback and of Deno's sockets. */
const BATCH_BYTES_MOST = 60_000;
const LOST_MS = 5_000;

/** Bytes that name their place in the sequence of their destination. */
function datagram(random: Random, destination: number, place: number): Uint8Array<ArrayBuffer> {
  const size = random.pick([0, 1, 8, 9, 61, 63, 64, 65, 500, 1191, 1200, 1472, 9000]);
  const bytes = new Uint8Array(size);
  for (let index = 0; index < size; index++) bytes[index] = destination * 31 + place * 7 + index;
  return bytes;
}

interface Planned {
  readonly batch: DatagramToSend[];
  /** What each destination gets, in order. */
  readonly expected: Uint8Array[][];
}

/** A batch in runs and turns of sizes and destinations. */
function plan(random: Random, addresses: readonly (() => DatagramToSend["to"])[]): Planned {
  const batch: DatagramToSend[] = [];
  const expected: Uint8Array[][] = addresses.map(() => []);
  let bytes = 0;
  while (batch.length < 200) {
    const destination = random.integer(0, addresses.length - 1);
    const run = random.pick([1, 1, 2, 5, 20, 70]);
    const first = datagram(random, destination, expected[destination].length);
    // Some lie behind one another in one buffer.
    const whole = random.chance(0.4) ? new Uint8Array(run * first.length) : null;
    for (let each = 0; each < run; each++) {
      const isLast = each === run - 1 && random.chance(0.3);
      const size = isLast ? first.length >> 1 : first.length;
      const start = each * first.length;
      const data = whole === null ? new Uint8Array(size) : whole.subarray(start, start + size);
      data.fill(expected[destination].length * 13 + destination);
      bytes += data.length + 800;
      if (bytes > BATCH_BYTES_MOST) return { batch, expected };
      batch.push({ data, to: addresses[destination]() });
      expected[destination].push(data);
    }
  }
  return { batch, expected };
}

async function take(endpoint: UdpEndpoint, count: number): Promise<Uint8Array[]> {
  const taken: Uint8Array[] = [];
  if (count === 0) return taken;
  for await (const batch of endpoint.receiveMany({ timeoutMs: LOST_MS })) {
    for (const each of batch) taken.push(each.copy());
    if (taken.length >= count) break;
  }
  return taken;
}

testOnBackends(
  "random batches arrive as they were, in the order of each address",
  async (capability) => {
    console.log(`MILLRACE_SEED=${SEED}`);
    const random = new Random(SEED);
    const servers = await Promise.all([1, 2, 3].map(() => capability.bind("127.0.0.1:0")));
    await using client = await capability.bind("127.0.0.1:0");
    // One address in all the ways in which it can be written is one destination.
    const addresses = servers.map((server) => () =>
      random.pick([server.localName, server.addr, { ...server.addr }])
    );
    for (let round = 0; round < scale(15, 400); round++) {
      const { batch, expected } = plan(random, addresses);
      const receiving = servers.map((server, index) => take(server, expected[index].length));
      assertEquals(await client.sendBatch(batch), { sent: batch.length, failed: [] });
      for (const [index, taken] of (await Promise.all(receiving)).entries()) {
        assertEquals(taken.length, expected[index].length, `round ${round}`);
        for (const [place, bytes] of taken.entries()) {
          assertEquals(bytes, expected[index][place], `round ${round}, datagram ${place}`);
        }
      }
    }
    if (capability.backend.kind === "kernel") assert(client.stats().joined > 0);
    await Promise.all(servers.map((server) => server.close()));
  },
);

/** A socket of Node's, which knows nothing of joined datagrams. */
async function stranger(): Promise<{ socket: Socket; received: Uint8Array[] }> {
  const socket = createSocket("udp4");
  const received: Uint8Array[] = [];
  socket.on("message", (message) => received.push(new Uint8Array(message)));
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return { socket, received };
}

testOnBackends("a stranger gets joined datagrams one by one", async (capability) => {
  const random = new Random(SEED, 1);
  const { socket, received } = await stranger();
  await using client = await capability.bind("127.0.0.1:0");
  for (let round = 0; round < scale(10, 100); round++) {
    received.length = 0;
    const { batch, expected } = plan(random, [() => `127.0.0.1:${socket.address().port}`]);
    const arrived = new Promise<void>((resolve) => {
      socket.on("message", function count() {
        if (received.length < expected[0].length) return;
        socket.off("message", count);
        resolve();
      });
    });
    assertEquals((await client.sendBatch(batch)).sent, batch.length);
    await arrived;
    assertEquals(received, expected[0], `round ${round}`);
  }
  await new Promise<void>((resolve) => socket.close(() => resolve()));
});

testOnBackends("segments of one array are what a stranger sends back", async (capability) => {
  const random = new Random(SEED, 2);
  const { socket } = await stranger();
  socket.on("message", (message, from) => socket.send(message, from.port, from.address));
  await using client = await capability.bind("127.0.0.1:0");
  await client.connect(`127.0.0.1:${socket.address().port}`);
  for (let round = 0; round < scale(10, 200); round++) {
    const bytes = random.bytes(random.integer(1, 20_000));
    const segment = random.integer(200, 3000);
    const count = Math.ceil(bytes.length / segment);
    const receiving = take(client, count);
    assertEquals(await client.sendSegments(bytes, segment), { sent: count, failed: [] });
    const taken = await receiving;
    assertEquals(taken.map(({ length }) => length).slice(0, -1), Array(count - 1).fill(segment));
    assertEquals(await new Blob(taken as Uint8Array<ArrayBuffer>[]).bytes(), bytes);
  }
  await new Promise<void>((resolve) => socket.close(() => resolve()));
});

testOnBackends("slices of ring buffers are sent as they are, in any order", async (capability) => {
  const random = new Random(SEED, 4);
  await using server = await capability.bind("127.0.0.1:0");
  await using client = await capability.bind("127.0.0.1:0");
  for (let round = 0; round < scale(15, 300); round++) {
    const size = random.integer(1, 1400);
    using slab = client.allocBuffer(size * 40);
    slab.bytes.set(random.bytes(slab.length));
    let place = 0;
    const slices = Array.from({ length: random.integer(1, 40) }, () => {
      place = random.chance(0.2) ? random.integer(0, 39) : place;
      const start = size * place;
      place = (place + 1) % 40;
      return slab.slice(start, start + (random.chance(0.1) ? size >> 1 : size));
    });
    const receiving = take(server, slices.length);
    const batch = slices.map((data) => ({ data, to: server.addr }));
    assertEquals((await client.sendBatch(batch)).sent, batch.length);
    const expected = slices.map(({ bytes }) => new Uint8Array(bytes));
    assertEquals(await receiving, expected, `round ${round}`);
  }
});

testOnBackends("what was copied for a batch is given back when it has left", async (capability) => {
  await using server = await capability.bind("127.0.0.1:0");
  await using client = await capability.bind("127.0.0.1:0");
  const { arena, driver } = client.network.reactor;
  const before = arena.usedBytes;
  const batch = Array.from({ length: 40 }, (_, index) => ({
    data: new Uint8Array(1191).fill(index),
    to: server.addr,
  }));
  const sending = client.sendBatch(batch);
  const staged = driver.staging?.usedBytes ?? 0;
  assertEquals(staged > 0, driver.kind === "kernel", "a kernel reads from beside its ring");
  assertEquals(await take(server, 40), batch.map(({ data }) => data));
  assertEquals(await sending, { sent: 40, failed: [] });
  assertEquals([arena.usedBytes, driver.staging?.usedBytes ?? 0], [before, 0]);
});

testOnBackends("received datagrams leave again from where they are", echoInPlace);

/** Half of each batch while it is lent, the other half from handles that were kept. */
async function echoInPlace(capability: NetworkCapability): Promise<void> {
  const random = new Random(SEED, 3);
  await using server = await capability.bind("127.0.0.1:0");
  await using client = await capability.bind("127.0.0.1:0");
  const echoing = (async () => {
    for await (const batch of server.receiveMany()) {
      const half = batch.length >> 1;
      const kept = batch.slice(half).map((each) => each.retain());
      await server.sendBatch(batch.slice(0, half).map((data) => ({ data, to: data.remoteAddr })));
      await server.sendBatch(kept.map((data) => ({ data, to: data.remoteAddr })));
      for (const each of kept) each.release();
    }
  })();
  for (let round = 0; round < scale(15, 300); round++) {
    const { batch, expected } = plan(random, [() => server.addr]);
    const receiving = take(client, expected[0].length);
    assertEquals((await client.sendBatch(batch)).sent, batch.length);
    assertEquals(await receiving, expected[0], `round ${round}`);
  }
  await server.close();
  await echoing;
}
