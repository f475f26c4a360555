import { assertEquals, assertThrows } from "@std/assert";
import { randomBelow, SeededRandom } from "../random.ts";
import { EventQueue } from "./event_queue.ts";
import { Transit } from "./transit.ts";
import { Departures } from "./departures.ts";
import { VirtualClock } from "./virtual_clock.ts";

Deno.test("events come by time, and by sequence where times are equal", () => {
  const queue = new EventQueue();
  const sources = Array.from({ length: 40 }, () => queue.addSource());
  for (const source of sources) queue.set(source, source % 4, 100 - source);
  const order: number[] = [];
  while (queue.size > 0) {
    order.push(queue.first);
    queue.set(queue.first, Infinity, 0);
  }
  const wanted = [...sources].sort((one, other) => one % 4 - other % 4 || other - one);
  assertEquals(order, wanted);
  assertEquals([queue.first, queue.time], [-1, Infinity]);
});

Deno.test("a queue of events does what a sorted list does", () => {
  const random = new SeededRandom(11);
  const queue = new EventQueue();
  const model: { time: number; sequence: number }[] = [];
  for (let source = 0; source < 50; source++) {
    queue.addSource();
    model.push({ time: Infinity, sequence: 0 });
  }
  for (let sequence = 0; sequence < 20_000; sequence++) {
    const source = randomBelow(random, model.length);
    const time = randomBelow(random, 4) === 0 ? Infinity : randomBelow(random, 100);
    queue.set(source, time, sequence);
    model[source] = { time, sequence };
    let best = -1;
    for (const [at, { time, sequence }] of model.entries()) {
      if (time === Infinity) continue;
      const { time: least, sequence: first } = model[best] ?? { time: Infinity, sequence: 0 };
      if (time < least || (time === least && sequence < first)) best = at;
    }
    assertEquals([queue.first, queue.time], [best, model[best]?.time ?? Infinity]);
    assertEquals(queue.timeOf(source), time);
  }
});

Deno.test("frames on a wire arrive by time, and in order where times are equal", () => {
  const wire = new Transit(1000);
  const random = new SeededRandom(3);
  const model: [time: number, packet: number][] = [];
  for (let packet = 0; packet < 100; packet++) {
    const time = randomBelow(random, 10);
    wire.insert(time, packet, packet);
    model.push([time, packet]);
  }
  model.sort(([one, before], [other, after]) => one - other || before - after);
  for (const [time, packet] of model) assertEquals([wire.time, wire.shift()], [time, packet]);
  assertEquals([wire.time, wire.shift(), wire.size], [Infinity, -1, 0]);
});

Deno.test("a list of departures counts what has not left yet", () => {
  const departures = new Departures();
  for (let nth = 1; nth <= 40; nth++) departures.add(nth * 10, 100);
  assertEquals([departures.waiting(0), departures.bytes], [40, 4000]);
  assertEquals([departures.waiting(200), departures.bytes], [20, 2000]);
  assertEquals([departures.waiting(1000), departures.bytes], [0, 0]);
});

Deno.test("a virtual clock goes forward only, by whole microseconds", () => {
  const clock = new VirtualClock(5);
  clock.advanceTo(1500);
  assertEquals([clock.now, clock.nowMs], [1500, 1.5]);
  assertThrows(() => clock.advanceTo(1499), RangeError, "does not go back");
  assertThrows(() => clock.advanceTo(1500.5), RangeError, "whole number");
  assertThrows(() => new VirtualClock(-1), RangeError);
});
