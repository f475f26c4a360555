import { assertEquals, assertThrows } from "@std/assert";
import { ejectionPlan, Health } from "./balancer_health.ts";

const PLAN = ejectionPlan({ failures: 3, baseMs: 100, maxMs: 350 });

function failTimes(health: Health, count: number, nowMs: number, mayEject = true): boolean {
  let isEjected = false;
  for (let time = 0; time < count; time++) isEjected = health.fail(nowMs, mayEject);
  return isEjected;
}

Deno.test("failures in a row eject, and a success between them does not let them", () => {
  const health = new Health(PLAN);
  assertEquals(failTimes(health, 2, 0), false);
  health.succeed(0);
  assertEquals(failTimes(health, 2, 0), false);
  assertEquals(health.isEjected(0), false);
  assertEquals(health.fail(0, true), true);
  assertEquals(health.isEjected(99), true);
  assertEquals(health.isEjected(100), false);
  assertEquals(health.ejections, 1);
});

Deno.test("on trial one failure ejects, twice as long each time, up to the longest", () => {
  const health = new Health(PLAN);
  failTimes(health, 3, 0);
  for (const [fromMs, untilMs] of [[100, 300], [300, 650], [650, 1000]]) {
    assertEquals(health.fail(fromMs, true), true);
    assertEquals(health.isEjected(untilMs - 1), true);
    assertEquals(health.isEjected(untilMs), false);
  }
});

Deno.test("one success ends the trial", () => {
  const health = new Health(PLAN);
  failTimes(health, 3, 0);
  health.succeed(100);
  assertEquals(failTimes(health, 2, 100), false);
  assertEquals(health.fail(100, true), true);
});

Deno.test("calm time shortens the next ejection", () => {
  const health = new Health(PLAN);
  failTimes(health, 3, 0);
  health.fail(100, true);
  health.succeed(300);
  failTimes(health, 3, 300 + 100);
  assertEquals(health.isEjected(400 + 199), true);
  assertEquals(health.isEjected(400 + 200), false);
  health.succeed(600);
  failTimes(health, 3, 100_000);
  assertEquals(health.isEjected(100_000 + 100), false);
});

Deno.test("failures of connections that began before the ejection change nothing", () => {
  const health = new Health(PLAN);
  failTimes(health, 3, 0);
  assertEquals(failTimes(health, 50, 50), false);
  health.succeed(50);
  assertEquals(health.isEjected(99), true);
  assertEquals(health.fail(100, true), true, "still on trial");
});

Deno.test("without room in the share it stays, and goes with the next failure", () => {
  const health = new Health(PLAN);
  assertEquals(failTimes(health, 10, 0, false), false);
  assertEquals(health.isEjected(0), false);
  assertEquals(health.fail(0, true), true);
});

Deno.test("without a plan nothing is ejected", () => {
  assertEquals(failTimes(new Health(null), 1000, 0), false);
});

Deno.test("a plan that cannot be is refused by name", () => {
  const wrong: [Record<string, number>, string][] = [
    [{ failures: 0 }, "failures"],
    [{ failures: 2.5 }, "failures"],
    [{ baseMs: 0 }, "baseMs"],
    [{ baseMs: 100, maxMs: 99 }, "maxMs"],
    [{ maxShare: 1.1 }, "maxShare"],
  ];
  for (const [options, named] of wrong) {
    assertThrows(() => ejectionPlan(options), RangeError, named);
  }
  assertThrows(() => ejectionPlan({ share: 1 } as Record<string, number>), TypeError, '"share"');
  assertEquals(ejectionPlan({ baseMs: 400_000 }).maxMs, 400_000);
});
