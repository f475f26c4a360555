import { assert, assertEquals, assertRejects } from "@std/assert";
import { once } from "node:events";
import { connect } from "node:net";
import type { TcpStream } from "../tcp/tcp_stream.ts";
import type { NetworkCapability } from "../capability.ts";
import { connectPair, testOnBackends } from "../../tests/support/backends.ts";
import { Random, scale, SEED } from "../../tests/support/seed.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (data: Uint8Array) => new TextDecoder().decode(data);

async function receiveText(stream: TcpStream): Promise<string | null> {
  using lease = await stream.receive();
  return lease === null ? null : text(lease.copy());
}

/** A stream that counts what was taken of it, and never ends. */
function endless(chunkBytes: number): { readonly stream: ReadableStream; pulled: () => number } {
  let pulled = 0;
  const stream = new ReadableStream<Uint8Array>({
    pull(controller): void {
      pulled += chunkBytes;
      controller.enqueue(new Uint8Array(chunkBytes));
    },
  }, { highWaterMark: 0 });
  return { stream, pulled: () => pulled };
}

/** Resolves when a number stands still for a while. */
async function standsStill(read: () => number): Promise<number> {
  for (let last = -1; last !== read();) {
    last = read();
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return read();
}

testOnBackends("chunks of readable are plain memory, so Web APIs take them", async (capability) => {
  const { client, server } = await connectPair(capability);
  const original = "compressible ".repeat(10_000);
  const sending = new Blob([original]).stream()
    .pipeThrough(new CompressionStream("gzip"))
    .pipeTo(client.writable);
  const received = server.readable
    .pipeThrough(new DecompressionStream("gzip"))
    .pipeThrough(new TextDecoderStream());
  assertEquals((await Array.fromAsync(received)).join(""), original);
  await sending;
  const chunks = await Array.fromAsync(new Blob(["x"]).stream());
  assert(chunks[0].buffer instanceof ArrayBuffer);
  await Promise.all([client.close(), server.close()]);
});

testOnBackends(
  "pipeTo() in both directions echoes, and then the stream is closed",
  async (capability) => {
    const { client, server } = await connectPair(capability);
    const echoing = server.readable.pipeTo(server.writable);
    const data = new Uint8Array(1_000_000).map((_, index) => index * 7);
    const sending = new Blob([data]).stream().pipeTo(client.writable);
    const echoed = await new Response(client.readable).bytes();
    await Promise.all([sending, echoing]);
    assertEquals(echoed.length, data.length);
    assert(echoed.every((byte, index) => byte === data[index]));
    // Programs for Deno's connections never call close() after this.
    assertEquals(await Promise.all([client.closed, server.closed]), [
      { reason: undefined },
      { reason: undefined },
    ]);
  },
);

testOnBackends(
  "closing writable leaves reading open, and the other way round",
  async (capability) => {
    const { client, server } = await connectPair(capability);
    const writer = client.writable.getWriter();
    await writer.write(bytes("question"));
    await writer.close();
    assertEquals(await new Response(server.readable).text(), "question");
    await server.send(bytes("answer"));
    assertEquals(await receiveText(client), "answer");
    await assertRejects(() => client.send(bytes("more")), Deno.errors.BrokenPipe);
    await Promise.all([client.close(), server.close()]);
  },
);

testOnBackends("tee() gives both branches every byte", async (capability) => {
  const { client, server } = await connectPair(capability);
  const branches = server.readable.tee();
  await client.send(bytes("for two"));
  await client.closeWrite();
  const both = await Promise.all(branches.map((branch) => new Response(branch).text()));
  assertEquals(both, ["for two", "for two"]);
  await Promise.all([client.close(), server.close()]);
});

testOnBackends(
  "looking at readable reads nothing, and receive() works beside it",
  async (capability) => {
    const { client, server } = await connectPair(capability);
    assertEquals(server.readable.locked, false);
    assertEquals(server.readable, server.readable);
    await client.send(bytes("still there"));
    assertEquals(await receiveText(server), "still there");
    const reader = server.readable.getReader();
    await assertRejects(() => server.receive(), Deno.errors.Busy, "readable is locked");
    await assertRejects(async () => {
      for await (const _ of server.receiveMany());
    }, Deno.errors.Busy);
    reader.releaseLock();
    await client.send(bytes("again"));
    assertEquals(await receiveText(server), "again");
    await Promise.all([client.close(), server.close()]);
  },
);

testOnBackends("releaseLock() during a read loses nothing", async (capability) => {
  const { client, server } = await connectPair(capability);
  const reader = server.readable.getReader();
  const reading = reader.read();
  reader.releaseLock();
  await assertRejects(() => reading, TypeError);
  const receiving = receiveText(server);
  await client.send(bytes("first"));
  assertEquals(await receiving, "first");
  // Once more, and this time the bytes come while nobody is there.
  const second = server.readable.getReader();
  const abandoned = assertRejects(() => second.read(), TypeError);
  second.releaseLock();
  await abandoned;
  await client.send(bytes("second"));
  assertEquals(await receiveText(server), "second");
  const third = server.readable.getReader();
  const last = third.read();
  await client.send(bytes("third"));
  assertEquals(text((await last).value!), "third");
  third.releaseLock();
  await Promise.all([client.close(), server.close()]);
});

testOnBackends("a chunk that two readers left behind is not skipped", async (capability) => {
  const { client, server } = await connectPair(capability);
  const first = server.readable.getReader();
  const abandoned = assertRejects(() => first.read(), TypeError);
  first.releaseLock();
  const second = server.readable.getReader();
  await abandoned;
  await client.send(bytes("held"));
  await client.closeWrite();
  // The second reader holds the lock and reads late: the chunk waits for it.
  assertEquals(text((await second.read()).value!), "held");
  second.releaseLock();
  assertEquals(await server.receive(), null);
  await Promise.all([client.close(), server.close()]);
});

testOnBackends("readers that come and go at random lose no byte", async (capability) => {
  const random = new Random(SEED);
  const { client, server } = await connectPair(capability);
  const total = scale(300_000, 20_000_000);
  const sending = sendCounting(client, total, random);
  let count = 0;
  const check = (data: Uint8Array) => {
    for (const byte of data) {
      if (byte !== (count++ & 0xff)) throw new Error(`byte ${count - 1} is wrong, seed ${SEED}`);
    }
  };
  while (count < total) {
    const reader = server.readable.getReader();
    for (let reads = random.integer(0, 3); reads > 0 && count < total; reads--) {
      check((await reader.read()).value ?? new Uint8Array());
    }
    if (random.chance(0.5)) {
      reader.read().then(({ value }) => value && check(value), () => {});
      for (let turns = random.integer(0, 3); turns > 0; turns--) await Promise.resolve();
    }
    reader.releaseLock();
    if (count >= total) break;
    using lease = await server.receive({ timeoutMs: 1000 }).catch(() => null);
    if (lease !== null) check(lease.bytes);
  }
  assertEquals(count, total);
  await sending;
  await Promise.all([client.close(), server.close()]);
});

/** Sends bytes that count up, in pieces of random sizes, each when it likes. */
async function sendCounting(stream: TcpStream, total: number, random: Random): Promise<void> {
  for (let sent = 0; sent < total;) {
    const length = Math.min(total - sent, random.integer(1, 5000));
    const from = sent;
    await stream.send(Uint8Array.from({ length }, (_, index) => from + index));
    sent += length;
    if (random.chance(0.3)) await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

testOnBackends("cancel() ends reading only", async (capability) => {
  const { client, server } = await connectPair(capability);
  const reader = server.readable.getReader();
  const reading = reader.read();
  await reader.cancel("enough");
  assertEquals(await reading, { done: true, value: undefined });
  assertEquals((await reader.read()).done, true);
  await server.send(bytes("but writing goes on"));
  assertEquals(await receiveText(client), "but writing goes on");
  await server.writable.close();
  await server.closed;
  await client.close();
});

testOnBackends("abort() resets the connection where the backend can", async (capability) => {
  const { client, server } = await connectPair(capability);
  const writer = client.writable.getWriter();
  await writer.write(bytes("half of it"));
  assertEquals(await receiveText(server), "half of it");
  const received = server.receive();
  const isHost = capability.backend.kind === "host";
  const ended = isHost ? received : assertRejects(() => received, Deno.errors.ConnectionReset);
  const reason = new Error("never mind");
  await writer.abort(reason);
  await ended;
  assertEquals(await assertRejects(() => writer.write(bytes("x"))), reason);
  await client.closed;
  await server.close();
});

testOnBackends("abort() does not wait for a peer that does not read", async (capability) => {
  const { client, server } = await connectPair(capability);
  const writer = client.writable.getWriter();
  const writing = assertRejects(() => writer.write(new Uint8Array(64 * 1024 * 1024)));
  await writer.abort("too slow");
  await writing;
  await client.closed;
  await server.close();
});

testOnBackends("a slow reader holds the writer back, and memory with it", async (capability) => {
  const { client, server } = await connectPair(capability);
  const { stream, pulled } = endless(64 * 1024);
  const piping = assertRejects(() => stream.pipeTo(client.writable), Deno.errors.BadResource);
  const reader = server.readable.getReader();
  await reader.read();
  const most = await standsStill(pulled);
  // The kernel's two socket buffers take some; the library's share is a chunk or two.
  assert(most < 32 * 1024 * 1024, `${most} bytes went to a reader that reads nothing`);
  const { bufferBytes } = capability.stats();
  assert(bufferBytes <= 1024 * 1024, `${bufferBytes} bytes are held`);
  for (let read = 0; read < most / 2;) read += (await reader.read()).value!.length;
  assert(await standsStill(pulled) > most, "the writer did not go on");
  // pipeTo() waits for the write in flight whatever its signal says; closing ends that.
  await client.close();
  await piping;
  reader.releaseLock();
  await server.close();
});

testOnBackends("a reset errors both streams with ConnectionReset", async (capability) => {
  const { stream, reset } = await acceptResettable(capability);
  const reader = stream.readable.getReader();
  const reading = reader.read();
  await reset();
  await assertRejects(() => reading, Deno.errors.ConnectionReset);
  await assertRejects(() => reader.closed, Deno.errors.ConnectionReset);
  const writer = stream.writable.getWriter();
  writer.closed.catch(() => {});
  await assertRejects(async () => {
    while (true) await writer.write(new Uint8Array(1000));
  });
  await stream.close();
});

async function acceptResettable(
  capability: NetworkCapability,
): Promise<{ stream: TcpStream; reset: () => Promise<void> }> {
  await using endpoint = await capability.listen("127.0.0.1:0");
  const accepting = endpoint.accept();
  const peer = connect(endpoint.addr.port, "127.0.0.1");
  await once(peer, "connect");
  const closed = once(peer, "close");
  return {
    stream: await accepting,
    async reset(): Promise<void> {
      peer.resetAndDestroy();
      await closed;
    },
  };
}

testOnBackends("close() ends a pending read with BadResource", async (capability) => {
  const { client, server } = await connectPair(capability);
  const reader = server.readable.getReader();
  const reading = assertRejects(() => reader.read(), Deno.errors.BadResource);
  await server.close();
  await reading;
  await assertRejects(() => client.readable.pipeTo(server.writable), Deno.errors.BadResource);
  await client.close();
});

testOnBackends("a chunk that is no Uint8Array is a TypeError", async (capability) => {
  const { client, server } = await connectPair(capability);
  const writer = (client.writable as WritableStream<unknown>).getWriter();
  await assertRejects(() => writer.write("text"), TypeError, "a chunk must be a Uint8Array");
  await Promise.all([client.close(), server.close()]);
});
