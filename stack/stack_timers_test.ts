import { assertEquals, assertThrows } from "@std/assert";
import { StackTimers } from "./stack_timers.ts";

Deno.test("timers call their owners with the index that they were taken for, never early", () => {
  const timers = new StackTimers({ capacity: 4, resolution: 100, now: 0 });
  const fired: string[] = [];
  const first = timers.register((index) => fired.push(`first ${index}`));
  const second = timers.register((index) => fired.push(`second ${index}`));
  const one = timers.take(first, 7);
  const two = timers.take(second, 2 ** 24 - 1);
  timers.arm(one, 250);
  timers.arm(two, 301);
  assertEquals(timers.nextDeadline(), 300);
  assertEquals(timers.expire(299), 0);
  assertEquals(timers.expire(300), 1);
  assertEquals(timers.nextDeadline(), 400);
  assertEquals(timers.expire(1000), 1);
  assertEquals(fired, ["first 7", `second ${2 ** 24 - 1}`]);
  assertEquals(timers.nextDeadline(), Infinity);
});

Deno.test("whoever arms its timer anew until its time has come is called once", () => {
  const timers = new StackTimers({ capacity: 1, resolution: 100, now: 0 });
  let now = 0;
  let calls = 0;
  const owner = timers.register(() => {
    calls++;
    if (now < 250) timers.arm(timer, 250);
  });
  const timer = timers.take(owner, 0);
  timers.arm(timer, 250);
  for (; now < 1000; now = Math.min(1000, timers.nextDeadline())) timers.expire(now);
  assertEquals(calls, 1);
});

Deno.test("timers and their owners have limits", () => {
  const timers = new StackTimers({ capacity: 1, resolution: 1, now: 0 });
  assertEquals(timers.take(timers.register(() => {}), 0), 0);
  assertEquals(timers.take(0, 1), -1);
  for (let owners = 1; owners < 128; owners++) timers.register(() => {});
  assertThrows(() => timers.register(() => {}), RangeError);
});
