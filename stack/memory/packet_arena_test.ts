import { assert, assertEquals, assertThrows } from "@std/assert";
import { PacketArena } from "./packet_arena.ts";
import { MAXIMUM_PACKETS } from "./packet_columns.ts";
import { PacketMemory } from "./packet_memory.ts";
import { HEADROOM_BYTES, Room, sizeClasses } from "./size_classes.ts";
import { takenPackets, verifyArena } from "./verify.ts";

function makeArena(counts = { small: 4, medium: 3, large: 2 }, slices = 4): PacketArena {
  return new PacketArena({ classes: sizeClasses(counts), slices });
}

function assertEmpty(arena: PacketArena): void {
  verifyArena(arena);
  assertEquals(takenPackets(arena), []);
  assertEquals(arena.usedCount, 0);
}

Deno.test("take() gives the smallest packet that is large enough, with all of its headroom", () => {
  const arena = makeArena();
  const sizes = [0, Room.SMALL, Room.SMALL + 1, Room.MEDIUM, Room.MEDIUM + 1, Room.LARGE];
  const packets = sizes.map((bytes) => arena.take(bytes));
  assertEquals(packets.map((packet) => arena.length(packet)), sizes);
  assertEquals(arena.statistics().classes.map(({ used }) => used), [2, 2, 2]);
  for (const packet of packets) {
    assertEquals(arena.headroom(packet), HEADROOM_BYTES);
    assertEquals(arena.start(packet) % 64, 0);
    assertEquals(arena.references(packet), 1);
    assertEquals(arena.next(packet), -1);
  }
  assertEquals(arena.tailroom(packets[0]), Room.SMALL);
  assertEquals(arena.tailroom(packets[3]), 0);
  packets.forEach((packet) => arena.release(packet));
  assertEmpty(arena);
});

Deno.test("a medium packet is a chunk of AF_XDP, and a large one holds any", () => {
  const arena = makeArena();
  const [first, second] = [arena.take(1500), arena.take(1500)];
  assertEquals(Math.abs(arena.start(first) - arena.start(second)), 2048);
  assert(arena.largestBytes >= 65535 + 14 + 4 + 4);
});

Deno.test("an exhausted size answers -1 and is counted; a small one borrows a medium one", () => {
  const arena = makeArena({ small: 1, medium: 2, large: 1 });
  const packets = [arena.take(1), arena.take(1), arena.take(1500)];
  assert(packets.every((packet) => packet >= 0));
  assertEquals(arena.take(1), -1);
  // A medium one does not take the large one that is left.
  assertEquals(arena.take(1500), -1);
  const [small, medium, large] = arena.statistics().classes;
  assertEquals([small.refused, medium.refused, large.refused], [1, 1, 0]);
  assertEquals([small.borrowed, medium.borrowed, large.borrowed], [1, 0, 0]);
  assertEquals([small.taken, medium.taken, large.taken], [1, 2, 0]);
  packets.forEach((packet) => arena.release(packet));
  assertEquals(arena.take(1500) >= 0, true);
  assertEquals(arena.statistics().classes.map(({ peak }) => peak), [1, 2, 0]);
});

Deno.test("a packet longer than the largest is refused and counted", () => {
  const arena = makeArena();
  assertEquals(arena.take(arena.largestBytes + 1), -1);
  assertEquals(arena.statistics().tooLong, 1);
  assertEquals(arena.usedCount, 0);
});

Deno.test("takeUpTo() gives what is left, the largest first", () => {
  const arena = makeArena({ small: 1, medium: 1, large: 1 });
  const packets = [arena.takeUpTo(1e6), arena.takeUpTo(1e6), arena.takeUpTo(1e6)];
  const rooms = [arena.largestBytes, Room.MEDIUM, Room.SMALL];
  assertEquals(packets.map((packet) => arena.length(packet)), rooms);
  assertEquals(arena.takeUpTo(1), -1);
  packets.forEach((packet) => arena.release(packet));
  assertEquals(arena.length(arena.takeUpTo(100)), 100);
});

Deno.test("the last release gives a packet back, and it is the next one that is taken", () => {
  const arena = makeArena();
  const packet = arena.take(100);
  arena.retain(packet);
  arena.retain(packet);
  assertEquals(arena.references(packet), 3);
  arena.release(packet);
  arena.release(packet);
  assertEquals(takenPackets(arena), [packet]);
  arena.release(packet);
  assertEmpty(arena);
  assertEquals(arena.take(50), packet);
});

Deno.test("release() of a packet that nobody holds throws", () => {
  const arena = makeArena();
  const packet = arena.take(100);
  arena.release(packet);
  assertThrows(() => arena.release(packet), Error, `packet ${packet} is released, but nobody`);
  assertEmpty(arena);
});

Deno.test("prepend() and trimFront(), extend() and trimBack() undo each other", () => {
  const arena = makeArena();
  const packet = arena.take(100);
  const start = arena.start(packet);
  assertEquals(arena.prepend(packet, 20), start - 20);
  assertEquals(arena.prepend(packet, 14), start - 34);
  assertEquals(arena.length(packet), 134);
  arena.trimFront(packet, 34);
  assertEquals([arena.start(packet), arena.length(packet)], [start, 100]);
  assertEquals(arena.extend(packet, 28), start + 100);
  assertEquals(arena.extend(packet, 1), -1);
  arena.trimBack(packet, 128);
  assertEquals([arena.start(packet), arena.length(packet)], [start, 0]);
  assertThrows(() => arena.trimFront(packet, 1), RangeError, "has 0 bytes: 1 cannot be taken off");
  assertThrows(() => arena.trimBack(packet, 1), RangeError);
  assertThrows(() => arena.trimBack(packet, -1), RangeError);
});

