import { assert, assertEquals } from "@std/assert";
import { Cursor } from "./cursor.ts";
import { PageQueue, PIPE_PAGE_BYTES } from "./page_queue.ts";
import { type Random, withSeed } from "../../tests/support/seed.ts";

const bytesFrom = (first: number, count: number) =>
  Uint8Array.from({ length: count }, (_, index) => first + index);

function write(queue: PageQueue, bytes: Uint8Array, isPacket = false): number {
  return queue.write(new Cursor([bytes]), isPacket);
}

function read(queue: PageQueue, count: number): Uint8Array {
  const into = new Uint8Array(count);
  return into.subarray(0, queue.read(new Cursor([into])));
}

Deno.test("sixteen pages are all there is", () => {
  const queue = new PageQueue();
  assertEquals(write(queue, new Uint8Array(100_000)), 65_536);
  assert(queue.isFull);
  assertEquals(queue.free, 0);
  assertEquals(write(queue, new Uint8Array(1)), 0);
});

Deno.test("small writes share a page, larger ones begin another", () => {
  const queue = new PageQueue();
  for (let count = 0; count < 4096; count++) write(queue, new Uint8Array(1));
  assertEquals(queue.free, 15);
  assertEquals(write(queue, new Uint8Array(3000)), 3000);
  // No room for all of it in the page before: a page of its own.
  assertEquals(write(queue, new Uint8Array(3000)), 3000);
  assertEquals(queue.free, 13);
});

Deno.test("a page is free once its last byte is read", () => {
  const queue = new PageQueue();
  write(queue, new Uint8Array(65_536));
  read(queue, PIPE_PAGE_BYTES - 1);
  assert(queue.isFull);
  read(queue, 1);
  assertEquals(queue.free, 1);
  assertEquals(queue.bytes, 65_536 - PIPE_PAGE_BYTES);
});

Deno.test("a packet is read alone, and what of it is not wanted is lost", () => {
  const queue = new PageQueue();
  write(queue, bytesFrom(1, 4), true);
  write(queue, bytesFrom(5, 4), true);
  assertEquals([...read(queue, 2)], [1, 2]);
  assertEquals([...read(queue, 9)], [5, 6, 7, 8]);
  assertEquals(queue.bytes, 0);
});

Deno.test("a peek takes nothing", () => {
  const queue = new PageQueue();
  write(queue, bytesFrom(0, 200));
  assertEquals([...queue.peek(3)], [0, 1, 2]);
  assertEquals(queue.peek(1000).length, 200);
  assertEquals(queue.bytes, 200);
});

Deno.test("it may grow, and shrink as long as it has room for what is in it", () => {
  const queue = new PageQueue();
  write(queue, new Uint8Array(65_536));
  assert(!queue.resize(8));
  assert(queue.resize(32));
  assertEquals(queue.free, 16);
  read(queue, 65_536);
  assert(queue.resize(1));
  assertEquals(write(queue, new Uint8Array(5000)), 4096);
});

Deno.test(
  "whatever is written comes out in order, in any pieces",
  withSeed((random: Random) => {
    const queue = new PageQueue();
    let written = 0;
    let taken = 0;
    for (let round = 0; round < 2000; round++) {
      if (random.chance(0.5)) {
        written += write(queue, bytesFrom(written, random.integer(0, 8999)));
      } else {
        for (const byte of read(queue, random.integer(0, 8999))) assertEquals(byte, taken++ & 0xff);
      }
      assertEquals(queue.bytes, written - taken);
    }
  }),
);
