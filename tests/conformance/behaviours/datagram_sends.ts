/**
 * Sending datagrams: one by one, in batches, cut from larger memory.
 *
 * @module
 */

import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { theme } from "../behaviour.ts";
import { counted, utf8 } from "../bytes.ts";
import { bound, filled, LOST_MS, take, takeOne } from "../datagram_endpoints.ts";
import { assertNetError, reasonOf } from "../expect.ts";
import { BatchedSender } from "../../../mod.ts";

const behaviour = theme("sending datagrams");

behaviour("sendBatch() sends all of it in order, whatever the sizes", async (t) => {
  const [server, client] = [await bound(t), await bound(t)];
  const sizes = [64, 64, 64, 10, 64, 64, 0, 500, 500, 500, 500, 499, 1, 1];
  const items = filled(sizes).map((data) => ({ data, to: server.addr }));
  assertEquals(await client.sendBatch(items), { sent: sizes.length, failed: [] });
  const taken = await take(server, sizes.length);
  assertEquals(taken.map(({ bytes }) => bytes), filled(sizes));
  const { sent, bytesSent } = client.stats();
  assertEquals({ sent, bytesSent }, {
    sent: sizes.length,
    bytesSent: sizes.reduce((sum, size) => sum + size),
  });
});

behaviour("sendBatch() to several addresses keeps the order of each", async (t) => {
  const servers = [await bound(t), await bound(t), await bound(t)];
  const client = await bound(t);
  const items = Array.from({ length: 60 }, (_, index) => ({
    data: Uint8Array.of(index),
    to: servers[index % 3].localName,
  }));
  assertEquals((await client.sendBatch(items)).sent, 60);
  for (const [place, server] of servers.entries()) {
    const taken = await take(server, 20);
    assertEquals(taken.map(({ bytes }) => bytes[0]), taken.map((_, index) => index * 3 + place));
  }
});

behaviour("the same bytes many times in a batch are as many datagrams", async (t) => {
  const [server, client] = [await bound(t), await bound(t)];
  const data = utf8("again");
  const items = Array.from({ length: 40 }, () => ({ data, to: server.addr }));
  assertEquals((await client.sendBatch(items)).sent, 40);
  assertEquals((await take(server, 40)).map(({ bytes }) => bytes), items.map(() => data));
});

behaviour(
  "what is wrong with one datagram of a batch keeps no other from being sent",
  async (t) => {
    const derived = t.capability.derive({
      udp: true,
      listen: true,
      connect: ["udp://127.0.0.1:*"],
    });
    const server = await bound(t);
    const client = await bound(t, {}, derived);
    const [to, data] = [server.addr, utf8("fine")];
    const batch = [
      { data, to },
      { data, to: "192.0.2.1:9" },
      { data: new Uint8Array(65_508), to },
      { data, to: "127.0.0.1" },
      { data, to: "example.com:9" },
      { data },
      { data: "text" as unknown as Uint8Array, to },
      null as unknown as { data: Uint8Array },
      { data, to: "[::1]:9" },
      { data, to },
    ];
    const { sent, failed } = await client.sendBatch(batch);
    assertEquals(sent, 2);
    assertEquals(failed.map(({ index }) => index), [1, 2, 3, 4, 5, 6, 7, 8]);
    const [denied, large, malformed, named, nowhere, text, nothing] = failed.map((each) =>
      each.error
    );
    assertInstanceOf(denied, Deno.errors.NotCapable);
    assertNetError(large, { code: "EMSGSIZE", operation: "send" });
    for (const error of [malformed, named, text, nothing]) assertInstanceOf(error, TypeError);
    assertNetError(nowhere, { code: "EDESTADDRREQ" });
    assertEquals((await take(server, 2)).map(({ bytes }) => bytes), [data, data]);
    assertEquals(t.gained("denied") >= 1, true);
    await assertRejects(() => client.sendBatch({} as []), TypeError, "array");
  },
);

behaviour("failures are named by their place in the batch, however it was arranged", async (t) => {
  const [server, other, client] = [await bound(t), await bound(t), await bound(t)];
  const batch = Array.from({ length: 30 }, (_, index) => ({
    data: index % 7 === 3 ? new Uint8Array(65_508) : Uint8Array.of(index),
    to: index % 2 === 0 ? server.addr : other.addr,
  }));
  const { sent, failed } = await client.sendBatch(batch);
  const wrong = batch.flatMap(({ data }, index) => data.length > 1 ? [index] : []);
  assertEquals([sent, failed.map(({ index }) => index)], [30 - wrong.length, wrong]);
  await take(
    server,
    batch.filter(({ data, to }) => data.length === 1 && to === server.addr).length,
  );
});

