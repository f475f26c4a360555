/**
 * Limits of a capability.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { theme } from "../behaviour.ts";
import { counted, drainCounted, receiveExactly, TOO_MUCH, utf8 } from "../bytes.ts";
import { assertNetError, reasonOf } from "../expect.ts";
import type { Limits, NetworkCapability } from "../../../mod.ts";

const limits = theme("limits");

limits("the limit sockets answers EMFILE and names itself", async (t) => {
  const derived = t.capability.derive({
    tcp: true,
    connect: true,
    listen: true,
    limits: { sockets: 2 },
  });
  const endpoint = await t.listen();
  const first = await derived.connect(endpoint.addr);
  const second = await derived.connect(endpoint.addr);
  for (const open of [() => derived.connect(endpoint.addr), () => derived.listen("127.0.0.1:0")]) {
    const error = await assertRejects(open);
    assertNetError(error, { code: "EMFILE" });
    assert(error.message.includes('"sockets"'), error.message);
    const { limit, maximum } = error as unknown as { limit: string; maximum: number };
    assertEquals([limit, maximum], ["sockets", 2]);
  }
  await first.close();
  const third = await derived.connect(endpoint.addr);
  await third.close();
  await second.close();
});

limits(
  "an accepted connection over the limit is refused and counted, and the endpoint goes on",
  async (t) => {
    const derived = t.capability.derive({ tcp: true, listen: true, limits: { sockets: 2 } });
    const endpoint = await t.listen({}, derived);
    const accepting = endpoint.accept();
    const first = await t.connect(endpoint.addr);
    const server = await accepting;
    const second = await t.connect(endpoint.addr);
    assertEquals(
      await reasonOf(second.receive().then((lease) => assertEquals(lease, null))),
      undefined,
    );
    assertEquals(endpoint.stats().refused, 1);
    assertEquals(t.gained("refused"), 1);
    await server.close();
    const again = endpoint.accept();
    await t.connect(endpoint.addr);
    await (await again).close();
    await first.close();
  },
);

limits("the limit of a parent counts what its children hold", async (t) => {
  const parent = t.capability.derive({ tcp: true, connect: true, limits: { sockets: 1 } });
  const child = parent.derive({ tcp: true, connect: true });
  const endpoint = await t.listen();
  const stream = await child.connect(endpoint.addr);
  assertNetError(await assertRejects(() => parent.connect(endpoint.addr)), { code: "EMFILE" });
  await stream.close();
  await (await parent.connect(endpoint.addr)).close();
});

limits("acceptsPerSecond is backpressure", async (t) => {
  const derived = t.capability.derive({
    tcp: true,
    listen: true,
    limits: { acceptsPerSecond: 50 },
  });
  const endpoint = await t.listen({}, derived);
  const count = 60;
  const accepted = (async () => {
    for (let index = 0; index < count; index++) await (await endpoint.accept()).close();
  })();
  const started = performance.now();
  const clients = Array.from({ length: count }, () => t.connect(endpoint.addr));
  await Promise.all(clients);
  await accepted;
  const seconds = (performance.now() - started) / 1000;
  // A second's worth may come at once; what is beyond that waits.
  assert(seconds > 0.1, `${count} connections were accepted in ${seconds} s`);
  assertEquals(endpoint.stats().refused, 0);
});

function limited(capability: NetworkCapability, amounts: Limits): NetworkCapability {
  return capability.derive({ tcp: true, connect: true, listen: true, limits: amounts });
}

function assertLimit(error: unknown, limit: string, maximum: number): void {
  assertNetError(error, { code: "ENOBUFS", errno: 105 });
  assert(error.message.includes(`"${limit}"`), error.message);
  const found = error as unknown as { limit: string; maximum: number };
  assertEquals([found.limit, found.maximum], [limit, maximum]);
}

limits(
  "the limit inFlight answers ENOBUFS and names itself, and what is under way goes on",
  async (t) => {
    const { client, server } = await t.pair({}, limited(t.capability, { inFlight: 1 }));
    const receiving = client.receive();
    assertLimit(await reasonOf(server.receive()), "inFlight", 1);
    assertLimit(await reasonOf(server.receiveMany().next()), "inFlight", 1);
    assertLimit(await reasonOf(server.send(utf8("no"))), "inFlight", 1);
    await client.shutdown("read");
    assertEquals(await receiving, null);
    await client.send(utf8("yes"));
    assertEquals(await receiveExactly(server, 3), utf8("yes"));
  },
);

limits(
  "the limit bufferBytes answers ENOBUFS and names itself, until bytes have left",
  async (t) => {
    const { client, server } = await t.pair({}, limited(t.capability, { bufferBytes: TOO_MUCH }));
    const sending = client.send(counted(TOO_MUCH));
    assertLimit(await reasonOf(client.send(utf8("x"))), "bufferBytes", TOO_MUCH);
    const draining = drainCounted(server);
    assertEquals(await sending, TOO_MUCH);
    assertEquals(await client.send(counted(1000, TOO_MUCH)), 1000);
    await client.closeWrite();
    assertEquals(await draining, TOO_MUCH + 1000);
  },
);

limits("sendBytesPerSecond is backpressure", async (t) => {
  const derived = limited(t.capability, { sendBytesPerSecond: 1_000_000 });
  const { client, server } = await t.pair({}, derived);
  const draining = drainCounted(server);
  const length = 1_200_000;
  const started = performance.now();
  for (let position = 0; position < length; position += 50_000) {
    assertEquals(await client.send(counted(50_000, position)), 50_000);
  }
  // A second's worth may leave at once; what is beyond that waits.
  const seconds = (performance.now() - started) / 1000;
  assert(seconds > 0.1, `${length} bytes left in ${seconds} s`);
  await client.closeWrite();
  assertEquals(await draining, length);
});
