/**
 * Unix sockets: paths and abstract names, messages, descriptors, peers.
 *
 * @module
 */

import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { theme } from "../behaviour.ts";
import { counted, drainCounted, receiveExactly, utf8 } from "../bytes.ts";
import { assertNetError, reasonOf } from "../expect.ts";
import {
  abstractName,
  listenUnix,
  UNIX_RIGHTS,
  unixPair,
  unixPath,
  type UnixText,
} from "../unix.ts";
import { OwnedFd, TcpEndpoint, type TcpStream, UnixEndpoint, UnixStream } from "../../../mod.ts";

const SEQPACKET = { type: "seqpacket" } as const;

/** The helpers for bytes know streams of TCP; what they use, these have, too. */
function asStream(stream: UnixStream): TcpStream {
  return stream as unknown as TcpStream;
}

async function exists(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => true, () => false);
}

const endpoints = theme("Unix sockets");

endpoints("streams over a path and over an abstract name have it as their address", async (t) => {
  const path = await unixPath(t);
  for (const address of [`unix:${path}`, abstractName()] as UnixText[]) {
    const endpoint = await listenUnix(t, address);
    assertInstanceOf(endpoint, UnixEndpoint);
    const accepting = endpoint.accept();
    const client = await t.capability.connect(address);
    t.defer(() => client.close());
    const server = await accepting;
    t.defer(() => server.close());
    assertInstanceOf(client, UnixStream);
    assertInstanceOf(server, UnixStream);
    assertEquals([client.type, server.type, endpoint.type], ["stream", "stream", "stream"]);
    const expected = { transport: "unix", path: address.slice("unix:".length) };
    assertEquals(endpoint.addr, expected as Deno.UnixAddr);
    assertEquals(client.remoteAddr, expected as Deno.UnixAddr);
    assertEquals(server.localAddr, expected as Deno.UnixAddr);
    assertEquals([client.localName, server.remoteName], ["unix:", "unix:"]);
  }
});

endpoints("bytes go both ways over Unix sockets, and each side ends by itself", async (t) => {
  const { client, server } = await unixPair(t);
  const length = 1_000_000;
  const draining = drainCounted(asStream(server));
  await client.send(counted(length));
  await client.closeWrite();
  assertEquals(await draining, length);
  const receiving = receiveExactly(asStream(client), 100_000);
  await server.send(counted(100_000));
  assertEquals(await receiving, counted(100_000));
  await server.close();
  assertEquals(await client.receive(), null);
});

endpoints("a path that somebody listens on is EADDRINUSE, and free after the close", async (t) => {
  const path = await unixPath(t);
  const endpoint = await listenUnix(t, `unix:${path}`);
  assert(await exists(path));
  const error = await reasonOf(t.capability.listen(`unix:${path}`));
  assertNetError(error, { code: "EADDRINUSE", operation: "listen", local: `unix:${path}` });
  assertInstanceOf(error, Deno.errors.AddrInUse);
  await endpoint[Symbol.asyncDispose]();
  assertEquals(await exists(path), false, "its file is removed");
  await listenUnix(t, `unix:${path}`);
});

endpoints("connecting to nobody over Unix sockets is ENOENT or ECONNREFUSED", async (t) => {
  const path = await unixPath(t);
  const missing = await reasonOf(t.capability.connect(`unix:${path}`));
  assertNetError(missing, { code: "ENOENT", operation: "connect", remote: `unix:${path}` });
  assertInstanceOf(missing, Deno.errors.NotFound);
  const refused = await reasonOf(t.capability.connect(abstractName()));
  assertNetError(refused, { code: "ECONNREFUSED", operation: "connect" });
});

endpoints("a path that is longer than 107 bytes is a RangeError that says so", async (t) => {
  const path = await unixPath(t);
  const long = `${path}${"x".repeat(108 - path.length)}` as const;
  await assertRejects(() => t.capability.listen(`unix:${long}`), RangeError, "107");
  await assertRejects(() => t.capability.connect(`unix:${long}`), RangeError, "107");
});

