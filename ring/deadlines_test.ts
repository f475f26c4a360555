import { assertEquals } from "@std/assert";
import { type Deadline, Deadlines } from "./deadlines.ts";
import { scale, withSeed } from "../tests/support/seed.ts";

Deno.test("deadlines fire in the order of their times, each once", () => {
  const deadlines = new Deadlines();
  const fired: number[] = [];
  const target = { onDeadline: (tag: number) => void fired.push(tag) };
  for (const at of [5, 1, 4, 2, 3]) deadlines.arm(at, target, at);
  assertEquals(deadlines.next, 1);
  assertEquals(deadlines.fire(0.5), 0);
  assertEquals(deadlines.fire(3), 3);
  assertEquals(fired, [1, 2, 3]);
  assertEquals(deadlines.fire(100), 2);
  assertEquals(fired, [1, 2, 3, 4, 5]);
  assertEquals([deadlines.next, deadlines.size, deadlines.fire(1e9)], [Infinity, 0, 0]);
});

Deno.test("equal times all fire, and any of them can be disarmed alone", () => {
  const deadlines = new Deadlines();
  const fired = new Set<number>();
  const target = { onDeadline: (tag: number) => void fired.add(tag) };
  const armed = Array.from({ length: 64 }, (_, tag) => deadlines.arm(7, target, tag));
  for (let tag = 0; tag < 64; tag += 3) deadlines.disarm(armed[tag]);
  deadlines.fire(7);
  const expected = armed.map((_, tag) => tag).filter((tag) => tag % 3 !== 0);
  assertEquals([...fired].sort((a, b) => a - b), expected);
});

Deno.test("disarming once more, or after it fired, does nothing", () => {
  const deadlines = new Deadlines();
  const target = { onDeadline(): void {} };
  const first = deadlines.arm(1, target, 0);
  const second = deadlines.arm(2, target, 0);
  deadlines.disarm(first);
  deadlines.disarm(first);
  assertEquals([deadlines.size, deadlines.next], [1, 2]);
  deadlines.fire(2);
  deadlines.disarm(second);
  assertEquals(deadlines.size, 0);
});

Deno.test("a target may disarm others and arm new ones while deadlines fire", () => {
  const deadlines = new Deadlines();
  const fired: number[] = [];
  let doomed: Deadline | null = null;
  const target = {
    onDeadline(tag: number): void {
      fired.push(tag);
      if (tag !== 1) return;
      deadlines.disarm(doomed!);
      deadlines.arm(2, target, 4);
      deadlines.arm(9, target, 5);
    },
  };
  deadlines.arm(1, target, 1);
  doomed = deadlines.arm(2, target, 2);
  deadlines.arm(3, target, 3);
  assertEquals(deadlines.fire(3), 3);
  assertEquals(fired, [1, 4, 3]);
  assertEquals(deadlines.next, 9);
});

Deno.test(
  "deadlines equal a sorted list under random operations",
  withSeed((random) => {
    const deadlines = new Deadlines();
    const oracle = new Map<number, Deadline>();
    let fired: number[] = [];
    const target = { onDeadline: (tag: number) => void fired.push(tag) };
    let now = 0;
    const next = () => Math.min(Infinity, ...[...oracle.values()].map(({ at }) => at));
    for (let step = 0; step < scale(10_000, 300_000); step++) {
      const act = random.float();
      if (act < 0.5 && oracle.size < 200) {
        // Few distinct times, so that equal ones are common.
        const at = now + random.integer(0, 30);
        oracle.set(step, deadlines.arm(at, target, step));
      } else if (act < 0.8 && oracle.size > 0) {
        const tag = random.pick([...oracle.keys()]);
        deadlines.disarm(oracle.get(tag)!);
        oracle.delete(tag);
      } else {
        now += random.integer(0, 5);
        const due = [...oracle].filter(([, { at }]) => at <= now);
        fired = [];
        assertEquals(deadlines.fire(now), due.length);
        const times = fired.map((tag) => oracle.get(tag)!.at);
        assertEquals(times, [...times].sort((a, b) => a - b));
        assertEquals(
          [...fired].sort((a, b) => a - b),
          due.map(([tag]) => tag).sort((a, b) => a - b),
        );
        for (const tag of fired) oracle.delete(tag);
      }
      assertEquals(deadlines.size, oracle.size);
      assertEquals(deadlines.next, next());
    }
  }),
);