behaviour("a datagram that is too large is EMSGSIZE that names the limit", async (t) => {
  const [server, client] = [await bound(t), await bound(t)];
  const error = await assertRejects(() => client.send(new Uint8Array(65_508), server.addr));
  assertNetError(error, { code: "EMSGSIZE", operation: "send", remote: server.localName });
  assert(error instanceof Error && error.message.includes("65507"), String(error));
  assertEquals(await client.send(new Uint8Array(65_507), server.addr), 65_507);
  assertEquals((await takeOne(server)).length, 65_507);
});

behaviour("send() needs an address, or a connected endpoint", async (t) => {
  const [server, client, stranger] = [await bound(t), await bound(t), await bound(t)];
  const error = await assertRejects(() => client.send(utf8("x")));
  assertNetError(error, { code: "EDESTADDRREQ", operation: "send", local: client.localName });
  await client.connect(server.addr);
  assertEquals(client.remoteName, server.localName);
  assertEquals(await client.send(utf8("one")), 3);
  assertEquals((await client.sendBatch([{ data: utf8("two") }, { data: utf8("three") }])).sent, 2);
  const taken = await take(server, 3);
  assertEquals(taken.map(({ bytes }) => bytes), ["one", "two", "three"].map(utf8));
  await stranger.send(utf8("not heard"), client.addr);
  await server.send(utf8("heard"), client.addr);
  assertEquals(await takeOne(client), utf8("heard"));
});

behaviour("bytes may be reused as soon as send() of a datagram has returned", async (t) => {
  const [server, client] = [await bound(t), await bound(t)];
  const bytes = new Uint8Array(1000);
  const sends = Array.from(
    { length: 20 },
    (_, index) => client.send(bytes.fill(index), server.addr),
  );
  bytes.fill(0xff);
  assertEquals(await Promise.all(sends), sends.map(() => 1000));
  const taken = await take(server, sends.length);
  assertEquals(taken.map((each) => each.bytes[0]), sends.map((_, index) => index));
  assertEquals(taken.map((each) => each.bytes[999]), sends.map((_, index) => index));
});

behaviour("sendSegments() cuts bytes into datagrams", async (t) => {
  const [server, client] = [await bound(t), await bound(t)];
  const bytes = counted(10_000);
  const report = await client.sendSegments(bytes, 300, server.addr);
  assertEquals(report, { sent: 34, failed: [] });
  const taken = await take(server, 34);
  assertEquals(taken.map((each) => each.bytes.length), [...Array(33).fill(300), 100]);
  assertEquals(await new Blob(taken.map((each) => each.bytes)).bytes(), bytes);
  using buffer = client.allocBuffer(1000);
  buffer.bytes.set(counted(1000));
  assertEquals((await client.sendSegments(buffer, 999, server.addr)).sent, 2);
  assertEquals((await take(server, 2)).map((each) => each.bytes.length), [999, 1]);
  await assertRejects(() => client.sendSegments(bytes, 0, server.addr), RangeError, "segmentBytes");
  const error = await assertRejects(() => client.sendSegments(bytes, 65_508, server.addr));
  assertNetError(error, { code: "EMSGSIZE" });
});

behaviour("slices of ring buffers and received datagrams leave from where they are", async (t) => {
  const [server, client] = [await bound(t), await bound(t)];
  const buffer = client.allocBuffer(3000);
  buffer.bytes.set(counted(3000));
  const places = [0, 100, 200, 500, 600, 650];
  const slices = places.map((start) => ({
    data: buffer.slice(start, start + 100),
    to: server.addr,
  }));
  const mixed = [...slices, { data: counted(100), to: server.addr }, slices[1]];
  const sending = client.sendBatch(mixed);
  buffer.release();
  assertEquals((await sending).sent, mixed.length);
  let count = 0;
  const expected = [...places, 0, 100].map((start) => counted(3000).slice(start, start + 100));
  for await (const batch of server.receiveMany({ timeoutMs: LOST_MS })) {
    for (const datagram of batch) assertEquals(datagram.copy(), expected[count++]);
    await server.sendBatch(batch.map((data) => ({ data, to: data.remoteAddr })));
    if (count === mixed.length) break;
  }
  assertEquals((await take(client, count)).map(({ bytes }) => bytes), expected);
});

