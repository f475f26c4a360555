import { assert, assertEquals, assertThrows } from "@std/assert";
import { scale, withSeed } from "../../tests/support/seed.ts";
import { LimitCounter, type Limits, parseLimits, RateGate, tightestLimits } from "./limits.ts";

Deno.test("parseLimits() takes whole numbers from 0 on and names what it refuses", () => {
  const limits = parseLimits({ sockets: 0, inFlight: 5, acceptsPerSecond: undefined });
  assertEquals(limits, { sockets: 0, inFlight: 5 });
  assert(Object.isFrozen(limits));
  for (const value of [-1, 0.5, NaN, Infinity, 2 ** 53, "5", null, true]) {
    const limits = { bufferBytes: value } as unknown as Limits;
    assertThrows(() => parseLimits(limits), RangeError, "limits.bufferBytes");
  }
  assertThrows(() => parseLimits({ socket: 1 } as Limits), TypeError, '"socket"');
  for (const value of [null, 5, "x", []]) {
    assertThrows(() => parseLimits(value as unknown as Limits), TypeError, "must be an object");
  }
});

Deno.test("tightestLimits() takes the smaller of each", () => {
  const tightest = tightestLimits({ sockets: 5, inFlight: 1 }, { sockets: 3, bufferBytes: 0 });
  assertEquals(tightest, { sockets: 3, inFlight: 1, bufferBytes: 0 });
  assertEquals(tightestLimits({}, {}), {});
});

Deno.test("LimitCounter counts use in every parent, and in none when it is refused", () => {
  const root = new LimitCounter({ sockets: 3, bufferBytes: 100 });
  const left = new LimitCounter({ sockets: 2 }, root);
  const right = new LimitCounter({}, root);
  assertEquals(left.acquire("sockets", 2), null);
  assertEquals(left.acquire("sockets", 1), { limit: "sockets", maximum: 2 });
  assertEquals(right.acquire("sockets", 1), null);
  assertEquals(right.acquire("sockets", 1), { limit: "sockets", maximum: 3 });
  assertEquals([left.used("sockets"), right.used("sockets"), root.used("sockets")], [2, 1, 3]);
  left.release("sockets", 2);
  assertEquals(right.acquire("sockets", 2), null);
  assertEquals(right.acquire("bufferBytes", 101), { limit: "bufferBytes", maximum: 100 });
  assertEquals(right.acquire("bufferBytes", 100), null);
  assertEquals(right.acquire("bufferBytes", 0), null);
  assertEquals(right.acquire("inFlight", 1_000_000), null);
  assertEquals(root.used("inFlight"), 1_000_000);
});

Deno.test("LimitCounter stops when more is given back than was taken, and changes nothing", () => {
  const root = new LimitCounter({});
  const child = new LimitCounter({}, root);
  assertEquals(root.acquire("inFlight", 5), null);
  assertEquals(child.acquire("inFlight", 1), null);
  assertThrows(() => child.release("inFlight", 2), Error, "only 1 are in use");
  assertEquals([child.used("inFlight"), root.used("inFlight")], [1, 6]);
  for (const n of [-1, 0.5, NaN, Infinity]) {
    assertThrows(() => child.acquire("inFlight", n), RangeError);
    assertThrows(() => child.release("inFlight", n), RangeError);
  }
  assertThrows(() => child.acquire("acceptsPerSecond" as "sockets", 1), RangeError);
  assertThrows(() => child.used("constructor" as "sockets"), RangeError);
});

Deno.test(
  "LimitCounter never exceeds a limit and always returns to zero",
  withSeed((random) => {
    const limits = [12, 7, 9, 4];
    const counters: LimitCounter[] = [];
    for (const [index, sockets] of limits.entries()) {
      counters.push(new LimitCounter({ sockets }, index === 0 ? undefined : counters[index >> 1]));
    }
    const held: [LimitCounter, number][] = [];
    for (let round = 0; round < scale(20_000, 500_000); round++) {
      if (random.chance(0.5)) {
        const counter = random.pick(counters);
        const n = random.integer(0, 5);
        if (counter.acquire("sockets", n) === null) held.push([counter, n]);
      } else {
        const [last] = random.shuffle(held).splice(0, 1);
        last?.[0].release("sockets", last[1]);
      }
      const total = held.reduce((sum, [, n]) => sum + n, 0);
      assertEquals(counters[0].used("sockets"), total);
      for (const [index, counter] of counters.entries()) {
        assert(counter.used("sockets") <= limits[index]);
      }
    }
    for (const [counter, n] of held) counter.release("sockets", n);
    for (const counter of counters) assertEquals(counter.used("sockets"), 0);
  }),
);

