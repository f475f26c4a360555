import { assertEquals } from "@std/assert";
import { ReceiverRig, streamBytes } from "../../../tests/support/stack/tcp/receiver.ts";

/** Bytes of a segment, and where those of a number begin. */
const SIZE = 500;
const at = (number: number) => number * SIZE;

/** Lets segments of these numbers arrive; each is acknowledged. */
function arrive(rig: ReceiverRig, ...numbers: number[]): void {
  for (const number of numbers) rig.arrive(at(number), streamBytes(at(number), SIZE));
}

/** The blocks of the last acknowledgment, in numbers of segments. */
function blocks(rig: ReceiverRig): number[][] {
  return rig.last.blocks.map(([left, right]) => [left / SIZE, right / SIZE]);
}

// covers RFC 2018 4 MUST
Deno.test("the first block is the one with the segment that arrived last", () => {
  const rig = new ReceiverRig();
  arrive(rig, 2, 4, 6);
  assertEquals(blocks(rig), [[6, 7], [4, 5], [2, 3]]);
  arrive(rig, 3);
  assertEquals(blocks(rig), [[2, 5], [6, 7]]);
  arrive(rig, 7);
  assertEquals(blocks(rig), [[6, 8], [2, 5]]);
  rig.close();
});

// covers RFC 2018 4 SHOULD
Deno.test("the other blocks are those that were reported last, as many as fit", () => {
  const rig = new ReceiverRig();
  arrive(rig, 2, 4, 6, 8, 10);
  assertEquals(blocks(rig), [[10, 11], [8, 9], [6, 7]]);
  arrive(rig, 3);
  assertEquals(blocks(rig), [[2, 5], [10, 11], [8, 9]]);
  const without = new ReceiverRig({ agreement: { hasTimestamps: false } });
  arrive(without, 2, 4, 6, 8, 10);
  assertEquals(blocks(without), [[10, 11], [8, 9], [6, 7], [4, 5]]);
  rig.close();
  without.close();
});

// covers RFC 2018 4 SHOULD
Deno.test("where few blocks changed lately the others are reported, the highest first", () => {
  const rig = new ReceiverRig();
  arrive(rig, 20, 30, 2, 4, 6, 8, 3, 5, 7);
  assertEquals(blocks(rig), [[2, 9], [30, 31], [20, 21]]);
  rig.close();
});

Deno.test("a part of a gap is filled: no block tells of what is in order", () => {
  const rig = new ReceiverRig();
  arrive(rig, 2, 4);
  arrive(rig, 0);
  assertEquals(blocks(rig), [[4, 5], [2, 3]]);
  arrive(rig, 1);
  assertEquals([rig.last.next, blocks(rig)], [3 * SIZE, [[4, 5]]]);
  arrive(rig, 3);
  assertEquals([rig.last.next, blocks(rig)], [5 * SIZE, []]);
  assertEquals([rig.receiver.sack, rig.receiver.outOfOrder], [null, null]);
  rig.close();
});

// covers RFC 2883 4 MUST
Deno.test("a duplicate is the first block of one acknowledgment", () => {
  const rig = new ReceiverRig();
  arrive(rig, 0, 1);
  arrive(rig, 0);
  assertEquals([rig.last.next, blocks(rig)], [at(2), [[0, 1]]]);
  rig.acknowledge();
  assertEquals(blocks(rig), []);
  assertEquals(rig.receiver.sack, null);
  assertEquals(rig.count("DUPLICATES_REPORTED"), 1);
  rig.close();
});

// covers RFC 2883 4 MUST
Deno.test("behind the duplicate stands the block that it is a part of", () => {
  const rig = new ReceiverRig();
  arrive(rig, 10, 3, 4, 5);
  arrive(rig, 4);
  assertEquals(blocks(rig), [[4, 5], [3, 6], [10, 11]]);
  arrive(rig, 8);
  assertEquals(blocks(rig), [[8, 9], [3, 6], [10, 11]]);
  rig.close();
});

Deno.test("of a segment that is new in parts the first part that was there is reported", () => {
  const rig = new ReceiverRig();
  arrive(rig, 0, 1, 4, 6);
  rig.arrive(at(1), streamBytes(at(1), 6 * SIZE));
  assertEquals([rig.last.next, blocks(rig)], [at(7), [[1, 2]]]);
  arrive(rig, 9, 11);
  rig.arrive(at(8), streamBytes(at(8), 4 * SIZE));
  assertEquals(blocks(rig), [[9, 10], [8, 12]]);
  rig.close();
});

Deno.test("a segment before the window is reported as a duplicate", () => {
  const rig = new ReceiverRig();
  arrive(rig, 0, 1, 2);
  const segment = rig.segment(at(1), streamBytes(at(1), SIZE))!;
  rig.receiver.onUnacceptable(segment);
  rig.arena.release(segment.packet);
  rig.answer();
  assertEquals([rig.last.next, blocks(rig)], [at(3), [[1, 2]]]);
  rig.close();
});

Deno.test("without agreement on SACK there are no blocks", () => {
  const rig = new ReceiverRig({ agreement: { hasSack: false } });
  arrive(rig, 0, 2, 0, 4);
  assertEquals([rig.last.next, blocks(rig), rig.receiver.optionBytes], [at(1), [], 0]);
  rig.close();
});

Deno.test("the bytes of the option are those that it takes", () => {
  const rig = new ReceiverRig();
  rig.isAnswering = false;
  arrive(rig, 2);
  assertEquals(rig.receiver.optionBytes, 12);
  arrive(rig, 4, 6, 8);
  assertEquals(rig.receiver.optionBytes, 28);
  rig.close();
});

// covers RFC 2018 8 MUST
Deno.test("what was given up for lack of memory is reported no more", () => {
  const options = { bufferBytes: 60_000, maximumBufferBytes: 60_000 };
  const rig = new ReceiverRig({ options });
  const full = 1448;
  rig.arrive(2 * full, streamBytes(0, full));
  rig.arrive(4 * full, streamBytes(0, full));
  assertEquals(rig.last.blocks.length, 2);
  // The program takes memory away; bytes in order have the last range given up.
  rig.receiver.bufferLimit = 3000;
  rig.arrive(0, streamBytes(0, full));
  assertEquals(rig.count("PRUNED_BYTES"), full);
  assertEquals(rig.last.blocks, [[2 * full, 3 * full]]);
  rig.close();
});
