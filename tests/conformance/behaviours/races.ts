/**
 * Aborts and deadlines at random moments, against bytes from another process: fixed moments missed
 * a real lost-byte bug that this finds in a second.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { theme } from "../behaviour.ts";
import { counted, Counting } from "../bytes.ts";
import type { Context } from "../context.ts";
import { reasonOf } from "../expect.ts";
import { type OpOptions, PartialSendError, type TcpStream } from "../../../mod.ts";
import { scale } from "../../support/seed.ts";

const behaviour = theme("races");

/** Aborts after a random while: at once, in microtasks, in turns of the event loop, in time. */
function abortSometime(t: Context, controller: AbortController): void {
  const abort = () => controller.abort(controller);
  switch (t.random.integer(0, 3)) {
    case 0:
      return queueMicrotask(abort);
    case 1:
      return void setTimeout(abort, 0);
    case 2:
      return void setTimeout(abort, t.random.integer(0, 2));
    default:
      return hops(t.random.integer(1, 20), abort);
  }
}

function hops(count: number, then: () => void): void {
  if (count === 0) then();
  else Promise.resolve().then(() => hops(count - 1, then));
}

/** One receive of a random kind. @returns false at the end of the stream */
async function receiveOnce(
  t: Context,
  stream: TcpStream,
  counting: Counting,
  options: OpOptions,
): Promise<boolean> {
  switch (t.random.integer(0, 3)) {
    case 0: {
      using lease = await stream.receive(options);
      if (lease !== null) counting.take(lease.bytes);
      return lease !== null;
    }
    case 1: {
      const bytes = new Uint8Array(t.random.integer(1, 3000));
      const count = await stream.read(bytes, options);
      if (count !== null) counting.take(bytes.subarray(0, count));
      return count !== null;
    }
    case 2: {
      using buffer = stream.allocBuffer(t.random.integer(1, 3000));
      const count = await stream.recvZeroCopy(buffer, options);
      counting.take(buffer.bytes.subarray(0, count));
      return count > 0;
    }
    default: {
      for await (const lease of stream.receiveMany(options)) {
        counting.take(lease.bytes);
        if (t.random.chance(0.3)) return true;
      }
      return false;
    }
  }
}

/** Receives from a process until its end, interrupted over and over. */
async function receiveInterrupted(
  t: Context,
  length: number,
  interrupt: (operation: (options: OpOptions) => Promise<boolean>) => Promise<boolean>,
): Promise<void> {
  const endpoint = await t.listen();
  const accepting = endpoint.accept();
  const seed = t.random.integer(1, 1_000_000);
  t.strangers.source(endpoint.addr.port, length, seed);
  const stream = await accepting;
  t.defer(() => stream.close());
  const counting = new Counting();
  let isOpen = true;
  while (isOpen) {
    isOpen = await interrupt((options) => receiveOnce(t, stream, counting, options));
  }
  assertEquals(counting.position, length);
}

behaviour("no byte is lost or doubled by aborts at random moments", async (t) => {
  await receiveInterrupted(t, scale(400_000, 40_000_000), async (operation) => {
    const controller = new AbortController();
    const receiving = operation({ signal: controller.signal });
    abortSometime(t, controller);
    const reason = await reasonOf(receiving);
    if (reason === undefined) return await receiving;
    assert(reason === controller, `${reason}`);
    return true;
  });
}, { limitMs: scale(20_000, 300_000) });

behaviour("no byte is lost or doubled by deadlines at random moments", async (t) => {
  await receiveInterrupted(t, scale(200_000, 20_000_000), async (operation) => {
    const receiving = operation({ timeoutMs: t.random.float() * 2 });
    const reason = await reasonOf(receiving);
    if (reason === undefined) return await receiving;
    assertEquals((reason as { code?: string }).code, "ETIMEDOUT", `${reason}`);
    return true;
  });
}, { limitMs: scale(20_000, 300_000) });

behaviour("what a send says it moved is what arrives, aborted at random moments", async (t) => {
  const sink = t.strangers.sink(t.random.integer(1, 1_000_000));
  const address = `127.0.0.1:${await sink.line()}`;
  for (let round = 0; round < scale(5, 400); round++) {
    const stream = await t.capability.connect(address);
    let position = 0;
    for (let sends = 0; sends < 40; sends++) {
      const controller = new AbortController();
      const length = t.random.integer(1, 400_000);
      const { signal } = controller;
      const sending = stream.send(counted(length, position), { signal });
      if (t.random.chance(0.7)) abortSometime(t, controller);
      const reason = await reasonOf(sending);
      if (reason === undefined) position += length;
      else if (reason instanceof PartialSendError) position += reason.bytesTransferred;
      else assert(reason === controller, `${reason}`);
      if (reason instanceof PartialSendError) break;
    }
    await stream.closeWrite();
    assertEquals(await sink.line(), String(position));
    await stream.close();
  }
}, { limitMs: scale(20_000, 300_000) });

behaviour("an abort that races with accept() loses no connection and leaks none", async (t) => {
  const endpoint = await t.listen();
  const count = scale(60, 3000);
  const peers: Deno.TcpConn[] = [];
  t.defer(() => peers.forEach((peer) => peer.close()));
  const connecting = (async () => {
    for (let index = 0; index < count; index++) {
      peers.push(await t.strangers.connect(endpoint.addr.port));
      if (t.random.chance(0.3)) await new Promise((resolve) => setTimeout(resolve, 0));
    }
  })();
  const ports = new Set<number>();
  while (ports.size < count) {
    const controller = new AbortController();
    const accepting = endpoint.accept({ signal: controller.signal });
    abortSometime(t, controller);
    const reason = await reasonOf(accepting);
    if (reason !== undefined) {
      assert(reason === controller, `${reason}`);
      continue;
    }
    const stream = await accepting;
    ports.add(stream.remoteAddr.port);
    await stream.close();
  }
  await connecting;
  assertEquals(ports, new Set(peers.map((peer) => peer.localAddr.port)));
});

behaviour("an abort that races with connect() leaks no socket", async (t) => {
  const endpoint = await t.listen();
  const serving = (async () => {
    for await (const stream of endpoint) stream.close();
  })();
  for (let round = 0; round < scale(60, 3000); round++) {
    const controller = new AbortController();
    const connecting = t.capability.connect(endpoint.addr, { signal: controller.signal });
    abortSometime(t, controller);
    const reason = await reasonOf(connecting);
    if (reason === undefined) {
      await (await connecting).close();
    } else {
      assert(reason === controller, `${reason}`);
    }
  }
  endpoint.close();
  await serving;
});

behaviour("close() that races with every operation ends them all", async (t) => {
  for (let round = 0; round < scale(20, 500); round++) {
    const { client, server } = await t.pair();
    const operations = [
      reasonOf(client.receive().then((lease) => lease?.release())),
      reasonOf(server.receiveMany().next().then(({ value }) => value?.release())),
      reasonOf(client.send(counted(t.random.integer(1, 3_000_000)))),
      reasonOf(server.send(counted(t.random.integer(1, 3_000_000)), { timeoutMs: 50 })),
    ];
    if (t.random.chance(0.5)) await new Promise((resolve) => setTimeout(resolve, 0));
    await Promise.all(t.random.shuffle([client, server]).map((stream) => stream.close()));
    await Promise.all(operations);
  }
});
