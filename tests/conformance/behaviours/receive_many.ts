/**
 * Receiving on: `receiveMany`.
 *
 * @module
 */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { theme } from "../behaviour.ts";
import {
  counted,
  Counting,
  drainCounted,
  receiveExactly,
  TOO_MUCH,
  utf8,
  writeAll,
  writeCounted,
} from "../bytes.ts";
import { assertNetError, reasonOf } from "../expect.ts";
import { delay } from "@std/async";

const behaviour = theme("receiveMany");

behaviour(
  "receiveMany() yields every byte in order and ends at the end of the stream",
  async (t) => {
    const { stream, peer } = await t.accepted();
    const length = 1_000_000;
    const writing = writeAll(peer, counted(length)).then(() => peer.close());
    assertEquals(await drainCounted(stream), length);
    await writing;
  },
);

behaviour("receiveMany() releases each lease when the next one is asked for", async (t) => {
  const { stream, peer } = await t.accepted();
  const iterator = stream.receiveMany();
  await peer.write(utf8("one"));
  const first = (await iterator.next()).value!;
  assertEquals(first.copy(), utf8("one"));
  const next = iterator.next();
  assertThrows(() => first.bytes, TypeError, "released");
  await peer.write(utf8("two"));
  assertEquals((await next).value!.copy(), utf8("two"));
  await iterator.return!();
  assertEquals(t.capability.stats().leases, 0);
});

behaviour("break leaves nothing armed, and receive() reads on without loss", async (t) => {
  const { stream, peer } = await t.accepted();
  const length = 200_000;
  const writing = writeAll(peer, counted(length));
  const counting = new Counting();
  for await (const lease of stream.receiveMany()) {
    counting.take(lease.bytes);
    if (counting.position > 1000) break;
  }
  assertEquals(t.capability.stats().inFlight, 0, "a receive is still armed");
  while (counting.position < length) {
    using lease = await stream.receive();
    counting.take(lease!.bytes);
  }
  await writing;
});

behaviour("break and begin again, many times, loses no byte", async (t) => {
  const { stream, peer } = await t.accepted();
  const length = 400_000;
  const writing = writeAll(peer, counted(length)).then(() => peer.close());
  const counting = new Counting();
  for (let isOpen = true; isOpen;) {
    isOpen = false;
    for await (const lease of stream.receiveMany()) {
      counting.take(lease.bytes);
      isOpen = true;
      if (t.random.chance(0.5)) break;
    }
  }
  assertEquals(counting.position, length);
  await writing;
});

behaviour("return() of an iteration that never began is quiet", async (t) => {
  const { stream, peer } = await t.accepted();
  const iterator = stream.receiveMany();
  await iterator.return!();
  assertEquals((await iterator.next()).done, true);
  await peer.write(utf8("x"));
  assertEquals(await receiveExactly(stream, 1), utf8("x"));
});

behaviour("throwing inside the loop stops receiving as break does", async (t) => {
  const { stream, peer } = await t.accepted();
  await peer.write(utf8("abc"));
  await assertRejects(
    async () => {
      for await (const _ of stream.receiveMany()) throw new RangeError("mine");
    },
    RangeError,
    "mine",
  );
  assertEquals(t.capability.stats().inFlight, 0);
  await peer.write(utf8("def"));
  assertEquals(await receiveExactly(stream, 3), utf8("def"));
});

behaviour("receiveMany() is the only reader while it is under way", async (t) => {
  const { stream, peer } = await t.accepted();
  await peer.write(utf8("x"));
  for await (const _ of stream.receiveMany()) {
    assertNetError(await assertRejects(() => stream.receive()), { code: "EBUSY" });
    assertNetError(await assertRejects(() => stream.receiveMany().next()), { code: "EBUSY" });
    break;
  }
  peer.close();
  assertEquals(await stream.receive(), null);
});

behaviour("receiveMany() ends quietly when the stream is closed ordinarily", async (t) => {
  const { stream } = await t.accepted();
  const next = stream.receiveMany().next();
  await t.barrier();
  await stream.close();
  assertEquals((await next).done, true);
});

behaviour("receiveMany() rejects with ECONNRESET when the peer resets", async (t) => {
  const { stream, reset } = await t.resettable();
  const next = reasonOf(stream.receiveMany().next());
  await reset();
  assertNetError(await next, { code: "ECONNRESET", operation: "receive" });
});

behaviour("timeoutMs of receiveMany() is idle time, counted only while it waits", async (t) => {
  const { stream, peer } = await t.accepted();
  const timeoutMs = 60;
  let leases = 0;
  const error = await assertRejects(async () => {
    await peer.write(utf8("0"));
    for await (const _ of stream.receiveMany({ timeoutMs })) {
      leases++;
      // Work of the consumer's own may take longer than the idle time.
      if (leases === 1) await delay(timeoutMs * 1.5);
      if (leases < 4) await peer.write(utf8(String(leases)));
    }
  });
  assertEquals(leases, 4);
  assertNetError(error, { code: "ETIMEDOUT", operation: "receive" });
  assert(error instanceof Deno.errors.TimedOut);
  await peer.write(utf8("still usable"));
  assertEquals(await receiveExactly(stream, 12), utf8("still usable"));
});

behaviour("a stream that is not read stops its peer, and goes on when it is", async (t) => {
  const { stream, peer } = await t.accepted();
  // More than the buffers of both systems hold.
  const length = TOO_MUCH;
  let isWritten = false;
  const writing = writeCounted(peer, length).then(() => {
    isWritten = true;
    peer.close();
  });
  const iterator = stream.receiveMany();
  const counting = new Counting();
  counting.take((await iterator.next()).value!.bytes);
  await t.barrier();
  assert(!isWritten, "all of it went somewhere although nobody read them");
  for (let step = await iterator.next(); !step.done; step = await iterator.next()) {
    counting.take(step.value.bytes);
  }
  await writing;
  assertEquals(counting.position, length);
});
