import { assert, assertEquals } from "@std/assert";
import { OFF_PAGE_BYTES, PAGE_BYTES } from "./memory.ts";
import { Staging } from "./staging.ts";

const STAGING_BYTES = 1024 * 1024;

Deno.test("blocks are given out until there is no room, and again once they are back", () => {
  const located: ArrayBuffer[] = [];
  const staging = new Staging((buffer) => {
    located.push(buffer);
    return 0x7010;
  });
  assertEquals(located, [staging.bytes.buffer]);
  assertEquals(staging.base, 0x7010);
  const taken: number[] = [];
  for (let at = staging.take(60_000); at >= 0; at = staging.take(60_000)) taken.push(at);
  assertEquals(new Set(taken).size, taken.length);
  assert(taken.every((at) => at + 60_000 <= staging.bytes.length));
  for (const at of taken) assertEquals((staging.base + at) % PAGE_BYTES, OFF_PAGE_BYTES);
  assertEquals(staging.usedBytes, STAGING_BYTES);
  for (const at of taken) staging.give(at);
  assertEquals(staging.usedBytes, 0);
  assertEquals((staging.base + staging.take(STAGING_BYTES)) % PAGE_BYTES, OFF_PAGE_BYTES);
});