endpoints("rules judge paths and abstract names", async (t) => {
  const path = await unixPath(t);
  const name = abstractName();
  const rules = [`unix://${path}`, `unix://${name.slice("unix:".length)}`] as const;
  const part = t.capability.derive({ unix: true, connect: [...rules], listen: [...rules] });
  for (const address of [`unix:${path}`, name] as UnixText[]) {
    const endpoint = await listenUnix(t, address, {}, part);
    const accepting = endpoint.accept();
    const client = await part.connect(address);
    await Promise.all([client.close(), accepting.then((stream) => stream.close())]);
    const denied = await reasonOf(part.listen(`${address}x`));
    assertInstanceOf(denied, Deno.errors.NotCapable);
    assertEquals((denied as { right?: string }).right, "listen");
    assertInstanceOf(await reasonOf(part.connect(`${address}x`)), Deno.errors.NotCapable);
  }
});

endpoints(
  "the file of a Unix socket has a mode, takes a stale one's place, and may stay",
  async (t) => {
    const path = await unixPath(t);
    const first = await listenUnix(t, `unix:${path}`, { mode: 0o640, removeAtClose: false });
    assertEquals((await Deno.lstat(path)).mode! & 0o777, 0o640);
    const taken = t.capability.listen(`unix:${path}`, { replaceStale: true });
    assertNetError(await reasonOf(taken), { code: "EADDRINUSE" });
    await first[Symbol.asyncDispose]();
    assert(await exists(path));
    assertNetError(await reasonOf(t.capability.listen(`unix:${path}`)), { code: "EADDRINUSE" });
    const second = await listenUnix(t, `unix:${path}`, { replaceStale: true });
    const client = await t.capability.connect(`unix:${path}`);
    await client.close();
    await second[Symbol.asyncDispose]();
    assertEquals(await exists(path), false);
  },
);

const messages = theme("Unix messages");

messages("seqpacket keeps messages apart, whatever their length, and knows the end", async (t) => {
  const { client, server } = await unixPair(t, SEQPACKET);
  const lengths = [1, 0, 1000, 0, 65_536, 3];
  const sending = lengths.map((length) => client.send(counted(length)));
  const parts = client.send([utf8("a"), utf8("bc")]);
  const received: number[] = [];
  const receiving = (async () => {
    for await (const lease of server.receiveMany()) {
      assertEquals(lease.copy().length, lease.length);
      received.push(lease.length);
    }
  })();
  assertEquals(await Promise.all(sending), lengths);
  assertEquals(await parts, 3);
  await client.closeWrite();
  await receiving;
  assertEquals(received, [...lengths, 3]);
  assertEquals(await server.receive(), null);
});

messages("a message that does not fit is EMSGSIZE, never a part of it", async (t) => {
  const { client, server } = await unixPair(t, SEQPACKET);
  await client.send(counted(70_000));
  await client.send(utf8("four"));
  const error = await reasonOf(server.receive());
  assertNetError(error, { code: "EMSGSIZE", operation: "receive" });
  const into = new Uint8Array(4);
  assertNetError(await reasonOf(server.read(into.subarray(1))), { code: "EMSGSIZE" });
  assertEquals(await server.read(into), 4);
  assertEquals(into, utf8("four"));
  assertNetError(await reasonOf(client.send(counted(8_000_000))), { code: "EMSGSIZE" });
});

messages("an aborted receive of messages loses none", async (t) => {
  const { client, server } = await unixPair(t, SEQPACKET);
  let expected = 0;
  for (let round = 0; round < 100; round++) {
    const controller = new AbortController();
    const receiving = reasonOf(
      server.receive({ signal: controller.signal }).then((lease) => {
        assertEquals(lease!.length, ++expected);
        lease!.release();
      }),
    );
    const sending = client.send(counted(round + 1));
    if (round % 2 === 0) await sending;
    controller.abort(new Error("random"));
    const reason = await receiving;
    if (reason !== undefined) assertEquals((reason as Error).message, "random");
    await sending;
    while (expected <= round) {
      using lease = await server.receive();
      assertEquals(lease!.length, ++expected);
    }
  }
});

const descriptors = theme("descriptors over Unix sockets");

