import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { loadAcquire, storeRelease } from "./barrier.ts";
import { PacketConsumer } from "./packet_consumer.ts";
import { PacketProducer } from "./packet_producer.ts";
import {
  INLINE,
  PacketClosed,
  type PacketPlan,
  PacketRing,
  PacketSlot,
  PacketWord,
} from "./packet_ring.ts";
import { scale, withSeed } from "../tests/support/seed.ts";

const PLAN: PacketPlan = { slots: 4, inlineBytes: 56, arenaBytes: 4096 };

interface Sides {
  readonly ring: PacketRing;
  readonly producer: PacketProducer;
  readonly consumer: PacketConsumer;
}

function open(plan: PacketPlan = PLAN): Sides {
  const ring = PacketRing.create(plan);
  const producer = PacketProducer.claim(ring)!;
  const consumer = PacketConsumer.claim(PacketRing.attach(ring.handle))!;
  return { ring, producer, consumer };
}

/** The bytes of the packet that was taken last. */
function bytesOf({ ring, consumer }: Sides): number[] {
  return Array.from(ring.bytes.subarray(consumer.start, consumer.start + consumer.length));
}

Deno.test("a plan that cannot be laid out is refused, naming the size", () => {
  const wrong: [Partial<PacketPlan>, string][] = [
    [{ slots: 3 }, "slots"],
    [{ slots: 0 }, "slots"],
    [{ slots: 65536 }, "slots"],
    [{ slots: NaN }, "slots"],
    [{ inlineBytes: -1 }, "inlineBytes"],
    [{ inlineBytes: 1.5 }, "inlineBytes"],
    [{ inlineBytes: 65537 }, "inlineBytes"],
    [{ arenaBytes: 100 }, "arenaBytes"],
    [{ arenaBytes: 2 ** 31 }, "arenaBytes"],
    [{ slots: 32768, inlineBytes: 65536 }, "2^31"],
  ];
  for (const [part, name] of wrong) {
    assertThrows(() => PacketRing.create({ ...PLAN, ...part }), RangeError, name);
  }
});

Deno.test("memory that does not fit its plan is not attached", () => {
  const { handle } = PacketRing.create(PLAN);
  const forged: PacketPlan[] = [
    { ...PLAN, slots: 1024 },
    { ...PLAN, arenaBytes: 8192 },
    { ...PLAN, inlineBytes: 400 },
    { ...PLAN, slots: -4 },
  ];
  for (const plan of forged) {
    assertThrows(() => PacketRing.attach({ ...handle, plan }), RangeError);
  }
});

Deno.test("a ring has one producer and one consumer, for good", () => {
  const { ring, producer, consumer } = open();
  assertEquals(PacketProducer.claim(ring), null);
  assertEquals(PacketConsumer.claim(ring), null);
  ring.close(PacketClosed.PRODUCER | PacketClosed.CONSUMER);
  assertEquals(PacketProducer.claim(ring), null);
  assert(producer.isRefused && consumer.isEnded);
});

Deno.test("a packet comes out as it went in, in its slot or in the arena", () => {
  const sides = open();
  for (const length of [0, 1, 55, 56, 57, 256, 257, 4096]) {
    const packet = Uint8Array.from({ length }, (_, index) => index ^ length);
    assert(sides.producer.push(packet), `${length} bytes`);
    assert(sides.consumer.take());
    assertEquals(sides.consumer.hold < 0, length > PLAN.inlineBytes);
    assertEquals(bytesOf(sides), Array.from(packet));
    sides.consumer.release(sides.consumer.hold);
  }
  assertEquals(sides.producer.arenaUsedBytes, 0);
  assertEquals(sides.producer.queued, 0);
});

Deno.test("a packet that is held in its slot keeps the room of those behind it", () => {
  const { producer, consumer } = open();
  const packet = new Uint8Array(8);
  for (let count = 0; count < 4; count++) assert(producer.push(packet));
  assert(!producer.push(packet), "four slots are full");
  const holds: number[] = [];
  while (consumer.take()) holds.push(consumer.hold);
  for (const hold of holds.slice(1)) consumer.release(hold);
  assert(!producer.push(packet), "the first slot is held, and the others wait for it");
  consumer.release(holds[0]);
  for (let count = 0; count < 4; count++) assert(producer.push(packet));
});

