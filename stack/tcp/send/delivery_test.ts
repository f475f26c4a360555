import { assertEquals } from "@std/assert";
import { SenderBed } from "../../../tests/support/stack/tcp/sender.ts";

const MILLISECOND = 1000;

Deno.test("a sample has the bytes delivered since its packet was sent, and their time", () => {
  const bed = new SenderBed({ window: 20_000, rtt: 100 * MILLISECOND });
  bed.sender.noDelay = true;
  for (let nth = 0; nth < 10; nth++) {
    bed.write(1000);
    bed.pass(10 * MILLISECOND);
  }
  // The first was sent 100 ms ago, with nothing delivered.
  bed.acknowledge(1000);
  const [first] = bed.control.samples;
  assertEquals([first.deliveredBytes, first.interval], [1000, 100 * MILLISECOND]);
  assertEquals([first.rtt, first.acknowledgedBytes], [100 * MILLISECOND, 1000]);
  assertEquals([first.priorInFlight, first.inFlight], [10_000, 9000]);
  bed.write(1000);
  for (let upTo = 2000; upTo <= 10_000; upTo += 1000) {
    bed.pass(10 * MILLISECOND);
    bed.acknowledge(upTo);
  }
  bed.pass(10 * MILLISECOND);
  bed.acknowledge(11_000);
  const last = bed.control.samples.at(-1)!;
  // The eleventh was sent when one was delivered, and ten more were delivered in 100 ms.
  assertEquals([last.priorDelivered, last.deliveredBytes], [1000, 10_000]);
  assertEquals(last.interval, 100 * MILLISECOND);
  assertEquals(last.totalDelivered, 11_000);
});

Deno.test("acknowledgments that come in a heap do not make the rate seem higher", () => {
  const bed = new SenderBed({ window: 20_000, rtt: 100 * MILLISECOND });
  bed.sender.noDelay = true;
  for (let nth = 0; nth < 10; nth++) {
    bed.write(1000);
    bed.pass(50 * MILLISECOND);
  }
  bed.acknowledge(10_000);
  const [sample] = bed.control.samples;
  // It took 450 ms to send them, however quickly they were acknowledged.
  assertEquals([sample.deliveredBytes, sample.interval], [10_000, 500 * MILLISECOND]);
});

Deno.test("acknowledgments that were held back do not make it seem higher either", () => {
  const bed = new SenderBed({ window: 20_000, rtt: 100 * MILLISECOND });
  bed.sender.noDelay = true;
  for (let nth = 0; nth < 10; nth++) {
    bed.write(1000);
    bed.pass(50 * MILLISECOND);
  }
  bed.acknowledge(1000);
  bed.write(1000);
  bed.pass(10 * MILLISECOND);
  bed.acknowledge(11_000);
  // Ten segments in 10 ms, but they were sent within 500.
  const { deliveredBytes, interval } = bed.control.samples[1];
  assertEquals([deliveredBytes, interval], [10_000, 500 * MILLISECOND]);
});

Deno.test("a round trip begins with what was sent in the one before", () => {
  const bed = new SenderBed({ window: 4000 });
  bed.write(20_000);
  const rounds: boolean[] = [];
  for (let upTo = 1000; upTo <= 12_000; upTo += 1000) {
    bed.pass(10 * MILLISECOND);
    bed.acknowledge(upTo);
    rounds.push(bed.control.samples.at(-1)!.isRoundStart);
  }
  assertEquals(rounds.map(Number), [1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0]);
});

Deno.test("what is sent while the program is the limit says so", () => {
  const bed = new SenderBed({ window: 10_000 });
  bed.write(2000);
  bed.pass(100 * MILLISECOND);
  bed.write(10_000);
  bed.pass(100 * MILLISECOND);
  bed.acknowledge(2000);
  bed.acknowledge(10_000);
  assertEquals(bed.control.samples.map((one) => one.isApplicationLimited), [false, true]);
  assertEquals(bed.sender.flight!.applicationLimit, 12_000);
});

Deno.test("a window that is not used is not said to be the limit", () => {
  const bed = new SenderBed({ window: 100_000 });
  bed.write(2000);
  bed.acknowledge(2000);
  assertEquals(bed.control.samples.at(-1)!.isWindowLimited, false);
  const half = new SenderBed({ window: 5000 });
  half.write(3000);
  half.acknowledge(3000);
  assertEquals(half.control.samples.at(-1)!.isWindowLimited, true);
  const full = new SenderBed({ window: 5000 });
  full.write(20_000);
  full.acknowledge(1000);
  assertEquals(full.control.samples.at(-1)!.isWindowLimited, true);
});

Deno.test("the sample tells what was lost, and what since its packet was sent", () => {
  const bed = new SenderBed({ window: 20_000 });
  bed.write(20_000);
  bed.pass(100 * MILLISECOND);
  bed.acknowledge(0, [[2000, 5000]]);
  const [sample] = bed.control.samples;
  assertEquals([sample.lostBytes, sample.lostSinceSend], [2000, 2000]);
  assertEquals(sample.isRecovering, true);
  bed.acknowledge(0, [[2000, 6000]]);
  assertEquals(bed.control.samples[1].lostSinceSend, 2000);
});
