import { assertEquals } from "@std/assert";
import { controlBytes, controlSpace, findControl, readWord, writeControl } from "./control.ts";

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

Deno.test("a message is found by its kind, wherever it is among others", () => {
  const words = memory();
  const bytes = new Uint8Array(words.buffer);
  const kinds = [[0, 8, 12], [1, 1, 16], [17, 104, 4]] as const;
  const places: number[] = [];
  let at = 8;
  for (const [level, type, length] of kinds) {
    places.push(writeControl(words, at, level, type, length));
    at += controlSpace(length);
  }
  assertEquals(kinds.map(([level, type]) => findControl(bytes, 8, at, level, type)), places);
  assertEquals(findControl(bytes, 8, at, 17, 8), -1);
  assertEquals(findControl(bytes, 8, at - 8, 17, 104), -1, "it is cut off");
  assertEquals(findControl(bytes, 8, 8, 0, 8), -1);
});

Deno.test("lengths that make no sense end the search", () => {
  for (const length of [0, 15, -1, -2_147_483_648]) {
    const words = memory();
    writeControl(words, 0, 0, 8, 12);
    writeControl(words, controlSpace(12), 1, 1, 16);
    words[0] = length;
    assertEquals(findControl(new Uint8Array(words.buffer), 0, 64, 1, 1), -1);
  }
});

Deno.test("a word is read in the machine's order, wherever it is", () => {
  const bytes = Uint8Array.of(0, 0x78, 0x56, 0x34, 0x92);
  assertEquals(readWord(bytes, 1), 0x92345678 | 0);
});
