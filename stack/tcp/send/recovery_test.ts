import { assert, assertEquals } from "@std/assert";
import { SenderBed, type SenderBedOptions } from "../../../tests/support/stack/tcp/sender.ts";
import { SendCounter } from "./counters.ts";
import { Recovery } from "./flight.ts";
import { pipeOf } from "./recovery.ts";

const MILLISECOND = 1000;

/** Twenty segments in flight, of which the first is lost or not. */
function twentySegments(more: SenderBedOptions = {}): SenderBed {
  const bed = new SenderBed({ window: 20_000, ...more });
  bed.write(100_000);
  bed.take();
  bed.pass(100 * MILLISECOND);
  return bed;
}

// covers RFC 5681 4.3 MUST
// covers RFC 5681 3.2 MUST
Deno.test("fast recovery reduces once, and ends when what was in flight is acknowledged", () => {
  const bed = twentySegments();
  bed.acknowledge(0, [[1000, 4000]]);
  bed.acknowledge(0, [[5000, 8000], [1000, 4000]]);
  assertEquals(bed.control.heard, ["loss"]);
  bed.pass(100 * MILLISECOND);
  bed.acknowledge(19_000);
  assertEquals(bed.sender.flight!.recovery, Recovery.FAST);
  bed.acknowledge(20_000);
  assertEquals(bed.control.heard, ["loss", "recovered"]);
  assertEquals(bed.sender.flight!.recovery, Recovery.OPEN);
});

// covers RFC 6937 3.1 MUST
Deno.test("proportional rate reduction sends one segment for two that are delivered", () => {
  const bed = twentySegments();
  bed.acknowledge(0, [[1000, 4000]]);
  // Half of 3000 bytes, and the segment that is lost in any case.
  assertEquals(bed.take(), [[0, 1000]]);
  let sent = 1000;
  for (let right = 5000; right <= 11_000; right += 1000) {
    bed.acknowledge(0, [[1000, right]]);
    sent += bed.take().reduce((sum, [, bytes]) => sum + bytes, 0);
    const { prrDelivered, prrOut } = bed.sender.flight!;
    assertEquals(prrOut, sent);
    assert(prrOut <= Math.ceil(prrDelivered / 2) + 1000, `${prrOut} of ${prrDelivered}`);
  }
  assertEquals(sent, 5000);
});

// covers RFC 6937 3.1 MUST
Deno.test("below the threshold the pipe is refilled by what arrived, and a segment more", () => {
  const bed = twentySegments();
  // Sixteen of twenty are lost: the pipe is far below the threshold of ten.
  bed.acknowledge(0, [[16_000, 20_000]]);
  assertEquals(bed.take().length, 4);
  assertEquals(pipeOf(bed.sender.flight!), 4000);
  bed.pass(100 * MILLISECOND);
  bed.acknowledge(1000, [[16_000, 20_000]]);
  // It made progress and nothing more is lost: one for what arrived, one for slow start.
  assertEquals(bed.take().length, 2);
});

// covers RFC 6675 4 MUST
Deno.test("SACK: what is lost is sent first, then new data", () => {
  const bed = twentySegments({ window: 20_000 });
  bed.control.threshold = 20_000;
  bed.acknowledge(0, [[2000, 3000], [4000, 9000]]);
  const first = bed.take();
  assertEquals(first[0], [0, 1000]);
  bed.acknowledge(0, [[2000, 3000], [4000, 15_000]]);
  const offsets = [...first, ...bed.take()].map(([offset]) => offset);
  assertEquals(offsets.slice(0, 3), [0, 1000, 3000]);
});

// covers RFC 6675 5 MUST
Deno.test("counting SACK: three segments behind a gap, or three runs, make it lost, once", () => {
  const counting = { options: { lossDetection: "sack" as const } };
  const bed = twentySegments(counting);
  bed.acknowledge(0, [[1000, 3000]]);
  assertEquals(bed.control.heard, []);
  bed.acknowledge(0, [[1000, 3001]]);
  assertEquals(bed.control.heard, ["loss"]);
  bed.take();
  bed.pass(200 * MILLISECOND);
  bed.acknowledge(0, [[1000, 19_000]]);
  // It was sent again: only a timeout can tell that this was lost, too.
  assertEquals(bed.take().some(([offset]) => offset === 0), false);
  const runs = twentySegments(counting);
  runs.acknowledge(0, [[1000, 1100], [1200, 1300], [1400, 1500]]);
  assertEquals(runs.control.heard, ["loss"]);
});

