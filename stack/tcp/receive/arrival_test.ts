import { assert, assertEquals } from "@std/assert";
import { ReceiverRig, streamBytes } from "../../../tests/support/stack/tcp/receiver.ts";

const FULL = 1448;

Deno.test("payload stays where it arrived: a full segment is not copied", () => {
  const rig = new ReceiverRig();
  const segment = rig.segment(0, streamBytes(0, FULL))!;
  rig.receiver.onPayload(segment);
  assertEquals(rig.receiver.queue?.head, segment.packet);
  rig.arena.release(segment.packet);
  assertEquals(rig.arena.usedCount, 1);
  rig.close();
});

Deno.test("ten thousand tiny segments take a few packets, not one each", () => {
  const options = { bufferBytes: 20_000, maximumBufferBytes: 20_000 };
  const rig = new ReceiverRig({ options });
  for (let at = 0; at < 10_000; at++) assert(rig.arrive(at, streamBytes(at, 1)));
  assertEquals(rig.receiver.available, 10_000);
  assert(rig.arena.usedCount <= 9, `${rig.arena.usedCount} packets are taken`);
  assert(rig.receiver.queueCost <= 8 * 2048);
  assertEquals(rig.read(10_000), streamBytes(0, 10_000));
  rig.close();
});

Deno.test("tiny segments in packets that others hold as well are copied together", () => {
  const rig = new ReceiverRig();
  const held: number[] = [];
  for (let at = 0; at < 100; at++) {
    const segment = rig.segment(at, streamBytes(at, 1))!;
    rig.arena.retain(segment.packet);
    held.push(segment.packet);
    rig.receiver.onPayload(segment);
    rig.arena.release(segment.packet);
  }
  assert(rig.arena.usedCount < 130, `${rig.arena.usedCount} packets are taken`);
  for (const packet of held) rig.arena.release(packet);
  assert(rig.arena.usedCount < 30, `${rig.arena.usedCount} packets are kept`);
  assertEquals(rig.read(100), streamBytes(0, 100));
  rig.close();
});

// covers RFC 9293 3.10.7.4 SHLD-31
Deno.test("one-byte segments behind gaps take small packets, and only so many", () => {
  const rig = new ReceiverRig({ options: { maximumRanges: 100 } });
  for (let at = 1; at < 2000; at += 2) rig.arrive(at, streamBytes(at, 1));
  const { outOfOrder } = rig.receiver;
  assertEquals(outOfOrder?.count, 100);
  assertEquals(outOfOrder?.cost, 100 * 256);
  assertEquals(rig.count("DROPPED_RANGES_FULL"), 900);
  // Nothing of it stands in the way of bytes in order.
  for (let at = 0; at < 2000; at += 500) rig.arrive(at, streamBytes(at, 500));
  assertEquals(rig.read(2000), streamBytes(0, 2000));
  assertEquals(rig.receiver.outOfOrder, null);
  rig.close();
});

Deno.test("memory behind gaps is bounded by the buffer, too", () => {
  const options = { bufferBytes: 16_384, maximumBufferBytes: 16_384 };
  const rig = new ReceiverRig({ options });
  // Every second half segment: each takes a packet of its own.
  for (let at = 600; at < 16_384; at += 1200) rig.arrive(at, streamBytes(at, 600));
  for (let at = 900; at < 16_384; at += 1200) rig.arrive(at + 10, streamBytes(at, 5));
  const cost = rig.receiver.outOfOrder?.cost ?? 0;
  assert(cost <= 2 * 16_384, `${cost} bytes of memory`);
  rig.close();
});

Deno.test("segments in descending order fill the room before the first one", () => {
  const rig = new ReceiverRig();
  for (let at = 160; at > 0; at--) rig.arrive(at, streamBytes(at, 1));
  assertEquals(rig.receiver.outOfOrder?.count, 1);
  assert(rig.arena.usedCount <= 3, `${rig.arena.usedCount} packets are taken`);
  rig.arrive(0, streamBytes(0, 1));
  assertEquals(rig.read(500), streamBytes(0, 161));
  rig.close();
});

