/**
 * Receiving once: `receive`, `read`, `recvZeroCopy`.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { theme } from "../behaviour.ts";
import { counted, Counting, receiveExactly, utf8, writeAll } from "../bytes.ts";
import { assertNetError, reasonOf } from "../expect.ts";

const behaviour = theme("receive");

behaviour("receive() resolves with the bytes that came", async (t) => {
  const { stream, peer } = await t.accepted();
  await peer.write(utf8("hello"));
  using lease = await stream.receive();
  assertEquals(lease!.copy(), utf8("hello"));
  assertEquals(lease!.length, 5);
});

behaviour("receive() waits for bytes", async (t) => {
  const { stream, peer } = await t.accepted();
  const receiving = stream.receive();
  assert(await t.isPending(receiving));
  await peer.write(utf8("late"));
  using lease = await receiving;
  assertEquals(lease!.copy(), utf8("late"));
});

behaviour("receive() resolves with null at the end of the stream, again and again", async (t) => {
  const { stream, peer } = await t.accepted();
  peer.close();
  assertEquals(await stream.receive(), null);
  assertEquals(await stream.receive(), null);
  assertEquals(await stream.read(new Uint8Array(1)), null);
});

behaviour("receive() delivers what came before the end, then null", async (t) => {
  const { stream, peer } = await t.accepted();
  await peer.write(utf8("last words"));
  peer.close();
  assertEquals(await receiveExactly(stream, 10), utf8("last words"));
  assertEquals(await stream.receive(), null);
});

behaviour("receive() of more than one buffer keeps every byte in order", async (t) => {
  const { stream, peer } = await t.accepted();
  const length = 300_000;
  const writing = writeAll(peer, counted(length));
  const counting = new Counting();
  while (counting.position < length) {
    using lease = await stream.receive();
    assert(lease!.length > 0);
    counting.take(lease!.bytes);
  }
  await writing;
});

behaviour("receive() rejects with ECONNRESET when the peer resets", async (t) => {
  const { stream, reset } = await t.resettable();
  const receiving = reasonOf(stream.receive());
  await reset();
  const error = await receiving;
  assertNetError(error, {
    code: "ECONNRESET",
    operation: "receive",
    local: stream.localName,
    remote: stream.remoteName,
  });
  assert(error instanceof Deno.errors.ConnectionReset);
});

behaviour("a second reader is refused with EBUSY, and the first goes on", async (t) => {
  const { stream, peer } = await t.accepted();
  const receiving = stream.receive();
  for (
    const read of [
      () => stream.receive(),
      () => stream.read(new Uint8Array(1)),
      () => stream.receiveMany().next(),
    ]
  ) {
    const error = await assertRejects(read);
    assertNetError(error, { code: "EBUSY" });
    assert(error instanceof Deno.errors.Busy);
  }
  await peer.write(utf8("x"));
  using lease = await receiving;
  assertEquals(lease?.length, 1);
});

behaviour("read() copies, and keeps what did not fit for the next reader", async (t) => {
  const { stream, peer } = await t.accepted();
  await peer.write(utf8("abcdef"));
  const bytes = new Uint8Array(4);
  assertEquals(await stream.read(bytes), 4);
  assertEquals(bytes, utf8("abcd"));
  using lease = await stream.receive();
  assertEquals(lease!.copy(), utf8("ef"));
});

behaviour("read() into nothing resolves with 0", async (t) => {
  const { stream } = await t.accepted();
  assertEquals(await stream.read(new Uint8Array(0)), 0);
});

behaviour("recvZeroCopy() receives into the program's own memory, 0 at the end", async (t) => {
  const { stream, peer } = await t.accepted();
  using buffer = stream.allocBuffer(1000);
  await peer.write(utf8("zero copy"));
  assertEquals(await stream.recvZeroCopy(buffer), 9);
  assertEquals(new Uint8Array(buffer.bytes.slice(0, 9)), utf8("zero copy"));
  peer.close();
  assertEquals(await stream.recvZeroCopy(buffer), 0);
  assertEquals(await stream.recvZeroCopy(buffer), 0);
});

behaviour("recvZeroCopy() never takes more than its buffer holds", async (t) => {
  const { stream, peer } = await t.accepted();
  using buffer = stream.allocBuffer(4);
  await peer.write(utf8("abcdefg"));
  assertEquals(await stream.recvZeroCopy(buffer), 4);
  assertEquals(new Uint8Array(buffer.bytes.slice()), utf8("abcd"));
  using lease = await stream.receive();
  assertEquals(lease!.copy(), utf8("efg"));
});

behaviour("recvZeroCopy() first takes what another reader left", async (t) => {
  const { stream, peer } = await t.accepted();
  using buffer = stream.allocBuffer(100);
  await peer.write(utf8("abc"));
  await stream.read(new Uint8Array(1));
  assertEquals(await stream.recvZeroCopy(buffer), 2);
  assertEquals(new Uint8Array(buffer.bytes.slice(0, 2)), utf8("bc"));
});

behaviour("recvZeroCopy() refuses a buffer that was released or is not this ring's", async (t) => {
  const { stream } = await t.accepted();
  const buffer = stream.allocBuffer(10);
  buffer.release();
  await assertRejects(() => stream.recvZeroCopy(buffer), TypeError, "released");
  const other = await t.request();
  const elsewhere = await t.pair({}, other);
  using foreign = elsewhere.client.allocBuffer(10);
  await assertRejects(() => stream.recvZeroCopy(foreign), TypeError, "allocBuffer");
});

behaviour("every way of reading goes on where the last one stopped", async (t) => {
  const { stream, peer } = await t.accepted();
  const length = 40_000;
  const writing = writeAll(peer, counted(length));
  const counting = new Counting();
  using buffer = stream.allocBuffer(1024);
  const ways = [
    async () => {
      using lease = await stream.receive();
      counting.take(lease!.bytes);
    },
    async () => {
      const bytes = new Uint8Array(777);
      counting.take(bytes.subarray(0, (await stream.read(bytes))!));
    },
    async () => {
      const count = await stream.recvZeroCopy(buffer);
      counting.take(buffer.bytes.subarray(0, count));
    },
    async () => {
      for await (const lease of stream.receiveMany()) {
        counting.take(lease.bytes);
        // An iteration would wait for bytes that never come.
        if (t.random.chance(0.5) || counting.position === length) break;
      }
    },
    async () => {
      const reader = stream.readable.getReader();
      counting.take((await reader.read()).value!);
      reader.releaseLock();
    },
  ];
  while (counting.position < length) {
    await t.random.pick(ways)();
  }
  await writing;
});