Deno.test("RateGate lets a burst pass and then spreads what follows over time", () => {
  const gate = new RateGate(10, { burst: 2 });
  assertEquals([0, 0, 0, 0].map((nowMs) => gate.delayMs(nowMs, 1)), [0, 0, 100, 200]);
  assertEquals(gate.delayMs(200, 1), 100);
  assertEquals(gate.delayMs(10_000, 2), 0); // a long pause refills no more than the burst
  assertEquals(gate.delayMs(10_000, 1), 100);
});

Deno.test("RateGate lets an amount that is larger than the burst pass, only later", () => {
  const gate = new RateGate(1000);
  assertEquals(gate.delayMs(5, 5000), 4000);
  assertEquals(gate.delayMs(4005, 1), 1);
});

Deno.test("RateGate gives back what was not used", () => {
  const gate = new RateGate(10, { burst: 1 });
  assertEquals(gate.delayMs(0, 1), 0);
  assertEquals(gate.delayMs(0, 1), 100);
  gate.refund(1);
  assertEquals(gate.delayMs(0, 1), 100);
  gate.refund(100);
  assertEquals([gate.delayMs(0, 1), gate.delayMs(0, 1)], [0, 100]);
});

Deno.test("RateGate books in its parents too, and nowhere when nothing can pass", () => {
  const parent = new RateGate(10, { burst: 1 });
  const child = new RateGate(1000, { parent });
  assertEquals([child.delayMs(0, 1), child.delayMs(0, 1)], [0, 100]);
  assertEquals(parent.delayMs(0, 1), 200);
  const shut = new RateGate(0, { parent });
  assertEquals(shut.delayMs(0, 1), Infinity);
  assertEquals(shut.delayMs(0, 0), 0);
  assertEquals(parent.delayMs(0, 1), 300);
});

Deno.test("RateGate without a rate delays nothing; a clock that steps back gives nothing", () => {
  const free = new RateGate(undefined);
  assertEquals(free.delayMs(0, 1e12), 0);
  const gate = new RateGate(10, { burst: 1 });
  assertEquals(gate.delayMs(1000, 1), 0);
  assertEquals(gate.delayMs(0, 1), 100);
  assertEquals(gate.delayMs(1000, 1), 200);
  const negative = new RateGate(10, { burst: 1 });
  assertEquals([negative.delayMs(-5000, 1), negative.delayMs(-5000, 1)], [0, 100]);
});

Deno.test("RateGate refuses impossible numbers", () => {
  for (const value of [-1, NaN]) {
    assertThrows(() => new RateGate(value), RangeError);
    assertThrows(() => new RateGate(1, { burst: value }), RangeError);
    assertThrows(() => new RateGate(1).delayMs(0, value), RangeError);
    assertThrows(() => new RateGate(1).refund(value), RangeError);
  }
  for (const value of [NaN, Infinity, -Infinity]) {
    assertThrows(() => new RateGate(1).delayMs(value, 1), RangeError);
  }
});

Deno.test(
  "RateGate never lets more pass in any span than its burst and its rate allow",
  withSeed((random) => {
    for (let round = 0; round < scale(50, 1000); round++) {
      const perSecond = random.integer(1, 1000);
      const burst = random.integer(1, 100);
      const gate = new RateGate(perSecond, { burst });
      const passed: [number, number][] = [];
      let nowMs = random.integer(0, 1000);
      for (let call = 0; call < 100; call++) {
        nowMs += random.integer(0, 50);
        const n = random.integer(1, burst);
        passed.push([nowMs + gate.delayMs(nowMs, n), n]);
      }
      passed.sort(([a], [b]) => a - b);
      for (let from = 0; from < passed.length; from += 7) {
        let sum = 0;
        for (let to = from; to < passed.length; to++) {
          sum += passed[to][1];
          const spanMs = passed[to][0] - passed[from][0];
          // The first of the span may itself have been booked in advance, by up to its own size.
          const allowed = burst + passed[from][1] + perSecond * spanMs / 1000;
          assert(sum <= allowed + 1e-6, `${sum} in ${spanMs} ms at ${perSecond}/s, ${burst} burst`);
        }
      }
    }
  }),
);
