/**
 * What timers cost: one of many that is armed and disarmed, and 100 000 that are armed anew, as
 * connections do with every packet. Where a name says how many, divide by that.
 *
 * @module
 */

import { printMachine } from "./support.ts";
import { TimerWheel } from "../stack/timers/mod.ts";

printMachine();

const COUNT = 100_000;
/** A clock of microseconds, in ticks of a millisecond. */
const RESOLUTION = 1000;
const MILLISECOND = 1000;
/** Coprime to the count: it comes to every timer once, in an order that no cache knows. */
const STRIDE = 7919;

function makeWheel(): TimerWheel {
  const wheel = new TimerWheel({ capacity: COUNT, resolution: RESOLUTION });
  for (let timer = 0; timer < COUNT; timer++) wheel.take(timer);
  return wheel;
}

/** A wheel on which all are armed: keepalives, two hours from now. */
function makeFullWheel(): TimerWheel {
  const wheel = makeWheel();
  for (let timer = 0; timer < COUNT; timer++) {
    wheel.arm(timer, (7_200_000 + timer / 100) * MILLISECOND);
  }
  return wheel;
}

const empty = makeWheel();

Deno.bench({
  name: "1000 x arm and disarm",
  group: "one timer",
  baseline: true,
  fn() {
    for (let count = 0; count < 1000; count++) {
      empty.arm(count & 63, 200 * MILLISECOND);
      empty.disarm(count & 63);
    }
  },
});

const busy = makeFullWheel();

Deno.bench({
  name: `1000 x arm anew, of ${COUNT} others`,
  group: "one timer",
  fn() {
    for (let count = 0; count < 1000; count++) busy.arm(5, (200 + count) * MILLISECOND);
  },
});

const together = makeWheel();

Deno.bench({
  name: `${COUNT} x arm, then disarm`,
  group: "all timers",
  baseline: true,
  fn() {
    for (let timer = 0; timer < COUNT; timer++) {
      together.arm(timer, (200 + timer % 100) * MILLISECOND);
    }
    for (let timer = 0; timer < COUNT; timer++) together.disarm(timer);
  },
});

const scattered = makeFullWheel();
let round = 0;

Deno.bench({
  name: `${COUNT} x arm anew, in any order`,
  group: "all timers",
  fn() {
    round++;
    for (let count = 0, timer = 0; count < COUNT; count++) {
      scattered.arm(timer, (7_200_000 + round + count / 100) * MILLISECOND);
      timer += STRIDE;
      if (timer >= COUNT) timer -= COUNT;
    }
  },
});

const oldest = makeFullWheel();
let now = 0;

Deno.bench({
  name: `${COUNT} x arm the first one anew, and ask for the next`,
  group: "all timers",
  fn() {
    for (let timer = 0; timer < COUNT; timer++) {
      now += 10;
      oldest.arm(timer, now + 7_201_000 * MILLISECOND);
      oldest.nextDeadline();
    }
  },
});

const firing = makeWheel();
let start = 0;

Deno.bench({
  name: `${COUNT} x arm within 5 s, and fire in steps of 1 ms`,
  group: "all timers",
  fn() {
    for (let timer = 0; timer < COUNT; timer++) {
      firing.arm(timer, start + (1 + (timer * STRIDE) % 5000) * MILLISECOND);
    }
    let fired = 0;
    for (let step = 0; step < 5001; step++) {
      start += MILLISECOND;
      fired += firing.expire(start, () => {});
    }
    if (fired !== COUNT) throw new Error(`${fired} of ${COUNT} timers fired`);
  },
});
