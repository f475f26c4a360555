/**
 * The life of an endpoint: how many connections it holds, whom it turns away, and how it ends.
 *
 * @module
 */

import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { theme } from "../behaviour.ts";
import { closeQuietly } from "../close_quietly.ts";
import type { Context } from "../context.ts";
import { assertNetError, reasonOf } from "../expect.ts";
import { type ListenOptions, RateLimiter, type TcpEndpoint } from "../../../mod.ts";

const behaviour = theme("listener life");

async function stranger(t: Context, { addr }: TcpEndpoint): Promise<Deno.TcpConn> {
  const peer = await t.strangers.connect(addr.port);
  t.defer(() => closeQuietly(peer));
  return peer;
}

/**
 * What a stranger reads when it was refused: a reset, or the end where the backend has no resets.
 */
async function readEnd(peer: Deno.TcpConn): Promise<void> {
  assertEquals(await peer.read(new Uint8Array(1)).catch(() => null), null);
}

behaviour("maxConnections holds connections back until a stream closes", async (t) => {
  const endpoint = await t.listen({ maxConnections: 2 });
  for (let count = 0; count < 4; count++) await stranger(t, endpoint);
  const streams = [await endpoint.accept(), await endpoint.accept()];
  const third = endpoint.accept();
  assert(await t.isPending(third), "a third connection was accepted");
  assertEquals(endpoint.stats().open, 2);
  await streams[0].close();
  streams.push(await third);
  const fourth = endpoint.accept();
  assert(await t.isPending(fourth), "a fourth connection was accepted");
  await streams[1].close();
  streams.push(await fourth);
  for (const stream of streams) await stream.close();
  const { accepted, open, peak } = endpoint.stats();
  assertEquals({ accepted, open, peak }, { accepted: 4, open: 0, peak: 2 });
});

behaviour("maxConnections is kept by a crowd that comes and goes", async (t) => {
  const endpoint = await t.listen({ maxConnections: 3 });
  const most = 60;
  const serving = (async () => {
    let count = 0;
    for await (const stream of endpoint) {
      (async () => {
        const lease = await stream.receive();
        await stream.send(lease!);
        lease!.release();
        await stream.close();
      })();
      if (++count === most) break;
    }
  })();
  await Promise.all(Array.from({ length: most }, async () => {
    const peer = await stranger(t, endpoint);
    await peer.write(new Uint8Array(1));
    assertEquals(await peer.read(new Uint8Array(1)), 1);
    peer.close();
  }));
  await serving;
  assert(endpoint.stats().peak <= 3, `${endpoint.stats().peak} were open`);
  assertEquals(endpoint.stats().accepted, most);
});

behaviour("drain() waits until the streams are closed, then the endpoint is", async (t) => {
  const { client, server, endpoint } = await t.pair();
  const draining = endpoint.drain({ timeoutMs: 60_000 });
  assert(await t.isPending(draining), "drain() did not wait");
  const error = await reasonOf(t.capability.connect(endpoint.addr));
  assertNetError(error, { code: "ECONNREFUSED" });
  await client.send(new Uint8Array(3));
  using lease = await server.receive();
  assertEquals(lease?.length, 3);
  await server.close();
  assertEquals(await draining, { drained: 1, terminated: 0 });
  assertNetError(await reasonOf(endpoint.accept()), { code: "EBADF", operation: "accept" });
});

behaviour("drain() ends what is left at its deadline, with the reason", async (t) => {
  const { client, server, endpoint } = await t.pair();
  const receiving = reasonOf(server.receive());
  assertEquals(await endpoint.drain({ timeoutMs: 5 }), { drained: 0, terminated: 1 });
  const { reason } = await server.closed;
  assertNetError(reason, { code: "ETIMEDOUT", operation: "drain" });
  assertEquals(await receiving, reason);
  assertEquals(await client.receive(), null);
});

behaviour("drain() hands out what was accepted before, then the iteration ends", async (t) => {
  const endpoint = await t.listen();
  const iterator = endpoint[Symbol.asyncIterator]();
  const next = iterator.next();
  for (let count = 0; count < 3; count++) await stranger(t, endpoint);
  const first = (await next).value!;
  await t.barrier();
  const { waiting } = endpoint.stats();
  const draining = endpoint.drain({ timeoutMs: 60_000 });
  let served = 0;
  for (let step = await iterator.next(); step.done !== true; step = await iterator.next()) {
    served++;
    await step.value.close();
  }
  assert(served >= waiting, `${served} of ${waiting} were served`);
  await first.close();
  assertEquals(await draining, { drained: served + 1, terminated: 0 });
});

