import { assertEquals } from "@std/assert";
import { SenderBed } from "../../../tests/support/stack/tcp/sender.ts";
import { Flag } from "../../wire/tcp.ts";
import { Ecn } from "../types.ts";
import { SendCounter } from "./counters.ts";

const MILLISECOND = 1000;

/** The field ACE of RFC 9768. */
function ace(count: number): number {
  return (count & 4 ? Flag.AE : 0) | (count & 2 ? Flag.CWR : 0) | (count & 1 ? Flag.ECE : 0);
}

// covers RFC 3168 6.1.2 SHOULD
// covers RFC 3168 6.1.2 MUST
Deno.test("ECE reduces the window once a window, and CWR goes with the next new data", () => {
  const bed = new SenderBed({ ecn: Ecn.CLASSIC, window: 10_000 });
  bed.write(100_000);
  bed.take();
  bed.acknowledge(1000, [], { flags: Flag.ECE });
  bed.acknowledge(2000, [], { flags: Flag.ECE });
  bed.acknowledge(3000, [], { flags: Flag.ECE });
  assertEquals(bed.control.heard, ["mark"]);
  const sent = bed.takeSent();
  assertEquals(sent.map((one) => one.flags & Flag.CWR), [Flag.CWR]);
  bed.pass(100 * MILLISECOND);
  // All of the window is acknowledged: the next mark counts.
  bed.acknowledge(10_000);
  bed.acknowledge(11_000, [], { flags: Flag.ECE });
  assertEquals(bed.control.heard, ["mark", "recovered", "mark"]);
});

Deno.test("a loss says CWR as well, and is not answered twice because of marks", () => {
  const bed = new SenderBed({ ecn: Ecn.CLASSIC, window: 10_000 });
  bed.write(100_000);
  bed.take();
  bed.acknowledge(0, [[1000, 4000]], { flags: Flag.ECE });
  assertEquals(bed.control.heard, ["loss"]);
  bed.acknowledge(10_000, [], { flags: Flag.ECE });
  const cwr = bed.takeSent().filter((one) => one.flags & Flag.CWR);
  assertEquals(cwr.length, 1);
  assertEquals(cwr[0].isRetransmission, false);
});

Deno.test("a retransmission has no CWR", () => {
  const bed = new SenderBed({ ecn: Ecn.CLASSIC, window: 3000 });
  bed.write(3000);
  bed.take();
  bed.fire();
  bed.fire();
  assertEquals(bed.takeSent().every((one) => (one.flags & Flag.CWR) === 0), true);
});

Deno.test("marks mean nothing where ECN was not agreed on", () => {
  const bed = new SenderBed({ window: 10_000 });
  bed.write(10_000);
  bed.acknowledge(1000, [], { flags: Flag.ECE });
  assertEquals(bed.control.heard, []);
});

Deno.test("where the window is one segment, a mark makes the next one wait for the timer", () => {
  const bed = new SenderBed({ ecn: Ecn.CLASSIC, window: 1000 });
  bed.control.onCongestion = () => {};
  bed.write(5000);
  bed.take();
  bed.acknowledge(1000, [], { flags: Flag.ECE });
  assertEquals(bed.take(), []);
  assertEquals(bed.fire(), bed.sender.rto);
  assertEquals(bed.take(), [[1000, 1000]]);
});

Deno.test("the first new data behind a timeout have CWR, too", () => {
  const bed = new SenderBed({ ecn: Ecn.CLASSIC, window: 3000, hasSack: false });
  bed.write(5000);
  bed.take();
  bed.fire();
  bed.acknowledge(3000);
  const sent = bed.takeSent().map((one) => [one.sequence - bed.iss, one.flags & Flag.CWR]);
  assertEquals(sent, [[0, 0], [3000, Flag.CWR], [4000, 0]]);
});

Deno.test("accurate ECN: the field counts marked packets, modulo eight", () => {
  const bed = new SenderBed({ ecn: Ecn.ACCURATE, window: 10_000 });
  bed.write(100_000);
  bed.acknowledge(1000, [], { flags: ace(5) });
  assertEquals(bed.control.samples.at(-1)!.markedBytes, 0);
  bed.acknowledge(3000, [], { flags: ace(7) });
  assertEquals(bed.control.samples.at(-1)!.markedBytes, 2000);
  assertEquals(bed.control.heard, ["mark"]);
  bed.acknowledge(5000, [], { flags: ace(1) });
  assertEquals(bed.control.samples.at(-1)!.markedBytes, 2000);
  // The sender says no CWR: the bit is a part of the field.
  assertEquals(bed.takeSent().every((one) => (one.flags & Flag.CWR) === 0), true);
});

// covers RFC 9768 3.2.2.5.2 SHOULD
Deno.test("accurate ECN: where the field may have wrapped, the worst is assumed", () => {
  const bed = new SenderBed({ ecn: Ecn.ACCURATE, window: 40_000 });
  bed.write(100_000);
  bed.acknowledge(20_000, [], { flags: ace(6) });
  // One more than 5, or 9 or 17 more, of twenty packets.
  assertEquals(bed.control.samples.at(-1)!.markedBytes, 17_000);
});

Deno.test("accurate ECN: the option says how many bytes were marked", () => {
  const bed = new SenderBed({ ecn: Ecn.ACCURATE, window: 40_000 });
  bed.write(100_000);
  bed.acknowledge(20_000, [], { flags: ace(6), markedBytes: 1000 });
  assertEquals(bed.control.samples.at(-1)!.markedBytes, 1000);
  // Marked packets without data do not count.
  bed.acknowledge(21_000, [], { flags: ace(7), markedBytes: 1000 });
  assertEquals(bed.control.samples.at(-1)!.markedBytes, 0);
  // An option that goes back is not believed.
  bed.acknowledge(22_000, [], { flags: ace(7), markedBytes: 10 });
  assertEquals(bed.count(SendCounter.ECN_FEEDBACK_LOST), 1);
});

Deno.test("a loss in a window that was reduced for marks reduces it no more", () => {
  const bed = new SenderBed({ ecn: Ecn.CLASSIC, window: 10_000 });
  bed.write(100_000);
  bed.pass(100 * MILLISECOND);
  bed.acknowledge(1000, [], { flags: Flag.ECE });
  bed.take();
  bed.acknowledge(1000, [[2000, 5000]], { flags: Flag.ECE });
  assertEquals(bed.control.heard, ["mark"]);
  assertEquals(bed.take()[0], [1000, 1000]);
});
