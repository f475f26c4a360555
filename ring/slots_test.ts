import { assert, assertEquals } from "@std/assert";
import { type CompletionTarget, IGNORED_SLOT, RESERVED_SLOTS, Slots } from "./slots.ts";
import { scale, withSeed } from "../tests/support/seed.ts";

const MORE = 2;

/** Writes down what it is told. */
class Recorder implements CompletionTarget {
  readonly told: number[][] = [];

  onCompletion(tag: number, result: number, flags: number, slot: number): void {
    this.told.push([tag, result, flags, slot]);
  }
}

Deno.test("a completion reaches the owner of its slot, with the owner's tag", () => {
  const slots = new Slots(128);
  const target = new Recorder();
  const slot = slots.take(target, 77);
  assert(slots.belongsTo(slot, target));
  assertEquals(slots.inFlight, 1);
  slots.complete(slot, slots.generation(slot), -5, 0);
  assertEquals(target.told, [[77, -5, 0, slot]]);
  assertEquals(slots.inFlight, 0);
  assertEquals(slots.late, 0);
});

Deno.test("an operation that goes on keeps its slot until its terminal completion", () => {
  const slots = new Slots(128);
  const target = new Recorder();
  const slot = slots.take(target, 1);
  const generation = slots.generation(slot);
  for (let count = 0; count < 3; count++) slots.complete(slot, generation, count, MORE);
  assertEquals(slots.inFlight, 1);
  slots.complete(slot, generation, 3, 0);
  assertEquals(slots.inFlight, 0);
  assertEquals(target.told.map(([, result]) => result), [0, 1, 2, 3]);
});

Deno.test("late, repeated and forged completions are counted and reach nobody", () => {
  const slots = new Slots(128);
  const target = new Recorder();
  const slot = slots.take(target, 1);
  const generation = slots.generation(slot);
  slots.complete(slot, generation, 0, 0);
  const forged: [number, number][] = [
    [slot, generation],
    [slot, generation + 1],
    [slot, generation - 1],
    [-1, 0],
    [127, 0],
    [2 ** 31 - 1, 0],
  ];
  for (const [index, ofGeneration] of forged) slots.complete(index, ofGeneration, 0, 0);
  assertEquals(slots.late, forged.length);
  // The slot has another owner now: a completion meant for the first must not reach the second.
  const second = new Recorder();
  assertEquals(slots.take(second, 2), slot);
  slots.complete(slot, generation, 9, 0);
  assertEquals(second.told, []);
  assertEquals([slots.late, slots.inFlight, target.told.length], [forged.length + 1, 1, 1]);
});

Deno.test("completions of entries that nobody awaits are no surprise", () => {
  const slots = new Slots(128);
  slots.complete(IGNORED_SLOT, slots.generation(IGNORED_SLOT), -2, 0);
  assertEquals(slots.late, 0);
  slots.complete(IGNORED_SLOT, 1, 0, 0);
  assertEquals(slots.late, 1);
});

Deno.test("a full table keeps its reserved slots for those that free others", () => {
  for (const capacity of [16, 20, 64, 100, 256, 5000]) {
    const slots = new Slots(capacity);
    const target = new Recorder();
    const taken: number[] = [];
    for (let slot = slots.take(target, 0); slot >= 0; slot = slots.take(target, 0)) {
      taken.push(slot);
    }
    assertEquals(taken.length, slots.most);
    assertEquals(slots.most, capacity - Math.min(RESERVED_SLOTS, capacity >> 2));
    const reserved: number[] = [];
    for (let slot = slots.takeReserved(target, 0); slot >= 0;) {
      reserved.push(slot);
      slot = slots.takeReserved(target, 0);
    }
    assertEquals(taken.length + reserved.length, capacity - 1, "all but the ignored slot");
    assertEquals(new Set([...taken, ...reserved, IGNORED_SLOT]).size, capacity);
    for (const slot of [...taken, ...reserved]) {
      slots.complete(slot, slots.generation(slot), 0, 0);
    }
    assertEquals([slots.inFlight, slots.late], [0, 0]);
    assert(slots.take(target, 0) >= 0);
  }
});

Deno.test("an abandoned slot is free, and nothing that arrives for it counts", () => {
  const slots = new Slots(128);
  const target = new Recorder();
  const slot = slots.take(target, 0);
  const generation = slots.generation(slot);
  slots.abandon(slot);
  assertEquals(slots.inFlight, 0);
  assert(!slots.belongsTo(slot, target));
  slots.complete(slot, generation, 0, 0);
  assertEquals([slots.late, target.told.length], [1, 0]);
});

Deno.test("an owner may begin its next operation inside of its completion", () => {
  const slots = new Slots(128);
  let again = -1;
  const target = { onCompletion: () => void (again = slots.take(target, 0)) };
  const slot = slots.take(target, 0);
  slots.complete(slot, slots.generation(slot), 0, 0);
  assertEquals(again, slot, "the slot was free before the owner was told");
  assertEquals(slots.inFlight, 1);
});

Deno.test(
  "slots equal a plain map under random operations, while the table grows",
  withSeed((random) => {
    const slots = new Slots(4096);
    const owners = new Map<number, { target: Recorder; tag: number; generation: number }>();
    const dead: [number, number][] = [];
    let late = 0;
    for (let step = 0; step < scale(30_000, 1_000_000); step++) {
      const act = random.float();
      if (act < 0.5) {
        const target = new Recorder();
        const slot = slots.take(target, step | 0);
        if (slot < 0) continue;
        assert(!owners.has(slot), "a slot was given out twice");
        owners.set(slot, { target, tag: step | 0, generation: slots.generation(slot) });
      } else if (act < 0.95 && owners.size > 0) {
        const [slot, { target, tag, generation }] = owners.entries().next().value!;
        const flags = random.chance(0.3) ? MORE : 0;
        slots.complete(slot, generation, step, flags);
        assertEquals(target.told.at(-1), [tag, step, flags, slot]);
        if (flags === MORE) continue;
        owners.delete(slot);
        if (dead.push([slot, generation]) > 100) dead.shift();
      } else if (dead.length > 0) {
        const [slot, generation] = random.pick(dead);
        slots.complete(slot, generation, step, 0);
        late++;
      }
      assertEquals(slots.inFlight, owners.size);
    }
    assertEquals(slots.late, late);
  }),
);
