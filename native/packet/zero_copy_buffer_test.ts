import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { NetError } from "../errors.ts";
import { type Packet, ZeroCopyBuffer, type ZeroCopyBufferOptions } from "./zero_copy_buffer.ts";
import { storeRelease } from "../../ring/barrier.ts";
import { PacketRing, PacketWord } from "../../ring/packet_ring.ts";
import { runProgram } from "../../tests/support/programs.ts";

const SMALL: ZeroCopyBufferOptions = { slots: 4, inlineBytes: 56, arenaBytes: 4096 };

function open(options: ZeroCopyBufferOptions = SMALL): ZeroCopyBuffer {
  return ZeroCopyBuffer.create(options);
}

function fill(length: number, value: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(length).fill(value);
}

/** Takes a packet, and releases it. @returns its length and its first byte */
async function popOne(buffer: ZeroCopyBuffer): Promise<[number, number] | null> {
  using packet = await buffer.pop();
  return packet === null ? null : [packet.length, packet.bytes[0]];
}

async function assertCode(promise: Promise<unknown>, code: string): Promise<void> {
  const error = await assertRejects(() => promise);
  assert(error instanceof NetError, String(error));
  assertEquals(error.code, code, error.message);
}

function assertThrowsCode(body: () => unknown, code: string): void {
  const error = assertThrows(body);
  assert(error instanceof NetError, String(error));
  assertEquals(error.code, code, error.message);
}

