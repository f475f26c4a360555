/**
 * Sending.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { theme } from "../behaviour.ts";
import {
  counted,
  Counting,
  drainCounted,
  readExactly,
  readToEnd,
  receiveExactly,
  TOO_MUCH,
  utf8,
} from "../bytes.ts";
import { assertNetError, reasonOf } from "../expect.ts";

const behaviour = theme("send");

behaviour("send() resolves with the number of bytes, and they arrive", async (t) => {
  const { stream, peer } = await t.connected();
  assertEquals(await stream.send(utf8("hello")), 5);
  assertEquals(await readExactly(peer, 5), utf8("hello"));
  assertEquals(await stream.write(utf8("deno")), 4);
  assertEquals(await readExactly(peer, 4), utf8("deno"));
});

behaviour("send() of nothing resolves with 0", async (t) => {
  const { stream } = await t.connected();
  assertEquals(await stream.send(new Uint8Array(0)), 0);
  assertEquals(await stream.send([]), 0);
  assertEquals(await stream.send([new Uint8Array(0), new Uint8Array(0)]), 0);
});

behaviour("a buffer may be reused as soon as send() has returned", async (t) => {
  const { stream, peer } = await t.connected();
  const lengths = [1, 1000, 300_000, 600_000];
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const reading = readExactly(peer, total);
  const sending: Promise<number>[] = [];
  let position = 0;
  for (const length of lengths) {
    const bytes = counted(length, position);
    sending.push(stream.send(bytes));
    bytes.fill(0xff);
    position += length;
  }
  assertEquals(await Promise.all(sending), lengths);
  new Counting().take(await reading);
});

behaviour("sends leave in the order of the calls, awaited or not", async (t) => {
  const { stream, peer } = await t.connected();
  const length = 100_000;
  const reading = readExactly(peer, length);
  const sending: Promise<number>[] = [];
  for (let position = 0; position < length;) {
    const count = Math.min(length - position, t.random.integer(1, 300));
    sending.push(stream.send(counted(count, position)));
    position += count;
  }
  await Promise.all(sending);
  new Counting().take(await reading);
});

behaviour("send() of several parts is one send", async (t) => {
  const { stream, peer } = await t.connected();
  const parts = [utf8("one "), new Uint8Array(0), utf8("two "), utf8("three")];
  assertEquals(await stream.send(parts), 13);
  assertEquals(await readExactly(peer, 13), utf8("one two three"));
  const many = Array.from({ length: 100 }, (_, index) => counted(101, index * 101));
  assertEquals(await stream.send(many), 10_100);
  new Counting().take(await readExactly(peer, 10_100));
});

behaviour("send() of more than any buffer holds is continued inside", async (t) => {
  const { client, server } = await t.pair();
  const length = TOO_MUCH;
  const draining = drainCounted(server);
  assertEquals(await client.send(counted(length)), length);
  await client.closeWrite();
  assertEquals(await draining, length);
});

behaviour("send() does not resolve before all bytes are accepted", async (t) => {
  const { stream, peer } = await t.connected();
  const length = TOO_MUCH;
  const sending = stream.send(counted(length));
  assert(await t.isPending(sending), "all of it went somewhere although nobody read them");
  const reading = readExactly(peer, length);
  assertEquals(await sending, length);
  new Counting().take(await reading);
});

behaviour("send() of a lease forwards its bytes", async (t) => {
  const { client, server } = await t.pair();
  await client.send(utf8("forward"));
  const lease = (await server.receive())!;
  const sending = server.send(lease);
  lease.release();
  assertEquals(await sending, 7);
  assertEquals(await receiveExactly(client, 7), utf8("forward"));
});

behaviour("bytes of a lease survive its release until they are sent", async (t) => {
  const { client, server } = await t.pair();
  // The peer reads nothing: what is sent first blocks what comes after it.
  const first = TOO_MUCH;
  await client.send(utf8("pinned"));
  const lease = (await server.receive())!;
  const sending = [server.send(counted(first)), server.send([lease, utf8("!")])];
  lease.release();
  const counting = new Counting();
  counting.take(await receiveExactly(client, first));
  assertEquals(await receiveExactly(client, 7), utf8("pinned!"));
  await Promise.all(sending);
}, { ring: { poison: true, buffers: { count: 8, bytes: 65536 } } });

behaviour("sendZeroCopy() sends a part of the program's own memory", async (t) => {
  const { stream, peer } = await t.connected();
  using buffer = stream.allocBuffer(10_000);
  buffer.bytes.set(counted(10_000));
  assertEquals(await stream.sendZeroCopy(buffer), 10_000);
  new Counting().take(await readExactly(peer, 10_000));
  assertEquals(await stream.sendZeroCopy(buffer.slice(4, 12)), 8);
  assertEquals(await readExactly(peer, 8), counted(8, 4));
  assertEquals(await stream.sendZeroCopy(buffer.slice(0, 0)), 0);
});

behaviour("memory released while sendZeroCopy() uses it is freed afterwards", async (t) => {
  const { stream, peer } = await t.connected();
  const buffer = stream.allocBuffer(1000);
  buffer.bytes.set(counted(1000));
  const sending = stream.sendZeroCopy(buffer);
  buffer.release();
  assertEquals(await sending, 1000);
  new Counting().take(await readExactly(peer, 1000));
  assertEquals(t.capability.stats().bufferBytes, 0);
});

behaviour("send() of what is neither bytes nor a lease rejects with TypeError", async (t) => {
  const { stream, peer } = await t.connected();
  const bad = ["text", 5, null, [utf8("x"), "text"]] as unknown as Uint8Array[];
  for (const data of bad) await assertRejects(() => stream.send(data), TypeError);
  await stream.send(utf8("fine"));
  assertEquals(await readExactly(peer, 4), utf8("fine"));
});

behaviour("send() of a released lease rejects with TypeError", async (t) => {
  const { client, server } = await t.pair();
  await client.send(utf8("x"));
  const lease = (await server.receive())!;
  lease.release();
  await assertRejects(() => server.send(lease), TypeError, "released");
  await assertRejects(() => server.send([utf8("y"), lease]), TypeError, "released");
  await server.send(utf8("z"));
  assertEquals(await receiveExactly(client, 1), utf8("z"));
});

behaviour(
  "send() to a peer that is gone rejects with EPIPE or ECONNRESET, and so do later ones",
  async (t) => {
    const { stream, reset } = await t.resettable();
    await reset();
    await reasonOf(stream.receive());
    let error: unknown;
    for (let round = 0; round < 10 && error === undefined; round++) {
      error = await reasonOf(stream.send(utf8("anybody?")));
    }
    const { code } = error as { code: string };
    assert(code === "EPIPE" || code === "ECONNRESET", `${error}`);
    const { localName, remoteName } = stream;
    assertNetError(error, { code, operation: "send", local: localName, remote: remoteName });
    const later = await reasonOf(stream.send(utf8("still not?")));
    const again = (later as { code?: string }).code;
    assert(again === "EPIPE" || again === "ECONNRESET", `${later}`);
  },
);

behaviour("a pending send() rejects when the peer resets", async (t) => {
  const { stream, reset } = await t.resettable();
  const sending = reasonOf(stream.send(counted(TOO_MUCH)));
  const queued = reasonOf(stream.send(utf8("behind")));
  assert(await t.isPending(sending));
  await reset();
  for (const promise of [sending, queued]) {
    const { code } = await promise as { code: string };
    assert(code === "EPIPE" || code === "ECONNRESET", code);
  }
});

behaviour("both directions flow at the same time", async (t) => {
  const { client, server } = await t.pair();
  const length = 3_000_000;
  const draining = [drainCounted(client), drainCounted(server)];
  await Promise.all([client, server].map(async (stream) => {
    for (let position = 0; position < length; position += 10_000) {
      await stream.send(counted(10_000, position));
    }
    await stream.closeWrite();
  }));
  assertEquals(await Promise.all(draining), [length, length]);
});

behaviour("the counters count what was sent and received", async (t) => {
  const { client, server } = await t.pair();
  const before = t.capability.stats();
  await client.send(counted(1000));
  await receiveExactly(server, 1000);
  const after = t.capability.stats();
  assertEquals(after.bytesSent - before.bytesSent, 1000);
  assertEquals(after.bytesReceived - before.bytesReceived, 1000);
  assertEquals(after.sends - before.sends, 1);
  assert(after.receives > before.receives);
  assertEquals(after.lateCompletions, before.lateCompletions);
});

behaviour("a stranger reads exactly what was sent, and then the end", async (t) => {
  const { stream, peer } = await t.connected();
  const reading = readToEnd(peer);
  await stream.send(counted(77_777));
  await stream.close();
  const bytes = await reading;
  assertEquals(bytes.length, 77_777);
  new Counting().take(bytes);
});
