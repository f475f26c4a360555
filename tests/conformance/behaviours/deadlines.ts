/**
 * Deadlines.
 *
 * @module
 */

import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { theme } from "../behaviour.ts";
import { counted, readExactly, receiveExactly, TOO_MUCH, utf8 } from "../bytes.ts";
import { assertNetError, reasonOf } from "../expect.ts";
import { PartialSendError } from "../../../mod.ts";

const behaviour = theme("deadlines");

behaviour(
  "a receive past its deadline rejects with TimedOut, and the stream goes on",
  async (t) => {
    const { stream, peer } = await t.accepted();
    using buffer = stream.allocBuffer(10);
    const reads = [
      () => stream.receive({ timeoutMs: 10 }),
      () => stream.read(new Uint8Array(10), { timeoutMs: 10 }),
      () => stream.recvZeroCopy(buffer, { timeoutMs: 10 }),
      () => stream.receiveMany({ timeoutMs: 10 }).next(),
    ];
    for (const read of reads) {
      const started = performance.now();
      const error = await assertRejects(read);
      assert(performance.now() - started >= 9, "it fired before its time");
      assertNetError(error, { code: "ETIMEDOUT", operation: "receive", remote: stream.remoteName });
      assertInstanceOf(error, Deno.errors.TimedOut);
      await peer.write(utf8("on"));
      assertEquals(await receiveExactly(stream, 2), utf8("on"));
    }
  },
);

behaviour("a deadline that is not reached does nothing", async (t) => {
  const { stream, peer } = await t.accepted();
  for (let round = 0; round < 50; round++) {
    const receiving = stream.receive({ timeoutMs: 20 });
    await peer.write(utf8("x"));
    (await receiving)!.release();
  }
  const receiving = stream.receive({ timeoutMs: 5000 });
  await new Promise((resolve) => setTimeout(resolve, 25));
  await peer.write(utf8("y"));
  using lease = await receiving;
  assertEquals(lease!.copy(), utf8("y"));
});

behaviour("a deadline of 0 rejects what is not there, and takes what was kept", async (t) => {
  const { stream, peer } = await t.accepted();
  assertNetError(await assertRejects(() => stream.receive({ timeoutMs: 0 })), {
    code: "ETIMEDOUT",
  });
  await peer.write(utf8("ab"));
  await stream.read(new Uint8Array(1));
  assertEquals(await stream.read(new Uint8Array(1), { timeoutMs: 0 }), 1);
});

behaviour("deadlines fire in their order, however many there are", async (t) => {
  const endpoint = await t.listen();
  const order: number[] = [];
  const waits = t.random.shuffle(Array.from({ length: 20 }, (_, index) => index));
  await Promise.all(waits.map(async (wait) => {
    const error = await reasonOf(endpoint.accept({ timeoutMs: 5 + wait * 3 }));
    assertNetError(error, { code: "ETIMEDOUT", operation: "accept" });
    order.push(wait);
  }));
  assertEquals(order, waits.toSorted((a, b) => a - b));
});

behaviour("accept() past its deadline rejects with TimedOut, and accepts later", async (t) => {
  const endpoint = await t.listen();
  const error = await assertRejects(() => endpoint.accept({ timeoutMs: 10 }));
  assertNetError(error, { code: "ETIMEDOUT", operation: "accept", local: endpoint.localName });
  const accepting = endpoint.accept({ timeoutMs: 5000 });
  await t.connect(endpoint.addr);
  await (await accepting).close();
});

behaviour("connect() past its deadline rejects with TimedOut and leaves no socket", async (t) => {
  const address = await t.strangers.silentListener();
  const started = performance.now();
  const error = await assertRejects(() => t.capability.connect(address, { timeoutMs: 30 }));
  assert(performance.now() - started >= 29, "it fired before its time");
  assertNetError(error, { code: "ETIMEDOUT", operation: "connect", remote: address });
  assertEquals(t.capability.stats().sockets, 0);
});

behaviour(
  "send() past its deadline rejects with PartialSendError and ends the write side",
  async (t) => {
    const { stream, peer } = await t.connected();
    const error = await assertRejects(() => stream.send(counted(TOO_MUCH), { timeoutMs: 30 }));
    assertInstanceOf(error, PartialSendError);
    assertNetError(error, { code: "ETIMEDOUT", errno: 110, operation: "send" });
    assertNetError(error.cause, { code: "ETIMEDOUT" });
    const bytes = await readExactly(peer, TOO_MUCH);
    assertEquals(bytes.length, error.bytesTransferred);
  },
);

behaviour("send() that waits past its deadline behind another moved nothing", async (t) => {
  const { stream, peer } = await t.connected();
  const length = TOO_MUCH;
  const first = stream.send(counted(length));
  assert(await t.isPending(first));
  const error = await assertRejects(() => stream.send(utf8("never"), { timeoutMs: 20 }));
  assertNetError(error, { code: "ETIMEDOUT", operation: "send" });
  assert(!(error instanceof PartialSendError));
  await readExactly(peer, length);
  await first;
  await stream.send(utf8("usable"));
  assertEquals(await readExactly(peer, 6), utf8("usable"));
});

behaviour("an impossible deadline is a RangeError", async (t) => {
  const { client, server, endpoint } = await t.pair();
  for (const timeoutMs of [-1, NaN, "5" as unknown as number, null as unknown as number]) {
    const options = { timeoutMs };
    await assertRejects(() => client.receive(options), RangeError, "timeoutMs");
    await assertRejects(() => server.send(utf8("x"), options), RangeError, "timeoutMs");
    await assertRejects(() => endpoint.accept(options), RangeError, "timeoutMs");
    await assertRejects(
      () => t.capability.connect("127.0.0.1:1", options),
      RangeError,
      "timeoutMs",
    );
  }
});

behaviour("a deadline and a signal together: the first one counts", async (t) => {
  const { stream } = await t.accepted();
  const controller = new AbortController();
  const { signal } = controller;
  const timedOut = await reasonOf(stream.receive({ signal, timeoutMs: 10 }));
  assertNetError(timedOut, { code: "ETIMEDOUT" });
  const receiving = reasonOf(stream.receive({ signal, timeoutMs: 5000 }));
  controller.abort("first");
  assertEquals(await receiving, "first");
});