Deno.test("limited transmit: the first two duplicates let a new segment leave each", () => {
  const bed = twentySegments({ hasSack: false });
  bed.acknowledge(0);
  assertEquals(bed.take(), [[20_000, 1000]]);
  bed.acknowledge(0);
  assertEquals(bed.take(), [[21_000, 1000]]);
  assertEquals(bed.control.heard, []);
});

// covers RFC 5681 3.2 SHOULD
// covers RFC 6582 3.2 MUST
Deno.test("NewReno: the third duplicate is a loss, partial acknowledgments show the next", () => {
  const bed = twentySegments({ hasSack: false });
  for (let count = 0; count < 3; count++) bed.acknowledge(0);
  assertEquals(bed.control.heard, ["loss"]);
  assertEquals(bed.take().at(-1), [0, 1000]);
  bed.pass(100 * MILLISECOND);
  bed.acknowledge(5000);
  assertEquals(bed.take()[0], [5000, 1000]);
  bed.pass(100 * MILLISECOND);
  bed.acknowledge(22_000);
  assertEquals(bed.control.heard, ["loss", "recovered"]);
});

Deno.test("NewReno: a window update, or a segment with data, is no duplicate", () => {
  const bed = twentySegments({ hasSack: false });
  for (let count = 0; count < 5; count++) bed.acknowledge(0, [], { window: 30_000 + count });
  for (let count = 0; count < 5; count++) bed.acknowledge(0, [], { bytes: 10 });
  assertEquals(bed.control.heard, []);
});

// covers RFC 6582 3.2 MUST
Deno.test("NewReno: duplicates of what recovery sent in vain begin no other one", () => {
  const bed = twentySegments({ hasSack: false });
  for (let count = 0; count < 3; count++) bed.acknowledge(0);
  const { recoveryPoint } = bed.sender.flight!;
  bed.acknowledge((recoveryPoint - bed.iss) | 0);
  for (let count = 0; count < 5; count++) bed.acknowledge((recoveryPoint - bed.iss) | 0);
  assertEquals(bed.control.heard, ["loss", "recovered"]);
  bed.acknowledge(((recoveryPoint - bed.iss) | 0) + 1000);
  for (let count = 0; count < 3; count++) {
    bed.acknowledge(((recoveryPoint - bed.iss) | 0) + 1000);
  }
  assertEquals(bed.control.heard, ["loss", "recovered", "loss"]);
});

// covers RFC 9293 3.8.2 MUST-19
Deno.test("no more than the congestion window is in flight", () => {
  const bed = new SenderBed({ window: 5500 });
  bed.write(20_000);
  assertEquals(bed.take().length, 5);
  bed.control.window = 1;
  bed.acknowledge(4000);
  assertEquals(bed.take(), []);
  bed.acknowledge(5000);
  // A window of less than a segment still lets one segment leave when nothing is in flight.
  assertEquals(bed.take(), [[5000, 1000]]);
});

Deno.test("behind a timeout the first segment is sent, and the window is the control's", () => {
  const bed = twentySegments({ hasSack: false });
  bed.fire();
  assertEquals(bed.take(), [[0, 1000]]);
  assertEquals(bed.control.heard, ["timeout"]);
  bed.fire();
  assertEquals(bed.take(), [[0, 1000]]);
  assertEquals(bed.control.heard, ["timeout", "timeout again"]);
  assertEquals(bed.sender.flight!.recovery, Recovery.LOSS);
});

// covers RFC 2018 8 MUST
Deno.test("a receiver that takes back what it had sacked gets it again behind a timeout", () => {
  const bed = twentySegments();
  bed.acknowledge(0, [[1000, 3000]]);
  bed.pass(100 * MILLISECOND);
  // The gap is filled, but what was behind it is gone.
  bed.acknowledge(1000);
  bed.take();
  const { flight } = bed.sender;
  for (let turn = 0; turn < 10 && bed.count(SendCounter.TIMEOUTS) === 0; turn++) bed.fire();
  assertEquals(bed.count(SendCounter.RENEGED), 1);
  assertEquals(flight!.sacked, 0);
  assertEquals(bed.take().at(-1), [1000, 1000]);
  // What was only sacked is still there; what is acknowledged is not.
  assertEquals(bed.arena.usedCount, 2);
  for (let turn = 0; turn < 100 && bed.sender.bufferedBytes > 20_000; turn++) {
    bed.acknowledge((bed.sender.sendNext - bed.iss) | 0);
  }
  assertEquals(bed.arena.usedCount, 1);
});

