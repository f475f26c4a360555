import { assertEquals } from "@std/assert";
import { Arena } from "../../ring/arena.ts";
import type { ProvidedBuffers } from "../../ring/buffers.ts";
import type { Reactor } from "../../ring/reactor.ts";
import type { SocketOwner } from "../socket.ts";
import { SendCall, SendQueue } from "./send_queue.ts";

const ARENA_BYTES = 4 << 20;
const CALL_BYTES = 256 * 1024;

/** A queue, and the arena that it copies into. */
function createQueue(): { queue: SendQueue; arena: Arena } {
  const arena = new Arena(0, ARENA_BYTES);
  const reactor = {
    arena,
    memory: { bytes: new Uint8Array(ARENA_BYTES), plan: { arenaBytes: ARENA_BYTES } },
    buffers: {} as ProvidedBuffers,
    giveArena: (offset: number) => arena.give(offset),
  };
  const owner = { isCounted: false };
  const queue = new SendQueue(reactor as unknown as Reactor, owner as unknown as SocketOwner);
  return { queue, arena };
}

Deno.test("the call behind the first one is copied once, those behind it wait on the heap", () => {
  const { queue, arena } = createQueue();
  const calls = [SendCall.begin(), SendCall.begin(), SendCall.begin()];
  for (const call of calls) queue.add(call, new Uint8Array(CALL_BYTES), true);
  assertEquals(calls.map(({ heap }) => heap === null), [true, true, false]);
  assertEquals(arena.usedBytes, 2 * CALL_BYTES);
  // The first one has left: there is room for the third.
  queue.take(CALL_BYTES);
  assertEquals(queue.settle(queue.head!), true);
  assertEquals(queue.settle(queue.head!.next!), true);
  assertEquals(arena.usedBytes, 2 * CALL_BYTES);
  queue.take(CALL_BYTES);
  queue.take(CALL_BYTES);
  assertEquals([arena.usedBytes, queue.bytes], [0, 0]);
});
