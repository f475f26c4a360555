import { assertEquals } from "@std/assert";
import { CheckedPacketArena, takenPackets } from "../../memory/mod.ts";
import { Insertion, OutOfOrder } from "./out_of_order.ts";
import { PayloadStore } from "./payload_store.ts";

/** Ranges over an arena of their own, and what a test does with them. */
class Rig {
  readonly arena = new CheckedPacketArena({
    classes: [{ roomBytes: 128, count: 64 }, { roomBytes: 1920, count: 64 }],
    slices: 64,
  });
  readonly store = new PayloadStore(this.arena);
  readonly ranges: OutOfOrder;

  constructor(maximum = 16) {
    this.ranges = new OutOfOrder(this.store, maximum);
  }

  /** Bytes of these numbers arrive, each with its number as its value. */
  insert(from: number, to: number): Insertion {
    const packet = this.arena.take(to - from);
    const start = this.arena.start(packet);
    for (let at = 0; at < to - from; at++) this.arena.memory.bytes[start + at] = from + at;
    const result = this.ranges.insert(packet, 0, from, to - from);
    this.arena.release(packet);
    return result;
  }

  /** The edges of all ranges. */
  edges(): number[][] {
    return Array.from(
      { length: this.ranges.count },
      (_, range) => [this.ranges.left(range), this.ranges.right(range)],
    );
  }

  /** The bytes of a range. */
  bytes(range: number): number[] {
    const { from, bytes, next } = this.store;
    const found: number[] = [];
    for (let item = this.ranges.head(range); item >= 0; item = next[item]) {
      found.push(...this.arena.memory.bytes.slice(from[item], from[item] + bytes[item]));
    }
    return found;
  }

  close(): void {
    this.ranges.clear();
    assertEquals([this.ranges.cost, takenPackets(this.arena)], [0, []]);
  }
}

function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index & 0xff);
}

Deno.test("ranges are in order, and those that touch are one", () => {
  const rig = new Rig();
  for (const [from, to] of [[50, 60], [10, 20], [30, 40], [60, 70], [20, 30]]) {
    assertEquals(rig.insert(from, to), Insertion.KEPT);
  }
  assertEquals(rig.edges(), [[10, 40], [50, 70]]);
  assertEquals([rig.bytes(0), rig.bytes(1)], [numbers(10, 40), numbers(50, 70)]);
  rig.close();
});

Deno.test("a segment over many ranges fills the gaps between them", () => {
  const rig = new Rig();
  for (const from of [20, 40, 60, 80]) rig.insert(from, from + 5);
  assertEquals(rig.insert(10, 100), Insertion.KEPT);
  assertEquals(rig.edges(), [[10, 100]]);
  assertEquals(rig.bytes(0), numbers(10, 100));
  const { duplicateLeft, duplicateRight, lastLeft } = rig.ranges;
  assertEquals([duplicateLeft, duplicateRight, lastLeft], [20, 25, 10]);
  rig.close();
});

Deno.test("what is there already is a duplicate, and its edges are known", () => {
  const rig = new Rig();
  rig.insert(10, 50);
  assertEquals(rig.insert(20, 30), Insertion.DUPLICATE);
  assertEquals([rig.ranges.duplicateLeft, rig.ranges.duplicateRight], [20, 30]);
  assertEquals(rig.insert(40, 60), Insertion.KEPT);
  assertEquals([rig.ranges.duplicateLeft, rig.ranges.duplicateRight], [40, 50]);
  assertEquals(rig.insert(60, 61), Insertion.KEPT);
  assertEquals(rig.ranges.duplicateLeft, rig.ranges.duplicateRight);
  rig.close();
});

Deno.test("a full table takes what needs no new range", () => {
  const rig = new Rig(2);
  rig.insert(10, 20);
  rig.insert(30, 40);
  assertEquals(rig.insert(50, 60), Insertion.FULL);
  assertEquals(rig.insert(40, 50), Insertion.KEPT);
  assertEquals(rig.insert(20, 30), Insertion.KEPT);
  assertEquals(rig.insert(60, 70), Insertion.KEPT);
  assertEquals(rig.edges(), [[10, 50], [60, 70]]);
  rig.close();
});

Deno.test("numbers wrap around", () => {
  const rig = new Rig();
  const top = 0x7ffffffe;
  const packet = rig.arena.take(10);
  for (const offset of [20, -10, 0, 10]) rig.ranges.insert(packet, 0, top + offset | 0, 10);
  rig.arena.release(packet);
  assertEquals(rig.edges(), [[top - 10, top + 30 | 0]]);
  rig.close();
});

Deno.test("pruning gives up the last range, and says how much that was", () => {
  const rig = new Rig();
  rig.insert(10, 20);
  rig.insert(30, 45);
  assertEquals(rig.ranges.prune(), 15);
  assertEquals(rig.edges(), [[10, 20]]);
  rig.close();
});

Deno.test("the table grows with the ranges there are", () => {
  const rig = new Rig(60);
  for (let from = 0; from < 120; from += 2) {
    assertEquals(rig.insert(from, from + 1), Insertion.KEPT);
  }
  assertEquals(rig.ranges.count, 60);
  assertEquals(rig.insert(1, 2), Insertion.KEPT);
  assertEquals(rig.edges()[0], [0, 3]);
  rig.close();
});
