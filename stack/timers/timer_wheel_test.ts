import { assert, assertEquals, assertThrows } from "@std/assert";
import { MAXIMUM_TIMERS, TimerWheel } from "./timer_wheel.ts";

function makeWheel(capacity = 10, resolution = 1, now = 0): TimerWheel {
  return new TimerWheel({ capacity, resolution, now });
}

/** Expires up to a time and lists what fired. */
function fired(wheel: TimerWheel, now: number, limit?: number): number[] {
  const numbers: number[] = [];
  wheel.expire(now, (timer) => numbers.push(timer), limit);
  return numbers;
}

Deno.test("timers fire once, in the order of their deadlines, when they are due", () => {
  const wheel = makeWheel();
  const deadlines = [300, 5, 5000, 64, 63, 5];
  for (const [index, deadline] of deadlines.entries()) {
    assertEquals(wheel.take(100 + index), index);
    wheel.arm(index, deadline);
  }
  assertEquals(wheel.nextDeadline(), 5);
  assertEquals(fired(wheel, 4), []);
  assertEquals(fired(wheel, 5), [1, 5]);
  assertEquals(wheel.nextDeadline(), 63);
  const tags: number[] = [];
  wheel.expire(299, (_timer, tag) => tags.push(tag));
  assertEquals(tags, [104, 103]);
  assertEquals(wheel.nextDeadline(), 300);
  assertEquals(fired(wheel, 1e9), [0, 2]);
  assertEquals(wheel.nextDeadline(), Infinity);
  assertEquals([0, 1, 2].some((timer) => wheel.isArmed(timer)), false);
});

Deno.test("a timer fires early by less than a tick, and never late", () => {
  const wheel = makeWheel(2, 1000);
  const timer = wheel.take(0);
  for (const [deadline, tick] of [[1000, 1000], [2999, 2000], [3000, 3000], [4000.5, 4000]]) {
    wheel.arm(timer, deadline);
    assertEquals(wheel.nextDeadline(), tick);
    assertEquals(fired(wheel, tick - 1), []);
    assertEquals(fired(wheel, tick), [timer]);
  }
});

Deno.test("a deadline that has passed is due at once", () => {
  const wheel = makeWheel(3);
  fired(wheel, 1_000_000);
  const [first, second] = [wheel.take(0), wheel.take(0)];
  wheel.arm(first, 1_000_000);
  wheel.arm(second, 3);
  assertEquals(wheel.nextDeadline(), 1_000_000);
  assertEquals(fired(wheel, 1_000_000), [first, second]);
});

Deno.test("a clock that goes back fires nothing anew", () => {
  const wheel = makeWheel();
  const timer = wheel.take(0);
  fired(wheel, 1000);
  wheel.arm(timer, 1010);
  assertEquals(fired(wheel, 10), []);
  assertEquals(wheel.nextDeadline(), 1010);
  assertEquals(fired(wheel, 1010), [timer]);
});

Deno.test("arm() again moves a timer, earlier or later, and disarm() keeps it from firing", () => {
  const wheel = makeWheel();
  const [first, second] = [wheel.take(0), wheel.take(0)];
  wheel.arm(first, 100);
  wheel.arm(second, 200);
  wheel.arm(first, 300);
  assertEquals(wheel.nextDeadline(), 200);
  wheel.arm(second, 70);
  wheel.arm(second, 90);
  assertEquals(wheel.nextDeadline(), 90);
  wheel.disarm(second);
  wheel.disarm(second);
  assertEquals(wheel.nextDeadline(), 300);
  assertEquals(wheel.statistics().armed, 1);
  assertEquals(fired(wheel, 1000), [first]);
});

Deno.test("the first of many far timers is known exactly, whichever are armed anew", () => {
  const count = 3000;
  const wheel = makeWheel(count, 1, 123_456_789);
  const now = 123_456_789;
  for (let timer = 0; timer < count; timer++) {
    wheel.take(timer);
    wheel.arm(timer, now + 7_200_000 + timer);
  }
  // Whoever was heard of longest ago is heard of next: the first timer is the one that moves.
  for (let timer = 0; timer + 1 < count; timer++) {
    assertEquals(wheel.nextDeadline(), now + 7_200_000 + timer);
    wheel.arm(timer, now + 7_200_000 + count + timer);
  }
  assertEquals(wheel.statistics().moved, 0);
});

Deno.test("deadlines as far as a clock can count are kept exactly", () => {
  const wheel = makeWheel(60);
  const deadlines = [Number.MAX_SAFE_INTEGER];
  for (let bits = 1; bits <= 53; bits++) deadlines.push(2 ** bits - 1);
  deadlines.sort((one, other) => one - other);
  for (const deadline of deadlines) wheel.arm(wheel.take(0), deadline);
  const seen: number[] = [];
  while (wheel.nextDeadline() < Infinity) {
    const next = wheel.nextDeadline();
    seen.push(next);
    assertEquals(fired(wheel, next - 1), []);
    assert(fired(wheel, next).length > 0);
  }
  assertEquals(seen, [...new Set(deadlines)]);
});

