import { assertEquals, assertThrows } from "@std/assert";
import { CheckedPacketArena } from "./checked_arena.ts";
import {
  chainLength,
  copyIn,
  copyOut,
  dropFront,
  gather,
  lastSegment,
  MAXIMUM_TAKEN_SEGMENTS,
  sliceChain,
  sumChain,
  takeChain,
} from "./chains.ts";
import type { PacketArena } from "./packet_arena.ts";
import { PacketMemory } from "./packet_memory.ts";
import { takenPackets, verifyArena } from "./verify.ts";
import { type Random, scale, withSeed } from "../../tests/support/seed.ts";

const OUTSIDE = 4096;

function makeArena(counts: readonly number[] = [80, 8], slices = 100): PacketArena {
  const memory = new PacketMemory(1 << 18);
  memory.reserve(OUTSIDE);
  const classes = counts.map((count, index) => ({ roomBytes: 64 * 16 ** index, count }));
  return new CheckedPacketArena({ classes, slices, headroomBytes: 64, memory });
}

/** A chain of segments with these lengths, each from an offset of its own, and its bytes. */
function makeChain(arena: PacketArena, lengths: readonly number[], random: Random) {
  const all: number[] = [];
  let first = -1;
  for (const bytes of lengths) {
    const packet = arena.take(bytes + 3);
    arena.trimFront(packet, random.integer(0, 3));
    arena.trimBack(packet, arena.length(packet) - bytes);
    const data = random.bytes(bytes);
    arena.memory.bytes.set(data, arena.start(packet));
    all.push(...data);
    if (first < 0) first = packet;
    else arena.append(first, packet);
  }
  return { first, data: Uint8Array.from(all) };
}

function readChain(arena: PacketArena, packet: number): Uint8Array {
  const all: number[] = [];
  for (let at = packet; at >= 0; at = arena.next(at)) {
    all.push(...arena.memory.bytes.subarray(arena.start(at), arena.start(at) + arena.length(at)));
  }
  return Uint8Array.from(all);
}

function assertEmpty(arena: PacketArena): void {
  verifyArena(arena);
  assertEquals(takenPackets(arena), []);
}

Deno.test(
  "parts of a chain are copied, summed and sliced as if it lay in one place",
  withSeed((random) => {
    const arena = makeArena();
    const { bytes, checksummer } = arena.memory;
    for (let round = 0; round < scale(200, 5000); round++) {
      const lengths = Array.from({ length: random.integer(1, 6) }, () => random.integer(0, 61));
      const { first, data } = makeChain(arena, lengths, random);
      assertEquals(chainLength(arena, first), data.length);
      const offset = random.integer(0, data.length);
      const count = random.integer(0, data.length - offset);
      const part = data.slice(offset, offset + count);

      const target = random.integer(0, 7);
      copyOut(arena, first, offset, count, target);
      assertEquals(bytes.slice(target, target + count), part);
      assertEquals(sumChain(arena, first, offset, count), checksummer.sum(target, count));
      if (count > 0) {
        const slices = sliceChain(arena, first, offset, count);
        assertEquals(readChain(arena, slices), part);
        arena.release(slices);
      }

      const fresh = random.bytes(count);
      bytes.set(fresh, target);
      copyIn(arena, first, offset, count, target);
      data.set(fresh, offset);
      assertEquals(readChain(arena, first), data);

      const whole = gather(arena, first);
      assertEquals(readChain(arena, whole), data);
      assertEquals(arena.next(whole), -1);
      arena.release(whole);

      const rest = dropFront(arena, first, offset);
      assertEquals(rest < 0 ? new Uint8Array() : readChain(arena, rest), data.slice(offset));
      if (rest >= 0) arena.release(rest);
      assertEmpty(arena);
    }
  }),
);

Deno.test(
  "a chain that is shorter than what is asked of it is an error",
  withSeed((random) => {
    const arena = makeArena();
    const { first } = makeChain(arena, [10, 20], random);
    const early = "a chain ends 1 bytes too early";
    assertThrows(() => copyOut(arena, first, 5, 26, 0), RangeError, early);
    assertThrows(() => copyIn(arena, first, 5, 26, 0), RangeError, early);
    assertThrows(() => sumChain(arena, first, 31, 0 + 1), RangeError, "2 bytes too early");
    assertThrows(() => dropFront(arena, first, 31), RangeError, early);
    assertEmpty(arena);
  }),
);

Deno.test("takeChain() takes one packet, or several where none is large enough", () => {
  const arena = makeArena([80, 1]);
  const whole = takeChain(arena, 1000);
  assertEquals([arena.length(whole), arena.next(whole)], [1000, -1]);
  const parts = takeChain(arena, 1000);
  assertEquals(chainLength(arena, parts), 1000);
  assertEquals(arena.length(lastSegment(arena, parts)), 1000 - 15 * 64);
  assertEquals(arena.statistics().classes.map(({ used }) => used), [16, 1]);
  arena.release(whole);
  arena.release(parts);
  assertEmpty(arena);
});

Deno.test("takeChain() takes nothing where there is not enough, or it would be too many", () => {
  const few = makeArena([3, 0]);
  assertEquals(takeChain(few, 193), -1);
  assertEmpty(few);
  assertEquals(takeChain(makeArena([0, 0]), 1), -1);
  const many = makeArena([80, 0]);
  assertEquals(takeChain(many, MAXIMUM_TAKEN_SEGMENTS * 64 + 1), -1);
  assertEmpty(many);
  const most = takeChain(many, MAXIMUM_TAKEN_SEGMENTS * 64);
  assertEquals(takenPackets(many).length, MAXIMUM_TAKEN_SEGMENTS);
  many.release(most);
});

Deno.test(
  "sliceChain() takes nothing where there are not enough slices",
  withSeed((random) => {
    const arena = makeArena([8, 0], 2);
    const { first } = makeChain(arena, [10, 10, 10], random);
    assertEquals(sliceChain(arena, first, 0, 21), -1);
    assertEquals(takenPackets(arena).length, 3);
    const slices = sliceChain(arena, first, 5, 15);
    assertEquals(chainLength(arena, slices), 15);
    arena.release(first);
    assertEquals(readChain(arena, slices).length, 15);
    arena.release(slices);
    assertEmpty(arena);
  }),
);

Deno.test("gather() leaves the chain as it is where no packet is large enough", () => {
  const arena = makeArena([8, 0]);
  const chain = takeChain(arena, 100);
  assertEquals(gather(arena, chain), -1);
  assertEquals(chainLength(arena, chain), 100);
  arena.release(chain);
  assertEmpty(arena);
});
