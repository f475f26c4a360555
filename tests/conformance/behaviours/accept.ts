/**
 * Accepting.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { theme } from "../behaviour.ts";
import type { Context } from "../context.ts";
import { closeQuietly } from "../close_quietly.ts";
import { assertNetError, reasonOf } from "../expect.ts";
import type { TcpEndpoint, TcpStream } from "../../../mod.ts";

const behaviour = theme("accept");

function strangers(t: Context, endpoint: TcpEndpoint, count: number): Promise<Deno.TcpConn[]> {
  const { port } = endpoint.addr;
  return Promise.all(Array.from({ length: count }, () => t.strangers.connect(port)));
}

behaviour("accept() delivers a stranger's connection with its address", async (t) => {
  const { stream, peer } = await t.accepted();
  assertEquals(stream.remoteAddr.port, peer.localAddr.port);
  assertEquals(stream.localAddr.port, peer.remoteAddr.port);
});

behaviour("port 0 is any free port, and addr says which", async (t) => {
  const [first, second] = [await t.listen(), await t.listen()];
  assert(first.addr.port > 0);
  assert(first.addr.port !== second.addr.port);
  assertEquals(first.addr.hostname, "127.0.0.1");
  assertEquals(first.addr.transport, "tcp");
});

behaviour("listen() where somebody listens rejects with EADDRINUSE", async (t) => {
  const endpoint = await t.listen();
  const local = `127.0.0.1:${endpoint.addr.port}`;
  const error = await assertRejects(() => t.capability.listen(local));
  assertNetError(error, { code: "EADDRINUSE", errno: 98, operation: "listen", local });
  assert(error instanceof Deno.errors.AddrInUse);
});

behaviour("listen() on an address that is not ours rejects with EADDRNOTAVAIL", async (t) => {
  const error = await assertRejects(() => t.capability.listen("192.0.2.1:0"));
  assertNetError(error, { code: "EADDRNOTAVAIL", operation: "listen" });
  assert(error instanceof Deno.errors.AddrNotAvailable);
});

behaviour("a port can be listened on again as soon as it is closed", async (t) => {
  const endpoint = await t.listen();
  const { port } = endpoint.addr;
  const accepting = endpoint.accept();
  const client = await t.connect(endpoint.addr);
  const server = await accepting;
  await endpoint[Symbol.asyncDispose]();
  await server.close();
  await client.close();
  const again = await t.capability.listen(`127.0.0.1:${port}`);
  assertEquals(again.addr.port, port);
  await again[Symbol.asyncDispose]();
});

behaviour("connections that come before accept() wait for it", async (t) => {
  const endpoint = await t.listen();
  const peers = await strangers(t, endpoint, 5);
  peers.forEach((peer) => t.defer(() => closeQuietly(peer)));
  const ports = new Set<number>();
  for (let index = 0; index < peers.length; index++) {
    const stream = await endpoint.accept();
    t.defer(() => stream.close());
    ports.add(stream.remoteAddr.port);
  }
  assertEquals(ports, new Set(peers.map((peer) => peer.localAddr.port)));
});

behaviour("several accept() calls are served in their order", async (t) => {
  const endpoint = await t.listen();
  const order: number[] = [];
  const accepting = [0, 1, 2, 3].map(async (index) => {
    const stream = await endpoint.accept();
    order.push(index);
    return stream;
  });
  const clients = await Promise.all(accepting.map(() => t.connect(endpoint.addr)));
  const servers = await Promise.all(accepting);
  assertEquals(order, [0, 1, 2, 3]);
  assertEquals(clients.length, 4);
  servers.forEach((server) => t.defer(() => server.close()));
});

behaviour("iterating over an endpoint yields connections until it is closed", async (t) => {
  const endpoint = await t.listen();
  const seen: TcpStream[] = [];
  const serving = (async () => {
    for await (const stream of endpoint) {
      seen.push(stream);
      t.defer(() => stream.close());
      if (seen.length === 3) endpoint.close();
    }
  })();
  for (let index = 0; index < 3; index++) await t.connect(endpoint.addr);
  await serving;
  assertEquals(seen.length, 3);
});

behaviour("breaking out of the iteration closes the endpoint", async (t) => {
  const endpoint = await t.listen();
  const connecting = t.connect(endpoint.addr);
  for await (const stream of endpoint) {
    t.defer(() => stream.close());
    break;
  }
  await connecting;
  assertNetError(await assertRejects(() => endpoint.accept()), { code: "EBADF" });
  const error = await assertRejects(() => t.capability.connect(endpoint.addr));
  assertNetError(error, { code: "ECONNREFUSED" });
});

behaviour(
  "close() ends a pending iteration, and iterating a closed endpoint ends at once",
  async (t) => {
    const endpoint = await t.listen();
    const iterator = endpoint[Symbol.asyncIterator]();
    const next = iterator.next();
    assert(await t.isPending(next));
    endpoint.close();
    assertEquals(await next, { done: true, value: undefined });
    assertEquals(await iterator.next(), { done: true, value: undefined });
    for await (const _ of endpoint) throw new Error("a closed endpoint accepted");
  },
);

behaviour("close() rejects a pending accept() with BadResource", async (t) => {
  const endpoint = await t.listen();
  const accepting = reasonOf(endpoint.accept());
  endpoint.close();
  const error = await accepting;
  assertNetError(error, { code: "EBADF", operation: "accept" });
  assert(error instanceof Deno.errors.BadResource);
});

behaviour("close() of an endpoint is idempotent, and its streams live on", async (t) => {
  const { client, server, endpoint } = await t.pair();
  endpoint.close();
  endpoint.close();
  await endpoint[Symbol.asyncDispose]();
  await client.send(new Uint8Array(3));
  using lease = await server.receive();
  assertEquals(lease?.length, 3);
});

behaviour("connections nobody accepted are closed with the endpoint", async (t) => {
  const endpoint = await t.listen();
  const peers = await strangers(t, endpoint, 3);
  peers.forEach((peer) => t.defer(() => closeQuietly(peer)));
  await t.barrier();
  await endpoint[Symbol.asyncDispose]();
  for (const peer of peers) {
    // A reset or an end, by whether it was accepted before.
    const count = await peer.read(new Uint8Array(1)).catch(() => null);
    assertEquals(count, null);
  }
});

behaviour("pause() holds what comes until resume()", async (t) => {
  const endpoint = await t.listen();
  endpoint.pause();
  const accepting = endpoint.accept();
  const peers = await strangers(t, endpoint, 3);
  peers.forEach((peer) => t.defer(() => closeQuietly(peer)));
  assert(await t.isPending(accepting), "a paused endpoint delivered");
  endpoint.resume();
  const streams = [await accepting, await endpoint.accept(), await endpoint.accept()];
  streams.forEach((stream) => t.defer(() => stream.close()));
  const ports = streams.map((stream) => stream.remoteAddr.port).sort();
  assertEquals(ports, peers.map((peer) => peer.localAddr.port).sort());
});

behaviour("pause() keeps what was accepted already until resume()", async (t) => {
  const endpoint = await t.listen();
  const first = endpoint.accept();
  const peers = await strangers(t, endpoint, 4);
  peers.forEach((peer) => t.defer(() => closeQuietly(peer)));
  const streams = [await first];
  await t.barrier();
  endpoint.pause();
  endpoint.pause();
  const second = endpoint.accept();
  assert(await t.isPending(second), "a paused endpoint delivered");
  endpoint.resume();
  endpoint.resume();
  streams.push(await second, await endpoint.accept(), await endpoint.accept());
  streams.forEach((stream) => t.defer(() => stream.close()));
  assertEquals(new Set(streams.map(({ remoteAddr }) => remoteAddr.port)).size, 4);
});

behaviour("an endpoint counts what it accepted", async (t) => {
  const { endpoint } = await t.pair();
  const { accepted, vanished, refused, exhausted, waiting } = endpoint.stats();
  assertEquals({ accepted, vanished, refused, exhausted, waiting }, {
    accepted: 1,
    vanished: 0,
    refused: 0,
    exhausted: 0,
    waiting: 0,
  });
  assertEquals(t.gained("accepted"), 1);
});

behaviour("accept() survives peers that reset their connection before it", async (t) => {
  const endpoint = await t.listen();
  const { port } = endpoint.addr;
  for (let round = 0; round < 20; round++) {
    await (await t.strangers.resettable(port)).reset();
  }
  const peer = await t.strangers.connect(port);
  t.defer(() => closeQuietly(peer));
  for (;;) {
    const stream = await endpoint.accept();
    t.defer(() => stream.close());
    if (stream.remoteAddr.port === peer.localAddr.port) break;
  }
  const { accepted, vanished } = endpoint.stats();
  assert(accepted + vanished <= 21);
});
