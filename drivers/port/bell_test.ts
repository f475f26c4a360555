import { assertEquals } from "@std/assert";
import { Bell } from "./bell.ts";

Deno.test("who sleeps by a bell is woken by the next ring, and once", async () => {
  const buffer = Bell.allocate();
  const [sleeper, ringer] = [Bell.of(buffer), Bell.of(buffer)];
  let woken = 0;
  sleeper.set();
  sleeper.sleep(() => woken++);
  ringer.ring();
  ringer.ring();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assertEquals(woken, 1);
  sleeper.close();
});

Deno.test("a bell that rings before anybody sleeps is not missed", async () => {
  const buffer = Bell.allocate();
  const [sleeper, ringer] = [Bell.of(buffer), Bell.of(buffer)];
  sleeper.set();
  ringer.ring();
  await new Promise<void>((resolve) => sleeper.sleep(resolve));
  sleeper.close();
});

Deno.test("a bell that nobody set rings for nobody", () => {
  const buffer = Bell.allocate();
  const bell = Bell.of(buffer);
  bell.ring();
  assertEquals(new Int32Array(buffer)[0], 0);
  bell.set();
  bell.clear();
  assertEquals(new Int32Array(buffer)[0], 0);
});
