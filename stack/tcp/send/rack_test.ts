import { assertEquals } from "@std/assert";
import { SenderBed } from "../../../tests/support/stack/tcp/sender.ts";
import { Recovery } from "./flight.ts";
import { SendCounter } from "./counters.ts";
import { reorderingWindow } from "./rack.ts";

const MILLISECOND = 1000;

/** Ten segments, a millisecond apart; the round trip is 100 ms. */
function tenSegments(more: ConstructorParameters<typeof SenderBed>[0] = {}): SenderBed {
  const bed = new SenderBed({ window: 20_000, ...more });
  bed.sender.noDelay = true;
  for (let nth = 0; nth < 10; nth++) {
    bed.write(1000);
    bed.pass(MILLISECOND);
  }
  bed.take();
  bed.pass(90 * MILLISECOND);
  return bed;
}

Deno.test("three segments that arrived behind a gap make it lost at once", () => {
  const bed = tenSegments();
  bed.acknowledge(0, [[1000, 2000]]);
  bed.acknowledge(0, [[1000, 3000]]);
  assertEquals(bed.take(), []);
  bed.acknowledge(0, [[1000, 4000]]);
  assertEquals(bed.take(), [[0, 1000]]);
  assertEquals(bed.control.heard, ["loss"]);
});

// covers RFC 8985 6.2 SHOULD
// covers RFC 8985 4 MUST
Deno.test("one segment that arrived makes the gap lost after a quarter of the round trip", () => {
  const bed = tenSegments();
  bed.acknowledge(0, [[1000, 2000]]);
  assertEquals(bed.take(), []);
  // Sent at 0 ms and 1 ms, acknowledged at 100 ms: RTT 99 ms.
  assertEquals(bed.fire(), (99 / 4) * MILLISECOND);
  assertEquals(bed.take(), [[0, 1000]]);
  assertEquals(bed.count(SendCounter.FAST_RECOVERIES), 1);
});

Deno.test("once reordering was seen, three segments lose nothing before its window ends", () => {
  const bed = tenSegments();
  bed.acknowledge(0, [[2000, 3000]]);
  bed.acknowledge(0, [[1000, 3000]]);
  assertEquals(bed.sender.hasReordering, true);
  bed.acknowledge(0, [[1000, 6000]]);
  assertEquals(bed.take(), []);
  bed.acknowledge(6000);
  assertEquals(bed.control.heard, []);
});

// covers RFC 8985 4 MUST
Deno.test("what was sent again and arrives late is no reordering", () => {
  const bed = tenSegments();
  bed.acknowledge(0, [[1000, 4000]]);
  assertEquals(bed.take(), [[0, 1000]]);
  bed.pass(100 * MILLISECOND);
  bed.acknowledge(4000);
  assertEquals(bed.sender.hasReordering, false);
});

Deno.test("a retransmission that is lost is found by what was sent after it", () => {
  const bed = tenSegments();
  bed.acknowledge(0, [[1000, 4000]]);
  assertEquals(bed.take(), [[0, 1000]]);
  bed.pass(MILLISECOND);
  bed.write(3000);
  bed.acknowledge(0, [[1000, 7000]]);
  bed.acknowledge(0, [[1000, 10_000]]);
  assertEquals(bed.take(), [[10_000, 1000], [11_000, 1000], [12_000, 1000]]);
  bed.pass(100 * MILLISECOND);
  bed.acknowledge(0, [[1000, 11_000]]);
  assertEquals(bed.take(), [[0, 1000]]);
});

// covers RFC 8985 6.2 MUST
Deno.test("an acknowledgment faster than the least round trip is not of the retransmission", () => {
  const bed = tenSegments();
  bed.acknowledge(0, [[1000, 4000]]);
  bed.take();
  const { rackSentAt } = bed.sender.flight!;
  bed.pass(2 * MILLISECOND);
  bed.acknowledge(1000 + 3000);
  assertEquals(bed.sender.flight!.rackSentAt, rackSentAt);
});

// covers RFC 8985 6.2 MUST
Deno.test("an echo from before the retransmission is not of it", () => {
  const bed = tenSegments({ hasTimestamps: true });
  const early = bed.timestampNow - 95;
  bed.acknowledge(0, [[1000, 4000]], { echo: early });
  bed.take();
  const { rackSentAt } = bed.sender.flight!;
  bed.pass(150 * MILLISECOND);
  bed.acknowledge(4000, [], { echo: early });
  assertEquals(bed.sender.flight!.rackSentAt, rackSentAt);
});

