import fc from "fast-check";
import { assert, assertEquals } from "@std/assert";
import { TimerWheel } from "./timer_wheel.ts";
import { scale, SEED, withSeed } from "../../tests/support/seed.ts";

const CAPACITY = 12;

/** The oracle: armed timers in a list that is sorted whenever it is looked at. */
class Model {
  readonly taken = new Set<number>();
  readonly armed = new Map<number, number>();
  readonly resolution: number;
  /** The tick up to which timers have fired. */
  now: number;
  /** What timers do when they fire, in turn: arm which one, how far from now. */
  script: readonly (readonly [which: number, distance: number])[] = [];
  scriptAt = 0;

  constructor(resolution: number, now: number) {
    this.resolution = resolution;
    this.now = Math.floor(now / resolution);
  }

  arm(timer: number, deadline: number): void {
    this.armed.set(timer, Math.max(this.now, Math.floor(deadline / this.resolution)));
  }

  first(): [timer: number, tick: number] | undefined {
    return [...this.armed].sort((one, other) => one[1] - other[1] || one[0] - other[0])[0];
  }

  /** What the next timer that fires does, if it does something. */
  nextAct(): readonly [timer: number, distance: number] | undefined {
    if (this.scriptAt >= this.script.length || this.taken.size === 0) return undefined;
    const [which, distance] = this.script[this.scriptAt++];
    const taken = [...this.taken].sort((one, other) => one - other);
    return [taken[which % taken.length], distance];
  }

  expire(now: number, limit: number): number[] {
    const tick = Math.max(this.now, Math.floor(now / this.resolution));
    const order: number[] = [];
    for (;;) {
      const first = this.first();
      if (first === undefined || first[1] > tick) break;
      if (order.length >= limit) return order;
      this.now = first[1];
      this.armed.delete(first[0]);
      order.push(first[0]);
      const act = this.nextAct();
      if (act !== undefined) this.arm(act[0], Math.max(0, now + act[1]));
    }
    this.now = tick;
    return order;
  }
}

interface Pair {
  readonly model: Model;
  readonly wheel: TimerWheel;
  now: number;
}

/** A distance in time: small ones are as likely as large ones, and many are near each other. */
const distance = fc.oneof(
  fc.tuple(fc.nat(44), fc.double({ min: 0, max: 1, noNaN: true })).map(
    ([bits, part]) => Math.floor(part * 2 ** bits),
  ),
  fc.tuple(fc.constantFrom(100, 50_000, 2 ** 31, 2 ** 40), fc.nat(2000)).map(
    ([far, more]) => far + more,
  ),
);
const signed = fc.tuple(distance, fc.nat(4)).map(([far, sign]) => sign === 0 ? -far : far);

const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ name: fc.constant("take" as const) }) },
  { weight: 1, arbitrary: fc.record({ name: fc.constant("release" as const), which: fc.nat(99) }) },
  {
    weight: 8,
    arbitrary: fc.record({ name: fc.constant("arm" as const), which: fc.nat(99), far: signed }),
  },
  { weight: 2, arbitrary: fc.record({ name: fc.constant("disarm" as const), which: fc.nat(99) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      name: fc.constant("expire" as const),
      far: fc.option(distance),
      limit: fc.oneof(fc.constant(1000), fc.nat(3)),
      script: fc.array(fc.tuple(fc.nat(99), signed), { maxLength: 6 }),
    }),
  },
);

type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

function pick({ taken }: Model, which: number): number | undefined {
  return [...taken][which % Math.max(1, taken.size)];
}

function take({ model, wheel }: Pair): void {
  const timer = wheel.take(model.taken.size + 1000);
  assertEquals(timer >= 0, model.taken.size < CAPACITY, "take()");
  if (timer < 0) return;
  assert(!model.taken.has(timer), `timer ${timer} is taken twice`);
  model.taken.add(timer);
}

function expire(pair: Pair, { far, limit, script }: Extract<Step, { name: "expire" }>): void {
  const { model, wheel } = pair;
  // Without a distance, the clock moves to exactly where the wheel asked to be called.
  const next = wheel.nextDeadline();
  pair.now = far === null ? Math.max(pair.now, next < Infinity ? next : 0) : pair.now + far;
  model.script = script;
  model.scriptAt = 0;
  const expected = model.expire(pair.now, limit);
  model.scriptAt = 0;
  const order: number[] = [];
  const count = wheel.expire(pair.now, (timer) => {
    order.push(timer);
    const act = model.nextAct();
    if (act !== undefined) wheel.arm(act[0], Math.max(0, pair.now + act[1]));
  }, limit);
  assertEquals(order, expected, "expire()");
  assertEquals(count, expected.length);
}

function run(pair: Pair, step: Step): void {
  const { model, wheel, now } = pair;
  if (step.name === "take") return take(pair);
  if (step.name === "expire") return expire(pair, step);
  const timer = pick(model, step.which);
  if (timer === undefined) return;
  if (step.name === "arm") {
    const deadline = Math.max(0, now + step.far);
    wheel.arm(timer, deadline);
    model.arm(timer, deadline);
  } else {
    model.armed.delete(timer);
    if (step.name === "disarm") wheel.disarm(timer);
    else {
      wheel.release(timer);
      model.taken.delete(timer);
    }
  }
}

function compare({ model, wheel }: Pair): void {
  const first = model.first();
  const expected = first === undefined ? Infinity : first[1] * model.resolution;
  assertEquals(wheel.nextDeadline(), expected, "nextDeadline()");
  for (const timer of model.taken) {
    assertEquals(wheel.isArmed(timer), model.armed.has(timer), `isArmed(${timer})`);
  }
  const { armed, used } = wheel.statistics();
  assertEquals([armed, used], [model.armed.size, model.taken.size]);
}

Deno.test(
  "a timer wheel equals a sorted list under random operations and jumps of any size",
  withSeed(() => {
    const start = fc.record({
      resolution: fc.constantFrom(1, 7, 1000),
      now: fc.constantFrom(0, 63, 2 ** 30 - 5, 2 ** 36 - 1, 1.7e15),
    });
    fc.assert(
      fc.property(start, fc.array(step, { maxLength: 120, size: "max" }), (options, steps) => {
        const wheel = new TimerWheel({ capacity: CAPACITY, ...options });
        const pair = { model: new Model(options.resolution, options.now), wheel, now: options.now };
        for (const each of steps) {
          run(pair, each);
          compare(pair);
        }
      }),
      { seed: SEED | 0, numRuns: scale(150, 20_000) },
    );
  }),
);
