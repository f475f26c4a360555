import { assert, assertEquals } from "@std/assert";
import { allocateQueues, MESSAGE_WORDS, MessageReader, MessageWriter } from "./message_queue.ts";

/** Messages that find room in one direction of two shards. */
const CAPACITY = 1024;

function pair(): { writer: MessageWriter; reader: MessageReader } {
  const queues = allocateQueues(2);
  return {
    writer: new MessageWriter(queues, 2, 0, 1),
    reader: new MessageReader(queues, 2, 0, 1),
  };
}

function send(writer: MessageWriter, first: number, count: number): void {
  for (let number = first; number < first + count; number++) {
    writer.message.fill(number);
    writer.send();
  }
}

function take(reader: MessageReader): number[] {
  const taken: number[] = [];
  for (let at = reader.next(); at >= 0; at = reader.next()) {
    const message = [...reader.words.subarray(at, at + MESSAGE_WORDS)];
    assertEquals(message, new Array(MESSAGE_WORDS).fill(message[0]));
    taken.push(message[0]);
  }
  return taken;
}

function numbers(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}

Deno.test("messages are seen once they are published, in their order", () => {
  const { writer, reader } = pair();
  send(writer, 1, 3);
  assertEquals([reader.hasMessages, reader.next()], [false, -1]);
  assertEquals([writer.flush(), writer.flush()], [true, false]);
  assert(reader.hasMessages);
  assertEquals(take(reader), [1, 2, 3]);
  assertEquals([reader.release(), reader.hasMessages], [false, false]);
});

Deno.test("messages that find no room wait, and none is lost or overtaken", () => {
  const { writer, reader } = pair();
  send(writer, 0, CAPACITY + 5);
  assert(writer.flush());
  assertEquals(writer.canGoOn, false);
  assertEquals(take(reader), numbers(0, CAPACITY));
  // The writer is to be told, once, that there is room.
  assertEquals([reader.release(), reader.release()], [true, false]);
  assert(writer.canGoOn);
  send(writer, CAPACITY + 5, 2);
  assert(writer.flush());
  assertEquals(take(reader), numbers(CAPACITY, 7));
  assertEquals([reader.release(), writer.canGoOn], [false, false]);
});

Deno.test("queues go round, and each direction is its own", () => {
  const queues = allocateQueues(3);
  const writers = [0, 1, 2].map((from) => new MessageWriter(queues, 3, from, (from + 1) % 3));
  const readers = [0, 1, 2].map((from) => new MessageReader(queues, 3, from, (from + 1) % 3));
  for (let round = 0; round < 2 * CAPACITY; round += 300) {
    for (const [from, writer] of writers.entries()) {
      send(writer, from * 10_000 + round, 300);
      writer.flush();
    }
    for (const [from, reader] of readers.entries()) {
      assertEquals(take(reader), numbers(from * 10_000 + round, 300));
      reader.release();
    }
  }
});

Deno.test("sixty-four shards have queues, shorter ones", () => {
  const queues = allocateQueues(64);
  const writer = new MessageWriter(queues, 64, 63, 62);
  const reader = new MessageReader(queues, 64, 63, 62);
  send(writer, 0, 200);
  writer.flush();
  assertEquals(take(reader), numbers(0, 128));
  assert(reader.release());
  writer.flush();
  assertEquals(take(reader), numbers(128, 72));
});
