/**
 * Closing, whole and by halves.
 *
 * @module
 */

import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { theme } from "../behaviour.ts";
import {
  counted,
  Counting,
  readExactly,
  readToEnd,
  receiveExactly,
  TOO_MUCH,
  utf8,
  writeCounted,
} from "../bytes.ts";
import { assertNetError, reasonOf } from "../expect.ts";

const behaviour = theme("close");

behaviour("close() is idempotent", async (t) => {
  const { stream } = await t.connected();
  const first = stream.close();
  stream.close();
  await Promise.all([first, stream.close(), stream[Symbol.asyncDispose]()]);
  stream[Symbol.dispose]();
  await stream.close();
});

behaviour("every operation on a closed stream rejects with BadResource", async (t) => {
  const { stream } = await t.connected();
  using buffer = stream.allocBuffer(10);
  await stream.close();
  const operations: Record<string, () => Promise<unknown>> = {
    receive: () => stream.receive(),
    receiveMany: () => stream.receiveMany().next(),
    read: () => stream.read(new Uint8Array(1)),
    recvZeroCopy: () => stream.recvZeroCopy(buffer),
    send: () => stream.send(utf8("x")),
    write: () => stream.write(utf8("x")),
    sendZeroCopy: () => stream.sendZeroCopy(buffer),
    closeWrite: () => stream.closeWrite(),
    shutdown: () => stream.shutdown("both"),
    setOption: () => stream.setOption("noDelay", true),
    getOption: () => stream.getOption("noDelay"),
    setNoDelay: () => Promise.resolve().then(() => stream.setNoDelay()),
    setKeepAlive: () => Promise.resolve().then(() => stream.setKeepAlive()),
  };
  for (const [name, operation] of Object.entries(operations)) {
    const error = await assertRejects(operation, Error, "", name);
    assertNetError(error, { code: "EBADF", errno: 9 });
    assertInstanceOf(error, Deno.errors.BadResource, name);
  }
});

behaviour("close() rejects a pending receive() with BadResource", async (t) => {
  const { stream } = await t.connected();
  const receiving = reasonOf(stream.receive());
  await t.barrier();
  await stream.close();
  assertNetError(await receiving, { code: "EBADF", operation: "receive" });
});

behaviour("close() rejects pending sends with BadResource and frees their memory", async (t) => {
  const { stream } = await t.connected();
  const bytes = [counted(TOO_MUCH), utf8("behind it")];
  const sending = bytes.map((data) => reasonOf(stream.send(data)));
  assert(await t.isPending(sending[0]));
  await stream.close();
  const { localName, remoteName } = stream;
  for (const promise of sending) {
    const names = { local: localName, remote: remoteName };
    assertNetError(await promise, { code: "EBADF", operation: "send", ...names });
  }
  assertEquals(t.capability.stats().bufferBytes, 0);
});

behaviour("closed resolves with no reason after an ordinary close, before and after", async (t) => {
  const { stream } = await t.connected();
  const closed = stream.closed;
  await stream.close();
  assertEquals(await closed, { reason: undefined });
  assertEquals(await stream.closed, { reason: undefined });
});

behaviour("await using closes a stream and an endpoint", async (t) => {
  const endpoint = await t.capability.listen("127.0.0.1:0");
  {
    await using listening = endpoint;
    const accepting = listening.accept();
    await using client = await t.capability.connect(listening.addr);
    await using server = await accepting;
    await client.send(utf8("x"));
    (await server.receive())!.release();
  }
  assertEquals(t.capability.stats().sockets, 0);
});

behaviour("close() gives up what came and was not read", async (t) => {
  const { stream, peer } = await t.accepted();
  await peer.write(new Uint8Array(100_000));
  for await (const _ of stream.receiveMany()) break;
  await stream.close();
  assertEquals(t.capability.stats().leases, 0);
  assertEquals(t.capability.network.reactor.buffers.held, 0);
});

behaviour("close() while bytes stream in leaks nothing, at random moments", async (t) => {
  for (let round = 0; round < 8; round++) {
    const { stream, peer } = await t.accepted();
    const writing = writeCounted(peer, 4_000_000).catch(() => {});
    const counting = new Counting();
    const reading = (async () => {
      for await (const lease of stream.receiveMany()) counting.take(lease.bytes);
    })();
    const enough = t.random.integer(1, 40);
    for (let turn = 0; turn < enough; turn++) await new Promise((done) => setTimeout(done, 0));
    await stream.close();
    await reading;
    peer.close();
    await writing;
  }
});

