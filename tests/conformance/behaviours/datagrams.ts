/**
 * Datagrams: what arrives, and how it is lent.
 *
 * @module
 */

import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { theme } from "../behaviour.ts";
import { utf8 } from "../bytes.ts";
import { bound, filled, LOST_MS, take, takeOne } from "../datagram_endpoints.ts";
import { assertNetError, reasonOf } from "../expect.ts";
import { type Datagram, RateLimiter } from "../../../mod.ts";

const behaviour = theme("datagrams");

behaviour("a datagram arrives with its bytes and its sender", async (t) => {
  const [server, client] = [await bound(t), await bound(t)];
  assertEquals(await client.send(utf8("hello"), server.addr), 5);
  using datagram = await server.receive({ timeoutMs: LOST_MS });
  assertEquals(datagram.copy(), utf8("hello"));
  assertEquals(datagram.length, 5);
  assertEquals(datagram.remoteAddr, client.addr);
  assertEquals(datagram.remoteName, client.localName);
  assertEquals(datagram.truncated, false);
});

behaviour("datagrams keep their boundaries, an empty one too", async (t) => {
  const [server, client] = [await bound(t), await bound(t)];
  const sizes = [1, 0, 1000, 0, 0, 7, 30_000];
  for (const bytes of filled(sizes)) await client.send(bytes, server.addr);
  const taken = await take(server, sizes.length);
  assertEquals(taken.map(({ bytes }) => bytes), filled(sizes));
});

behaviour("a reply to remoteAddr reaches the sender", async (t) => {
  const [server, client] = [await bound(t), await bound(t)];
  await client.send(utf8("ping"), server.addr);
  using question = await server.receive({ timeoutMs: LOST_MS });
  await server.send(question, question.remoteAddr);
  assertEquals(await takeOne(client), utf8("ping"));
});

behaviour("datagrams go over IPv6, and to IPv4 from a socket of both", async (t) => {
  const both = await t.capability.bind("[::]:0");
  t.defer(() => both.close());
  const client = await bound(t);
  const { port } = both.addr;
  await client.send(utf8("four"), `127.0.0.1:${port}`);
  using datagram = await both.receive({ timeoutMs: LOST_MS });
  assertEquals(datagram.copy(), utf8("four"));
  await both.send(utf8("reply"), datagram.remoteAddr);
  assertEquals(await takeOne(client), utf8("reply"));
  await both.send(utf8("named"), client.addr);
  assertEquals(await takeOne(client), utf8("named"));
  const six = await t.capability.bind("[::1]:0");
  t.defer(() => six.close());
  await six.send(utf8("six"), `[::1]:${port}`);
  const [taken] = await take(both, 1);
  assertEquals([taken.bytes, taken.from], [utf8("six"), six.localName]);
});

behaviour("a batch ends when the next one is asked for", async (t) => {
  const [server, client] = [await bound(t), await bound(t)];
  const batches = server.receiveMany({ timeoutMs: LOST_MS });
  await client.send(utf8("first"), server.addr);
  const { value: [first] } = await batches.next();
  assertEquals(first.copy(), utf8("first"));
  assertEquals(t.capability.stats().leases, 1);
  const next = batches.next();
  const uses: ((datagram: Datagram) => unknown)[] = [
    (datagram) => datagram.bytes,
    (datagram) => datagram.length,
    (datagram) => datagram.copy(),
    (datagram) => datagram.retain(),
    (datagram) => datagram.remoteAddr,
    (datagram) => datagram.truncated,
  ];
  for (const use of uses) assertThrows(() => use(first), TypeError, "released");
  await client.send(utf8("second"), server.addr);
  const { value: [second] } = await next;
  assertEquals(second.copy(), utf8("second"));
  await batches.return!();
  assertThrows(() => second.length, TypeError, "released");
});

