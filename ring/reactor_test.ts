import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Reactor } from "./reactor.ts";
import { type CompletionTarget, IGNORED_SLOT } from "./slots.ts";
import { Errno } from "./abi/errno.ts";
import { W_ADDRESS, W_OPERATION_FLAGS } from "./abi/layout.ts";
import { CancelFlag, FIRST_DRIVER_OP, Op } from "./abi/opcodes.ts";
import { scriptedReactor } from "../tests/support/scripted_driver.ts";

/** Writes down results. */
class Results implements CompletionTarget {
  readonly results: number[] = [];

  onCompletion(_tag: number, result: number): void {
    this.results.push(result);
  }
}

function begin(reactor: Reactor, target: CompletionTarget, head: number = Op.NOP): number {
  const slot = reactor.slots.take(target, 0);
  assert(slot >= 0);
  reactor.entry(head, -1, slot);
  return slot;
}

Deno.test("entries of one macrotask go out in one enter, and owners are told", () => {
  const { driver, reactor } = scriptedReactor();
  const targets = [new Results(), new Results(), new Results()];
  for (const target of targets) begin(reactor, target);
  assertEquals(driver.calls, ["defer"], "one turn for all of them");
  driver.turn();
  assertEquals(driver.calls.slice(1), ["enter 3", "defer"]);
  assertEquals(driver.taken.map(({ opcode, fd }) => [opcode, fd]), [[0, -1], [0, -1], [0, -1]]);
  assertEquals(reactor.inFlight, 3);
  for (const [index, entry] of [...driver.taken].entries()) driver.complete(entry, index + 10);
  driver.turn();
  assertEquals(targets.map(({ results }) => results), [[10], [11], [12]]);
  assertEquals(reactor.inFlight, 0);
});

Deno.test("who asked for it is told once, after all completions of the turn", () => {
  const { driver, reactor } = scriptedReactor();
  const target = new Results();
  const seen: number[][] = [];
  const awaitEnd = {
    onCompletion: (tag: number, result: number) => {
      target.onCompletion(tag, result);
      if (seen.length === 0) reactor.atTurnEnd({ onTurnEnd: () => seen.push([...target.results]) });
    },
  };
  begin(reactor, awaitEnd);
  begin(reactor, target);
  driver.turn();
  for (const [index, entry] of [...driver.taken].entries()) driver.complete(entry, index);
  driver.turn();
  assertEquals(seen, [[0, 1]]);
  begin(reactor, target);
  driver.turn();
  driver.complete(driver.taken.at(-1)!, 2);
  driver.turn();
  assertEquals(target.results, [0, 1, 2]);
  assertEquals(seen, [[0, 1]], "the next turn is nobody's");
});

Deno.test("the room is what the submission queue takes at once", () => {
  const { driver, reactor } = scriptedReactor();
  const { room } = reactor;
  assert(room > 0);
  begin(reactor, new Results());
  assertEquals(reactor.room, room - 1);
  while (reactor.room > 0) begin(reactor, new Results());
  assertEquals(reactor.spilled, 0);
  begin(reactor, new Results());
  assertEquals(reactor.spilled, 1);
  driver.turn();
  assert(reactor.room > 0);
});

Deno.test("an idle reactor spins a few turns, sleeps, and runs again when it is woken", () => {
  const { driver, reactor } = scriptedReactor({ spinTurns: 3 });
  const target = new Results();
  reactor.reference();
  begin(reactor, target);
  while (driver.turn());
  assertEquals(driver.calls.filter((call) => call.startsWith("enter")), [
    "enter 1",
    "enter 0",
    "enter 0",
    "enter 0",
  ]);
  assertEquals(driver.calls.at(-1), "sleep alive");
  driver.complete(driver.taken[0], 7);
  driver.wake();
  assertEquals(target.results, [7], "a wake-up runs its turn at once");
  assert(driver.isScheduled, "and the next one follows");
});

Deno.test("a reactor does not sleep on completions that came at the last moment", () => {
  const { driver, reactor } = scriptedReactor({ spinTurns: 0 });
  const target = new Results();
  begin(reactor, target);
  // Between the drain of its last turn and its sleep:
  const { sleep } = driver;
  driver.sleep = (alive) => {
    driver.sleep = sleep;
    driver.complete(driver.taken[0], 1);
    return driver.sleep(alive);
  };
  driver.turn();
  assertEquals(driver.calls.at(-2), "sleep refused");
  assertEquals(driver.calls.at(-1), "defer");
  driver.turn();
  assertEquals(target.results, [1]);
});

