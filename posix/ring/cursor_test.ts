import { assertEquals } from "@std/assert";
import { bytesOf, Cursor } from "./cursor.ts";

const vector = (...lengths: number[]) => lengths.map((length) => new Uint8Array(length));

Deno.test("bytes are put into buffer after buffer, empty ones passed over", () => {
  const iov = vector(2, 0, 3, 1);
  const cursor = new Cursor(iov);
  assertEquals(cursor.left, 6);
  cursor.put(Uint8Array.of(9, 1, 2, 3, 4), 1, 4);
  assertEquals(cursor.left, 2);
  cursor.put(Uint8Array.of(5, 6), 0, 2);
  assertEquals(iov.map((buffer) => [...buffer]), [[1, 2], [], [3, 4, 5], [6]]);
  assertEquals(cursor.left, 0);
});

Deno.test("bytes are taken in order, and some may be passed over", () => {
  const cursor = new Cursor([Uint8Array.of(1, 2, 3), Uint8Array.of(4, 5, 6)]);
  const into = new Uint8Array(6);
  cursor.take(into, 1, 2);
  cursor.skip(2);
  cursor.take(into, 4, 2);
  assertEquals([...into], [0, 1, 2, 0, 5, 6]);
  assertEquals(cursor.left, 0);
});

Deno.test("a vector has the bytes of its buffers", () => {
  assertEquals(bytesOf([]), 0);
  assertEquals(bytesOf(vector(3, 0, 4)), 7);
});
