import { assertEquals } from "@std/assert";
import { SpinPace } from "./spin_pace.ts";

const [SHORT, LONG] = [0.1, 0.25];

/** Sleeps one after another. @returns empty turns before each of the next */
function turnsAfter(pace: SpinPace, sleepsMs: readonly number[]): number[] {
  let now = 5;
  return sleepsMs.map((sleepMs) => {
    pace.slept(now);
    now += sleepMs;
    pace.awoke(now);
    return pace.turns;
  });
}

Deno.test("a ring that sleeps for long comes to sleep at once", () => {
  const pace = new SpinPace();
  assertEquals(pace.turns, 8);
  assertEquals(turnsAfter(pace, [LONG, LONG, LONG, LONG, LONG]), [4, 2, 1, 0, 0]);
});

Deno.test("a ring that is woken right after it fell asleep comes to look for long", () => {
  const pace = new SpinPace();
  turnsAfter(pace, [LONG, LONG, LONG, LONG]);
  assertEquals(turnsAfter(pace, [SHORT, SHORT, SHORT, SHORT, SHORT]), [1, 3, 7, 8, 8]);
});

Deno.test("one long sleep among short ones is soon made up for", () => {
  assertEquals(turnsAfter(new SpinPace(), [SHORT, LONG, SHORT, LONG, SHORT]), [8, 4, 8, 4, 8]);
});