Deno.test("waking a reactor whose turn is coming anyway does nothing", () => {
  const { driver, reactor } = scriptedReactor();
  begin(reactor, new Results());
  driver.wake();
  assertEquals(driver.calls, ["defer"]);
  driver.turn();
  assertEquals(driver.calls, ["defer", "enter 1", "defer"]);
});

Deno.test("a sleeping reactor is kept alive from its first reference to its last", () => {
  const { driver, reactor } = scriptedReactor();
  reactor.kick();
  while (driver.turn());
  assertEquals(driver.calls.at(-1), "sleep unreferenced");
  driver.calls.length = 0;
  reactor.reference();
  reactor.reference();
  reactor.dereference();
  reactor.dereference();
  reactor.reference();
  reactor.dereference();
  const expected = [true, false, true, false].map((alive) => `keepAlive ${alive}`);
  assertEquals(driver.calls, expected);
});

Deno.test("a reactor breathes every few busy turns, and in each that brings nothing while unreferenced", () => {
  const { driver, reactor } = scriptedReactor({ breatheTurns: 3, spinTurns: 20 });
  const target = new Results();
  const turnBusily = (): void => {
    for (const entry of [...driver.taken]) driver.complete(entry, 0);
    begin(reactor, target);
    driver.turn();
  };
  reactor.reference();
  begin(reactor, target);
  driver.turn();
  driver.calls.length = 0;
  for (let count = 0; count < 6; count++) turnBusily();
  const hows = () => driver.calls.filter((call) => call === "defer" || call === "breathe");
  assertEquals(hows(), ["defer", "defer", "breathe", "defer", "defer", "breathe"]);
  reactor.dereference();
  driver.calls.length = 0;
  for (let count = 0; count < 3; count++) turnBusily();
  assertEquals(hows(), ["defer", "defer", "breathe"]);
  driver.calls.length = 0;
  for (let count = 0; count < 3; count++) driver.turn();
  assertEquals(hows(), ["breathe", "breathe", "breathe"]);
  assert(!driver.isAlive);
});

Deno.test("who awaits one call after the other waits for the event loop every few turns only", () => {
  const { driver, reactor } = scriptedReactor({ breatheTurns: 3, spinTurns: 20 });
  Object.assign(driver, { noteWork: () => driver.calls.push("noteWork") });
  const caller = { onCompletion: () => reactor.dereference() };
  const callOnce = (): string[] => {
    driver.calls.length = 0;
    reactor.reference();
    begin(reactor, caller);
    driver.turn();
    driver.complete(driver.taken[0], 0);
    driver.turn();
    return driver.calls.filter((call) => ["defer", "breathe", "noteWork"].includes(call));
  };
  assertEquals(callOnce(), ["defer", "defer", "defer"]);
  const [goesOn, mustBreathe] = [["defer", "defer"], ["defer", "breathe"]];
  const afterwards = ["noteWork", "defer", "defer"];
  for (const expected of [goesOn, mustBreathe, afterwards, goesOn, mustBreathe]) {
    assertEquals(callOnce(), expected);
  }
  // Nothing keeps the process alive now: the ring breathes.
  while (driver.calls.at(-1) !== "breathe") driver.turn();
  assert(!driver.isAlive);
});

Deno.test("what the consumer did not take, for a while, is submitted again", () => {
  for (const refusal of [-Errno.EAGAIN, -Errno.EBUSY, -Errno.EINTR, 0, 1]) {
    const { driver, reactor } = scriptedReactor({ spinTurns: 0 });
    const target = new Results();
    for (let count = 0; count < 3; count++) begin(reactor, target);
    driver.enterResults.push(refusal);
    while (driver.turn() && driver.taken.length < 3);
    const left = 3 - Math.max(0, refusal);
    assertEquals(driver.calls.filter((call) => call.startsWith("enter")), [
      "enter 3",
      `enter ${left}`,
    ]);
    assertEquals(driver.taken.length, 3);
  }
});

Deno.test("a ring that cannot be entered at all says so", () => {
  const { driver, reactor } = scriptedReactor();
  begin(reactor, new Results());
  driver.enterResults.push(-Errno.EBADF);
  assertThrows(() => driver.turn(), Error, "the ring cannot be entered: errno 9");
});

