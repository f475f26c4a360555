import { assertEquals } from "@std/assert";
import { GateWait } from "./gate_wait.ts";
import { RateGate } from "../../ring/authority/mod.ts";
import { Deadlines, type DeadlineTarget } from "../../ring/deadlines.ts";
import type { Reactor } from "../../ring/reactor.ts";

/** A wait on a clock that stands still until it is moved. */
function makeWait(perSecond: number) {
  const deadlines = new Deadlines();
  const clock = { nowMs: 0, opened: 0 };
  const reactor = {
    driver: { now: () => clock.nowMs },
    armDeadline: (delayMs: number, target: DeadlineTarget, tag: number) =>
      deadlines.arm(clock.nowMs + delayMs, target, tag),
    disarmDeadline: deadlines.disarm.bind(deadlines),
  } as unknown as Reactor;
  const wait = new GateWait(new RateGate(perSecond), reactor, () => clock.opened++);
  const moveTo = (nowMs: number) => {
    clock.nowMs = nowMs;
    deadlines.fire(nowMs);
  };
  return { wait, clock, deadlines, moveTo };
}

Deno.test("what is booked at once may leave at once, and what is beyond when it is told", () => {
  const { wait, clock, moveTo } = makeWait(1000);
  assertEquals([wait.book(1000), wait.isWaiting], [true, false]);
  assertEquals([wait.book(500), wait.isWaiting], [false, true]);
  moveTo(499);
  assertEquals([clock.opened, wait.isWaiting], [0, true]);
  moveTo(500);
  assertEquals([clock.opened, wait.isWaiting], [1, false]);
});

Deno.test("bytes are booked once, however often they are tried", () => {
  const { wait, moveTo } = makeWait(1000);
  assertEquals([wait.pass(1200), wait.pass(1200)], [false, false]);
  moveTo(200);
  assertEquals([wait.pass(1200), wait.pass(700), wait.booked], [true, true, 1200]);
  wait.left(1000);
  assertEquals([wait.pass(200), wait.booked], [true, 200]);
  wait.left(200);
  assertEquals([wait.pass(100), wait.booked], [false, 100]);
});

Deno.test("who waits no more is not told, and what did not leave is given back", () => {
  const { wait, clock, deadlines, moveTo } = makeWait(1000);
  wait.pass(1500);
  wait.close();
  assertEquals([wait.isWaiting, deadlines.size, wait.booked], [false, 0, 0]);
  moveTo(10_000);
  assertEquals(clock.opened, 0);
  assertEquals(wait.book(1000), true);
});

Deno.test("at a rate of 0 a wait has an end all the same", () => {
  const { wait, deadlines } = makeWait(0);
  assertEquals(wait.book(1), false);
  assertEquals(Number.isFinite(deadlines.next), true);
});