descriptors("descriptors arrive with their bytes, over both types", async (t) => {
  const capability = await t.request({ rights: UNIX_RIGHTS });
  const endpoint = await capability.listen("127.0.0.1:0");
  t.defer(() => endpoint[Symbol.asyncDispose]());
  for (const type of ["stream", "seqpacket"] as const) {
    const { client, server } = await unixPair(t, { type }, capability);
    assertEquals(await client.sendFds(utf8("two"), [endpoint.fd, endpoint.fd]), 3);
    const { lease, fds } = (await server.receiveFds())!;
    assertEquals([lease.copy(), fds.length], [utf8("two"), 2]);
    lease.release();
    // Passed on as an object, and taken over as what it is.
    await server.sendFds(utf8("back"), [fds[0]]);
    using back = (await client.receiveFds())!;
    assertEquals(back.fds.length, 1);
    const adopted = await TcpEndpoint.adopt(back.fds[0], capability);
    assertEquals(adopted.addr, endpoint.addr);
    await adopted[Symbol.asyncDispose]();
    await Promise.all(fds.map((fd) => fd.close()));
    await client.close();
    assertEquals(await server.receiveFds(), null);
  }
});

descriptors("an aborted receiveFds() keeps the stream, and what came meanwhile", async (t) => {
  const capability = await t.request({ rights: UNIX_RIGHTS });
  const { client, server } = await unixPair(t, {}, capability);
  const error = await reasonOf(server.receiveFds({ timeoutMs: 5 }));
  assertNetError(error, { code: "ETIMEDOUT" });
  await client.sendFds(utf8("x"), [0]);
  using received = (await server.receiveFds())!;
  assertEquals(received.fds.length, 1);
});

descriptors(
  "descriptors need the right adopt, and are at most 253 with a byte of data",
  async (t) => {
    const { client, server } = await unixPair(t);
    for (const attempt of [() => server.receiveFds(), () => client.sendFds(utf8("x"), [0])]) {
      const error = await reasonOf(attempt());
      assertInstanceOf(error, Deno.errors.NotCapable);
      assertEquals((error as { right?: string }).right, "adopt");
    }
    const capability = await t.request({ rights: UNIX_RIGHTS });
    const pair = await unixPair(t, {}, capability);
    const many = new Array<number>(254).fill(0);
    await assertRejects(() => pair.client.sendFds(utf8("x"), many), RangeError, "253");
    await assertRejects(() => pair.client.sendFds(new Uint8Array(0), [0]), RangeError, "1 byte");
    assertNetError(await reasonOf(pair.client.sendFds(utf8("x"), [999_999])), { code: "EBADF" });
  },
);

descriptors("peerCredentials() tells who is at the other end", async (t) => {
  const { client, server } = await unixPair(t);
  const own = { pid: Deno.pid, uid: Deno.uid()!, gid: Deno.gid()! };
  assertEquals(await client.peerCredentials(), own);
  assertEquals(await server.peerCredentials(), own);
});

descriptors("adopt() takes over what it is said to be, and nothing else", async (t) => {
  const capability = await t.request({ rights: UNIX_RIGHTS });
  const endpoint = await capability.listen("127.0.0.1:0");
  t.defer(() => endpoint[Symbol.asyncDispose]());
  const { client, server } = await unixPair(t, {}, capability);
  await client.sendFds(utf8("x"), [endpoint.fd]);
  using received = (await server.receiveFds())!;
  const number = received.fds[0].release();
  const wrong = await reasonOf(UnixEndpoint.adopt(number, capability));
  assertNetError(wrong, { code: "EINVAL", operation: "adopt" });
  assert(wrong.message.includes("a listening TCP socket"), wrong.message);
  const adopted = await TcpEndpoint.adopt(number, capability);
  t.defer(() => adopted[Symbol.asyncDispose]());
  const accepting = adopted.accept();
  await endpoint[Symbol.asyncDispose]();
  const stream = await capability.connect(adopted.addr);
  t.defer(() => stream.close());
  const accepted = await accepting;
  t.defer(() => accepted.close());
  assertNetError(await reasonOf(OwnedFd.adopt(999_999, capability)), { code: "EBADF" });
});