behaviour("drain() ends at its deadline what nobody took", async (t) => {
  const endpoint = await t.listen();
  const accepting = endpoint.accept();
  await stranger(t, endpoint);
  await (await accepting).close();
  endpoint.pause();
  const held = endpoint.accept();
  const error = reasonOf(held);
  await stranger(t, endpoint);
  await t.barrier();
  const { drained, terminated } = await endpoint.drain({ timeoutMs: 5 });
  assertEquals([drained, terminated], [0, endpoint.stats().accepted - 1]);
  assertNetError(await error, { code: "EBADF", operation: "accept" });
});

behaviour("drain() ends pending calls of accept() and of the iterator", async (t) => {
  const endpoint = await t.listen();
  const accepting = reasonOf(endpoint.accept());
  const next = endpoint[Symbol.asyncIterator]().next();
  assertEquals(await endpoint.drain({ timeoutMs: 60_000 }), { drained: 0, terminated: 0 });
  assertNetError(await accepting, { code: "EBADF", operation: "accept" });
  assertEquals(await next, { done: true, value: undefined });
});

behaviour("drain() once more waits for the same streams, with its own deadline", async (t) => {
  const { server, endpoint } = await t.pair();
  const first = endpoint.drain({ timeoutMs: 60_000 });
  const second = endpoint.drain({ timeoutMs: 5 });
  assertEquals(await second, { drained: 0, terminated: 1 });
  assertEquals(await first, { drained: 1, terminated: 0 });
  assertEquals(await endpoint.drain({ timeoutMs: 0 }), { drained: 0, terminated: 0 });
  assertNetError((await server.closed).reason, { code: "ETIMEDOUT" });
});

behaviour("drain() that is aborted ends nothing", async (t) => {
  const { client, server, endpoint } = await t.pair();
  const controller = new AbortController();
  const draining = reasonOf(endpoint.drain({ timeoutMs: 60_000, signal: controller.signal }));
  assert(await t.isPending(draining));
  controller.abort("enough");
  assertEquals(await draining, "enough");
  await server.send(new Uint8Array(2));
  using lease = await client.receive();
  assertEquals(lease?.length, 2);
  await server.close();
  assertEquals(await endpoint.drain({ timeoutMs: 60_000 }), { drained: 0, terminated: 0 });
  const aborted = { timeoutMs: 1, signal: AbortSignal.abort("before") };
  assertEquals(await reasonOf(endpoint.drain(aborted)), "before");
});

behaviour("drain() after close() waits for the streams that live on", async (t) => {
  const { server, endpoint } = await t.pair();
  endpoint.close();
  const draining = endpoint.drain({ timeoutMs: 60_000 });
  assert(await t.isPending(draining));
  await server.close();
  assertEquals(await draining, { drained: 1, terminated: 0 });
});

behaviour("revoke() ends drain() with NotCapable", async (t) => {
  const derived = t.capability.derive({ tcp: true, listen: true, connect: true });
  const { endpoint } = await t.pair({}, derived);
  const draining = reasonOf(endpoint.drain({ timeoutMs: 60_000 }));
  await derived.revoke("over");
  assertInstanceOf(await draining, Deno.errors.NotCapable);
});

behaviour("drain() wants a deadline, and knows its options", async (t) => {
  const endpoint = await t.listen();
  const drain = (options: unknown) => endpoint.drain(options as { timeoutMs: number });
  await assertRejects(() => drain({}), TypeError, "timeoutMs is missing");
  await assertRejects(() => drain({ timeoutMs: -1 }), RangeError, "not -1");
  await assertRejects(() => drain({ timeoutMs: 1, after: 2 }), TypeError, '"after" is no option');
  assertEquals(endpoint.stats().accepted, 0);
});

behaviour("handshakeTimeoutMs ends a stream whose peer says nothing", async (t) => {
  const endpoint = await t.listen({ handshakeTimeoutMs: 40 });
  const accepting = [endpoint.accept(), endpoint.accept()];
  const [silent, talking] = [await stranger(t, endpoint), await stranger(t, endpoint)];
  await talking.write(new Uint8Array(1));
  const streams = await Promise.all(accepting);
  streams.forEach((stream) => t.defer(() => stream.close()));
  const isSilent = (stream: typeof streams[number]) =>
    stream.remoteAddr.port === silent.localAddr.port;
  const quiet = streams.find(isSilent)!;
  const other = streams.find((stream) => !isSilent(stream))!;
  (await other.receive())!.release();
  const pending = other.receive();
  const error = await reasonOf(quiet.receive());
  assertNetError(error, { code: "ETIMEDOUT", operation: "receive" });
  assertInstanceOf(error, Deno.errors.TimedOut);
  assert(error.message.includes("handshakeTimeoutMs, 40"), error.message);
  assertEquals((await quiet.closed).reason, error);
  await readEnd(silent);
  assertEquals(endpoint.stats().handshakeTimeouts, 1);
  await talking.write(new Uint8Array(1));
  (await pending)!.release();
});

