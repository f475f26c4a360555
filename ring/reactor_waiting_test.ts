import { assert, assertEquals } from "@std/assert";
import type { Reactor } from "./reactor.ts";
import { IGNORED_SLOT } from "./slots.ts";
import { Errno } from "./abi/errno.ts";
import { W_LENGTH, W_OFFSET } from "./abi/layout.ts";
import { Op } from "./abi/opcodes.ts";
import type { Deadline } from "./deadlines.ts";
import { scriptedReactor } from "../tests/support/scripted_driver.ts";
import { scale, withSeed } from "../tests/support/seed.ts";

/** Takes what it can, in the manner of a receive: as many buffers as there are. */
function hold(reactor: Reactor, ids: readonly number[]): void {
  for (const id of ids) reactor.buffers.arrive(id);
}

const ALL = [0, 1, 2, 3, 4, 5, 6, 7];

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

Deno.test("those who wait for buffers are resumed in order, one for each buffer", async () => {
  const { driver, reactor } = scriptedReactor();
  const resumed: number[] = [];
  hold(reactor, ALL);
  for (const name of [1, 2, 3]) {
    reactor.awaitBuffers({
      resume(): boolean {
        resumed.push(name);
        hold(reactor, [name]);
        return true;
      },
    });
  }
  await driver.settle();
  assertEquals(resumed, []);
  reactor.buffers.release(1);
  reactor.kick();
  await driver.settle();
  assertEquals(resumed, [1]);
  reactor.buffers.release(2);
  reactor.buffers.release(3);
  reactor.kick();
  await driver.settle();
  assertEquals(resumed, [1, 2, 3]);
});

Deno.test("a buffer that comes back while the ring sleeps resumes whoever waits", async () => {
  const { driver, reactor } = scriptedReactor();
  let resumed = 0;
  hold(reactor, ALL);
  reactor.awaitBuffers({ resume: () => ++resumed > 0 });
  reactor.kick();
  await driver.settle();
  assert(driver.isAsleep);
  reactor.buffers.release(5);
  await driver.settle();
  assertEquals(resumed, 1);
});

Deno.test("who gave up waiting for buffers keeps nobody behind it waiting", async () => {
  const { driver, reactor } = scriptedReactor({ spinTurns: 0 });
  const resumed: string[] = [];
  hold(reactor, ALL);
  for (const name of ["gone", "gone", "gone", "waits"]) {
    reactor.awaitBuffers({
      resume(): boolean {
        resumed.push(name);
        return true;
      },
    });
  }
  await driver.settle();
  reactor.buffers.release(0);
  reactor.kick();
  await driver.settle();
  assertEquals(resumed, ["gone", "gone", "gone", "waits"]);
});

Deno.test("those who wait for arena memory are resumed strictly in order", async () => {
  const { driver, reactor } = scriptedReactor();
  const { arena } = reactor;
  const blocks: number[] = [];
  const big = arena.take(4096);
  const small = arena.take(4096);
  const waiter = (name: string, bytes: number, log: string[]) => ({
    resume(): boolean {
      const block = arena.take(bytes);
      if (block < 0) return false;
      blocks.push(block);
      log.push(name);
      return true;
    },
  });
  const log: string[] = [];
  reactor.awaitArena(waiter("large", 8192, log));
  reactor.awaitArena(waiter("tiny", 256, log));
  reactor.giveArena(small);
  await driver.settle();
  assertEquals(log, [], "the tiny one must not starve the large one");
  reactor.giveArena(big);
  await driver.settle();
  assertEquals(log, ["large"]);
  reactor.giveArena(blocks[0]);
  await driver.settle();
  assertEquals(log, ["large", "tiny"]);
});

Deno.test("without a buffer ring, entries provide buffers: all, then each", async () => {
  const { driver, reactor } = scriptedReactor({ features: { bufferRing: false } });
  await driver.settle();
  const [first] = driver.taken.splice(0);
  assertEquals([first.opcode, first.fd, first.words[W_OFFSET]], [Op.PROVIDE_BUFFERS, 8, 0]);
  assertEquals(first.words[W_LENGTH], 256);
  hold(reactor, [3]);
  reactor.buffers.release(3);
  reactor.kick();
  await driver.settle();
  const [again] = driver.taken;
  assertEquals([again.opcode, again.fd, again.words[W_OFFSET]], [Op.PROVIDE_BUFFERS, 1, 3]);
});

Deno.test("whenIdle() resolves once the last operation is over", async () => {
  const { driver, reactor } = scriptedReactor();
  await reactor.whenIdle();
  const target = { onCompletion(): void {} };
  const slots = [0, 1].map(() => reactor.slots.take(target, 0));
  for (const slot of slots) reactor.entry(Op.NOP, -1, slot);
  let isIdle = false;
  const idle = reactor.whenIdle().then(() => void (isIdle = true));
  await driver.settle();
  driver.complete(driver.taken[0], 0);
  driver.wake();
  await driver.settle();
  assert(!isIdle);
  driver.complete(driver.taken[0], 0);
  driver.wake();
  await driver.settle();
  await idle;
});

Deno.test("close() waits for what is in flight and frees the driver once", async () => {
  const { driver, reactor } = scriptedReactor();
  let fired = 0;
  reactor.armDeadline(1000, { onDeadline: () => void fired++ }, 0);
  const slot = reactor.slots.take({ onCompletion(): void {} }, 0);
  reactor.entry(Op.NOP, -1, slot);
  const closing = [reactor.close(), reactor.close()];
  await driver.settle();
  assert(!driver.isClosed);
  driver.complete(driver.taken[0], -Errno.ECANCELED);
  driver.wake();
  await driver.settle();
  await Promise.all(closing);
  assertEquals(driver.calls.filter((call) => call === "close"), ["close"]);
  assertEquals(driver.timeoutDue, null);
  assertEquals([reactor.isClosed, driver.isAlive, fired], [true, false, 0]);
  driver.wake();
  reactor.kick();
  assert(!driver.isScheduled, "a closed reactor runs no more turns");
});

Deno.test("close() submits what nobody awaits first: a descriptor to close, say", async () => {
  const { driver, reactor } = scriptedReactor();
  reactor.entry(Op.CLOSE, 33, IGNORED_SLOT);
  const closing = reactor.close();
  await driver.settle();
  await closing;
  assertEquals(driver.taken.map(({ opcode, fd }) => [opcode, fd]), [[Op.CLOSE, 33]]);
});