Deno.test("R1 puts the way in doubt, R2 and the user timeout end the connection", () => {
  const bed = new SenderBed({ options: { giveUpRetries: 5 } });
  bed.write(1000);
  for (let turn = 0; turn < 20 && bed.heard.length < 2; turn++) bed.fire();
  assertEquals(bed.heard, ["doubt", "give up 110"]);
  assertEquals(bed.count(SendCounter.TIMEOUTS), 5);
  assertEquals(bed.arena.usedCount, 0);
});

// covers RFC 9293 3.8.3 MUST-20
Deno.test("R1 is three retransmissions, and R2 more than 100 seconds", () => {
  const bed = new SenderBed({ rtt: 1000 });
  const start = bed.environment.now;
  bed.write(1000);
  while (bed.heard.length === 0) bed.fire();
  assertEquals([bed.heard[0], bed.count(SendCounter.TIMEOUTS)], ["doubt", 3]);
  while (bed.heard.length === 1) bed.fire();
  assertEquals(bed.heard[1], "give up 110");
  assert(bed.environment.now - start > 100_000_000);
});

// covers RFC 9293 3.8.3 MUST-21
Deno.test("an application sets how long nobody may answer", () => {
  const bed = new SenderBed();
  bed.sender.userTimeout = 5_000_000;
  bed.write(1000);
  const start = bed.environment.now;
  while (bed.heard.length === 0) bed.fire();
  while (!bed.heard.includes("give up 110")) bed.fire();
  assertEquals(bed.environment.now - start, 5_000_000);
});

// covers RFC 6675 5 MUST
Deno.test("counting SACK: without new data, holes are filled, and the end is rescued once", () => {
  const bed = new SenderBed({ window: 20_000, options: { lossDetection: "sack" } });
  bed.write(10_000);
  bed.take();
  bed.control.ownsRecovery = true;
  // The first is lost by the rule; the fifth may be; the last three are not known of.
  bed.control.window = 4000;
  bed.acknowledge(0, [[5000, 6000], [1000, 4000]]);
  // Five may be under way still, with what is sent again in any case.
  assertEquals(bed.take(), [[0, 1000]]);
  bed.control.window = 10_000;
  bed.sender.output();
  assertEquals(bed.take(), [[4000, 1000], [9000, 1000]]);
  bed.acknowledge(0, [[6000, 7000], [5000, 6000], [1000, 4000]]);
  bed.sender.output();
  assertEquals(bed.take(), []);
});

Deno.test("proportional rate reduction does not fill the pipe beyond the threshold", () => {
  const bed = twentySegments();
  // Twelve arrived, eight are lost, the threshold is ten.
  bed.acknowledge(0, [[8000, 20_000]]);
  assertEquals(bed.take().length, 10);
});

Deno.test("NewReno: what a partial acknowledgment covers counts as duplicates no more", () => {
  const bed = twentySegments({ hasSack: false });
  for (let count = 0; count < 6; count++) bed.acknowledge(0);
  assertEquals(bed.sender.flight!.duplicateBytes, 6000);
  // One filled the gap, two more were among those that had arrived.
  bed.acknowledge(3000);
  assertEquals(bed.sender.flight!.duplicateBytes, 4000);
});

Deno.test("blocks of what was never sent are ignored, D-SACKs too", () => {
  const bed = twentySegments();
  bed.acknowledge(0, [[30_000, 31_000], [30_000, 32_000]]);
  assertEquals(bed.sender.duplicateSacks, 0);
  assertEquals(bed.count(SendCounter.IGNORED_SACK_BLOCKS), 2);
  assertEquals(bed.sender.flight!.sacked, 0);
});

Deno.test("a way that is back sends nothing again that a receiver had sacked", () => {
  const bed = twentySegments();
  bed.acknowledge(0, [[1000, 3000]]);
  bed.acknowledge(1000);
  bed.take();
  bed.sender.flight!.timeouts = 1;
  bed.sender.onPathRestored();
  assertEquals(bed.sender.flight!.sacked, 2000);
  assertEquals(bed.take().some(([offset]) => offset === 1000), false);
});