Deno.test("the reordering window grows with each round with a D-SACK, and shrinks again", () => {
  const bed = tenSegments();
  bed.acknowledge(3000, [[1000, 2000]]);
  assertEquals(bed.sender.reorderMultiplier, 2);
  // Still the same round.
  bed.acknowledge(4000, [[2000, 3000]]);
  assertEquals(bed.sender.reorderMultiplier, 2);
  bed.acknowledge(10_000);
  bed.write(1000);
  bed.write(1000);
  bed.acknowledge(11_000, [[9000, 10_000]]);
  assertEquals(bed.sender.reorderMultiplier, 3);
  assertEquals(bed.sender.reorderPersistence, 16);
  bed.acknowledge(12_000);
  for (let recovery = 0, from = 12_000; recovery < 16; recovery++, from += 5000) {
    assertEquals(bed.sender.reorderMultiplier, 3);
    bed.control.window = 20_000;
    bed.write(5000);
    bed.pass(100 * MILLISECOND);
    bed.acknowledge(from, [[from + 1000, from + 4000]]);
    bed.pass(100 * MILLISECOND);
    bed.acknowledge(from + 5000);
  }
  assertEquals(bed.sender.reorderMultiplier, 1);
});

// covers RFC 8985 6.3 MUST
Deno.test("a timeout loses the first segment and what is older than a round trip, no more", () => {
  const bed = new SenderBed({ window: 20_000, options: { maximumAcknowledgmentDelay: 1 } });
  bed.sender.noDelay = true;
  bed.write(1000);
  bed.pass(100 * MILLISECOND);
  bed.acknowledge(1000);
  bed.write(3000);
  // The probe's time, and the timer's.
  bed.fire();
  bed.take();
  const { flight } = bed.sender;
  bed.pass(flight!.rtoAt - bed.environment.now - 10 * MILLISECOND);
  bed.write(1000);
  bed.fire();
  assertEquals(bed.take(), [[4000, 1000], [1000, 1000]]);
  assertEquals(flight!.recovery, Recovery.LOSS);
  // The last segment is 10 ms old.
  assertEquals([flight!.lost, flight!.inFlight], [2000, 2000]);
});

Deno.test("in a step, which has one time, what was sent first is known by its order", () => {
  const bed = tenSegments();
  bed.control.ownsRecovery = true;
  // New data leave, then what is lost, in the same step.
  bed.control.window = 10_000;
  bed.write(3000);
  bed.acknowledge(0, [[1000, 3000]]);
  assertEquals(bed.take().map(([offset]) => offset), [10_000, 11_000]);
  bed.acknowledge(0, [[1000, 4000]]);
  bed.control.window = 20_000;
  bed.sender.output();
  assertEquals(bed.take().map(([offset]) => offset), [0, 12_000]);
  bed.pass(100 * MILLISECOND);
  // Both arrive that were sent before the retransmission: that may be on its way.
  bed.acknowledge(0, [[1000, 12_000]]);
  assertEquals(bed.take(), []);
  // And what was sent behind it.
  bed.acknowledge(0, [[1000, 13_000]]);
  assertEquals(bed.take(), [[0, 1000]]);
});

Deno.test("in recovery one segment that arrived makes the gap lost at once", () => {
  const bed = tenSegments();
  bed.acknowledge(0, [[1000, 4000]]);
  bed.take();
  bed.pass(100 * MILLISECOND);
  bed.acknowledge(4000, [[5000, 6000]]);
  assertEquals(bed.take()[0], [4000, 1000]);
});

Deno.test("the window of reordering is no longer than a round trip", () => {
  const bed = tenSegments();
  bed.sender.hasReordering = true;
  assertEquals(reorderingWindow(bed.sender, bed.sender.flight!), 25 * MILLISECOND);
  bed.sender.reorderMultiplier = 3;
  assertEquals(reorderingWindow(bed.sender, bed.sender.flight!), 75 * MILLISECOND);
  bed.sender.reorderMultiplier = 30;
  assertEquals(reorderingWindow(bed.sender, bed.sender.flight!), 100 * MILLISECOND);
});

Deno.test("a timeout loses the first segment however long round trips were", () => {
  const bed = tenSegments();
  bed.fire();
  bed.sender.flight!.rackRtt = 10_000_000;
  while (bed.count(SendCounter.TIMEOUTS) === 0) bed.fire();
  assertEquals(bed.take().at(-1), [0, 1000]);
});

Deno.test("a SACK tells of a retransmission, although its echo is older, as gaps make it", () => {
  const bed = tenSegments({ hasTimestamps: true });
  const early = bed.timestampNow - 100;
  bed.control.ownsRecovery = true;
  bed.acknowledge(0, [[2000, 10_000]], { echo: early });
  bed.control.window = 20_000;
  bed.sender.output();
  assertEquals(bed.take(), [[0, 1000], [1000, 1000]]);
  const { rackOrder } = bed.sender.flight!;
  bed.pass(100 * MILLISECOND);
  // The first retransmission is lost, the second arrives behind the gap.
  bed.acknowledge(0, [[1000, 10_000]], { echo: early });
  assertEquals(bed.sender.flight!.rackOrder !== rackOrder, true);
  assertEquals(bed.take(), [[0, 1000]]);
});
