/**
 * Aborting, and aborting that races with what it aborts.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { theme } from "../behaviour.ts";
import { counted, readExactly, receiveExactly, TOO_MUCH, utf8 } from "../bytes.ts";
import { closeQuietly } from "../close_quietly.ts";
import { assertNetError, reasonOf } from "../expect.ts";
import {
  type Lease,
  NetError,
  type OpOptions,
  PartialSendError,
  type TcpStream,
} from "../../../mod.ts";

const behaviour = theme("cancellation");

/** The ways of receiving, each told to stop by options. */
function readers(stream: TcpStream): Record<string, (options: OpOptions) => Promise<unknown>> {
  return {
    receive: (options) => stream.receive(options),
    read: (options) => stream.read(new Uint8Array(10), options),
    recvZeroCopy: async (options) => {
      using buffer = stream.allocBuffer(10);
      return await stream.recvZeroCopy(buffer, options);
    },
    receiveMany: (options) => stream.receiveMany(options).next(),
  };
}

behaviour(
  "an aborted receive rejects with the signal's own reason, and the stream goes on",
  async (t) => {
    const { stream, peer } = await t.accepted();
    for (const [name, read] of Object.entries(readers(stream))) {
      const controller = new AbortController();
      const reason = { why: name };
      const reading = reasonOf(read({ signal: controller.signal }));
      assert(await t.isPending(reading), name);
      controller.abort(reason);
      assertStrictEquals(await reading, reason, name);
      await peer.write(utf8(name));
      assertEquals(await receiveExactly(stream, name.length), utf8(name));
    }
  },
);

behaviour("a signal that is aborted already takes nothing", async (t) => {
  const { stream, peer } = await t.accepted();
  await peer.write(utf8("kept"));
  const signal = AbortSignal.abort("too late");
  for (const [name, read] of Object.entries(readers(stream))) {
    assertEquals(await reasonOf(read({ signal })), "too late", name);
  }
  assertEquals(await reasonOf(stream.send(utf8("never"), { signal })), "too late");
  assertEquals(await reasonOf(t.capability.connect("127.0.0.1:1", { signal })), "too late");
  assertEquals(await receiveExactly(stream, 4), utf8("kept"));
  await stream.send(utf8("sent"));
  assertEquals(await readExactly(peer, 4), utf8("sent"));
});

behaviour("an abort without a reason is an AbortError", async (t) => {
  const { stream } = await t.accepted();
  const controller = new AbortController();
  const receiving = reasonOf(stream.receive({ signal: controller.signal }));
  controller.abort();
  const reason = await receiving;
  assertInstanceOf(reason, DOMException);
  assertEquals(reason.name, "AbortError");
});

behaviour("an abort after the end of an operation does nothing", async (t) => {
  const { stream, peer } = await t.accepted();
  const controller = new AbortController();
  const { signal } = controller;
  await peer.write(utf8("x"));
  (await stream.receive({ signal }))!.release();
  await stream.send(utf8("y"), { signal });
  controller.abort();
  await t.barrier();
  await peer.write(utf8("z"));
  assertEquals(await receiveExactly(stream, 1), utf8("z"));
});

behaviour("an operation that ends leaves no listener on its signal", async (t) => {
  const { stream, peer } = await t.accepted();
  const endpoint = await t.listen();
  const { signal } = new AbortController();
  let listeners = 0;
  const [add, remove] = [signal.addEventListener, signal.removeEventListener];
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listeners++;
    add.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listeners--;
    remove.apply(signal, args);
  };
  await peer.write(utf8("abc"));
  for (const [name, read] of Object.entries(readers(stream))) {
    await peer.write(utf8("0123456789"));
    const outcome = await read({ signal, timeoutMs: 5000 });
    if (name === "receive") (outcome as Lease).release();
    if (name === "receiveMany") (outcome as IteratorResult<Lease>).value.release();
  }
  await stream.send(utf8("x"), { signal });
  const accepting = endpoint.accept({ signal });
  const client = await t.connect(endpoint.addr, { signal, timeoutMs: 5000 });
  await (await accepting).close();
  await client.close();
  assertEquals(listeners, 0);
});

