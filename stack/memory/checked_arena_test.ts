import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { CheckedPacketArena } from "./checked_arena.ts";
import { verifyArena } from "./verify.ts";

function makeArena(count = 3): CheckedPacketArena {
  return new CheckedPacketArena({ classes: [{ roomBytes: 192, count }], slices: 3 });
}

Deno.test("every use of a packet after its release throws, and names itself", () => {
  const arena = makeArena();
  const [packet, other] = [arena.take(10), arena.take(10)];
  arena.release(packet);
  const uses: Record<string, () => unknown> = {
    slice: () => arena.slice(packet, 0, 1),
    retain: () => arena.retain(packet),
    release: () => arena.release(packet),
    start: () => arena.start(packet),
    length: () => arena.length(packet),
    next: () => arena.next(packet),
    headroom: () => arena.headroom(packet),
    tailroom: () => arena.tailroom(packet),
    prepend: () => arena.prepend(packet, 1),
    extend: () => arena.extend(packet, 1),
    trimFront: () => arena.trimFront(packet, 1),
    trimBack: () => arena.trimBack(packet, 1),
    append: () => arena.append(packet, other),
    detach: () => arena.detach(packet),
  };
  for (const [name, use] of Object.entries(uses)) {
    assertThrows(use, Error, `${name}: nobody holds packet ${packet}`);
  }
  assertThrows(() => arena.append(other, packet), Error, "append: nobody holds packet");
  verifyArena(arena);
});

Deno.test("numbers that are no packets are refused", () => {
  const arena = makeArena();
  for (const number of [-1, arena.capacity, 0.5, NaN]) {
    assertThrows(() => arena.release(number), Error, `release: there is no packet ${number}`);
  }
});

Deno.test("a packet that others hold as well can be read, but not changed", () => {
  const arena = makeArena();
  const [packet, other] = [arena.take(10), arena.take(10)];
  arena.retain(packet);
  const changes: Record<string, () => unknown> = {
    prepend: () => arena.prepend(packet, 1),
    extend: () => arena.extend(packet, 1),
    trimFront: () => arena.trimFront(packet, 1),
    trimBack: () => arena.trimBack(packet, 1),
    append: () => arena.append(packet, other),
    detach: () => arena.detach(packet),
  };
  for (const [name, change] of Object.entries(changes)) {
    assertThrows(change, Error, `${name}: packet ${packet} has 2 holders`);
  }
  assertEquals([arena.length(packet), arena.next(packet)], [10, -1]);
  // Behind another packet it may stand: nothing of it changes.
  arena.append(other, packet);
  arena.release(other);
  assertEquals(arena.prepend(packet, 1) >= 0, true);
});

Deno.test("a chain that would follow itself is refused", () => {
  const arena = makeArena();
  const [first, second] = [arena.take(10), arena.take(10)];
  assertThrows(() => arena.append(first, first), Error, "would follow itself");
  arena.append(first, second);
  arena.retain(first);
  assertThrows(() => arena.append(second, first), Error, "would follow itself");
  arena.release(first);
  arena.release(first);
  verifyArena(arena);
});

Deno.test("a write to a packet after its release is found when it is taken again", () => {
  for (const place of [0, 150, 319]) {
    const arena = makeArena(1);
    const packet = arena.take(10);
    const slot = arena.start(packet) - arena.headroom(packet);
    arena.release(packet);
    arena.memory.bytes[slot + place] ^= 1;
    assertThrows(() => arena.take(10), Error, `packet ${packet} was written to at ${place}`);
  }
});

Deno.test("a write to what a slice showed is found after the last slice is gone", () => {
  const arena = makeArena(1);
  const packet = arena.take(10);
  const slice = arena.slice(packet, 0, 10);
  const start = arena.start(packet);
  arena.release(packet);
  arena.memory.bytes[start] = 1;
  arena.release(slice);
  arena.release(arena.take(10));
  arena.memory.bytes[start] = 1;
  assertThrows(() => arena.takeUpTo(10), Error, "after its release");
});

Deno.test("packets that were released are taken again as late as possible", () => {
  const arena = makeArena(3);
  const [first, second] = [arena.take(1), arena.take(1)];
  arena.release(second);
  arena.release(first);
  const third = arena.take(1);
  assertNotEquals(third, first);
  assertEquals([arena.take(1), arena.take(1), arena.take(1)], [second, first, -1]);
  arena.release(first);
  assertEquals(arena.take(1), first);
});
