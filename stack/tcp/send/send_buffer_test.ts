import { assert, assertEquals } from "@std/assert";
import { scale, withSeed } from "../../../tests/support/seed.ts";
import { byteAt } from "../../../tests/support/stack/tcp/sender.ts";
import {
  chainLength,
  CheckedPacketArena,
  HEADROOM_BYTES,
  Room,
  sizeClasses,
} from "../../memory/mod.ts";
import { randomBelow, randomChance } from "../../random.ts";
import type { UserMemory } from "../../socket.ts";
import { SendBuffer } from "./send_buffer.ts";

const NONE = -1;

function makeArena(counts: { small: number; medium: number; large: number }): CheckedPacketArena {
  return new CheckedPacketArena({ classes: sizeClasses(counts), slices: 1000 });
}

function memoryOf(arena: CheckedPacketArena): UserMemory {
  return {
    copyIn(packetAt, userAt, bytes) {
      for (let nth = 0; nth < bytes; nth++) {
        arena.memory.bytes[packetAt + nth] = byteAt(userAt + nth);
      }
    },
    copyOut() {},
  };
}

function read(arena: CheckedPacketArena, packet: number): number[] {
  const bytes: number[] = [];
  for (let at = packet; at !== NONE; at = arena.next(at)) {
    const start = arena.start(at);
    bytes.push(...arena.memory.bytes.subarray(start, start + arena.length(at)));
  }
  return bytes;
}

function expected(from: number, bytes: number): number[] {
  return Array.from({ length: bytes }, (_, nth) => byteAt(from + nth));
}

Deno.test("a message alone takes the smallest packet, and a stream of them frames", () => {
  const arena = makeArena({ small: 8, medium: 8, large: 2 });
  const buffer = new SendBuffer(arena);
  buffer.start(0);
  const memory = memoryOf(arena);
  assertEquals(buffer.append(memory, 0, 64, 0), 64);
  assertEquals([...arena.used], [1, 0, 0, 0]);
  // The rest of the first packet is filled, then a frame's.
  assertEquals(buffer.append(memory, 64, 100, 64), 100);
  assertEquals([...arena.used], [1, 1, 0, 0]);
  for (let at = 164; at < 1800; at += 100) buffer.append(memory, at, 100, at);
  assertEquals([...arena.used], [1, 1, 0, 0]);
  buffer.clear();
  assertEquals(arena.usedCount, 0);
});

Deno.test("bulk takes large packets, and smaller ones where none is left", () => {
  const arena = makeArena({ small: 8, medium: 100, large: 1 });
  const buffer = new SendBuffer(arena);
  buffer.start(0);
  const memory = memoryOf(arena);
  assertEquals(buffer.append(memory, 0, 60_000, 0), 60_000);
  assertEquals([...arena.used], [0, 0, 1, 0]);
  assertEquals(buffer.append(memory, 60_000, 60_000, 60_000), 60_000);
  assertEquals(arena.used[2], 1);
  const slice = buffer.slice(59_000, 10_000, false);
  assertEquals(read(arena, slice), expected(59_000, 10_000));
  arena.release(slice);
  buffer.clear();
  assertEquals(arena.usedCount, 0);
});

Deno.test("without packets it takes what it can", () => {
  const arena = makeArena({ small: 0, medium: 2, large: 0 });
  const buffer = new SendBuffer(arena);
  buffer.start(0);
  assertEquals(buffer.append(memoryOf(arena), 0, 10_000, 0), 3840);
  assertEquals(buffer.append(memoryOf(arena), 3840, 10_000, 3840), 0);
  buffer.drop(1920);
  assertEquals(buffer.append(memoryOf(arena), 3840, 10_000, 1920), 1920);
  assertEquals(read(arena, takeAll(buffer, 1920, 3840)), expected(1920, 3840));
  buffer.clear();
});

function takeAll(buffer: SendBuffer, from: number, bytes: number): number {
  return buffer.slice(from, bytes, true);
}

