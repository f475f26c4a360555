import { assert, assertEquals } from "@std/assert";
import type { Deadline } from "./deadlines.ts";
import { scriptedReactor } from "../tests/support/scripted_driver.ts";
import { scale, withSeed } from "../tests/support/seed.ts";

Deno.test("one TIMEOUT serves all deadlines, and moves only to be earlier", async () => {
  const { driver, reactor } = scriptedReactor();
  const fired: number[] = [];
  const target = { onDeadline: (tag: number) => void fired.push(tag) };
  reactor.armDeadline(100, target, 1);
  await driver.settle();
  assertEquals(driver.timeoutDue, 1100);
  reactor.armDeadline(200, target, 2);
  await driver.settle();
  assertEquals(driver.timeoutDue, 1100);
  reactor.armDeadline(50, target, 3);
  await driver.settle();
  assertEquals(driver.timeoutDue, 1050);
  assertEquals(reactor.inFlight, 0, "the ring's own timer is no operation of anybody's");
  for (const step of [49, 1, 49, 1, 99, 1]) {
    driver.advance(step);
    await driver.settle();
  }
  assertEquals(fired, [3, 1, 2]);
  assertEquals(driver.timeoutDue, null);
});

Deno.test("a disarmed deadline never fires, and the next one still does", async () => {
  const { driver, reactor } = scriptedReactor();
  const fired: number[] = [];
  const target = { onDeadline: (tag: number) => void fired.push(tag) };
  const first = reactor.armDeadline(10, target, 1);
  reactor.armDeadline(20, target, 2);
  reactor.disarmDeadline(first);
  await driver.settle();
  driver.advance(10);
  await driver.settle();
  assertEquals(fired, []);
  driver.advance(10);
  await driver.settle();
  assertEquals(fired, [2]);
});

Deno.test(
  "deadlines fire at their time and never before, whatever is armed and disarmed meanwhile",
  withSeed(async (random) => {
    for (let round = 0; round < scale(5, 200); round++) {
      const { driver, reactor } = scriptedReactor({ spinTurns: 1 });
      const oracle = new Map<number, { deadline: Deadline; at: number }>();
      const target = {
        onDeadline(tag: number): void {
          const { at } = oracle.get(tag)!;
          assert(driver.time >= at, `${at} fired at ${driver.time}`);
          oracle.delete(tag);
        },
      };
      for (let step = 0; step < 300; step++) {
        if (random.chance(0.5)) {
          // Fractions that round up to a whole second are where a timespec goes wrong.
          const delay = random.pick([0, 1, 999.9999999, 1999.99999999, random.float() * 3000]);
          const deadline = reactor.armDeadline(delay, target, step);
          oracle.set(step, { deadline, at: driver.time + delay });
        } else if (random.chance(0.4) && oracle.size > 0) {
          const tag = random.pick([...oracle.keys()]);
          reactor.disarmDeadline(oracle.get(tag)!.deadline);
          oracle.delete(tag);
        }
        // The kernel counts from when it is told: time passes only while the ring sleeps.
        await driver.settle();
        driver.advance(random.pick([0, 1, 10, 500]));
        await driver.settle();
        // A timespec has whole nanoseconds: what is due may be that much late.
        driver.advance(0.001);
        await driver.settle();
        for (const { at } of oracle.values()) assert(at > driver.time - 0.002, "overdue");
      }
    }
  }),
);
