import { assert, assertEquals } from "@std/assert";
import { IGNORED_SLOT } from "./slots.ts";
import { Errno } from "./abi/errno.ts";
import { Op } from "./abi/opcodes.ts";
import { scriptedReactor } from "../tests/support/scripted_driver.ts";

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