behaviour("idleTimeoutMs ends a stream on which nothing moves", async (t) => {
  const { client, server, endpoint } = await t.pair({ listen: { idleTimeoutMs: 40 } });
  await client.send(new Uint8Array(1));
  (await server.receive())!.release();
  const error = await reasonOf(server.receive());
  assertNetError(error, { code: "ETIMEDOUT", operation: "receive" });
  assertEquals((await server.closed).reason, error);
  assertEquals(endpoint.stats().idleCloses, 1);
  assertEquals(await client.receive(), null);
});

behaviour("a stream that nobody reads is not idle", async (t) => {
  const { client, server, endpoint } = await t.pair({
    listen: { idleTimeoutMs: 10, handshakeTimeoutMs: 10 },
  });
  await client.send(new Uint8Array(1));
  // Longer than both limits, on the ring's time.
  assertNetError(await reasonOf(client.receive({ timeoutMs: 60 })), { code: "ETIMEDOUT" });
  (await server.receive())!.release();
  assertEquals(endpoint.stats().idleCloses, 0);
});

behaviour("a peer that does not take what is sent is idle", async (t) => {
  const endpoint = await t.listen({ idleTimeoutMs: 100 });
  const accepting = endpoint.accept();
  await stranger(t, endpoint);
  const stream = await accepting;
  t.defer(() => stream.close());
  const sends = Array.from({ length: 64 }, () => reasonOf(stream.send(new Uint8Array(1 << 20))));
  assertNetError(await sends.at(-1), { code: "ETIMEDOUT" });
  assertEquals(endpoint.stats().idleCloses, 1);
  assertNetError((await stream.closed).reason, { code: "ETIMEDOUT" });
});

behaviour("a rateLimiter is asked for each connection, and what it refuses ends", async (t) => {
  const asked: string[] = [];
  const rateLimiter = {
    tryConsume: (address: { host: string }, amount: number) => {
      asked.push(`${address.host} ${amount}`);
      return asked.length !== 2;
    },
  };
  const endpoint = await t.listen({ rateLimiter } as ListenOptions);
  const first = endpoint.accept();
  await stranger(t, endpoint);
  const stream = await first;
  t.defer(() => stream.close());
  const second = endpoint.accept();
  await readEnd(await stranger(t, endpoint));
  const peer = await stranger(t, endpoint);
  const accepted = await second;
  t.defer(() => accepted.close());
  assertEquals(accepted.remoteAddr.port, peer.localAddr.port);
  assertEquals(asked, ["127.0.0.1 1", "127.0.0.1 1", "127.0.0.1 1"]);
  const { refusedByRateLimiter, open } = endpoint.stats();
  assertEquals([refusedByRateLimiter, open], [1, 2]);
  assertEquals(t.gained("refused"), 1);
});

behaviour("a RateLimiter lets as many in as its burst", async (t) => {
  const rateLimiter = new RateLimiter({ perSecond: 1, burst: 2, clock: () => 0 });
  const endpoint = await t.listen({ rateLimiter });
  const accepting = [endpoint.accept(), endpoint.accept()];
  const third = reasonOf(endpoint.accept());
  await stranger(t, endpoint);
  await stranger(t, endpoint);
  (await Promise.all(accepting)).forEach((stream) => t.defer(() => stream.close()));
  await readEnd(await stranger(t, endpoint));
  assertEquals(endpoint.stats().refusedByRateLimiter, 1);
  endpoint.close();
  assertNetError(await third, { code: "EBADF" });
});

behaviour("options of a listener's life are checked before it listens", async (t) => {
  const listen = (options: unknown) => t.capability.listen("127.0.0.1:0", options as ListenOptions);
  const refused: readonly [unknown, typeof TypeError, string][] = [
    [{ maxConnections: 0 }, RangeError, "maxConnections must be an integer from 1"],
    [{ maxConnections: 1.5 }, RangeError, "not 1.5"],
    [{ handshakeTimeoutMs: 0 }, RangeError, "handshakeTimeoutMs"],
    [{ idleTimeoutMs: -1 }, RangeError, "idleTimeoutMs"],
    [{ minimumReceiveBytesPerSecond: 2 ** 31 }, RangeError, "minimumReceiveBytesPerSecond"],
    [{ rateLimiter: {} }, TypeError, "tryConsume"],
    [{ proxyProtocol: "v3" }, TypeError, 'proxyProtocol must be one of "off"'],
    [{ proxyProtocol: "v1" }, TypeError, "needs trustedProxies"],
    [{ trustedProxies: ["::1"] }, TypeError, "trustedProxies is for a proxyProtocol"],
    [{ proxyProtocol: "v1", trustedProxies: ["::1", "10.0.0.1/8"] }, TypeError, "[1]"],
    [{ maxConnection: 1 }, TypeError, '"maxConnection" is no option'],
  ];
  for (const [options, Class, message] of refused) {
    await assertRejects(() => listen(options), Class, message);
  }
  const endpoint = await t.listen({ proxyProtocol: "off", trustedProxies: ["::1"] });
  endpoint.close();
});