behaviour("a datagram retained in receiveMany() outlives its batch", async (t) => {
  const [server, client] = [await bound(t), await bound(t)];
  const kept: Datagram[] = [];
  await client.send(utf8("0"), server.addr);
  for await (const batch of server.receiveMany({ timeoutMs: LOST_MS })) {
    for (const datagram of batch) {
      kept.push(datagram.retain());
      datagram.release();
      assertThrows(() => datagram.bytes, TypeError, "released");
    }
    if (kept.length >= 3) break;
    await client.send(utf8(String(kept.length)), server.addr);
  }
  assertEquals(kept.map((each) => new TextDecoder().decode(each.copy())), ["0", "1", "2"]);
  assertEquals(kept.map((each) => each.remoteName), Array(3).fill(client.localName));
  assertEquals(t.capability.stats().leases, 3);
  await server.close();
  assertEquals(kept[0].copy(), utf8("0"));
  for (const each of kept) {
    each.release();
    each.release();
  }
  assertEquals(t.capability.stats().leases, 0);
});

behaviour("poisoned datagrams show who looks at bytes after the release", async (t) => {
  const [server, client] = [await bound(t), await bound(t)];
  await client.send(utf8("abc"), server.addr);
  const datagram = await server.receive({ timeoutMs: LOST_MS });
  const view = datagram.bytes;
  const second = datagram.retain();
  datagram.release();
  assertEquals(view[0], "a".charCodeAt(0), "the second handle still holds the bytes");
  second.release();
  if (view.buffer instanceof SharedArrayBuffer) assertEquals([...view], [0xde, 0xde, 0xde]);
}, { ring: { poison: true } });

behaviour("an endpoint whose datagrams are hoarded gets ENOBUFS that names it", async (t) => {
  const server = await bound(t, { leasesPerEndpoint: 2 });
  const client = await bound(t);
  const held: Datagram[] = [];
  for (let index = 0; index < 2; index++) {
    await client.send(utf8("x"), server.addr);
    held.push(await server.receive({ timeoutMs: LOST_MS }));
  }
  await client.send(utf8("y"), server.addr);
  const error = await assertRejects(() => server.receive());
  assertNetError(error, { code: "ENOBUFS", operation: "receive", local: server.localName });
  assert(error instanceof Error && error.message.includes("leasesPerEndpoint"), String(error));
  held.pop()!.release();
  assertEquals(await takeOne(server), utf8("y"));
  held.pop()!.release();
});

behaviour("endpoints that hold more datagrams than there are buffers starve nobody", async (t) => {
  const hoarder = await bound(t, { leasesPerEndpoint: 100 });
  const other = await bound(t);
  const client = await bound(t);
  const held: Datagram[] = [];
  for (let index = 0; index < 40; index++) {
    await client.send(Uint8Array.of(index), hoarder.addr);
    held.push(await hoarder.receive({ timeoutMs: LOST_MS }));
  }
  await client.send(utf8("fine"), other.addr);
  assertEquals(await takeOne(other), utf8("fine"));
  assertEquals(held.map((each) => each.bytes[0]), held.map((_, index) => index));
  for (const each of held) each.release();
}, { ring: { datagramBuffers: { count: 16 } } });

behaviour("receive() takes one datagram after the other, and leaves the others", async (t) => {
  const [server, client] = [await bound(t), await bound(t)];
  const items = filled(Array(5).fill(100)).map((data) => ({ data, to: server.addr }));
  assertEquals((await client.sendBatch(items)).sent, 5);
  assertEquals((await takeOne(server))[0], 1);
  assertEquals((await takeOne(server))[0], 2);
  const rest = await take(server, 3);
  assertEquals(rest.map(({ bytes }) => bytes[0]), [3, 4, 5]);
});

behaviour("break leaves what came for the next reader", async (t) => {
  const [server, client] = [await bound(t), await bound(t)];
  await client.send(utf8("1"), server.addr);
  for await (const batch of server.receiveMany({ timeoutMs: LOST_MS })) {
    assertEquals(batch[0].copy(), utf8("1"));
    break;
  }
  assertEquals(t.capability.stats().leases, 0);
  await client.send(utf8("2"), server.addr);
  assertEquals(await takeOne(server), utf8("2"));
});

