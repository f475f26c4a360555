/**
 * Compile-time proofs: what is written for Deno's listeners and connections takes ours. The tests
 * run, too, but their subject is that this module passes the type check.
 */

import { assertEquals } from "@std/assert";
import { connectPair, testOnBackends } from "./support/backends.ts";
import type {
  NetworkCapability,
  TcpEndpoint,
  TcpStream,
  UnixEndpoint,
  UnixStream,
} from "../mod.ts";

type Assignable<From, To> = From extends To ? true : false;

/** Does not compile unless every element is true. */
function prove<Proofs extends readonly true[]>(..._proofs: Proofs): void {}

prove(
  true satisfies Assignable<TcpEndpoint, Deno.Listener>,
  true satisfies Assignable<TcpEndpoint, Deno.Listener<Deno.TcpConn, Deno.NetAddr>>,
  true satisfies Assignable<TcpEndpoint, Deno.TcpListener>,
  true satisfies Assignable<TcpStream, Deno.Conn>,
  true satisfies Assignable<TcpStream, Deno.Conn<Deno.NetAddr>>,
  true satisfies Assignable<TcpStream, Deno.TcpConn>,
  true satisfies Assignable<UnixEndpoint, Deno.Listener<Deno.UnixConn, Deno.UnixAddr>>,
  true satisfies Assignable<UnixEndpoint, Deno.UnixListener>,
  true satisfies Assignable<UnixStream, Deno.Conn<Deno.UnixAddr>>,
  true satisfies Assignable<UnixStream, Deno.UnixConn>,
  true satisfies Assignable<TcpStream["readable"], ReadableStream<Uint8Array<ArrayBuffer>>>,
  true satisfies Assignable<TcpStream, AsyncDisposable & Disposable>,
  true satisfies Assignable<TcpEndpoint, AsyncIterable<Deno.TcpConn> & AsyncDisposable>,
  // What takes bytes one way or the other: the interfaces of `@std/io`.
  true satisfies Assignable<TcpStream, { read(p: Uint8Array): Promise<number | null> }>,
  true satisfies Assignable<TcpStream, { write(p: Uint8Array): Promise<number> }>,
  true satisfies Assignable<TcpStream, { close(): void }>,
);

/** As `@std/io` has it: copies until the end. */
async function copy(
  from: { read(p: Uint8Array): Promise<number | null> },
  to: { write(p: Uint8Array): Promise<number> },
): Promise<number> {
  const buffer = new Uint8Array(1024);
  let total = 0;
  while (true) {
    const count = await from.read(buffer);
    if (count === null) return total;
    for (let written = 0; written < count;) {
      written += await to.write(buffer.subarray(written, count));
    }
    total += count;
  }
}

/** As `@std/io` has it. */
async function readAll(from: { read(p: Uint8Array): Promise<number | null> }): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  const buffer = new Uint8Array(100);
  for (let count = await from.read(buffer); count !== null; count = await from.read(buffer)) {
    parts.push(buffer.slice(0, count));
  }
  return new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer());
}

/** A server in the style of Deno's manual, for any listener. */
async function serve(
  listener: Deno.Listener,
  handle: (connection: Deno.Conn) => Promise<void>,
): Promise<void> {
  for await (const connection of listener) handle(connection);
}

/** What many programs do with a connection. */
async function echo(connection: Deno.Conn): Promise<void> {
  await connection.readable.pipeTo(connection.writable);
}

/** Knows Deno's TCP connections only. */
async function upperCase(connection: Deno.TcpConn): Promise<void> {
  using held = connection;
  held.setNoDelay();
  held.setKeepAlive(true);
  held.ref();
  const { hostname, port, transport } = held.remoteAddr;
  const text = new TextDecoder().decode(await readAll(held));
  const reply = `${transport} ${hostname} ${port > 0} ${text.toUpperCase()}`;
  await held.write(new TextEncoder().encode(reply));
  await held.closeWrite();
}

async function acceptOne(listener: Deno.TcpListener): Promise<Deno.TcpConn> {
  const connection = await listener.accept();
  listener.close();
  return connection;
}

async function ask(connection: Deno.Conn, question: string): Promise<string> {
  await connection.write(new TextEncoder().encode(question));
  await connection.closeWrite();
  const answer = await new Response(connection.readable).text();
  try {
    connection.close();
  } catch {
    // Deno's own have closed themselves at the end of their readable.
  }
  return answer;
}

const LOOPBACK = "127.0.0.1:0";

testOnBackends("a server for Deno.Listener serves with an endpoint", async (capability) => {
  const endpoint = await capability.listen(LOOPBACK);
  const serving = serve(endpoint, echo);
  assertEquals(await ask(await capability.connect(endpoint.addr), "hello"), "hello");
  assertEquals(await ask(await Deno.connect({ port: endpoint.addr.port }), "Deno"), "Deno");
  endpoint.close();
  await serving;
});

testOnBackends("a handler for Deno.TcpConn takes an accepted stream", async (capability) => {
  const endpoint = await capability.listen(LOOPBACK);
  const handling = acceptOne(endpoint).then(upperCase);
  const answer = await ask(await capability.connect(endpoint.addr), "quiet");
  assertEquals(answer, "tcp 127.0.0.1 true QUIET");
  await handling;
});

testOnBackends("a copy loop copies from stream to stream, as from Deno's", async (capability) => {
  const [first, second] = [await connectPair(capability), await connectPair(capability)];
  const copying = copy(first.server, second.client).then(() => second.client.closeWrite());
  const reading = readAll(second.server);
  const data = new Uint8Array(100_000).map((_, index) => index);
  assertEquals(await first.client.write(data), data.length);
  await first.client.closeWrite();
  await copying;
  assertEquals(await reading, data);
  for (const { client, server } of [first, second]) {
    client.close();
    server.close();
  }
});

testOnBackends("a Unix stream is read as Deno.UnixConn is", async (capability) => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/socket`;
    const endpoint = await listenUnix(capability, path);
    const accepting = endpoint.accept();
    const peer: Deno.UnixConn = await Deno.connect({ transport: "unix", path });
    const stream: Deno.UnixConn = await accepting;
    assertEquals(stream.localAddr, { transport: "unix", path });
    const echoing = echo(stream);
    assertEquals(await ask(peer, "local"), "local");
    await echoing;
    endpoint.close();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

async function listenUnix(capability: NetworkCapability, path: string): Promise<UnixEndpoint> {
  const endpoint: unknown = await capability.listen(`unix:${path}`);
  return endpoint as UnixEndpoint;
}
