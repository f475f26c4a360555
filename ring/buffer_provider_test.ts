import { assert, assertEquals } from "@std/assert";
import type { Reactor } from "./reactor.ts";
import { W_LENGTH, W_OFFSET } from "./abi/layout.ts";
import { Op } from "./abi/opcodes.ts";
import { scriptedReactor } from "../tests/support/scripted_driver.ts";

/** Takes what it can, in the manner of a receive: as many buffers as there are. */
function hold(reactor: Reactor, ids: readonly number[]): void {
  for (const id of ids) reactor.buffers.arrive(id);
}

const ALL = [0, 1, 2, 3, 4, 5, 6, 7];

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