Deno.test("a packet that is held in the arena keeps its block and nothing else", () => {
  const { producer, consumer } = open();
  assert(producer.push(new Uint8Array(2048)));
  assert(consumer.take());
  const { hold } = consumer;
  consumer.retain(hold);
  for (let round = 0; round < 20; round++) {
    assert(producer.push(new Uint8Array(2048)));
    assert(!producer.push(new Uint8Array(2048)), "both halves of the arena are out");
    assert(consumer.take());
    consumer.release(consumer.hold);
  }
  consumer.release(hold);
  assert(!producer.push(new Uint8Array(4096)), "its second holder is left");
  consumer.release(hold);
  assert(producer.push(new Uint8Array(4096)));
});

Deno.test("a packet that is begun and abandoned leaves nothing", () => {
  const { producer, consumer } = open();
  for (const length of [10, 1000]) {
    assert(producer.begin(length) >= 0);
    assertEquals(producer.begin(length), -1, "one at a time");
    producer.abandon();
    assert(!consumer.take());
  }
  assertEquals(producer.arenaUsedBytes, 0);
  assertThrows(() => producer.publish(1), Error, "no packet was begun");
});

Deno.test("what was published before the producer closed is taken before the end", () => {
  const { ring, producer, consumer } = open();
  producer.push(new Uint8Array(3));
  ring.close(PacketClosed.PRODUCER);
  assert(!consumer.isEnded);
  assert(consumer.take());
  assert(consumer.isEnded);
});

Deno.test("closing rings the bell of whoever sleeps", async () => {
  const { ring, consumer } = open();
  consumer.bell.set();
  const parked = consumer.bell.parkAsync();
  const start = performance.now();
  ring.close(PacketClosed.PRODUCER);
  const timer = setTimeout(() => {}, 1000);
  assertEquals(await parked, "ok");
  clearTimeout(timer);
  assert(performance.now() - start < 90, "it was called, and did not wait for the end of its park");
  assertEquals(consumer.bell.parkAsync(), null, "the bell that rang is not set any more");
});

Deno.test("a tail that no producer publishes is a fault, not a packet", () => {
  for (const tail of [-1, 5, 6, 1000, 0x7fffffff, -0x80000000]) {
    const { ring, consumer } = open();
    storeRelease(ring.words, PacketWord.TAIL, tail);
    assert(!consumer.take(), `tail ${tail}`);
    assertStringIncludes(consumer.fault!, "the producer published up to");
    storeRelease(ring.words, PacketWord.TAIL, 1);
    assert(!consumer.take(), "a fault stays");
  }
});

Deno.test("a tail that goes back is a fault", () => {
  const { ring, producer, consumer } = open();
  for (let count = 0; count < 3; count++) producer.push(new Uint8Array(1));
  assert(consumer.take());
  storeRelease(ring.words, PacketWord.TAIL, 0);
  // What had been seen is still taken; the forged word is not looked at before that.
  assert(consumer.take() && consumer.take());
  assert(!consumer.take());
  assertStringIncludes(consumer.fault!, "the producer published up to 0");
});

Deno.test("a slot that refers to what is outside is a fault", () => {
  const wrong: [length: number, reference: number][] = [
    [57, INLINE],
    [-1, INLINE],
    [0x7fffffff, INLINE],
    [1, 4096],
    [1, -256],
    [1, -2],
    [1, 128],
    [4097, 0],
    [257, 3840],
    [-5, 256],
    [0x7fffffff, 256],
    [1, -0x80000000],
    [1, 0x7fffff00],
  ];
  for (const [length, reference] of wrong) {
    const { ring, consumer } = open();
    const slot = ring.slotsAt >> 2;
    ring.words[slot + PacketSlot.LENGTH] = length;
    ring.words[slot + PacketSlot.REFERENCE] = reference;
    storeRelease(ring.words, PacketWord.TAIL, 1);
    assert(!consumer.take(), `${length} bytes at ${reference}`);
    assertStringIncludes(consumer.fault!, `${length} bytes`);
  }
});