Deno.test("a header that is longer than the headroom is refused and counted", () => {
  const arena = makeArena();
  const packet = arena.take(100);
  assertEquals(arena.prepend(packet, HEADROOM_BYTES + 1), -1);
  assertEquals(arena.length(packet), 100);
  assertEquals(arena.prepend(packet, HEADROOM_BYTES) >= 0, true);
  assertEquals(arena.prepend(packet, 1), -1);
  assertEquals(arena.statistics().headroomShort, 2);
});

Deno.test("a release of the first segment releases the chain, up to one that others hold", () => {
  const arena = makeArena();
  const [first, second, third] = [arena.take(10), arena.take(20), arena.take(30)];
  arena.append(first, second);
  arena.append(second, third);
  assertEquals([arena.next(first), arena.next(second), arena.next(third)], [second, third, -1]);
  arena.retain(second);
  arena.release(first);
  assertEquals(takenPackets(arena), [second, third].sort());
  assertEquals(arena.next(second), third);
  arena.release(second);
  assertEmpty(arena);
});

Deno.test("append() puts a chain behind the last segment, and detach() cuts it off again", () => {
  const arena = makeArena();
  const [first, second, third] = [arena.take(10), arena.take(20), arena.take(30)];
  arena.append(second, third);
  arena.append(first, second);
  const fourth = arena.take(40);
  arena.append(first, fourth);
  assertEquals(arena.next(third), fourth);
  assertEquals(arena.detach(second), third);
  assertEquals(arena.next(second), -1);
  assertEquals(arena.detach(fourth), -1);
  arena.release(first);
  arena.release(third);
  assertEmpty(arena);
});

Deno.test("a slice shows a part of the data, without a copy, and has no room of its own", () => {
  const arena = makeArena();
  const packet = arena.take(100);
  const slice = arena.slice(packet, 30, 50);
  assertEquals(arena.start(slice), arena.start(packet) + 30);
  assertEquals(arena.length(slice), 50);
  arena.trimFront(slice, 10);
  assertEquals([arena.headroom(slice), arena.tailroom(slice)], [0, 0]);
  assertEquals([arena.prepend(slice, 1), arena.extend(slice, 1)], [-1, -1]);
  assertEquals(arena.start(packet) + 40, arena.start(slice));
  // Of a slice, a slice is a part of the same packet.
  const part = arena.slice(slice, 5, 35);
  assertEquals(arena.start(part), arena.start(packet) + 45);
  assertThrows(() => arena.slice(slice, 5, 36), RangeError, "has 40 bytes: none are 36 at 5");
  assertThrows(() => arena.slice(packet, -1, 1), RangeError);
  [packet, part, slice].forEach((each) => arena.release(each));
  assertEmpty(arena);
});

Deno.test("a slice keeps the memory that it shows, but not the rest of the chain", () => {
  const arena = makeArena({ small: 2, medium: 0, large: 0 });
  const [first, second] = [arena.take(10), arena.take(20)];
  arena.append(first, second);
  const slice = arena.slice(first, 0, 10);
  const part = arena.slice(slice, 1, 2);
  arena.release(first);
  assertEquals(arena.references(first), 0);
  assertEquals(takenPackets(arena), [first, slice, part].sort());
  verifyArena(arena);
  assertEquals(arena.take(1), second);
  assertEquals(arena.take(1), -1);
  arena.release(slice);
  assertEquals(arena.take(1), -1);
  arena.release(part);
  assertEquals(arena.take(1), first);
});

Deno.test("exhausted slices answer -1 and are counted", () => {
  const arena = makeArena({ small: 1, medium: 0, large: 0 }, 1);
  const packet = arena.take(10);
  const slice = arena.slice(packet, 0, 5);
  assertEquals(arena.slice(packet, 0, 5), -1);
  assertEquals(arena.statistics().slices.refused, 1);
  arena.release(slice);
  assertEquals(arena.slice(packet, 0, 5), slice);
});

Deno.test("several arenas share one memory without overlapping", () => {
  const memory = new PacketMemory(65536);
  const options = { classes: [{ roomBytes: 128, count: 8 }], headroomBytes: 32, memory };
  const [first, second] = [new PacketArena(options), new PacketArena(options)];
  for (const [at, arena] of [first, second].entries()) {
    for (let count = 0; count < 8; count++) {
      const packet = arena.take(128);
      arena.memory.bytes.fill(at + 1, arena.start(packet) - 32, arena.start(packet) + 128);
    }
  }
  const counts = [0, 0, 0];
  for (const byte of memory.bytes) counts[byte]++;
  assertEquals(counts, [65536 - 16 * 160, 8 * 160, 8 * 160]);
  assertThrows(() => new PacketArena({ ...options, classes: [{ roomBytes: 65536, count: 1 }] }));
});

Deno.test("an arena that cannot be made says why", () => {
  const make = (...classes: { roomBytes: number; count: number }[]) => () =>
    new PacketArena({ classes });
  const ascending = "not in ascending order";
  assertThrows(make({ roomBytes: 9, count: 1 }, { roomBytes: 9, count: 1 }), RangeError, ascending);
  assertThrows(make({ roomBytes: 9, count: -1 }), RangeError, "cannot be -1 packets");
  assertThrows(make({ roomBytes: 9, count: MAXIMUM_PACKETS }), RangeError, "at most");
});

Deno.test("an arena without packets refuses every one", () => {
  const arena = new PacketArena({ classes: [] });
  assertEquals([arena.take(0), arena.takeUpTo(0)], [-1, -1]);
  assertEquals([arena.capacity, arena.largestBytes], [0, 0]);
  assertEmpty(arena);
});