Deno.test("of bytes that come twice the first ones are kept", () => {
  const rig = new ReceiverRig();
  const [first, second] = [new Uint8Array(300).fill(1), new Uint8Array(900).fill(2)];
  rig.arrive(300, first);
  rig.arrive(0, second);
  const read = rig.read(2000) as Uint8Array;
  assertEquals(read.length, 900);
  assertEquals([read[0], read[299], read[300], read[599], read[600]], [2, 2, 1, 1, 2]);
  rig.arrive(1200, first);
  rig.arrive(1000, second);
  rig.arrive(900, second.slice(0, 100));
  const more = rig.read(2000) as Uint8Array;
  assertEquals([more[299], more[300], more[599], more[600]], [2, 1, 1, 2]);
  rig.close();
});

Deno.test("where the arena has nothing left segments are dropped, counted, and come again", () => {
  const classes = [{ roomBytes: 128, count: 4 }, { roomBytes: 1920, count: 8 }];
  const rig = new ReceiverRig({ classes, slices: 0 });
  let at = 0;
  while (rig.arrive(at, streamBytes(at, FULL))) at += FULL;
  assertEquals(rig.receiver.available, 8 * FULL);
  assertEquals(rig.read(8 * FULL), streamBytes(0, 8 * FULL));
  // Parts of one packet on both sides of a range need a slice, or a packet to be copied into.
  rig.arrive(at + 1000, streamBytes(at + 1000, 100));
  const held: number[] = [];
  for (let packet = rig.arena.take(1900); packet >= 0; packet = rig.arena.take(1900)) {
    held.push(packet);
  }
  rig.arena.release(held.pop()!);
  for (let packet = rig.arena.take(100); packet >= 0; packet = rig.arena.take(100)) {
    held.push(packet);
  }
  rig.arrive(at, streamBytes(at, 1400));
  assert(rig.count("DROPPED_NO_PACKET") > 0);
  const next = rig.receiver.receiveNext - rig.first | 0;
  // The packet of the range had room for a few more.
  assertEquals(next, at + 1128);
  for (const packet of held) rig.arena.release(packet);
  rig.arrive(at, streamBytes(at, 1400));
  assertEquals(rig.read(5000), streamBytes(at, 1400));
  rig.close();
});

Deno.test("a small segment in a very large packet does not fill the buffer", () => {
  const classes = [
    { roomBytes: 128, count: 8 },
    { roomBytes: 1920, count: 8 },
    { roomBytes: 65_600, count: 8 },
  ];
  const options = { bufferBytes: 8192, maximumBufferBytes: 8192 };
  const rig = new ReceiverRig({ classes, options });
  const packet = rig.arena.take(60_000);
  rig.arena.memory.bytes.set(streamBytes(0, 100), rig.arena.start(packet) + 66);
  const segment = rig.segment(0, streamBytes(0, 100))!;
  rig.arena.release(segment.packet);
  segment.packet = packet;
  rig.receiver.onPayload(segment);
  rig.arena.release(packet);
  assertEquals(rig.receiver.queueCost, 256);
  assertEquals(rig.read(100), streamBytes(0, 100));
  rig.close();
});

Deno.test("the same packet that arrives twice is kept once for each place", () => {
  const rig = new ReceiverRig();
  const segment = rig.segment(2000, streamBytes(0, FULL))!;
  rig.receiver.onPayload(segment);
  segment.sequence = rig.first;
  rig.receiver.onPayload(segment);
  rig.arena.release(segment.packet);
  assertEquals(rig.read(5000), streamBytes(0, FULL));
  rig.arrive(FULL, streamBytes(0, 2000 - FULL));
  assertEquals((rig.read(5000) as Uint8Array).slice(2000 - FULL), streamBytes(0, FULL));
  rig.close();
});
