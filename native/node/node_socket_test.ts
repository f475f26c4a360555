import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { type AddressInfo, connect } from "node:net";
import type { NodeSocket } from "./node_socket.ts";
import { toNodeSocket } from "./node_socket.ts";
import { NetError } from "../errors.ts";
import type { StreamSocket } from "../stream/stream_socket.ts";
import { connectPair, testOnBackends } from "../../tests/support/backends.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytes = (string: string) => new TextEncoder().encode(string);

/** Records the names of the events that end a socket, in their order. */
function recordEvents(socket: NodeSocket): string[] {
  const events: string[] = [];
  for (const name of ["end", "finish", "error", "close", "timeout"]) {
    socket.on(name, (detail?: unknown) => {
      events.push(name === "close" ? `close ${String(detail)}` : name);
    });
  }
  return events;
}

/** Resolves at "close", whether an error came before it or not; ask before it can come. */
function closeOf(socket: NodeSocket): Promise<void> {
  return new Promise((resolve) => socket.once("close", () => resolve()));
}

async function readText(stream: StreamSocket<Deno.Addr>): Promise<string> {
  let all = "";
  for await (const lease of stream.receiveMany()) all += text(lease.bytes);
  return all;
}

testOnBackends(
  "toNodeSocket() hands out plain Buffers and sends what is written",
  async (capability) => {
    const { client, server } = await connectPair(capability);
    const socket = toNodeSocket(server);
    const closed = closeOf(socket);
    await client.send(bytes("question"));
    const [chunk] = await once(socket, "data") as [Buffer];
    assert(Buffer.isBuffer(chunk));
    assertEquals(Object.prototype.toString.call(chunk.buffer), "[object ArrayBuffer]");
    assertEquals(chunk.toString(), "question");
    socket.write("an ");
    socket.write(Buffer.from("answer"));
    socket.end(", in pieces");
    assertEquals(await readText(client), "an answer, in pieces");
    assertEquals([socket.bytesRead, socket.bytesWritten], [8, 20]);
    await client.close();
    await closed;
  },
);

testOnBackends("toNodeSocket() names both ends as net.Socket does", async (capability) => {
  const { client, server } = await connectPair(capability);
  const socket = toNodeSocket(client);
  const closed = closeOf(socket);
  const { hostname, port } = server.localAddr;
  assertEquals(
    [socket.remoteAddress, socket.remotePort, socket.remoteFamily],
    [hostname, port, "IPv4"],
  );
  assertEquals(
    [socket.localAddress, socket.localPort, socket.localFamily],
    ["127.0.0.1", server.remoteAddr.port, "IPv4"],
  );
  assertEquals(socket.address(), { address: "127.0.0.1", family: "IPv4", port: socket.localPort });
  assertEquals([socket.connecting, socket.pending, socket.readyState], [false, false, "open"]);
  assertEquals((socket as unknown as { encrypted?: boolean }).encrypted, undefined);
  assertEquals(socket.setNoDelay(true).setKeepAlive(true).ref(), socket);
  socket.destroy();
  await closed;
  assertEquals([socket.destroyed, socket.readyState], [true, "closed"]);
  assertEquals(socket.remoteAddress, hostname);
});

testOnBackends(
  "a peer's end comes as 'end', 'finish', 'close' without an error",
  async (capability) => {
    const { client, server } = await connectPair(capability);
    const socket = toNodeSocket(server);
    const closed = closeOf(socket);
    const events = recordEvents(socket);
    await client.closeWrite();
    // Nobody listens for data: the end is noticed all the same.
    await closed;
    assertEquals(events, ["end", "finish", "close false"]);
    assertEquals(await client.receive(), null);
  },
);

testOnBackends(
  "allowHalfOpen answers after the peer's end, and not without it",
  async (capability) => {
    const { client, server } = await connectPair(capability);
    const socket = toNodeSocket(server, { allowHalfOpen: true });
    const closed = closeOf(socket);
    const ended = once(socket, "end");
    socket.resume();
    await client.send(bytes("ignored"));
    await client.closeWrite();
    await ended;
    assertEquals([socket.readyState, socket.writable], ["writeOnly", true]);
    socket.end("an answer all the same");
    assertEquals(await readText(client), "an answer all the same");
    await closed;
    assertThrows(() => toNodeSocket(client, { halfOpen: true } as never), TypeError, "halfOpen");
  },
);

