import { assert, assertEquals } from "@std/assert";
import { Staging } from "./staging.ts";

Deno.test("blocks are given out until there is no room, and again once they are back", () => {
  const located: ArrayBuffer[] = [];
  const staging = new Staging((buffer) => {
    located.push(buffer);
    return 0x7000;
  });
  assertEquals(located, [staging.bytes.buffer]);
  assertEquals(staging.base, 0x7000);
  const taken: number[] = [];
  for (let at = staging.take(60_000); at >= 0; at = staging.take(60_000)) taken.push(at);
  assertEquals(new Set(taken).size, taken.length);
  assert(taken.every((at) => at + 60_000 <= staging.bytes.length));
  assertEquals(staging.usedBytes, staging.bytes.length);
  for (const at of taken) staging.give(at);
  assertEquals(staging.usedBytes, 0);
  assertEquals(staging.take(staging.bytes.length), 0);
});
