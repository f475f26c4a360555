import { assert, assertEquals } from "@std/assert";
import { SenderBed } from "../../../tests/support/stack/tcp/sender.ts";

const MILLISECOND = 1000;

function paced(rate: number, more: ConstructorParameters<typeof SenderBed>[0] = {}): SenderBed {
  const bed = new SenderBed({ window: 1 << 20, peerWindow: 65535, ...more });
  bed.control.pacingRate = rate;
  return bed;
}

Deno.test("segments leave at the rate of congestion control", () => {
  // 1000 bytes take 10 ms; a millisecond's worth is free.
  const bed = paced(100_000);
  bed.write(10_000);
  const start = bed.environment.now;
  const times: number[] = [];
  while (times.length < 10) {
    for (const one of bed.takeSent()) times.push(one.at - start);
    if (times.length < 10) bed.fire();
  }
  assertEquals(times, [0, 9, 19, 29, 39, 49, 59, 69, 79, 89].map((time) => time * MILLISECOND));
});

Deno.test("a timer that is late is made up for, up to a quantum", () => {
  const bed = paced(10_000_000);
  bed.write(60_000);
  bed.take();
  // 1000 bytes take 100 us.
  for (let late = 0; late < 4; late++) {
    bed.pass(900);
    bed.sender.onDeadline();
    assertEquals(bed.take().length, 9);
  }
  bed.pass(500_000);
  bed.sender.output();
  // No more than a quantum of a millisecond, and the segment that begins behind it.
  assert(bed.take().length <= 11);
});

Deno.test("the program's limit holds where it is lower", () => {
  const bed = paced(Infinity);
  bed.sender.maximumPacingRate = 100_000;
  bed.write(3000);
  assertEquals(bed.take().length, 1);
  assertEquals(bed.sender.nextDeadline(), bed.environment.now + 9 * MILLISECOND);
});

Deno.test("a super-segment is a quantum long, and two segments at least", () => {
  const fast = paced(20_000_000, { offload: 60_000 });
  fast.write(60_000);
  assertEquals(fast.take()[0], [0, 20_000]);
  const slow = paced(100_000, { offload: 60_000 });
  slow.write(60_000);
  assertEquals(slow.take(), [[0, 2000]]);
});

Deno.test("retransmissions are paced, but for the first", () => {
  const bed = new SenderBed({ window: 20_000 });
  bed.write(20_000);
  bed.take();
  bed.pass(100 * MILLISECOND);
  bed.control.pacingRate = 100_000;
  bed.control.ownsRecovery = true;
  bed.acknowledge(0, [[10_000, 20_000]]);
  assertEquals(bed.take(), [[0, 1000]]);
  const wait = bed.fire();
  assertEquals(wait, 9 * MILLISECOND);
  assertEquals(bed.take(), [[1000, 1000]]);
});