testOnBackends("the write side ends first, and reading goes on", async (capability) => {
  const { client, server } = await connectPair(capability);
  const socket = toNodeSocket(client);
  const closed = closeOf(socket);
  const events = recordEvents(socket);
  socket.end("done");
  assertEquals(await readText(server), "done");
  assertEquals(socket.readyState, "readOnly");
  await server.send(bytes("more"));
  await server.close();
  assertEquals(String((await once(socket, "data"))[0]), "more");
  await closed;
  assertEquals(events, ["finish", "end", "close false"]);
});

testOnBackends("a reset comes as 'error' with Node's fields, then 'close'", async (capability) => {
  await using endpoint = await capability.listen("127.0.0.1:0");
  const accepting = endpoint.accept();
  const peer = connect(endpoint.addr.port, "127.0.0.1");
  await once(peer, "connect");
  const { port } = peer.address() as AddressInfo;
  const socket = toNodeSocket(await accepting);
  const closed = closeOf(socket);
  const events = recordEvents(socket);
  const failing = once(socket, "error");
  peer.resetAndDestroy();
  const [error] = await failing;
  await closed;
  assertEquals(events, ["error", "close true"]);
  assertEquals([error.code, error.errno, error.syscall], ["ECONNRESET", -104, "read"]);
  assertEquals([error.address, error.port], ["127.0.0.1", port]);
  assertEquals(error.message, "read ECONNRESET");
  assertInstanceOf(error.cause, Deno.errors.ConnectionReset);
  assert(error.cause instanceof NetError);
});

testOnBackends("resetAndDestroy() resets the connection", async (capability) => {
  const { client, server } = await connectPair(capability);
  const socket = toNodeSocket(client);
  const closed = closeOf(socket);
  socket.resetAndDestroy();
  const received = server.receive();
  // Plain Deno cannot reset: there the connection ends in order.
  if (capability.backend.kind === "host") assertEquals(await received, null);
  else await assertRejects(() => received, Deno.errors.ConnectionReset);
  await closed;
  await server.close();
});

testOnBackends("destroy(error) emits it once and closes the stream", async (capability) => {
  const { client, server } = await connectPair(capability);
  const socket = toNodeSocket(client);
  const closed = closeOf(socket);
  const events = recordEvents(socket);
  socket.destroy(new Error("enough"));
  socket.destroy(new Error("again"));
  await closed;
  assertEquals(events, ["error", "close true"]);
  assertEquals(await server.receive(), null);
  assertEquals((await client.closed).reason, undefined);
  await server.close();
});

testOnBackends("destroySoon() lets everything written leave first", async (capability) => {
  const { client, server } = await connectPair(capability);
  const socket = toNodeSocket(client);
  const closed = closeOf(socket);
  const big = new Uint8Array(3_000_000).fill(7);
  socket.write(big);
  socket.destroySoon();
  let received = 0;
  for await (const lease of server.receiveMany()) received += lease.length;
  assertEquals(received, big.length);
  await closed;
  await server.close();
});

testOnBackends("writing pauses while the peer does not read, and drains", async (capability) => {
  const { client, server } = await connectPair(capability);
  const socket = toNodeSocket(client);
  const closed = closeOf(socket);
  const chunk = new Uint8Array(64 * 1024).fill(1);
  let written = 0;
  // What is not taken stays with the writer: nothing grows behind its back.
  while (written < 64 * 1024 * 1024) {
    written += chunk.length;
    if (socket.write(chunk)) continue;
    const drained = await Promise.race([once(socket, "drain"), stalled(socket)]);
    if (drained === STALLED) break;
  }
  assert(written < 64 * 1024 * 1024, "a peer that reads nothing took 64 MiB");
  assert(socket.writableLength <= 2 * chunk.length + socket.writableHighWaterMark);
  socket.end();
  let received = 0;
  for await (const lease of server.receiveMany()) received += lease.length;
  assertEquals(received, written);
  await server.close();
  await closed;
});