Deno.test("a jump over everything fires everything in order, and moves nothing needlessly", () => {
  const wheel = makeWheel(2000);
  const deadlines = Array.from({ length: 2000 }, (_, index) => (index * 7919) % 100_003 * 10_007);
  for (const deadline of deadlines) wheel.arm(wheel.take(0), deadline);
  const order = fired(wheel, 2 ** 52).map((timer) => deadlines[timer]);
  assertEquals(order, [...deadlines].sort((one, other) => one - other));
  // 10^9 is a number of five digits: so often, at most, a timer moves.
  assert(wheel.statistics().moved <= 4 * 2000, `${wheel.statistics().moved}`);
});

Deno.test("a timer that fires may arm, disarm and release others, and itself", () => {
  const wheel = makeWheel(5);
  const [first, second, third, fourth] = [0, 1, 2, 3].map((tag) => wheel.take(tag));
  for (const timer of [first, second, third]) wheel.arm(timer, 10);
  wheel.arm(fourth, 400);
  const order: number[] = [];
  const count = wheel.expire(20, (timer) => {
    order.push(timer);
    assertEquals(wheel.isArmed(timer), false);
    if (timer === first && order.length === 1) {
      wheel.disarm(second);
      wheel.release(third);
      wheel.arm(fourth, 15);
      wheel.arm(first, 12);
      // What has passed is due now, and so before everything that is not yet.
      wheel.arm(second, 1);
    } else if (timer === first) {
      wheel.arm(first, 21);
    }
  });
  assertEquals(order, [first, second, first, fourth]);
  assertEquals(count, 4);
  assertEquals(wheel.nextDeadline(), 21);
});

Deno.test("a timer that arms itself for now cannot keep expire() from coming back", () => {
  const wheel = makeWheel(8);
  const timer = wheel.take(0);
  wheel.arm(timer, 5);
  let count = 0;
  const again = () => {
    count++;
    wheel.arm(timer, 0);
  };
  assertEquals(wheel.expire(10, again), 8);
  assertEquals(count, 8);
  assertEquals(wheel.nextDeadline(), 5);
  assertEquals(wheel.expire(10, again, 3), 3);
});

Deno.test("what is due beyond the limit stays due", () => {
  const wheel = makeWheel();
  for (const deadline of [1, 100, 100, 5000]) wheel.arm(wheel.take(0), deadline);
  assertEquals(fired(wheel, 10_000, 2), [0, 1]);
  assertEquals(wheel.nextDeadline(), 100);
  assertEquals(fired(wheel, 10_000, 0), []);
  assertEquals(fired(wheel, 10_000, 2), [2, 3]);
  assertEquals(fired(wheel, 10_000), []);
});

Deno.test("exhausted timers answer -1 and are counted, and released ones are taken again", () => {
  const wheel = makeWheel(2);
  const [first, second] = [wheel.take(0), wheel.take(0)];
  assertEquals([wheel.take(0), wheel.take(0)], [-1, -1]);
  wheel.arm(first, 5);
  wheel.release(first);
  assertEquals(wheel.nextDeadline(), Infinity);
  assertEquals(wheel.take(7), first);
  assertEquals(wheel.isArmed(first), false);
  wheel.release(first);
  wheel.release(second);
  const { capacity, used, peak, armed, refused } = wheel.statistics();
  assertEquals([capacity, used, peak, armed, refused], [2, 0, 2, 0, 2]);
});

Deno.test("a timer that is not taken can be neither armed nor released", () => {
  const wheel = makeWheel(2);
  const timer = wheel.take(0);
  wheel.release(timer);
  for (const wrong of [timer, 1, 2, -1, NaN]) {
    assertThrows(() => wheel.arm(wrong, 1), Error, `timer ${wrong} is not taken`);
    assertThrows(() => wheel.release(wrong), Error, `timer ${wrong} is not taken`);
  }
  assertEquals(wheel.take(0), timer);
});

Deno.test("what is no time, no resolution and no capacity is refused", () => {
  const wheel = makeWheel(1);
  const timer = wheel.take(0);
  for (const time of [-1, NaN, Infinity, 2 ** 54]) {
    assertThrows(() => wheel.arm(timer, time), RangeError, `${time} is no time`);
  }
  assertEquals(wheel.isArmed(timer), false);
  for (const resolution of [0, -1, 0.5, NaN]) {
    assertThrows(() => makeWheel(1, resolution), RangeError, `the resolution is ${resolution}`);
  }
  for (const capacity of [-1, 0.5, MAXIMUM_TIMERS + 1]) {
    assertThrows(() => makeWheel(capacity), RangeError, `not ${capacity}`);
  }
  assertEquals(makeWheel(0).take(0), -1);
});
