import { assert, assertEquals } from "@std/assert";
import { Cursor } from "./cursor.ts";
import { MessageQueue } from "./message_queue.ts";
import type { OpenFile } from "./open_file.ts";

const text = (value: string) => new TextEncoder().encode(value);

function push(queue: MessageQueue, value: string, files: OpenFile[] = []): number {
  return queue.pushStream(new Cursor([text(value)]), files);
}

function read(queue: MessageQueue, room: number, isPeek = false): [string, number] {
  const into = new Uint8Array(room);
  const { count, files } = queue.readStream(new Cursor([into]), isPeek);
  return [new TextDecoder().decode(into.subarray(0, count)), files.length];
}

/** A file that counts how often it is let go of. */
class Passed {
  released = 0;

  release(): void {
    this.released++;
  }
}

const file = () => new Passed() as unknown as OpenFile & Passed;

Deno.test("a stream runs messages together", () => {
  const queue = new MessageQueue();
  push(queue, "abc");
  push(queue, "def");
  assertEquals(read(queue, 4), ["abcd", 0]);
  assertEquals(queue.bytes, 2);
  assertEquals(read(queue, 9), ["ef", 0]);
  assert(queue.isEmpty);
  assertEquals(queue.charged, 0);
});

Deno.test("files end a run of messages", () => {
  const queue = new MessageQueue();
  push(queue, "a");
  push(queue, "b", [file()]);
  push(queue, "c");
  assertEquals(read(queue, 9, true), ["ab", 1]);
  assertEquals(read(queue, 9), ["ab", 1]);
  assertEquals(read(queue, 9), ["c", 0]);
});

Deno.test("files go with the first bytes of their message", () => {
  const queue = new MessageQueue();
  push(queue, "abc", [file()]);
  assertEquals(read(queue, 1), ["a", 1]);
  assertEquals(read(queue, 9), ["bc", 0]);
});

Deno.test("a stream takes what there is room for", () => {
  const queue = new MessageQueue();
  const first = queue.pushStream(new Cursor([new Uint8Array(1_000_000)]), []);
  assert(first >= 212_992 && first < 300_000, `${first}`);
  assert(!queue.hasRoom);
  assert(!queue.isWritable);
  assertEquals(push(queue, "more"), 0);
  read(queue, first);
  assert(queue.isWritable);
});

Deno.test("files that nobody receives are let go of", () => {
  const queue = new MessageQueue();
  const passed = file();
  push(queue, "x", [passed]);
  queue.clear();
  assertEquals(passed.released, 1);
  assert(queue.isEmpty);
});