behaviour("destinations are judged, however they are written", async (t) => {
  const derived = t.capability.derive({
    udp: true,
    listen: ["udp://127.0.0.1:*"],
    connect: ["udp://127.0.0.1:1-65535"],
  });
  const endpoint = await bound(t, {}, derived);
  const denied = [
    "127.0.0.2:9",
    "[::ffff:127.0.0.2]:9",
    "2130706434:9",
    "192.0.2.1:9",
    { transport: "udp" as const, hostname: "127.0.0.2", port: 9 },
  ];
  for (const to of denied) {
    const error = await assertRejects(() => endpoint.send(utf8("x"), to), Deno.errors.NotCapable);
    assertEquals((error as unknown as { right: string }).right, "connect");
    await assertRejects(() => endpoint.connect(to), Deno.errors.NotCapable);
  }
  const address = { hostname: "127.0.0.1", port: endpoint.addr.port };
  assertEquals(await endpoint.send(utf8("x"), address), 1);
  address.hostname = "127.0.0.2";
  await assertRejects(() => endpoint.send(utf8("x"), address), Deno.errors.NotCapable);
  await assertRejects(() => derived.bind("127.0.0.2:0"), Deno.errors.NotCapable);
  const without = t.capability.derive({ tcp: true, listen: true, connect: true });
  await assertRejects(() => without.bind("127.0.0.1:0"), Deno.errors.NotCapable);
  assertEquals(await takeOne(endpoint), utf8("x"));
});

behaviour("a name is judged and resolved for the call that sends to it", async (t) => {
  const server = await bound(t);
  const { port } = server.addr;
  const named = t.capability.derive({
    udp: true,
    listen: true,
    connect: [`udp://localhost:${port}`],
  });
  const client = await bound(t, {}, named);
  assertEquals(await client.send(utf8("by name"), `localhost:${port}`), 7);
  assertEquals(await takeOne(server), utf8("by name"));
  for (const to of [`localhost:${port + 1}`, "example.com:9", server.localName]) {
    await assertRejects(() => client.send(utf8("x"), to), Deno.errors.NotCapable);
  }
  await client.connect(`localhost:${port}`, { timeoutMs: LOST_MS });
  await client.send(utf8("connected"));
  assertEquals(await takeOne(server), utf8("connected"));
});

behaviour("revoke() ends receives and sends of datagrams with NotCapable", async (t) => {
  const derived = t.capability.derive({ udp: true, listen: true, connect: true });
  const server = await bound(t, {}, derived);
  const client = await bound(t, {}, derived);
  const reading = reasonOf(server.receive());
  const data = new Uint8Array(1000);
  const sending = reasonOf((async () => {
    for (;;) await client.sendBatch(Array(200).fill({ data, to: "127.0.0.1:9" }));
  })());
  await t.barrier();
  const cause = new Error("withdrawn");
  assertEquals((await derived.revoke(cause)).sockets, 2);
  for (const error of [await reading, await sending]) {
    assertInstanceOf(error, Deno.errors.NotCapable);
    assertEquals(error.cause, cause);
  }
  assertInstanceOf((await server.closed).reason, Deno.errors.NotCapable);
  await assertRejects(() => derived.bind("127.0.0.1:0"), Deno.errors.NotCapable);
});

behaviour("sendBytesPerSecond is backpressure for datagrams", async (t) => {
  const derived = t.capability.derive({
    udp: true,
    listen: true,
    connect: true,
    limits: { sendBytesPerSecond: 20_000 },
  });
  const [server, client] = [await bound(t), await bound(t, {}, derived)];
  const items = filled(Array(25).fill(1000)).map((data) => ({ data, to: server.addr }));
  const begun = performance.now();
  assertEquals((await client.sendBatch(items)).sent, 25);
  await client.send(new Uint8Array(1000), server.addr);
  // A second's worth passes at once, the other 6000 bytes take 300 ms.
  const elapsed = performance.now() - begun;
  assert(elapsed >= 290, `${elapsed} ms`);
  assertEquals((await take(server, 26)).length, 26);
});