/** Lets everything that is due happen. */
function breathe(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

Deno.test("packets come out in the order in which they went in", async () => {
  using buffer = open();
  for (const length of [1, 60, 2]) assert(buffer.tryPush(fill(length, length)));
  assertEquals(await popOne(buffer), [1, 1]);
  assertEquals(await popOne(buffer), [60, 60]);
  assertEquals(await popOne(buffer), [2, 2]);
  assertEquals(buffer.tryPop(), null);
});

Deno.test("pop() waits for a packet, and push() for room", async () => {
  using buffer = open();
  const popped = popOne(buffer);
  await buffer.push(fill(5, 5));
  assertEquals(await popped, [5, 5]);
  for (let count = 0; count < 4; count++) assert(buffer.tryPush(fill(1, count)));
  assert(!buffer.tryPush(fill(1, 9)));
  let isIn = false;
  const pushed = buffer.push(fill(1, 4)).then(() => isIn = true);
  await breathe();
  assert(!isIn);
  for (let count = 0; count < 4; count++) assertEquals(await popOne(buffer), [1, count]);
  await pushed;
  assertEquals(await popOne(buffer), [1, 4]);
});

Deno.test("pushes go in the order of the calls, awaited or not, and bytes may be reused", async () => {
  using buffer = open();
  const bytes = new Uint8Array(1);
  const pushes: Promise<void>[] = [];
  for (let count = 0; count < 20; count++) {
    bytes[0] = count;
    pushes.push(buffer.push(bytes));
  }
  assert(!buffer.tryPush(bytes), "others are before it");
  assertEquals(buffer.tryReserve(1), null);
  for (let count = 0; count < 20; count++) assertEquals(await popOne(buffer), [1, count]);
  await Promise.all(pushes);
});

Deno.test("a large packet waits for its block while the slots are free", async () => {
  using buffer = open();
  assert(buffer.tryPush(fill(4096, 1)));
  using first = await buffer.pop();
  const pushed = buffer.push(fill(100, 2));
  await breathe();
  assertEquals(buffer.stats().queued, 0);
  first!.release();
  await pushed;
  assertEquals(await popOne(buffer), [100, 2]);
  assertEquals(buffer.stats().arenaUsedBytes, 0);
});

Deno.test("what is reserved is written in place and seen once it is committed", async () => {
  using buffer = open();
  for (const length of [40, 1000]) {
    using room = await buffer.reserve(length);
    assertEquals([room.length, room.bytes.length, room.isOpen], [length, length, true]);
    room.bytes.fill(7);
    assert(!buffer.tryPush(fill(1, 1)), "one at a time");
    assertEquals(buffer.tryPop(), null);
    assertThrows(() => room.commit(length + 1), RangeError, "commit");
    room.commit(length - 10);
    assertThrows(() => room.bytes, TypeError);
    assertThrows(() => room.commit(), TypeError);
    assertEquals(await popOne(buffer), [length - 10, 7]);
  }
});

Deno.test("a reservation that is left uncommitted gives its room back", async () => {
  using buffer = open();
  let pushed: Promise<void>;
  {
    using room = buffer.tryReserve(4096)!;
    room.bytes[0] = 1;
    pushed = buffer.push(fill(3, 3));
    room.cancel();
    room.cancel();
  }
  await pushed;
  assertEquals(await popOne(buffer), [3, 3]);
  assertEquals(buffer.stats().arenaUsedBytes, 0);
});

Deno.test("a packet's bytes are gone after its release, and retained ones are not", async () => {
  using buffer = open();
  for (const length of [10, 300]) {
    await buffer.push(fill(length, 8));
    const packet = (await buffer.pop())!;
    const second = packet.retain();
    packet.release();
    packet.release();
    for (const look of [() => packet.bytes, () => packet.length, () => packet.copy()]) {
      assertThrows(look, TypeError, "released");
    }
    // Whatever comes after it, it stays as it is.
    for (let count = 0; count < 8; count++) {
      await buffer.push(fill(length, 9));
      assertEquals(await popOne(buffer), [length, 9]);
    }
    assertEquals(second.retain().copy(), fill(length, 8));
    assertEquals(second.copy(), fill(length, 8));
    second.release();
  }
  assertEquals(buffer.stats().held, 2, "the two handles that were made last");
});

Deno.test("an iteration releases each packet when the next is asked for", async () => {
  using buffer = open();
  using other = ZeroCopyBuffer.attach(buffer.handle);
  const lengths: number[] = [];
  const produced = (async () => {
    for (let length = 0; length < 200; length++) await other.push(fill(length, length));
    other.close();
  })();
  let last: Packet | undefined;
  for await (const packet of buffer) {
    assertEquals(buffer.stats().held, 1);
    lengths.push(packet.length);
    last = packet;
  }
  await produced;
  assertEquals(lengths, Array.from({ length: 200 }, (_, length) => length));
  assertThrows(() => last!.bytes, TypeError, "released");
  assert(buffer.isEnded);
  assertEquals(buffer.stats().held, 0);
});

Deno.test("leaving an iteration leaves the rest in the buffer", async () => {
  using buffer = open();
  for (const value of [1, 2, 3]) await buffer.push(fill(1, value));
  for await (const packet of buffer) {
    assertEquals(packet.bytes[0], 1);
    break;
  }
  assertEquals(buffer.stats().held, 0);
  assertEquals(await popOne(buffer), [1, 2]);
  const iterator = buffer.popMany();
  assertEquals((await iterator.next()).value.bytes[0], 3);
  const next = iterator.next();
  await iterator.return!();
  assertEquals(await next, { done: true, value: undefined });
  assertEquals(await iterator.next(), { done: true, value: undefined });
});

Deno.test("a batch is what there is, up to its bound, and nothing at the end", async () => {
  using buffer = open({ slots: 8 });
  using other = ZeroCopyBuffer.attach(buffer.handle);
  const first = buffer.popBatch(3);
  for (let value = 0; value < 5; value++) await other.push(fill(1, value));
  const batches = [await first];
  while (batches.flat().length < 5) batches.push(await buffer.popBatch(3));
  assertEquals(batches.flat().map(({ bytes }) => bytes[0]), [0, 1, 2, 3, 4]);
  assert(batches.every(({ length }) => length >= 1 && length <= 3));
  for (const packet of batches.flat()) packet.release();
  other.close();
  assertEquals(await buffer.popBatch(3), []);
  await assertRejects(() => buffer.popBatch(0), RangeError, "most");
});

Deno.test("after the producer closed, the consumer takes what is left and comes to the end", async () => {
  const producer = open();
  using consumer = ZeroCopyBuffer.attach(producer.handle);
  producer.tryPush(fill(2, 2));
  producer.close();
  assert(producer.isClosed);
  assertEquals(await popOne(consumer), [2, 2]);
  assertEquals(await consumer.pop(), null);
  assertEquals(consumer.popSync(), null);
  assertEquals(consumer.tryPop(), null);
  assert(consumer.isEnded);
});

Deno.test("a consumer that waits is told when the producer closes", async () => {
  const producer = open();
  using consumer = ZeroCopyBuffer.attach(producer.handle);
  producer.tryPush(fill(1, 1));
  await popOne(consumer);
  const popped = consumer.pop();
  producer.close();
  assertEquals(await popped, null);
});

Deno.test("after the consumer closed, pushes reject with EPIPE, those that wait too", async () => {
  using producer = open();
  const consumer = ZeroCopyBuffer.attach(producer.handle);
  assertEquals(consumer.tryPop(), null);
  const room = producer.tryReserve(10)!;
  const waiting = producer.push(fill(1, 1));
  consumer.close();
  await assertCode(waiting, "EPIPE");
  assertThrowsCode(() => room.commit(), "EPIPE");
  await assertCode(producer.push(fill(1, 1)), "EPIPE");
  assertThrowsCode(() => producer.tryPush(fill(1, 1)), "EPIPE");
  assertThrowsCode(() => producer.pushSync(fill(1, 1)), "EPIPE");
  await assertCode(producer.reserve(1), "EPIPE");
});

Deno.test("close() ends whoever waits here with BadResource, and iterations", async () => {
  const producer = open({ ...SMALL, slots: 1 });
  producer.tryPush(fill(1, 1));
  const pushed = assertRejects(() => producer.push(fill(1, 1)), Deno.errors.BadResource);
  const room = assertRejects(() => producer.reserve(1), Deno.errors.BadResource);
  const consumer = open();
  const popped = assertRejects(() => consumer.pop(), Deno.errors.BadResource);
  const iterated = open();
  const next = iterated[Symbol.asyncIterator]().next();
  for (const buffer of [producer, consumer, iterated]) {
    buffer.close();
    buffer.close();
  }
  await pushed;
  await room;
  await popped;
  assertEquals(await next, { done: true, value: undefined });
  await assertCode(producer.push(fill(1, 1)), "EBADF");
  await assertCode(consumer.pop(), "EBADF");
  assertThrowsCode(() => consumer.tryPop(), "EBADF");
  assertThrowsCode(() => open().popSync.call(consumer), "EBADF");
  for await (const _ of iterated) throw new Error("unreachable");
  const fresh = open();
  fresh.close();
  for await (const _ of fresh) throw new Error("unreachable");
  assertThrowsCode(() => fresh.tryPush(fill(1, 1)), "EBADF");
});

Deno.test("an object that is neither side closes the buffer for both", async () => {
  const parent = open();
  using producer = ZeroCopyBuffer.attach(parent.handle);
  using consumer = ZeroCopyBuffer.attach(parent.handle);
  producer.tryPush(fill(1, 6));
  parent.close();
  assertThrowsCode(() => producer.tryPush(fill(1, 1)), "EPIPE");
  assertEquals(await popOne(consumer), [1, 6]);
  assertEquals(await consumer.pop(), null);
});

Deno.test("a second producer and a second consumer are refused with EBUSY", async () => {
  using buffer = open();
  using other = ZeroCopyBuffer.attach(buffer.handle);
  buffer.tryPush(fill(1, 1));
  buffer.tryPop()!.release();
  assertThrowsCode(() => other.tryPush(fill(1, 1)), "EBUSY");
  await assertCode(other.push(fill(1, 1)), "EBUSY");
  await assertCode(other.reserve(1), "EBUSY");
  await assertCode(other.pop(), "EBUSY");
  await assertCode(other.popBatch(1), "EBUSY");
  assertThrowsCode(() => other.popMany(), "EBUSY");
});

Deno.test("a second reader is refused with EBUSY while the first waits, and the first goes on", async () => {
  using buffer = open();
  const first = popOne(buffer);
  await assertCode(buffer.pop(), "EBUSY");
  await assertCode(buffer.popBatch(2), "EBUSY");
  await assertCode(buffer.popMany().next(), "EBUSY");
  assertThrowsCode(() => buffer.popSync(), "EBUSY");
  await buffer.push(fill(1, 3));
  assertEquals(await first, [1, 3]);
});

Deno.test("deadlines end waiting with TimedOut, and what was waited for is not lost", async () => {
  using buffer = open({ ...SMALL, slots: 1 });
  await assertRejects(() => buffer.pop({ timeoutMs: 0 }), Deno.errors.TimedOut, "pop");
  await assertRejects(() => buffer.pop({ timeoutMs: 5 }), Deno.errors.TimedOut, "5 ms");
  await buffer.push(fill(1, 1), { timeoutMs: 0 });
  await assertRejects(() => buffer.push(fill(1, 2), { timeoutMs: 5 }), Deno.errors.TimedOut);
  await assertRejects(() => buffer.reserve(1, { timeoutMs: 150 }), Deno.errors.TimedOut);
  assertEquals(await popOne(buffer), [1, 1]);
  await buffer.push(fill(1, 3));
  assertEquals(await popOne(buffer), [1, 3]);
});

Deno.test("when a push gives up, those behind it that fit go in", async () => {
  using buffer = open();
  assert(buffer.tryPush(fill(2048, 1)));
  const late = assertRejects(() => buffer.push(fill(4096, 2), { timeoutMs: 20 }));
  const controller = new AbortController();
  const aborted = assertRejects(() => buffer.push(fill(4096, 3), { signal: controller.signal }));
  const behind = buffer.push(fill(10, 4));
  await late;
  controller.abort();
  await aborted;
  await behind;
  assertEquals(await popOne(buffer), [2048, 1]);
  assertEquals(await popOne(buffer), [10, 4]);
});

Deno.test("a signal ends waiting with its reason", async () => {
  using buffer = open({ ...SMALL, slots: 1 });
  const reason = new Error("enough");
  const rejected = async (wait: (signal: AbortSignal) => Promise<unknown>) => {
    const controller = new AbortController();
    const { signal } = controller;
    const outcome = wait(signal).catch((error) => error);
    controller.abort(reason);
    assertEquals(await outcome, reason);
    assertEquals(await wait(signal).catch((error) => error), reason, "aborted before");
  };
  await rejected((signal) => buffer.pop({ signal }));
  await rejected((signal) => buffer.popMany({ signal }).next());
  await buffer.push(fill(1, 1));
  await rejected((signal) => buffer.push(fill(1, 2), { signal }));
  await rejected((signal) => buffer.reserve(1, { signal }));
  assertEquals(await popOne(buffer), [1, 1]);
});

Deno.test("blocking calls give up at their deadline", () => {
  using buffer = open({ ...SMALL, slots: 1 });
  const start = performance.now();
  assertThrows(() => buffer.popSync(120), Deno.errors.TimedOut, "popSync");
  assert(performance.now() - start >= 119);
  assertThrows(() => buffer.popSync(0), Deno.errors.TimedOut);
  buffer.pushSync(fill(1, 1));
  assertThrows(() => buffer.pushSync(fill(1, 1), 5), Deno.errors.TimedOut, "pushSync");
  using packet = buffer.popSync();
  assertEquals(packet!.bytes[0], 1);
  assertEquals(buffer.tryReserve(1), null, "the packet is held");
  packet!.release();
  const room = buffer.tryReserve(1)!;
  assertThrowsCode(() => buffer.pushSync(fill(1, 1)), "EBUSY");
  room.cancel();
});

Deno.test("packets that can never fit, and what is no packet, are refused", async () => {
  using buffer = open({ slots: 2, inlineBytes: 10, arenaBytes: 5 * 256 });
  assertEquals(buffer.largestBytes, 1024);
  assert(buffer.tryPush(fill(1024, 1)));
  assertThrows(() => buffer.tryPush(fill(1025, 1)), RangeError, "1024");
  await assertRejects(() => buffer.push(fill(1025, 1)), RangeError, "1024");
  for (const length of [-1, 1.5, NaN]) {
    await assertRejects(() => buffer.reserve(length), RangeError, "reserve");
  }
  await assertRejects(() => buffer.push("text" as unknown as Uint8Array), TypeError);
  using none = open({ slots: 2, inlineBytes: 0, arenaBytes: 0 });
  assertEquals(none.largestBytes, 0);
  assert(none.tryPush(new Uint8Array(0)));
  assertEquals(none.tryPop()!.length, 0);
});

Deno.test("unknown options, wrong sizes and handles that are none are refused", async () => {
  assertThrows(() => open({ slot: 4 } as ZeroCopyBufferOptions), TypeError, "slot");
  assertThrows(() => open({ slots: 5 }), RangeError, "slots");
  for (const handle of [undefined, {}, { buffer: new ArrayBuffer(8), plan: {} }]) {
    assertThrows(() => ZeroCopyBuffer.attach(handle as never), TypeError, "attach");
  }
  using buffer = open();
  const { buffer: memory, plan } = buffer.handle;
  const forged = { buffer: memory, plan: { ...plan, arenaBytes: 2 ** 20 } };
  assertThrows(() => ZeroCopyBuffer.attach(forged), RangeError);
  await assertRejects(() => buffer.pop({ timeout: 5 } as never), TypeError, "timeout");
  await assertRejects(() => buffer.push(fill(1, 1), { timeoutMs: -1 }), RangeError, "timeoutMs");
  assertThrows(() => buffer.popSync(NaN), RangeError, "timeoutMs");
});

Deno.test("too many pushes that wait are refused with ENOBUFS", async () => {
  const buffer = open({ ...SMALL, slots: 1 });
  buffer.tryPush(fill(1, 1));
  const waiting = Array.from({ length: 1024 }, () => buffer.push(fill(1, 1)).catch(() => {}));
  await assertCode(buffer.push(fill(1, 1)), "ENOBUFS");
  await assertCode(buffer.reserve(1), "ENOBUFS");
  buffer.close();
  await Promise.all(waiting);
});

Deno.test("a forged word ends the side that finds it with EBADMSG, and nothing else", async () => {
  using producer = open();
  using consumer = ZeroCopyBuffer.attach(producer.handle);
  const { words } = PacketRing.attach(producer.handle);
  await producer.push(fill(1, 1));
  const popping = [consumer.pop(), consumer.pop()] as const;
  (await popping[0])!.release();
  storeRelease(words, PacketWord.TAIL, 77);
  await assertCode(popping[1], "EBADMSG");
  await assertRejects(() => consumer.pop(), Deno.errors.InvalidData, "the producer published");
  await assertCode(consumer.popMany().next(), "EBADMSG");
  assertThrowsCode(() => consumer.popSync(), "EBADMSG");
  await assertCode(producer.push(fill(1, 1)), "EPIPE");

  using second = open({ ...SMALL, slots: 1 });
  const others = PacketRing.attach(second.handle).words;
  await second.push(fill(1, 1));
  const pushing = [second.push(fill(1, 1)), second.push(fill(1, 1))];
  storeRelease(others, PacketWord.HEAD, -9);
  for (const push of pushing) await assertCode(push, "EBADMSG");
  await assertCode(second.push(fill(1, 1)), "EBADMSG");
  assertThrowsCode(() => second.tryReserve(1), "EBADMSG");
});

Deno.test("a bell that is forged again and again keeps nothing else from its turn", async () => {
  using buffer = open();
  const { words } = PacketRing.attach(buffer.handle);
  const popped = assertRejects(() => buffer.pop({ timeoutMs: 60 }), Deno.errors.TimedOut);
  let turns = 0;
  const timer = setInterval(() => {
    turns++;
    storeRelease(words, PacketWord.CONSUMER_BELL, 0x7ffffffe);
  }, 1);
  await popped;
  clearInterval(timer);
  assert(turns > 5, `${turns} turns of a timer`);
});

Deno.test("a producer that always has room lets timers have their turn", async () => {
  using buffer = open({ slots: 1024 });
  let isTime = false;
  const timer = setTimeout(() => isTime = true, 0);
  let count = 0;
  for (; !isTime && count < 1_000_000; count++) {
    await buffer.push(fill(1, 1));
    (await buffer.pop())!.release();
  }
  clearTimeout(timer);
  assert(isTime, "a million packets, and the timer had no turn");
});

Deno.test("stats() counts packets, bytes, waits and what is held", async () => {
  using buffer = open();
  await buffer.push(fill(10, 1));
  await buffer.push(fill(1000, 1));
  const { pushed, bytesPushed, largePushed, arenaUsedBytes, queued } = buffer.stats();
  assertEquals([pushed, bytesPushed, largePushed, arenaUsedBytes], [2, 1010, 1, 1024]);
  assertEquals(queued, 2);
  using first = await buffer.pop();
  using second = await buffer.pop();
  assertEquals([first!.length, second!.length], [10, 1000]);
  assertRejects(() => buffer.pop({ timeoutMs: 0 }));
  const { popped, bytesPopped, largePopped, held, popWaits, pushWaits } = buffer.stats();
  assertEquals([popped, bytesPopped, largePopped, held], [2, 1010, 1, 2]);
  assertEquals([popWaits, pushWaits], [1, 0]);
});

Deno.test("the process stays while somebody waits, and ends when that is unreferenced", async () => {
  const program = (body: string) => `
    import { ZeroCopyBuffer } from "ROOT/native/packet/zero_copy_buffer.ts";
    const buffer = ZeroCopyBuffer.create();
    ${body}`;
  const waits = await runProgram(
    program(`setTimeout(() => buffer.push(new Uint8Array(3)), 250);
      console.log((await buffer.pop()).length);`),
    { flags: [] },
  );
  assertEquals([waits.code, waits.stdout.trim()], [0, "3"], waits.stderr);
  const unreferenced = await runProgram(
    program(`buffer.unref(); buffer.pop(); console.log("over");`),
    { flags: [] },
  );
  assertEquals([unreferenced.code, unreferenced.stdout.trim()], [0, "over"], unreferenced.stderr);
});
