import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { SeededRandom } from "../../../stack/random.ts";
import { Stack } from "../../../stack/stack.ts";
import { TestClock } from "../../../tests/support/stack/test_clock.ts";
import { testService } from "../../../tests/support/stack/test_stack.ts";
import { PipePort } from "../../port/pipe.ts";
import { createPipe } from "../../port/pipe_handle.ts";
import { StackHost } from "../stack_host.ts";
import { createShardSteering, openShardFrames } from "./frames.ts";

Deno.test("shards agree on their secrets, and have pipes to shard 0 and from it", () => {
  const places = createShardSteering(4);
  for (const steering of places) {
    assertEquals(steering.hashKey, places[0].hashKey);
    assertEquals(steering.addressSecret, places[0].addressSecret);
    assertEquals(steering.fastOpenSecret, places[0].fastOpenSecret);
    assertEquals(steering.portTable, places[0].portTable);
  }
  const [one, other] = [places[0], createShardSteering(4)[0]];
  assertNotEquals(one.hashKey, other.hashKey);
  assertNotEquals(one.addressSecret, other.addressSecret);
  assertNotEquals(one.addressSecret, one.fastOpenSecret);
  const leads = places.map(({ handovers }) => handovers.map((end) => end?.side ?? "-").join(""));
  assertEquals(leads, ["-000", "1---", "1---", "1---"]);
  for (const count of [0, 65, 1.5]) {
    assertThrows(() => createShardSteering(count), RangeError, "1 to 64 shards");
  }
  assertEquals(createShardSteering(1)[0].handovers, [null]);
});

Deno.test("a seed makes the same secrets again", () => {
  const [one, same] = [1, 2].map(() => createShardSteering(2, new SeededRandom(7))[1]);
  assertEquals(one.hashKey, same.hashKey);
  assertEquals(one.addressSecret, same.addressSecret);
});

Deno.test("only shard 0 directs, and tells what it did", () => {
  const places = createShardSteering(3);
  const [one, other] = [0, 1].map((index) =>
    openShardFrames({ index, count: 3, steering: places[index] })
  );
  assertEquals(one.statistics(), { directed: [0, 0, 0], copied: 0, ruleFailures: 0 });
  assertEquals(other.statistics(), null);
  const { ends, own } = one.direct(new PipePort(createPipe({ mtu: 9000 })[0]));
  assertEquals([ends.length, own.mtu, other.openEnd(ends[0]).mtu], [2, 9000, 9000]);
});

Deno.test("a shard without a loopback interface is an error", () => {
  const [steering] = createShardSteering(1);
  const frames = openShardFrames({ index: 0, count: 1, steering });
  const stack = new Stack({
    random: new SeededRandom(1),
    ...frames.parts,
  });
  const clock = new TestClock();
  const host = new StackHost({ core: stack, service: testService(), clock });
  assertThrows(() => frames.attach(stack, host), Error, "loopback");
});
