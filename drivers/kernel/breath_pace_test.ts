import { assertEquals } from "@std/assert";
import { BreathPace } from "./breath_pace.ts";

/** Busy times and rounds of the event loop, on a clock that starts anywhere. */
class Clock {
  readonly pace = new BreathPace();
  #now = 1000;

  constructor() {
    this.pace.awoke(this.#now);
  }

  /** Takes busy turns and then a round. @returns turns that may follow */
  round(busyMs: number, roundMs: number): number {
    this.#now += busyMs;
    this.pace.beginRound(this.#now);
    assertEquals(this.pace.isInRound, true);
    this.#now += roundMs;
    this.pace.endRound(this.#now);
    assertEquals(this.pace.isInRound, false);
    return this.pace.turns;
  }
}

const [BUSY, QUIET, SHARED] = [1, 0.01, 0.06];

Deno.test("a ring that is alone comes to take more turns, and few once it is not", () => {
  const clock = new Clock();
  assertEquals(clock.pace.turns, 12);
  assertEquals(clock.round(BUSY, SHARED), 2);
  for (let count = 1; count < 12; count++) assertEquals(clock.round(BUSY, QUIET), 2);
  for (let count = 12; count < 96; count++) assertEquals(clock.round(BUSY, QUIET), 12);
  for (let count = 0; count < 3; count++) assertEquals(clock.round(BUSY, QUIET), 32);
  assertEquals(clock.round(BUSY, SHARED), 2);
});

Deno.test("the event loop waits for long turns no longer than for short ones", () => {
  const clock = new Clock();
  for (const expected of [6, 3, 1, 1]) assertEquals(clock.round(3, QUIET), expected);
  assertEquals(clock.round(BUSY, QUIET), 1, "as long as it may take");
  for (const expected of [2, 4, 8, 12, 12]) assertEquals(clock.round(0.1, QUIET), expected);
});

Deno.test("neither sleep nor the program's own work is taken for work of others", () => {
  const clock = new Clock();
  const { pace } = clock;
  pace.awoke(90_000);
  pace.beginRound(90_001);
  pace.restartRound(90_100);
  pace.endRound(90_100.01);
  assertEquals(pace.turns, 12);
});