behaviour(
  "an aborted accept() rejects, and the next connection goes to the next accept()",
  async (t) => {
    const endpoint = await t.listen();
    const controller = new AbortController();
    const reason = new Error("nobody came");
    const first = reasonOf(endpoint.accept({ signal: controller.signal }));
    const second = endpoint.accept();
    assert(await t.isPending(first));
    controller.abort(reason);
    assertStrictEquals(await first, reason);
    const peer = await t.strangers.connect(endpoint.addr.port);
    t.defer(() => closeQuietly(peer));
    const stream = await second;
    assertEquals(stream.remoteAddr.port, peer.localAddr.port);
    await stream.close();
  },
);

behaviour("an aborted connect() rejects with the reason and leaves no socket", async (t) => {
  const address = await t.strangers.silentListener();
  const controller = new AbortController();
  const reason = new Error("no patience");
  const connecting = reasonOf(t.capability.connect(address, { signal: controller.signal }));
  assert(await t.isPending(connecting));
  const before = t.capability.stats().sockets;
  controller.abort(reason);
  assertStrictEquals(await connecting, reason);
  assertEquals(t.capability.stats().sockets, before - 1);
});

behaviour(
  "an aborted send() that moved nothing rejects with the reason, and others go on",
  async (t) => {
    const { stream, peer } = await t.connected();
    const length = TOO_MUCH;
    const first = stream.send(counted(length));
    assert(await t.isPending(first));
    const controller = new AbortController();
    const second = reasonOf(stream.send(utf8("never sent"), { signal: controller.signal }));
    const third = stream.send(counted(1000, length));
    controller.abort("changed my mind");
    assertEquals(await second, "changed my mind");
    const bytes = await readExactly(peer, length + 1000);
    assertEquals(await first, length);
    assertEquals(await third, 1000);
    assertEquals(bytes.subarray(length), counted(1000, length));
  },
);

behaviour(
  "a send() aborted after its first byte rejects with PartialSendError and ends the write side",
  async (t) => {
    const { stream, peer } = await t.connected();
    const controller = new AbortController();
    const reason = new Error("enough");
    const sending = reasonOf(stream.send(counted(TOO_MUCH), { signal: controller.signal }));
    assert(await t.isPending(sending));
    controller.abort(reason);
    const error = await sending;
    assertInstanceOf(error, PartialSendError);
    assertInstanceOf(error, NetError);
    assertNetError(error, { code: "ECANCELED", errno: 125, operation: "send" });
    assertStrictEquals(error.cause, reason);
    const moved = error.bytesTransferred;
    assert(moved > 0 && moved < TOO_MUCH, `${moved} bytes were moved`);
    const later = await assertRejects(() => stream.send(utf8("more")));
    assertInstanceOf(later, NetError);
    const bytes = await readExactly(peer, TOO_MUCH);
    assertEquals(bytes.length, moved, "the peer received what was said to be sent");
    assertEquals(bytes.subarray(moved - 8), counted(8, moved - 8));
    await peer.write(utf8("the read side lives"));
    assertEquals(await receiveExactly(stream, 19), utf8("the read side lives"));
  },
);

behaviour("what was queued behind a partial send is refused, not sent", async (t) => {
  const { stream, peer } = await t.connected();
  const controller = new AbortController();
  const first = reasonOf(stream.send(counted(TOO_MUCH), { signal: controller.signal }));
  const second = reasonOf(stream.send(utf8("must not arrive")));
  assert(await t.isPending(first));
  controller.abort();
  const error = await first as PartialSendError;
  assertInstanceOf(await second, NetError);
  assertEquals((await readExactly(peer, TOO_MUCH)).length, error.bytesTransferred);
});

behaviour("recvZeroCopy() that is aborted leaves its memory to the program", async (t) => {
  const { stream, peer } = await t.accepted();
  using buffer = stream.allocBuffer(100);
  const controller = new AbortController();
  const receiving = reasonOf(stream.recvZeroCopy(buffer, { signal: controller.signal }));
  assert(await t.isPending(receiving));
  controller.abort("stop");
  assertEquals(await receiving, "stop");
  buffer.bytes.fill(7);
  await peer.write(utf8("elsewhere"));
  assertEquals(await receiveExactly(stream, 9), utf8("elsewhere"));
  assertEquals(buffer.bytes[0], 7, "a cancelled receive wrote into memory it gave back");
});