behaviour("a second reader of an endpoint gets EBUSY, and the first goes on", async (t) => {
  const [server, client] = [await bound(t), await bound(t)];
  const reading = server.receive({ timeoutMs: LOST_MS });
  assertNetError(await assertRejects(() => server.receive()), { code: "EBUSY" });
  assertNetError(await assertRejects(() => server.receiveMany().next()), { code: "EBUSY" });
  await client.send(utf8("first"), server.addr);
  using datagram = await reading;
  assertEquals(datagram.copy(), utf8("first"));
  const batches = server.receiveMany();
  const waiting = batches.next();
  assertNetError(await assertRejects(() => server.receive()), { code: "EBUSY" });
  assertNetError(await assertRejects(() => batches.next()), { code: "EBUSY" });
  await client.send(utf8("second"), server.addr);
  assertEquals((await waiting).value[0].copy(), utf8("second"));
  await batches.return!();
});

behaviour("an abort and a deadline of receive() leave the endpoint usable", async (t) => {
  const [server, client] = [await bound(t), await bound(t)];
  const late = await assertRejects(() => server.receive({ timeoutMs: 1 }));
  assertNetError(late, { code: "ETIMEDOUT", operation: "receive" });
  const controller = new AbortController();
  const reason = new Error("enough");
  const reading = server.receive({ signal: controller.signal });
  controller.abort(reason);
  assertStrictEquals(await reasonOf(reading), reason);
  assertStrictEquals(await reasonOf(server.receive({ signal: controller.signal })), reason);
  const batches = server.receiveMany({ timeoutMs: 1 });
  assertNetError(await assertRejects(() => batches.next()), { code: "ETIMEDOUT" });
  await client.send(utf8("still here"), server.addr);
  assertEquals(await takeOne(server), utf8("still here"));
});

behaviour("close() ends what waits on an endpoint", async (t) => {
  const server = await bound(t);
  const reading = reasonOf(server.receive());
  await server.close();
  await server.close();
  assertNetError(await reading, { code: "EBADF", operation: "receive" });
  for (const use of [() => server.receive(), () => server.send(utf8("x"), "127.0.0.1:9")]) {
    assertNetError(await assertRejects(use), { code: "EBADF" });
  }
  assertEquals((await server.closed).reason, undefined);
  const other = await bound(t);
  const iterating = (async () => {
    for await (const _ of other.receiveMany()) assert(false, "nothing was sent");
  })();
  await t.barrier();
  await other.close();
  await iterating;
  assertNetError(await assertRejects(() => other.sendBatch([{ data: utf8("x") }])), {
    code: "EBADF",
  });
});

behaviour("rateLimiter drops what is over the limit of its sender, and counts it", async (t) => {
  const rateLimiter = new RateLimiter({ perSecond: 1e-6, burst: 3 });
  const [server, client] = [await bound(t, { rateLimiter }), await bound(t)];
  const items = filled(Array(5).fill(10)).map((data) => ({ data, to: server.addr }));
  assertEquals((await client.sendBatch(items)).sent, 5);
  const taken = await take(server, 3);
  assertEquals(taken.map(({ bytes }) => bytes[0]), [1, 2, 3]);
  for (let tries = 0; server.stats().limited < 2 && tries < 100; tries++) {
    await reasonOf(server.receive({ timeoutMs: 10 }));
  }
  const { received, limited } = server.stats();
  assertEquals({ received, limited }, { received: 3, limited: 2 });
});

behaviour("options of bind that do not exist or do not fit name themselves", async (t) => {
  const wrong: readonly [object, string][] = [
    [{ packetInformation: true }, "packetInformation"],
    [{ receiveTimeToLive: 1 }, "receiveTimeToLive"],
    [{ leasesPerEndpoint: 0 }, "leasesPerEndpoint"],
    [{ rateLimiter: {} }, "rateLimiter"],
    [{ broadcast: "yes" }, "broadcast"],
  ];
  for (const [options, name] of wrong) {
    const error = await reasonOf(t.capability.bind("127.0.0.1:0", options));
    assert(error instanceof TypeError || error instanceof RangeError, String(error));
    assert(error.message.includes(name), error.message);
  }
  await assertRejects(() => t.capability.bind("127.0.0.1"), TypeError, "port");
});

behaviour("two endpoints cannot have one port", async (t) => {
  const endpoint = await bound(t);
  const error = await assertRejects(() => t.capability.bind(endpoint.addr));
  assertNetError(error, { code: "EADDRINUSE", operation: "bind", local: endpoint.localName });
  assert(error instanceof Deno.errors.AddrInUse);
});