Deno.test("entries that find no room are submitted by later turns, in order", async () => {
  const { driver, reactor } = scriptedReactor({ spinTurns: 0 });
  const target = new Results();
  for (let count = 0; count < 100; count++) {
    const slot = reactor.slots.take(target, 0);
    reactor.entry(Op.NOP, count, slot);
  }
  assertEquals(reactor.spilled, 92);
  // The reactor must not sleep on them, although it has nothing else to do.
  await driver.settle();
  assertEquals(driver.taken.map(({ fd }) => fd), Array.from({ length: 100 }, (_, fd) => fd));
});

Deno.test("a flood of completions overflows the queue and loses none", async () => {
  const { driver, reactor } = scriptedReactor();
  const target = new Results();
  for (let count = 0; count < 150; count++) begin(reactor, target);
  await driver.settle();
  for (const [index, entry] of [...driver.taken].entries()) driver.complete(entry, index);
  driver.wake();
  await driver.settle();
  assertEquals(target.results, Array.from({ length: 150 }, (_, index) => index));
  assertEquals(reactor.overflows, 134);
  assertEquals(reactor.inFlight, 0);
});

Deno.test("driver operations take the side queue and complete within their turn", () => {
  const { driver, reactor } = scriptedReactor({ withSide: true });
  const target = new Results();
  driver.sideResult = 5;
  begin(reactor, target, FIRST_DRIVER_OP);
  begin(reactor, target, Op.NOP);
  driver.turn();
  assertEquals(target.results, [5]);
  assertEquals(driver.taken.map(({ opcode }) => opcode), [Op.NOP]);
});

Deno.test("driver operations that follow from each other complete within one turn", () => {
  const { driver, reactor } = scriptedReactor({ withSide: true });
  let left = 10;
  const target = {
    onCompletion(): void {
      if (--left > 0) begin(reactor, target, FIRST_DRIVER_OP);
    },
  };
  begin(reactor, target, FIRST_DRIVER_OP);
  driver.turn();
  assertEquals(left, 0);
});

Deno.test("more driver operations than the side queue holds all complete", async () => {
  for (const isLate of [false, true]) {
    const { driver, reactor } = scriptedReactor({
      withSide: true,
      spinTurns: 0,
      plan: { slots: 2000 },
    });
    const target = new Results();
    if (isLate) driver.sideResult = null;
    for (let count = 0; count < 1000; count++) begin(reactor, target, FIRST_DRIVER_OP);
    await driver.settle();
    for (const entry of [...driver.taken]) driver.complete(entry, 0);
    driver.wake();
    await driver.settle();
    assertEquals(target.results.length, 1000);
  }
});

Deno.test("a completion target that throws loses nothing but itself", async () => {
  const { driver, reactor } = scriptedReactor();
  const target = new Results();
  const thrower = {
    onCompletion(): void {
      throw new Error("a target's own failure");
    },
  };
  begin(reactor, target);
  begin(reactor, thrower);
  begin(reactor, target);
  begin(reactor, thrower);
  driver.turn();
  for (const [index, entry] of [...driver.taken].entries()) driver.complete(entry, index);
  let thrown = 0;
  for (let turns = 0; turns < 5; turns++) {
    try {
      driver.turn();
    } catch (error) {
      assertEquals((error as Error).message, "a target's own failure");
      thrown++;
    }
  }
  assertEquals(thrown, 2);
  assertEquals(target.results, [0, 2]);
  assertEquals(reactor.inFlight, 0);
  await driver.settle();
  assert(driver.isAsleep, "it must be able to sleep again");
});

Deno.test("late completions are counted and told nobody", () => {
  const { driver, reactor } = scriptedReactor();
  const target = new Results();
  const slot = begin(reactor, target);
  driver.turn();
  driver.complete(driver.taken[0], 1);
  driver.post(slot, 0, 2);
  driver.post(99, 3, 4);
  driver.turn();
  assertEquals(target.results, [1]);
  assertEquals(reactor.slots.late, 2);
});

Deno.test("cancel() names the operation, cancelAll() all of them", () => {
  const { driver, reactor } = scriptedReactor();
  const slot = begin(reactor, new Results());
  reactor.cancel(slot);
  reactor.cancelAll();
  driver.turn();
  const [, one, all] = driver.taken;
  assertEquals([one.opcode, one.slot], [Op.ASYNC_CANCEL, IGNORED_SLOT]);
  assertEquals([one.words[W_ADDRESS], one.words[W_ADDRESS + 1]], [
    slot,
    reactor.slots.generation(slot),
  ]);
  assertEquals(all.words[W_OPERATION_FLAGS], CancelFlag.ANY | CancelFlag.ALL);
});
