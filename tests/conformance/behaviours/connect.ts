/**
 * Connecting.
 *
 * @module
 */

import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { theme } from "../behaviour.ts";
import { readExactly, utf8 } from "../bytes.ts";
import { assertNetError, freePort } from "../expect.ts";
import { SocketAddress, TcpStream } from "../../../mod.ts";

const behaviour = theme("connect");

behaviour("connect() reaches a stranger's listener", async (t) => {
  const { stream, peer } = await t.connected();
  await stream.send(utf8("hello"));
  assertEquals(await readExactly(peer, 5), utf8("hello"));
});

behaviour("connect() takes a Deno.NetAddr, text and a SocketAddress", async (t) => {
  const endpoint = await t.listen();
  const { port } = endpoint.addr;
  for (
    const address of [endpoint.addr, `127.0.0.1:${port}`, SocketAddress.parse(`127.1:${port}`)]
  ) {
    const accepting = endpoint.accept();
    const stream = await TcpStream.connect(address, t.capability);
    assertEquals(stream.remoteAddr, { transport: "tcp", hostname: "127.0.0.1", port });
    await stream.close();
    await (await accepting).close();
  }
});

behaviour("both ends know both addresses", async (t) => {
  const { client, server, endpoint } = await t.pair();
  assertEquals(client.remoteAddr, endpoint.addr);
  assertEquals(server.localAddr, endpoint.addr);
  assertEquals(server.remoteAddr, client.localAddr);
  assertEquals(client.localAddr.hostname, "127.0.0.1");
  assert(client.localAddr.port > 0);
});

behaviour("connect() to a port nobody listens on rejects with ECONNREFUSED", async (t) => {
  const port = freePort();
  const error = await assertRejects(() => t.capability.connect(`127.0.0.1:${port}`));
  assertNetError(error, {
    code: "ECONNREFUSED",
    errno: 111,
    operation: "connect",
    remote: `127.0.0.1:${port}`,
  });
  assertInstanceOf(error, Deno.errors.ConnectionRefused);
});

behaviour("connect() over IPv6 loopback has IPv6 addresses on both ends", async (t) => {
  const endpoint = await t.capability.listen("[::1]:0");
  t.defer(() => endpoint.close());
  const accepting = endpoint.accept();
  const client = await t.connect(endpoint.addr);
  const server = await accepting;
  t.defer(() => server.close());
  assertEquals(client.remoteAddr, { ...endpoint.addr, hostname: "::1" });
  assertEquals(server.remoteAddr, client.localAddr);
});

behaviour("connect() to 0.0.0.0 is a connection to loopback", async (t) => {
  const endpoint = await t.listen();
  const accepting = endpoint.accept();
  const stream = await t.capability.connect(`0.0.0.0:${endpoint.addr.port}`);
  t.defer(() => stream.close());
  assertEquals(stream.remoteAddr.hostname, "127.0.0.1");
  await (await accepting).close();
});

behaviour("connect() to an IPv4-mapped address is a connection over IPv4", async (t) => {
  const endpoint = await t.listen();
  const accepting = endpoint.accept();
  const stream = await t.capability.connect(`[::ffff:127.0.0.1]:${endpoint.addr.port}`);
  t.defer(() => stream.close());
  assertEquals(stream.remoteAddr.hostname, "127.0.0.1");
  await (await accepting).close();
});

behaviour("connect() to a name of the hosts file tries its addresses", async (t) => {
  const endpoint = await t.listen();
  const accepting = endpoint.accept();
  const stream = await t.capability.connect(`localhost:${endpoint.addr.port}`);
  t.defer(() => stream.close());
  assertEquals(stream.remoteAddr.port, endpoint.addr.port);
  await (await accepting).close();
});

behaviour("connect() to a name nobody answers for rejects with ECONNREFUSED", async (t) => {
  const port = freePort();
  const error = await assertRejects(() => t.capability.connect(`localhost:${port}`));
  assertNetError(error, { code: "ECONNREFUSED", operation: "connect" });
});

behaviour("connect() from a local address has that address", async (t) => {
  const endpoint = await t.listen();
  const accepting = endpoint.accept();
  const stream = await t.connect(endpoint.addr, { localAddress: "127.0.0.1:0" });
  const server = await accepting;
  t.defer(() => server.close());
  assertEquals(server.remoteAddr, stream.localAddr);
});

behaviour("connect() from an address that is not ours rejects with EADDRNOTAVAIL", async (t) => {
  const endpoint = await t.listen();
  const error = await assertRejects(() =>
    t.capability.connect(endpoint.addr, { localAddress: "192.0.2.1:0" })
  );
  assertNetError(error, { code: "EADDRNOTAVAIL", operation: "connect" });
});

behaviour("a failed connect() leaves no socket", async (t) => {
  for (let round = 0; round < 20; round++) {
    await assertRejects(() => t.capability.connect(`127.0.0.1:${freePort()}`));
  }
  assertEquals(t.capability.stats().sockets, 0);
});

behaviour("a hundred connections are made at the same time", async (t) => {
  const endpoint = await t.listen();
  const count = 100;
  const accepting = Array.from({ length: count }, () => endpoint.accept());
  const clients = await Promise.all(
    Array.from({ length: count }, () => t.capability.connect(endpoint.addr)),
  );
  const servers = await Promise.all(accepting);
  const names = (streams: readonly TcpStream[], which: "localAddr" | "remoteAddr") =>
    streams.map((stream) => stream[which].port).sort();
  // Each accepted stream has the address of its own peer, not the last one's.
  assertEquals(names(servers, "remoteAddr"), names(clients, "localAddr"));
  assertEquals(t.capability.stats().sockets, 2 * count + 1);
  await Promise.all([...clients, ...servers].map((stream) => stream.close()));
});
