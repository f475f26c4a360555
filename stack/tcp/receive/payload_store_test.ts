import { assert, assertEquals } from "@std/assert";
import { CheckedPacketArena, takenPackets } from "../../memory/mod.ts";
import { PayloadStore } from "./payload_store.ts";

const FRAME_SLOT = 2048;

function makeStore(slices = 8): { arena: CheckedPacketArena; store: PayloadStore } {
  const classes = [{ roomBytes: 128, count: 8 }, { roomBytes: 1920, count: 8 }];
  const arena = new CheckedPacketArena({ classes, slices });
  return { arena, store: new PayloadStore(arena) };
}

/** Takes a packet of so many bytes that are 0, 1, 2 ... from a start. */
function takeBytes(arena: CheckedPacketArena, bytes: number, first = 0): number {
  const packet = arena.take(bytes);
  for (let at = 0; at < bytes; at++) arena.memory.bytes[arena.start(packet) + at] = first + at;
  return packet;
}

/** The bytes of an item and those that follow it. */
function bytesOf({ arena, next, from, bytes }: PayloadStore, first: number): number[] {
  const found: number[] = [];
  for (let item = first; item >= 0; item = next[item]) {
    found.push(...arena.memory.bytes.slice(from[item], from[item] + bytes[item]));
  }
  return found;
}

Deno.test("a packet is kept where it lies, and costs its slot", () => {
  const { arena, store } = makeStore();
  const packet = takeBytes(arena, 200);
  const item = store.take(packet, 50, 100);
  assertEquals([item, store.last, store.taken], [packet, packet, FRAME_SLOT]);
  arena.release(packet);
  assertEquals(bytesOf(store, item), Array.from({ length: 100 }, (_, index) => 50 + index));
  assertEquals(store.release(item), -1);
  assertEquals(takenPackets(arena), []);
});

Deno.test("a chain is kept as one item for each segment that has a part", () => {
  const { arena, store } = makeStore();
  const first = takeBytes(arena, 20);
  for (const start of [20, 50, 80]) arena.append(first, takeBytes(arena, 30, start));
  const item = store.take(first, 40, 50);
  arena.release(first);
  assertEquals(bytesOf(store, item), Array.from({ length: 50 }, (_, index) => 40 + index));
  store.releaseAll(item);
  assertEquals(takenPackets(arena), []);
});

Deno.test("two parts of one packet take a slice, and none of both where slices are gone", () => {
  const { arena, store } = makeStore(1);
  const packet = takeBytes(arena, 200);
  const items = [store.take(packet, 0, 50), store.take(packet, 100, 50)];
  assertEquals(store.take(packet, 160, 10), -1);
  arena.release(packet);
  assertEquals(items.map((item) => bytesOf(store, item)[0]), [0, 100]);
  for (const item of items) store.release(item);
  assertEquals(takenPackets(arena), []);
});

Deno.test("bytes are appended and prepended only to what nobody else holds or shows", () => {
  const { arena, store } = makeStore();
  const packet = takeBytes(arena, 60);
  const more = takeBytes(arena, 5, 100);
  const item = store.take(packet, 10, 40);
  assertEquals([store.appendTo(item, more, 0, 5), store.prependTo(item, more, 0, 5)], [
    false,
    false,
  ]);
  const part = store.take(packet, 55, 5);
  arena.release(packet);
  // The slice shows what lies behind the item.
  assertEquals([store.appendTo(item, more, 0, 5), store.roomBehind(item)], [false, 0]);
  assertEquals(bytesOf(store, part), [55, 56, 57, 58, 59]);
  store.release(part);
  assert(store.appendTo(item, more, 0, 5));
  assert(store.prependTo(item, more, 0, 5));
  const bytes = bytesOf(store, item);
  assertEquals(bytes.slice(0, 6), [100, 101, 102, 103, 104, 10]);
  assertEquals(bytes.slice(-6), [49, 100, 101, 102, 103, 104]);
  assertEquals(store.appendTo(item, more, 0, 5), true);
  store.release(item);
  arena.release(more);
  assertEquals(takenPackets(arena), []);
});

Deno.test("what is copied takes the smallest packets, with room for more if asked", () => {
  const { arena, store } = makeStore();
  const packet = takeBytes(arena, 1900);
  const small = store.copy(packet, 0, 20, 0);
  assertEquals(store.taken, 256);
  const roomy = store.copy(packet, 0, 20, 500);
  assertEquals(store.taken, FRAME_SLOT);
  assertEquals([store.roomBehind(small) >= 100, store.roomBehind(roomy)], [true, 1900]);
  arena.append(packet, takeBytes(arena, 1900));
  const long = store.copy(packet, 100, 3000, 0);
  assertEquals(store.taken, 2 * FRAME_SLOT);
  assertEquals(bytesOf(store, long).length, 3000);
  for (const item of [small, roomy, long]) store.releaseAll(item);
  arena.release(packet);
  assertEquals(takenPackets(arena), []);
});

Deno.test("nothing is kept of what cannot be kept whole", () => {
  const { arena, store } = makeStore(0);
  const packet = takeBytes(arena, 1900);
  for (let count = 0; count < 6; count++) arena.append(packet, takeBytes(arena, 1900));
  const before = arena.usedCount;
  assertEquals(store.copy(packet, 0, 5000, 0), -1);
  assertEquals(arena.usedCount, before);
  const kept = store.take(packet, 0, 10);
  assertEquals(store.take(packet, 5, 3000), -1);
  assertEquals(store.release(kept), -1);
  arena.release(packet);
  assertEquals(takenPackets(arena), []);
});

Deno.test("memory is short once seven eighths of the frames' packets are taken", () => {
  const { arena, store } = makeStore();
  const packets = Array.from({ length: 7 }, () => arena.take(1500));
  assertEquals(store.isShort, false);
  packets.push(arena.take(1500));
  assertEquals(store.isShort, true);
  for (const packet of packets) arena.release(packet);
});