Deno.test("a slice outlives the bytes that it shows", () => {
  const arena = makeArena({ small: 8, medium: 8, large: 2 });
  const buffer = new SendBuffer(arena);
  buffer.start(-10);
  buffer.append(memoryOf(arena), 0, 3000, 0);
  const slice = buffer.slice(-10 + 1000, 1500, false);
  buffer.drop(2990);
  assertEquals(read(arena, slice), expected(1000, 1500));
  arena.release(slice);
  assertEquals(arena.usedCount, 0);
});

Deno.test("a few bytes are copied into a packet with room for headers", () => {
  const arena = makeArena({ small: 4, medium: 2, large: 0 });
  const buffer = new SendBuffer(arena);
  buffer.start(0);
  buffer.append(memoryOf(arena), 0, 1000, 0);
  for (const bytes of [1, 64, Room.SMALL]) {
    const packet = buffer.slice(100, bytes, false);
    assertEquals([...arena.used], [1, 1, 0, 0], `${bytes} bytes`);
    assertEquals(read(arena, packet), expected(100, bytes));
    assert(arena.headroom(packet) >= HEADROOM_BYTES);
    // It is its own: the buffer's packet goes back while it is on its way.
    arena.release(packet);
  }
  const shown = buffer.slice(100, Room.SMALL + 1, false);
  assertEquals([...arena.used], [0, 1, 0, 1], "more bytes are shown");
  arena.release(shown);
  const last = buffer.slice(900, 64, true);
  buffer.drop(1000);
  assertEquals([...arena.used], [1, 0, 0, 0]);
  assertEquals(read(arena, last), expected(900, 64));
  arena.release(last);
  assertEquals(arena.usedCount, 0);
});

Deno.test("a few bytes are shown where no packet is left for a copy", () => {
  const arena = makeArena({ small: 1, medium: 1, large: 0 });
  const buffer = new SendBuffer(arena);
  buffer.start(0);
  buffer.append(memoryOf(arena), 0, 1000, 0);
  const copy = buffer.slice(0, 64, false);
  const slice = buffer.slice(64, 64, false);
  assertEquals([...arena.used], [1, 1, 0, 1]);
  assertEquals(read(arena, slice), expected(64, 64));
  arena.release(slice);
  arena.release(copy);
  buffer.clear();
  assertEquals(arena.usedCount, 0);
});

Deno.test(
  "any part shows the right bytes, whatever was written and dropped, across the wraps",
  withSeed((random) => {
    for (let run = 0; run < scale(40, 1000); run++) {
      const arena = makeArena({ small: 64, medium: 300, large: 4 });
      const buffer = new SendBuffer(arena);
      const iss = [0x7fffffff, -1][run % 2] - randomBelow(random, 50_000);
      buffer.start(iss | 0);
      const memory = memoryOf(arena);
      let [from, to] = [0, 0];
      for (let turn = 0; turn < 60; turn++) {
        if (randomChance(random, 0.5)) {
          const most = randomChance(random, 0.5) ? 200 : 30_000;
          if (to - from < 100_000) {
            to += buffer.append(memory, to, 1 + randomBelow(random, most), to - from);
          }
        } else if (randomChance(random, 0.4)) {
          from += randomBelow(random, to - from + 1);
          buffer.drop((iss + from) | 0);
        } else if (to > from) {
          const at = from + randomBelow(random, to - from);
          const bytes = 1 + randomBelow(random, Math.min(5000, to - at));
          const slice = buffer.slice((iss + at) | 0, bytes, randomChance(random, 0.5));
          assertEquals(chainLength(arena, slice), bytes);
          assertEquals(read(arena, slice), expected(at, bytes));
          arena.release(slice);
        }
        assertEquals(buffer.end, (iss + to) | 0);
      }
      buffer.drop((iss + to) | 0);
      assertEquals(arena.usedCount, 0);
    }
  }),
);
