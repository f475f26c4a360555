/**
 * Rings over a stack that has no network, for tests of what is between them.
 *
 * @module
 */

import { Errno } from "../../../ring/abi/errno.ts";
import type { MemoryPlan } from "../../../ring/memory.ts";
import { type StackClock, SystemClock } from "../../../drivers/stack/clock.ts";
import { Directory } from "../../../drivers/stack/directory.ts";
import { StackDriver } from "../../../drivers/stack/driver.ts";
import { TEST_PLAN, TestProgram } from "../test_program.ts";
import type { PendingLookup, StackService } from "../../../drivers/stack/service.ts";
import { StackHost } from "../../../drivers/stack/stack_host.ts";
import { TestCore } from "./test_core.ts";

/** Names of a test, and nothing else. */
export function testService(): StackService {
  const directory = new Directory({ "one.example": "192.0.2.1" }, "tester", () => [0x0a00_0001]);
  const soon = (done: () => void): PendingLookup => {
    let isEnded = false;
    queueMicrotask(() => {
      if (!isEnded) done();
    });
    return { cancel: () => void (isEnded = true) };
  };
  return {
    resolve: (name, family, done) =>
      soon(() => {
        const found = directory.find(name)?.filter((address) =>
          family === 0 || (typeof address === "number") === (family === 4)
        );
        done(found ?? { errno: Errno.ENOENT });
      }),
    reverse: (address, done) => soon(() => done(directory.nameOf(address) ?? { errno: 2 })),
    canonical: (name) => name,
    interfaceIndex: (name) => name === "lo" ? 1 : 0,
    control: (request) => ({ heard: request }),
    subscribe: () => () => {},
  };
}

/** Opens a ring over a stack of its own. */
export function openTestDriver(
  plan: MemoryPlan,
  clock: StackClock = new SystemClock(),
): { driver: StackDriver; core: TestCore } {
  const core = new TestCore();
  const host = new StackHost({ core, service: testService(), clock });
  const driver = new StackDriver({
    host,
    plan,
    without: {},
    why: "",
    onClosed: () => host.close(),
  });
  return { driver, core };
}

/** Registers a test with a program that drives a ring over a stack of its own. */
export function testStack(
  name: string,
  body: (program: TestProgram, core: TestCore) => Promise<void>,
): void {
  Deno.test(name, async () => {
    const { driver, core } = openTestDriver(TEST_PLAN);
    const program = TestProgram.over(driver);
    try {
      await body(program, core);
    } finally {
      await program.close();
    }
    if (core.open !== 0) throw new Error(`${core.open} sockets are still open`);
  });
}
