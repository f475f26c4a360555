import { assertEquals } from "@std/assert";
import { SendCancel } from "./send_cancel.ts";
import { Deadlines, type DeadlineTarget } from "../../ring/deadlines.ts";
import type { Reactor } from "../../ring/reactor.ts";

Deno.test("a send is cancelled until it is over, and not any more then", () => {
  const deadlines = new Deadlines();
  const cancelled: number[] = [];
  let nowMs = 0;
  const reactor = {
    cancel: (slot: number) => void cancelled.push(slot),
    armDeadline: (delayMs: number, target: DeadlineTarget, tag: number) =>
      deadlines.arm(nowMs + delayMs, target, tag),
    disarmDeadline: deadlines.disarm.bind(deadlines),
  } as unknown as Reactor;
  const cancel = new SendCancel(reactor, 7);
  assertEquals(cancelled, [7]);
  for (let tries = 2; tries <= 4; tries++) {
    nowMs = deadlines.next;
    deadlines.fire(nowMs);
    assertEquals(cancelled.length, tries);
  }
  cancel.end();
  cancel.end();
  assertEquals([deadlines.size, cancelled.length], [0, 4]);
});