const STALLED = "stalled";

/** Resolves when the kernel has taken nothing more for a while. */
async function stalled(socket: NodeSocket): Promise<typeof STALLED> {
  for (let last = -1; last !== socket.bytesWritten - socket.writableLength;) {
    last = socket.bytesWritten - socket.writableLength;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  return STALLED;
}

testOnBackends(
  "reading pauses while nobody takes the data, and loses nothing",
  async (capability) => {
    const { client, server } = await connectPair(capability);
    const socket = toNodeSocket(server);
    const closed = closeOf(socket);
    const total = 8 * 1024 * 1024;
    const chunk = new Uint8Array(64 * 1024).map((_, index) => index);
    const sending = (async () => {
      for (let sent = 0; sent < total; sent += chunk.length) await client.send(chunk);
      await client.closeWrite();
    })();
    await once(socket, "readable");
    const before = socket.bytesRead;
    assert(before <= 1024 * 1024, `${before} bytes were read ahead`);
    let received = 0;
    for await (const data of socket) {
      for (const byte of data as Buffer) {
        if (byte !== (received++ & 0xff)) throw new Error(`byte ${received - 1} is wrong`);
      }
    }
    assertEquals(received, total);
    await sending;
    await closed;
    await client.close();
  },
);

testOnBackends(
  "setTimeout() emits 'timeout' when idle, and activity puts it off",
  async (capability) => {
    const { client, server } = await connectPair(capability);
    const socket = toNodeSocket(client);
    const closed = closeOf(socket);
    assertThrows(() => socket.setTimeout(-1), RangeError, "timeoutMs");
    const start = performance.now();
    socket.setTimeout(120, () => {});
    assertEquals(socket.timeout, 120);
    for (let count = 0; count < 4; count++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      socket.write("x");
    }
    await once(socket, "timeout");
    const elapsedMs = performance.now() - start;
    assert(elapsedMs >= 300, `it came after ${elapsedMs} ms`);
    // It does not end the socket, and comes again after new activity.
    assertEquals(socket.destroyed, false);
    socket.write("y");
    await once(socket, "timeout");
    socket.setTimeout(0);
    socket.end();
    assertEquals(await readText(server), "xxxxy");
    await server.close();
    await closed;
  },
);

testOnBackends("an end of the capability ends its sockets with an error", async (capability) => {
  const derived = capability.derive({ tcp: true, connect: true, listen: true });
  const { client, server } = await connectPair(derived);
  const sockets = [toNodeSocket(client), toNodeSocket(server)];
  const errors = sockets.map((socket) => once(socket, "error"));
  const closes = sockets.map((socket) => new Promise((resolve) => socket.once("close", resolve)));
  await derived.revoke("a test");
  for (const [error] of await Promise.all(errors)) {
    assertInstanceOf(error.cause, Deno.errors.NotCapable);
  }
  await Promise.all(closes);
});

testOnBackends("a stream that somebody reads already is refused with EBUSY", async (capability) => {
  const { client, server } = await connectPair(capability);
  const reading = client.receive();
  const socket = toNodeSocket(client);
  const closed = closeOf(socket);
  const [error] = await once(socket, "error");
  assertEquals(error.code, "EBUSY");
  await assertRejects(() => reading, Deno.errors.BadResource);
  await closed;
  await server.close();
});

testOnBackends("a Unix socket has no addresses, and works", async (capability) => {
  const folder = await Deno.makeTempDir();
  try {
    await using endpoint = await capability.listen(`unix:${folder}/socket`);
    const accepting = endpoint.accept();
    const client = await capability.connect(`unix:${folder}/socket`);
    const socket = toNodeSocket(await accepting, { allowHalfOpen: true });
    const closed = closeOf(socket);
    assertEquals([socket.remoteAddress, socket.remotePort, socket.address()], [
      undefined,
      undefined,
      {},
    ]);
    socket.pipe(socket);
    await client.send(bytes("around"));
    await client.closeWrite();
    assertEquals(await readText(client), "around");
    await closed;
    await client.close();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
