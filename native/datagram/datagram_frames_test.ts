import { assertEquals, assertThrows } from "@std/assert";
import type { Message, MessageHome } from "./datagram.ts";
import { Frame, FRAME_MESSAGES } from "./datagram_frames.ts";
import { ScriptedUdp } from "../../tests/support/scripted_udp.ts";
import { type Random, scale, withSeed } from "../../tests/support/seed.ts";

function home(): MessageHome {
  return new ScriptedUdp().endpoint.inbox;
}

/** Fills a message of a frame with `count` datagrams of one byte, which name themselves. */
function fill(frame: Frame, count: number, name: number): Message {
  const message = frame.add();
  const bytes = new Uint8Array(message.home.payloadOffset + count);
  bytes.fill(name, message.home.payloadOffset);
  message.heap = bytes;
  message.origin = 0;
  message.bytes = count;
  message.segment = 1;
  message.count = count;
  message.nameLength = 0;
  message.controlLength = 0;
  frame.added(message);
  return message;
}

Deno.test(
  "a batch holds what a plain list would, however its frame was used before",
  withSeed((random) => {
    const frame = new Frame(home());
    for (let round = 0; round < scale(300, 20_000); round++) compare(frame, random);
  }),
);

function compare(frame: Frame, random: Random): void {
  const expected: number[] = [];
  const messages = random.integer(1, FRAME_MESSAGES);
  // Mostly alike, so that what was composed before is used again as far as it holds.
  const usual = random.pick([1, 3, 64]);
  for (let index = 0; index < messages; index++) {
    const count = random.chance(0.9) ? usual : random.integer(1, 70);
    fill(frame, count, index + 1);
    for (let each = 0; each < count; each++) expected.push(index + 1);
  }
  assertEquals(frame.isFull, messages === FRAME_MESSAGES);
  while (expected.length > 1 && random.chance(0.3)) {
    const taken = frame.take();
    assertEquals(taken.bytes[0], expected.shift());
    taken.release();
  }
  assertEquals(frame.datagrams, expected.length);
  const batch = frame.batch();
  assertEquals(batch.map((each) => each.copy()[0]), expected);
  frame.release();
  for (const each of [batch[0], batch.at(-1)!]) {
    assertThrows(() => each.length, TypeError, "released");
  }
}

Deno.test("a batch is a list of its own: what a program does to it changes no other", () => {
  const frame = new Frame(home());
  fill(frame, 5, 1);
  const first = frame.batch() as unknown as unknown[];
  first.length = 0;
  first.push("mine");
  frame.release();
  fill(frame, 5, 2);
  assertEquals(frame.batch().map(({ bytes }) => bytes[0]), [2, 2, 2, 2, 2]);
});

Deno.test("a handle of an earlier batch throws, even where its object is used again", () => {
  const frame = new Frame(home());
  fill(frame, 64, 1);
  const old = frame.batch();
  frame.release();
  fill(frame, 2, 2);
  const batch = frame.batch();
  assertEquals(batch.length, 2);
  assertThrows(() => old[2].length, TypeError, "released");
  assertThrows(() => old[63].bytes, TypeError, "released");
});
