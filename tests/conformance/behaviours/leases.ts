/**
 * Leases, and what happens when memory is short.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertNotStrictEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { theme } from "../behaviour.ts";
import {
  counted,
  drainCounted,
  readExactly,
  receiveExactly,
  TOO_MUCH,
  utf8,
  writeCounted,
} from "../bytes.ts";
import { assertNetError } from "../expect.ts";
import type { Lease } from "../../../mod.ts";

const behaviour = theme("leases");
const POISON = 0xde;

behaviour("release() is idempotent, and the bytes are gone after it", async (t) => {
  const { stream, peer } = await t.accepted();
  await peer.write(utf8("abc"));
  const lease = (await stream.receive())!;
  assertEquals(t.capability.stats().leases, 1);
  lease.release();
  lease.release();
  lease[Symbol.dispose]();
  assertEquals(t.capability.stats().leases, 0);
  for (
    const use of [() => lease.bytes, () => lease.length, () => lease.copy(), () => lease.retain()]
  ) {
    assertThrows(use, TypeError, "released");
  }
});

behaviour("retain() is a second handle that lives on its own", async (t) => {
  const { stream, peer } = await t.accepted();
  await peer.write(utf8("abc"));
  const first = (await stream.receive())!;
  const second = first.retain();
  assertNotStrictEquals(first, second);
  assertEquals(t.capability.stats().leases, 2);
  first.release();
  assertEquals(second.copy(), utf8("abc"));
  const third = second.retain();
  second.release();
  assertEquals(third.copy(), utf8("abc"));
  third.release();
  assertEquals(t.capability.stats().leases, 0);
});

behaviour("a lease retained in receiveMany() outlives its turn", async (t) => {
  const { stream, peer } = await t.accepted();
  const kept: Lease[] = [];
  await peer.write(utf8("0"));
  for await (const lease of stream.receiveMany()) {
    kept.push(lease.retain());
    if (kept.length === 3) break;
    await peer.write(utf8(String(kept.length)));
  }
  assertEquals(kept.map((lease) => new TextDecoder().decode(lease.copy())), ["0", "1", "2"]);
  assertEquals(t.capability.stats().leases, 3);
  kept.forEach((lease) => lease.release());
});

behaviour("a copy is the program's own, and no shared memory", async (t) => {
  const { stream, peer } = await t.accepted();
  await peer.write(utf8("abc"));
  const lease = (await stream.receive())!;
  const copy = lease.copy();
  lease.release();
  assert(copy.buffer instanceof ArrayBuffer);
  assertEquals(copy, utf8("abc"));
});

behaviour("poisoned memory shows who looks at bytes after the release", async (t) => {
  const { stream, peer } = await t.accepted();
  await peer.write(utf8("abc"));
  const lease = (await stream.receive())!;
  const view = lease.bytes;
  const second = lease.retain();
  lease.release();
  assertEquals(view[0], "a".charCodeAt(0), "the second handle still holds the bytes");
  second.release();
  assertEquals([...view], [POISON, POISON, POISON]);
}, { ring: { poison: true } });

behaviour("a lease outlives its stream", async (t) => {
  const { stream, peer } = await t.accepted();
  await peer.write(utf8("survivor"));
  const lease = (await stream.receive())!;
  await stream.close();
  assertEquals(lease.copy(), utf8("survivor"));
  assertEquals(t.capability.stats().leases, 1);
  lease.release();
});

behaviour("a stream that hoards leases gets ENOBUFS that names it, and others go on", async (t) => {
  const { stream, peer } = await t.accepted({ leasesPerStream: 3 });
  const other = await t.accepted();
  const held: Lease[] = [];
  for (let index = 0; index < 3; index++) {
    await peer.write(utf8("x"));
    held.push((await stream.receive())!);
  }
  await peer.write(utf8("y"));
  for (const read of [() => stream.receive(), () => stream.receiveMany().next()]) {
    const error = await assertRejects(read);
    assertNetError(error, {
      code: "ENOBUFS",
      operation: "receive",
      local: stream.localName,
      remote: stream.remoteName,
    });
    assert(error.message.includes("leasesPerStream"), error.message);
  }
  await other.peer.write(utf8("fine"));
  assertEquals(await receiveExactly(other.stream, 4), utf8("fine"));
  held.pop()!.release();
  const lease = (await stream.receive())!;
  assertEquals(lease.copy(), utf8("y"));
  [...held, lease].forEach((each) => each.release());
});

behaviour("read() copies, so it goes on although leases are hoarded", async (t) => {
  const { stream, peer } = await t.accepted({ leasesPerStream: 1 });
  await peer.write(utf8("a"));
  using lease = await stream.receive();
  await peer.write(utf8("b"));
  assertEquals(await receiveExactly(stream, 1), utf8("b"));
  assertEquals(lease!.length, 1);
});

behaviour(
  "receiveMany() whose leases are all retained ends with ENOBUFS, and the stream goes on",
  async (t) => {
    const { stream, peer } = await t.accepted({ leasesPerStream: 4 });
    const held: Lease[] = [];
    await peer.write(utf8("x"));
    const error = await assertRejects(async () => {
      for await (const lease of stream.receiveMany()) {
        held.push(lease.retain());
        await peer.write(utf8("x"));
      }
    });
    assertNetError(error, { code: "ENOBUFS" });
    held.forEach((lease) => lease.release());
    assertEquals(await receiveExactly(stream, 1), utf8("x"));
  },
);

behaviour("leasesPerStream counts for connected streams too", async (t) => {
  const { stream, peer } = await t.connected({ leasesPerStream: 1 });
  await peer.write(utf8("a"));
  using lease = await stream.receive();
  assertEquals(lease?.length, 1);
  assertNetError(await assertRejects(() => stream.receive()), { code: "ENOBUFS" });
  await assertRejects(
    () => t.capability.connect("127.0.0.1:1", { leasesPerStream: 0 }),
    RangeError,
    "leasesPerStream",
  );
});

behaviour("streams that hold more leases than there are buffers starve nobody", async (t) => {
  const hoarder = await t.accepted();
  const held: Lease[] = [];
  for (let index = 0; index < 12; index++) {
    await hoarder.peer.write(utf8(String.fromCharCode(97 + index)));
    held.push((await hoarder.stream.receive())!);
  }
  const other = await t.accepted();
  const writing = writeCounted(other.peer, 100_000).then(() => other.peer.close());
  assertEquals(await drainCounted(other.stream), 100_000);
  await writing;
  const text = held.map((lease) => new TextDecoder().decode(lease.copy())).join("");
  assertEquals(text, "abcdefghijkl");
  held.forEach((lease) => lease.release());
}, { ring: { buffers: { count: 4, bytes: 1024 } } });

const pressure = theme("backpressure");

pressure("exhausted provided buffers are waited for: nobody sees ENOBUFS", async (t) => {
  const streams = 8;
  const length = 30_000;
  await Promise.all(Array.from({ length: streams }, async () => {
    const { stream, peer } = await t.accepted();
    const writing = writeCounted(peer, length).then(() => peer.close());
    assertEquals(await drainCounted(stream), length);
    await writing;
  }));
}, { ring: { buffers: { count: 2, bytes: 512 } } });

pressure("one buffer of the smallest size is enough to receive", async (t) => {
  const { stream, peer } = await t.accepted();
  const writing = writeCounted(peer, 3_000).then(() => peer.close());
  assertEquals(await drainCounted(stream), 3_000);
  await writing;
}, { ring: { buffers: { count: 1, bytes: 64 } } });

pressure("a full submission queue is waited for: nothing is dropped", async (t) => {
  const pairs = await Promise.all(Array.from({ length: 40 }, () => t.pair()));
  await Promise.all(pairs.map(async ({ client, server }) => {
    const receiving = receiveExactly(server, 1000);
    await Promise.all(Array.from({ length: 10 }, (_, i) => client.send(counted(100, i * 100))));
    assertEquals(await receiving, counted(1000));
  }));
  const { spilled } = t.capability.network.reactor;
  assert(spilled > 0, "the queue never was full: the test shows nothing");
}, { ring: { entries: 4, completions: 8 } });

pressure("a small completion queue loses nothing", async (t) => {
  const pairs = await Promise.all(Array.from({ length: 30 }, () => t.pair()));
  await Promise.all(pairs.map(async ({ client, server }) => {
    const draining = drainCounted(server);
    for (let position = 0; position < 4000; position += 400) {
      await client.send(counted(400, position));
    }
    await client.closeWrite();
    assertEquals(await draining, 4000);
  }));
}, { ring: { entries: 4, completions: 4 } });

pressure("sends that find the arena full wait for it, and memory stays bounded", async (t) => {
  const arenaBytes = 64 * 1024;
  const pairs = await Promise.all(Array.from({ length: 6 }, () => t.pair()));
  await Promise.all(pairs.map(async ({ client, server }) => {
    const draining = drainCounted(server);
    const length = 500_000;
    assertEquals(await client.send(counted(length)), length);
    assert(t.capability.stats().bufferBytes <= arenaBytes);
    await client.closeWrite();
    assertEquals(await draining, length);
  }));
}, { ring: { arenaBytes: 64 * 1024 } });

pressure("allocBuffer() of what is not free rejects with ENOBUFS", async (t) => {
  const { client } = await t.pair();
  using whole = client.allocBuffer(64 * 1024);
  assertEquals(t.capability.stats().bufferBytes, 64 * 1024);
  const error = assertThrows(() => client.allocBuffer(64 * 1024));
  assertNetError(error, { code: "ENOBUFS", operation: "allocBuffer" });
  assertEquals(whole.length, 64 * 1024);
}, { ring: { arenaBytes: 64 * 1024 } });

pressure("a slow reader holds its own sender only", async (t) => {
  const slow = await t.connected();
  const sending = slow.stream.send(counted(TOO_MUCH));
  assert(await t.isPending(sending));
  const quick = await t.connected();
  for (let round = 0; round < 10; round++) {
    await quick.stream.send(utf8("quick"));
    assertEquals(await readExactly(quick.peer, 5), utf8("quick"));
  }
  await readExactly(slow.peer, TOO_MUCH);
  await sending;
});

pressure("a RingBuffer's parts share its memory and its release", async (t) => {
  const { client } = await t.pair();
  const buffer = client.allocBuffer(100);
  const part = buffer.slice(10, 20);
  part.bytes[0] = 42;
  assertEquals(buffer.bytes[10], 42);
  assertThrows(() => buffer.slice(50, 101), RangeError, "slice");
  assertThrows(() => buffer.slice(-1), RangeError, "slice");
  buffer.release();
  buffer.release();
  assertThrows(() => buffer.bytes, TypeError, "released");
  assertThrows(() => buffer.slice(0), TypeError, "released");
  assertEquals(t.capability.stats().bufferBytes, 0);
});