behaviour("limits on bytes and operations hold for datagrams", async (t) => {
  const derived = t.capability.derive({
    udp: true,
    listen: true,
    connect: true,
    limits: { bufferBytes: 5000, inFlight: 2 },
  });
  const [server, client] = [await bound(t), await bound(t, {}, derived)];
  const items = filled([1000, 2000, 6000, 3000, 1000]).map((data) => ({ data, to: server.addr }));
  const { sent, failed } = await client.sendBatch(items);
  assertEquals([sent, failed.map(({ index }) => index)], [4, [2]]);
  assertNetError(failed[0].error, { code: "ENOBUFS" });
  assert(String(failed[0].error).includes("bufferBytes"), String(failed[0].error));
  assertEquals((await take(server, 4)).length, 4);
  const waiting = [client.receive({ timeoutMs: LOST_MS }), client.sendBatch(items.slice(0, 1))];
  assertNetError(await assertRejects(() => client.send(utf8("x"), server.addr)), {
    code: "ENOBUFS",
  });
  await server.send(utf8("x"), client.addr);
  const [datagram] = await Promise.all(waiting);
  (datagram as Disposable)[Symbol.dispose]();
});

behaviour("an abort ends a batch that waits, and says how far it came", async (t) => {
  const derived = t.capability.derive({
    udp: true,
    listen: true,
    connect: true,
    limits: { sendBytesPerSecond: 1000 },
  });
  const [server, client] = [await bound(t), await bound(t, {}, derived)];
  const items = filled([900, 901, 902, 903]).map((data) => ({ data, to: server.addr }));
  const controller = new AbortController();
  const reason = new Error("no more");
  const sending = reasonOf(client.sendBatch(items, { signal: controller.signal }));
  await takeOne(server);
  controller.abort(reason);
  const error = await sending;
  assertNetError(error, { code: "ECANCELED", operation: "sendBatch" });
  assertEquals(error.cause, reason);
  const { report } = error as unknown as { report: { sent: number } };
  assertEquals([report.sent, error.bytesTransferred], [1, 900]);
  const late = await reasonOf(client.sendBatch(items, { timeoutMs: 1 }));
  assertNetError(late, { code: "ETIMEDOUT" });
  const aborted = await reasonOf(client.sendBatch(items, { signal: controller.signal }));
  assertEquals(aborted, reason);
});

behaviour("a BatchedSender sends what it is given, by size, by time and at once", async (t) => {
  const [server, client] = [await bound(t), await bound(t)];
  const sender = new BatchedSender(client, { maxBatch: 4, maxDelayMs: 60_000, maxPending: 6 });
  const full = Array.from(
    { length: 4 },
    (_, index) => sender.send(Uint8Array.of(index), server.addr),
  );
  await Promise.all(full);
  const one = sender.send(Uint8Array.of(4), server.addr);
  assertEquals(sender.pending, 1);
  await sender.flush();
  await one;
  const held = Array.from(
    { length: 3 },
    (_, index) => sender.send(Uint8Array.of(5 + index), server.addr),
  );
  const wrong = reasonOf(sender.send(new Uint8Array(65_508), server.addr));
  assertNetError(await wrong, { code: "EMSGSIZE" });
  await Promise.all(held);
  const crowd = Array.from(
    { length: 8 },
    () => reasonOf(sender.send(Uint8Array.of(9), server.addr)),
  );
  const outcomes = await Promise.all(crowd);
  for (const error of outcomes.slice(6)) assertNetError(error, { code: "ENOBUFS" });
  assertEquals(outcomes.slice(0, 6), Array(6).fill(undefined));
  const last = sender.send(Uint8Array.of(8), server.addr);
  await sender.close();
  await last;
  assertNetError(await assertRejects(() => sender.send(utf8("x"), server.addr)), { code: "EBADF" });
  const quick = new BatchedSender(client, { maxDelayMs: 1 });
  await quick.send(Uint8Array.of(10), server.addr);
  const taken = (await take(server, 16)).map(({ bytes }) => bytes[0]);
  assertEquals(taken, [0, 1, 2, 3, 4, 5, 6, 7, ...Array(6).fill(9), 8, 10]);
  const orphan = reasonOf(quick.send(Uint8Array.of(11), server.addr));
  await client.close();
  assertNetError(await orphan, { code: "EBADF" });
});
