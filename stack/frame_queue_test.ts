import { assertEquals, assertThrows } from "@std/assert";
import { FrameQueue } from "./frame_queue.ts";

Deno.test("frames leave a queue in the order they came, with their interfaces", () => {
  const queue = new FrameQueue(3);
  for (let round = 0; round < 5; round++) {
    assertEquals([queue.push(1, 10), queue.push(2, 20), queue.push(3, 30)], [true, true, true]);
    assertEquals(queue.push(4, 40), false);
    assertEquals([queue.interface, queue.shift()], [1, 10]);
    assertEquals([queue.interface, queue.shift()], [2, 20]);
    assertEquals(queue.push(5, 50), true);
    assertEquals([queue.interface, queue.shift()], [3, 30]);
    assertEquals([queue.interface, queue.shift(), queue.size], [5, 50, 0]);
    assertEquals(queue.shift(), -1);
  }
});

Deno.test("a queue has a capacity that makes sense", () => {
  for (const capacity of [0, -1, 1.5, NaN, 2 ** 21]) {
    assertThrows(() => new FrameQueue(capacity), RangeError);
  }
});
