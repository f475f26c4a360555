import { assertEquals } from "@std/assert";
import { controlBytes, controlSpace, writeControl } from "./control.ts";

function memory(): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer(256));
}

Deno.test("a control message is laid out as cmsg(3) says", () => {
  const words = memory();
  const data = writeControl(words, 16, 17, 103, 2);
  assertEquals(data, 32);
  assertEquals([...words.subarray(4, 8)], [18, 0, 17, 103]);
  assertEquals([controlSpace(0), controlSpace(2), controlSpace(8), controlSpace(9)], [
    16,
    24,
    24,
    32,
  ]);
});

Deno.test("messages are walked one by one, and a truncated one is no more than what is there", () => {
  const words = memory();
  writeControl(words, 0, 0, 8, 12);
  writeControl(words, controlSpace(12), 1, 1, 16);
  assertEquals(controlBytes(words, 0, 64), 12);
  assertEquals(controlBytes(words, 32, 64), 16);
  assertEquals(controlBytes(words, 32, 56), 8);
  assertEquals(controlBytes(words, 64, 64), -1);
});

Deno.test("a header that is cut off, too short or too long is no message", () => {
  const words = memory();
  writeControl(words, 0, 1, 1, 4);
  assertEquals(controlBytes(words, 0, 15), -1);
  words[0] = 15;
  assertEquals(controlBytes(words, 0, 64), -1);
  words[0] = 20;
  words[1] = 1;
  assertEquals(controlBytes(words, 0, 64), -1);
});
