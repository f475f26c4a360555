/**
 * Datagrams over Unix sockets.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { theme } from "../behaviour.ts";
import { utf8 } from "../bytes.ts";
import type { Context } from "../context.ts";
import { LOST_MS } from "../datagram_endpoints.ts";
import { assertNetError, reasonOf } from "../expect.ts";
import { UnixDatagramEndpoint } from "../../../mod.ts";

const behaviour = theme("Unix datagrams");

async function bound(t: Context, address: `unix:${string}` = "unix:") {
  const endpoint = await UnixDatagramEndpoint.bind(address, t.capability);
  t.defer(() => endpoint.close());
  return endpoint;
}

/** Receives datagrams that hold their number, and proves that they come in order. */
async function follow(endpoint: UnixDatagramEndpoint, count: number): Promise<void> {
  let next = 0;
  for await (const batch of endpoint.receiveMany({ timeoutMs: LOST_MS })) {
    for (const { bytes } of batch) {
      const number = bytes[0] | (bytes[1] << 8) | (bytes[2] << 16);
      if (number !== next++) assertEquals(number, next - 1);
    }
    if (next === count) return;
  }
}

function numbered(from: number, count: number): { data: Uint8Array }[] {
  return Array.from({ length: count }, (_, index) => {
    const number = from + index;
    const data = Uint8Array.of(
      number,
      number >> 8,
      number >> 16,
      ...new Array(number % 50).fill(7),
    );
    return { data };
  });
}

behaviour("datagrams over Unix sockets arrive all and in order", async (t) => {
  for (const isConnected of [false, true]) {
    const [server, client] = [await bound(t), await bound(t)];
    if (isConnected) await client.connect(server.addr);
    const count = 600;
    const following = follow(server, count);
    for (let from = 0; from < count; from += 200) {
      const batch = numbered(from, 200).map((item) =>
        isConnected ? item : { ...item, to: server.addr }
      );
      assertEquals(await client.sendBatch(batch), { sent: 200, failed: [] });
    }
    await following;
    assertEquals(server.stats().received, count);
  }
});

behaviour("a Unix datagram socket that nobody reads stops its senders", async (t) => {
  const [server, client] = [await bound(t), await bound(t)];
  await client.connect(server.addr);
  const count = 400;
  const sending = client.sendBatch(numbered(0, count));
  assert(await t.isPending(sending));
  const single = client.send(Uint8Array.of(count, count >> 8, count >> 16));
  assert(await t.isPending(single));
  await follow(server, count + 1);
  assertEquals((await sending).sent, count);
  assertEquals(await single, 3);
});

behaviour(
  "Unix datagram sockets have paths, abstract names and names of the system's choice",
  async (t) => {
    const path = `${await Deno.makeTempDir()}/socket`;
    t.defer(() => Deno.remove(path));
    const [filed, client] = [await bound(t, `unix:${path}`), await bound(t)];
    const abstract = await bound(t, `unix:@millrace-${crypto.randomUUID()}`);
    assertEquals(filed.addr, { transport: "unix", path });
    assert(client.addr.path.startsWith("@") && client.addr.path.length > 1, client.addr.path);
    for (const server of [filed, abstract, client]) {
      await client.send(utf8("hello"), server.addr);
      using datagram = await server.receive({ timeoutMs: LOST_MS });
      assertEquals(datagram.copy(), utf8("hello"));
      assertEquals(datagram.remoteAddr, client.addr);
      assertEquals(datagram.remoteName, client.localName);
    }
    assertNetError(await assertRejects(() => bound(t, `unix:${path}`)), { code: "EADDRINUSE" });
  },
);

behaviour("a batch to Unix sockets goes on behind what fails, in order", async (t) => {
  const [server, client] = [await bound(t), await bound(t)];
  const to = server.localName;
  const items = numbered(0, 60).map(({ data }) => ({ data, to }));
  const nobody = "unix:@millrace-nobody-has-bound-this";
  const batch = items.flatMap((item, index) =>
    index % 20 === 10 ? [{ data: utf8("lost"), to: nobody }, item] : [item]
  );
  const following = follow(server, items.length);
  const { sent, failed } = await client.sendBatch(batch);
  await following;
  assertEquals([sent, failed.map(({ index }) => index)], [60, [10, 31, 52]]);
  for (const { error } of failed) assertNetError(error, { code: "ECONNREFUSED", remote: nobody });
  const missing = await assertRejects(() => client.send(utf8("x"), "unix:/nowhere/at/all"));
  assertNetError(missing, { code: "ENOENT", operation: "send" });
  const large = await assertRejects(() => client.send(new Uint8Array(4_000_000), to));
  assertNetError(large, { code: "EMSGSIZE" });
  assert(String(large).includes("sendBufferBytes"), String(large));
  await assertRejects(() => client.send(utf8("x"), "127.0.0.1:9"), Error, "EAFNOSUPPORT");
});

behaviour("Unix datagram sockets are judged by unix, listen and connect", async (t) => {
  const server = await bound(t);
  const derived = t.capability.derive({ unix: true, listen: ["unix://@allowed"], connect: true });
  await assertRejects(() => derived.bind("unix:@other"), Deno.errors.NotCapable);
  await assertRejects(() => derived.bind("unix:"), Deno.errors.NotCapable);
  const deaf = t.capability.derive({ unix: true, listen: true, connect: ["unix://@allowed"] });
  const client = await deaf.bind("unix:");
  t.defer(() => client.close());
  await assertRejects(() => client.send(utf8("x"), server.addr), Deno.errors.NotCapable);
  assertEquals(await reasonOf(server.send(utf8("x"), client.addr)), undefined);
});
