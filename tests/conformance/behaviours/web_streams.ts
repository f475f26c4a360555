/**
 * `readable` and `writable`.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
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
import { assertNetError } from "../expect.ts";

const behaviour = theme("web streams");

behaviour("readable yields the bytes and ends with the stream", async (t) => {
  const { stream, peer } = await t.accepted();
  const length = 500_000;
  const writing = writeCounted(peer, length).then(() => peer.close());
  const counting = new Counting();
  for await (const chunk of stream.readable) {
    assert(chunk.buffer instanceof ArrayBuffer, "Web APIs refuse shared memory");
    counting.take(chunk);
  }
  assertEquals(counting.position, length);
  await writing;
});

behaviour("touching readable without locking it reads nothing", async (t) => {
  const { stream, peer } = await t.accepted();
  await peer.write(utf8("untouched"));
  const { readable } = stream;
  await t.barrier();
  assertEquals(readable.locked, false);
  using lease = await stream.receive();
  assertEquals(lease!.copy(), utf8("untouched"));
});

behaviour(
  "a locked readable is the only reader, and receive() works again after releaseLock()",
  async (t) => {
    const { stream, peer } = await t.accepted();
    const reader = stream.readable.getReader();
    assertNetError(await assertRejects(() => stream.receive()), { code: "EBUSY" });
    assertNetError(await assertRejects(() => stream.receiveMany().next()), { code: "EBUSY" });
    await peer.write(utf8("one"));
    assertEquals((await reader.read()).value, utf8("one"));
    await peer.write(utf8("two"));
    reader.releaseLock();
    assertEquals(await receiveExactly(stream, 3), utf8("two"));
  },
);

behaviour("pipeTo() echoes everything and half-closes at the end", async (t) => {
  const { stream, peer } = await t.accepted();
  const length = 1_000_000;
  const piping = stream.readable.pipeTo(stream.writable);
  const writing = writeCounted(peer, length).then(() => peer.closeWrite());
  const bytes = await readToEnd(peer);
  await Promise.all([writing, piping]);
  assertEquals(bytes.length, length);
  new Counting().take(bytes);
});

behaviour("writable sends its chunks, and closing it ends the write side only", async (t) => {
  const { stream, peer } = await t.accepted();
  const writer = stream.writable.getWriter();
  await writer.write(utf8("chunk"));
  await writer.write(utf8("s"));
  await writer.close();
  assertEquals(await readToEnd(peer), utf8("chunks"));
  await peer.write(utf8("answer"));
  assertEquals(await receiveExactly(stream, 6), utf8("answer"));
});

behaviour("writable holds its producer back while the peer does not read", async (t) => {
  const { stream, peer } = await t.connected();
  const writer = stream.writable.getWriter();
  const length = TOO_MUCH;
  const writing = writer.write(counted(length));
  assert(await t.isPending(writing));
  await readExactly(peer, length);
  await writing;
  await writer.close();
});

behaviour("a Response reads a stream's readable", async (t) => {
  const { stream, peer } = await t.accepted();
  await peer.write(utf8("as text"));
  peer.close();
  assertEquals(await new Response(stream.readable).text(), "as text");
});

behaviour("an error of the stream is an error of its readable", async (t) => {
  const { stream, reset } = await t.resettable();
  const reader = stream.readable.getReader();
  const reading = reader.read();
  reading.catch(() => {});
  await reset();
  assertNetError(await assertRejects(() => reading), { code: "ECONNRESET" });
});

behaviour("aborting the writable closes the stream", async (t) => {
  const { stream, peer } = await t.accepted();
  await stream.writable.abort("no more");
  // A reset where the backend can, an end elsewhere.
  const count = await peer.read(new Uint8Array(1)).catch(() => null);
  assertEquals(count, null);
  assertEquals((await stream.closed).reason, undefined);
});

behaviour("readable and writable are the same objects every time", async (t) => {
  const { stream } = await t.accepted();
  assert(stream.readable === stream.readable);
  assert(stream.writable === stream.writable);
});