behaviour("the peer sees the end when a stream is closed", async (t) => {
  const { stream, peer } = await t.accepted();
  await stream.close();
  assertEquals(await peer.read(new Uint8Array(1)), null);
});

behaviour("disposing of the capability closes everything made under it", async (t) => {
  const capability = await t.request();
  const { client, server, endpoint } = await t.pair({}, capability);
  const receiving = reasonOf(server.receive());
  await capability[Symbol.asyncDispose]();
  assertNetError(await receiving, { code: "EBADF" });
  assertEquals((await client.closed).reason, undefined);
  assertNetError(await reasonOf(endpoint.accept()), { code: "EBADF" });
  assertEquals(capability.stats().sockets, 0);
  await assertRejects(() => capability.listen("127.0.0.1:0"), Deno.errors.NotCapable);
});

const half = theme("half-close");

half("closeWrite() ends the peer's reading, and receiving goes on", async (t) => {
  const { stream, peer } = await t.accepted();
  await stream.send(utf8("bye"));
  await stream.closeWrite();
  assertEquals(await readToEnd(peer), utf8("bye"));
  await peer.write(utf8("answer"));
  assertEquals(await receiveExactly(stream, 6), utf8("answer"));
  peer.close();
  assertEquals(await stream.receive(), null);
});

half("the end of the stream never closes the write side", async (t) => {
  const { stream, peer } = await t.accepted();
  await peer.closeWrite();
  assertEquals(await stream.receive(), null);
  await t.barrier();
  await stream.send(counted(50_000));
  const bytes = await readExactly(peer, 50_000);
  new Counting().take(bytes);
  await stream.closeWrite();
  assertEquals(await peer.read(new Uint8Array(1)), null);
});

half("both sides half-close, and both read to the end", async (t) => {
  const { client, server } = await t.pair();
  await Promise.all([client.closeWrite(), server.closeWrite()]);
  assertEquals(await client.receive(), null);
  assertEquals(await server.receive(), null);
});

half("closeWrite() lets what was queued leave first", async (t) => {
  const { stream, peer } = await t.connected();
  const length = TOO_MUCH;
  const sending = stream.send(counted(length));
  const closing = stream.closeWrite();
  const bytes = await readToEnd(peer);
  assertEquals(bytes.length, length);
  new Counting().take(bytes);
  assertEquals(await sending, length);
  await closing;
});

half("send() after closeWrite() rejects with EPIPE", async (t) => {
  const { stream } = await t.connected();
  await stream.closeWrite();
  const error = await assertRejects(() => stream.send(utf8("late")));
  assertNetError(error, { code: "EPIPE", operation: "send" });
  assertInstanceOf(error, Deno.errors.BrokenPipe);
});

half("closeWrite() twice is quiet", async (t) => {
  const { stream, peer } = await t.connected();
  await Promise.all([stream.closeWrite(), stream.closeWrite()]);
  await stream.closeWrite();
  assertEquals(await peer.read(new Uint8Array(1)), null);
});

half("shutdown(read) ends receiving, and sending goes on", async (t) => {
  const { stream, peer } = await t.accepted();
  const receiving = stream.receive();
  await t.barrier();
  await stream.shutdown("read");
  assertEquals(await receiving, null);
  assertEquals(await stream.receive(), null);
  await stream.send(utf8("still talking"));
  assertEquals(await readExactly(peer, 13), utf8("still talking"));
});

half("shutdown(both) ends both sides, and the stream is still to be closed", async (t) => {
  const { stream, peer } = await t.accepted();
  await stream.shutdown("both");
  assertEquals(await stream.receive(), null);
  assertNetError(await assertRejects(() => stream.send(utf8("x"))), { code: "EPIPE" });
  assertEquals(await peer.read(new Uint8Array(1)), null);
  assertEquals(t.capability.stats().sockets, 1);
  await stream.close();
  assertEquals(t.capability.stats().sockets, 0);
});

half("shutdown() of anything else is a TypeError", async (t) => {
  const { stream } = await t.connected();
  await assertRejects(() => stream.shutdown("sideways" as "read"), TypeError, "sideways");
  assertThrows(() => stream.allocBuffer(0), RangeError);
});

half(
  "a stream whose peer closed is ended, not closed: close() is still to be called",
  async (t) => {
    const { stream, peer } = await t.accepted();
    peer.close();
    assertEquals(await stream.receive(), null);
    assertEquals(t.capability.stats().sockets, 1);
    await stream.close();
    assertEquals(t.capability.stats().sockets, 0);
  },
);
