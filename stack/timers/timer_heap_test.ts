import { assertEquals } from "@std/assert";
import { NONE, TICKS_SHIFT, TimerHeap } from "./timer_heap.ts";
import { scale, withSeed } from "../../tests/support/seed.ts";

function tickOf(timers: TimerHeap, timer: number): number {
  return timers.ticks[timer << TICKS_SHIFT];
}

function setTick(timers: TimerHeap, timer: number, tick: number): void {
  timers.ticks[timer << TICKS_SHIFT] = tick;
}

function drain(timers: TimerHeap, heap: number): number[] {
  const order: number[] = [];
  for (let rest = heap; rest !== NONE; rest = timers.remove(rest, rest)) order.push(rest);
  return order;
}

Deno.test("timers come out in the order of their ticks, and equal ones in that of numbers", () => {
  const timers = new TimerHeap(6);
  for (const [timer, tick] of [5, 3, 5, 2 ** 40, 3, 0].entries()) setTick(timers, timer, tick);
  let heap = NONE;
  for (const timer of [2, 4, 3, 0, 1, 5]) heap = timers.insert(heap, timer);
  assertEquals(drain(timers, heap), [5, 1, 4, 0, 2, 3]);
});

Deno.test(
  "several heaps over the same columns equal sorted lists under random operations",
  withSeed((random) => {
    for (let round = 0; round < scale(20, 500); round++) {
      const count = random.integer(1, 60);
      const timers = new TimerHeap(count);
      const heaps = [NONE, NONE, NONE];
      const home = new Array<number>(count).fill(-1);
      const sorted = (heap: number) =>
        [...home.keys()].filter((timer) => home[timer] === heap).sort((one, other) =>
          tickOf(timers, one) - tickOf(timers, other) || one - other
        );
      for (let step = 0; step < 400; step++) {
        const timer = random.integer(0, count - 1);
        const at = home[timer];
        if (at < 0) {
          home[timer] = random.integer(0, 2);
          setTick(timers, timer, random.integer(0, 30));
          heaps[home[timer]] = timers.insert(heaps[home[timer]], timer);
        } else {
          // The first one leaves as often as any other one.
          const leaving = random.chance(0.3) ? heaps[at] : timer;
          heaps[at] = timers.remove(heaps[at], leaving);
          home[leaving] = -1;
        }
        for (const heap of [0, 1, 2]) assertEquals(heaps[heap], sorted(heap)[0] ?? NONE);
      }
      for (const heap of [0, 1, 2]) {
        if (random.chance(0.5)) {
          assertEquals(drain(timers, heaps[heap]), sorted(heap));
          continue;
        }
        const shredded: number[] = [];
        for (let rest = heaps[heap]; rest !== NONE;) {
          shredded.push(rest);
          rest = timers.shred(rest);
        }
        assertEquals(
          shredded.sort((one, other) => one - other),
          [...sorted(heap)].sort((a, b) => a - b),
        );
      }
      // After all that the timers are as good as new.
      let heap = NONE;
      for (let timer = 0; timer < count; timer++) heap = timers.insert(heap, timer);
      assertEquals(drain(timers, heap).length, count);
    }
  }),
);

Deno.test("hasChildren() tells whether a timer was the first of others", () => {
  const timers = new TimerHeap(2);
  const heap = timers.insert(timers.insert(NONE, 1), 0);
  assertEquals([timers.hasChildren(0), timers.hasChildren(1)], [true, false]);
  timers.remove(heap, 1);
  assertEquals(timers.hasChildren(0), false);
});