Deno.test("one block under two packets is returned once, when nobody holds either", () => {
  const { ring, consumer } = open();
  for (const place of [0, 1]) {
    const slot = (ring.slotsAt + place * ring.slotBytes) >> 2;
    ring.words[slot + PacketSlot.LENGTH] = 100;
    ring.words[slot + PacketSlot.REFERENCE] = 512;
  }
  storeRelease(ring.words, PacketWord.TAIL, 2);
  assert(consumer.take() && consumer.take());
  consumer.release(consumer.hold);
  assertEquals(loadAcquire(ring.words, PacketWord.RETURN_TAIL), 0);
  consumer.release(consumer.hold);
  assertEquals(loadAcquire(ring.words, PacketWord.RETURN_TAIL), 1);
});

Deno.test("a head that no consumer publishes is a fault", () => {
  for (const head of [-1, 5, 100, 0x7fffffff, -0x80000000]) {
    const { ring, producer } = open();
    for (let count = 0; count < 4; count++) producer.push(new Uint8Array(1));
    storeRelease(ring.words, PacketWord.HEAD, head);
    assert(!producer.push(new Uint8Array(1)), `head ${head}`);
    assertStringIncludes(producer.fault!, "the consumer freed slots up to");
  }
});

Deno.test("a head that goes back is a fault", () => {
  const { ring, producer, consumer } = open();
  const push = () => producer.push(new Uint8Array(1));
  for (let count = 0; count < 4; count++) assert(push());
  for (let count = 0; count < 2; count++) {
    consumer.take();
    consumer.release(consumer.hold);
  }
  assert(push() && push());
  storeRelease(ring.words, PacketWord.HEAD, 1);
  assert(!push());
  assertStringIncludes(producer.fault!, "the consumer freed slots up to 1");
});

Deno.test("a block that comes back although it is not out is a fault", () => {
  const wrong: [count: number, block: number][] = [
    [1, 2048],
    [1, -256],
    [1, 4096],
    [1, 100],
    [1, 0x7fffff00],
    [2, 0],
    [-1, 0],
    [0x7fffffff, 0],
  ];
  for (const [count, block] of wrong) {
    const { ring, producer } = open();
    assert(producer.push(new Uint8Array(1024)));
    ring.words[ring.returnsAt] = block;
    storeRelease(ring.words, PacketWord.RETURN_TAIL, count);
    assert(!producer.push(new Uint8Array(1024)), `${count} times ${block}`);
    assertStringIncludes(producer.fault!, "the consumer returned");
  }
});

Deno.test("a block that is being written cannot be returned by the other side", () => {
  const { ring, producer } = open();
  assert(producer.push(new Uint8Array(1024)));
  const at = producer.begin(1024);
  ring.words[ring.returnsAt] = at - ring.arenaAt;
  storeRelease(ring.words, PacketWord.RETURN_TAIL, 1);
  producer.abandon();
  assert(!producer.push(new Uint8Array(1024)));
  assertStringIncludes(producer.fault!, "which it does not have");
});

Deno.test(
  "whatever is written over the shared words, both sides stay inside and end with a fault or not",
  withSeed((random) => {
    const header = Object.values(PacketWord);
    let faults = 0;
    for (let round = 0; round < scale(300, 20_000); round++) {
      const sides = open();
      const { ring, producer, consumer } = sides;
      const held: number[] = [];
      const forged = () =>
        random.pick([random.uint32() | 0, random.integer(0, 9), -1, 256, 4096, 2 ** 31 - 1]);
      for (let step = 0; step < 200; step++) {
        const act = random.integer(0, 19);
        if (act < 7) {
          const length = random.integer(0, 2048);
          const at = producer.begin(length);
          assert(at === -1 || (at > 0 && at + length <= ring.buffer.byteLength));
          if (at > 0) producer.publish(random.integer(0, length));
        } else if (act < 13 && consumer.take()) {
          const end = consumer.start + consumer.length;
          assert(consumer.start > 0 && consumer.length >= 0 && end <= ring.buffer.byteLength);
          held.push(consumer.hold);
        } else if (act < 18 && held.length > 0) {
          consumer.release(held.splice(random.integer(0, held.length - 1), 1)[0]);
        } else if (act === 18) {
          storeRelease(ring.words, random.pick(header), forged());
        } else {
          const first = random.chance(0.7) ? ring.slotsAt >> 2 : ring.returnsAt;
          ring.words[first + random.integer(0, 63)] = forged();
        }
        if (producer.fault !== null && consumer.fault !== null) break;
      }
      if (producer.fault !== null || consumer.fault !== null) faults++;
    }
    assert(faults > 0, "nothing that was forged was noticed");
  }),
);
