import { assertEquals } from "@std/assert";
import { SenderBed, type SenderBedOptions } from "../../../tests/support/stack/tcp/sender.ts";
import { SendCounter } from "./counters.ts";
import { ForwardRto, Recovery } from "./flight.ts";

const MILLISECOND = 1000;

/** Ten segments in flight that a timeout made lost; the first one was sent again. */
function timedOut(more: SenderBedOptions = {}): SenderBed {
  const bed = new SenderBed({
    window: 10_000,
    options: { maximumAcknowledgmentDelay: 10_000_000, lossDetection: "sack" },
    ...more,
  });
  bed.write(100_000);
  bed.take();
  bed.fire();
  assertEquals(bed.take(), [[0, 1000]]);
  assertEquals(bed.sender.flight!.forwardRto, ForwardRto.RETRANSMITTED);
  return bed;
}

Deno.test("a peer that acknowledges nothing new is given up, however often it calls timeouts spurious", () => {
  const bed = new SenderBed({ window: 3000 });
  bed.write(3000);
  bed.take();
  // Somebody else has acknowledged what the peer does not have: it will never go on.
  bed.acknowledge(1000);
  const { giveUpRetries } = bed.settings.options;
  // Probes of the tail come in between.
  for (let time = 0; time <= 3 * giveUpRetries && bed.heard.length < 2; time++) {
    bed.fire();
    bed.take();
    bed.acknowledge(0, [[1000, 2000], [1000, 3000]]);
  }
  assertEquals(bed.heard, ["doubt", "give up 110"]);
});

// covers RFC 5682 2.1 MUST
Deno.test("F-RTO: two new segments follow the first acknowledgment, the second undoes", () => {
  const bed = timedOut({ hasSack: false });
  bed.acknowledge(1000);
  assertEquals(bed.take(), [[10_000, 1000], [11_000, 1000]]);
  bed.acknowledge(2000);
  assertEquals(bed.control.heard, ["timeout", "spurious"]);
  assertEquals(bed.take().some(([offset]) => offset < 10_000), false);
  assertEquals(bed.count(SendCounter.SPURIOUS_BY_FORWARD_RTO), 1);
  assertEquals(bed.sender.flight!.lost, 0);
  assertEquals(bed.sender.flight!.recovery, Recovery.OPEN);
});

Deno.test("F-RTO: a duplicate behind the new segments shows that the loss was real", () => {
  const bed = timedOut({ hasSack: false });
  bed.acknowledge(1000);
  bed.take();
  bed.acknowledge(1000);
  assertEquals(bed.control.heard, ["timeout"]);
  assertEquals(bed.sender.flight!.forwardRto, ForwardRto.NONE);
  bed.acknowledge(1000);
  bed.acknowledge(2000);
  assertEquals(bed.control.heard, ["timeout"]);
  assertEquals(bed.take()[0], [1000, 1000]);
});

Deno.test("F-RTO: a duplicate first means an ordinary recovery, where there is no SACK", () => {
  const bed = timedOut({ hasSack: false });
  bed.acknowledge(0);
  assertEquals(bed.sender.flight!.forwardRto, ForwardRto.NONE);
  bed.acknowledge(1000);
  assertEquals(bed.take()[0], [1000, 1000]);
});

Deno.test("F-RTO with SACK: data that arrive and were not sent again undo", () => {
  const bed = timedOut();
  bed.acknowledge(0, [[5000, 6000]]);
  assertEquals(bed.sender.flight!.forwardRto, ForwardRto.RETRANSMITTED);
  bed.acknowledge(1000, [[5000, 6000]]);
  assertEquals(bed.take(), [[10_000, 1000], [11_000, 1000]]);
  bed.acknowledge(1000, [[6000, 7000], [5000, 6000]]);
  assertEquals(bed.control.heard, ["timeout", "spurious"]);
});

Deno.test("F-RTO with SACK: only new data that arrive show that the loss was real", () => {
  const bed = timedOut();
  bed.acknowledge(1000);
  bed.take();
  bed.acknowledge(1000, [[10_000, 11_000]]);
  assertEquals(bed.control.heard, ["timeout"]);
  assertEquals(bed.sender.flight!.forwardRto, ForwardRto.NONE);
  assertEquals(bed.take()[0], [1000, 1000]);
});

Deno.test("F-RTO: without new data the recovery is an ordinary one", () => {
  const bed = new SenderBed({ window: 10_000, hasSack: false });
  bed.write(5000);
  bed.take();
  bed.fire();
  bed.take();
  bed.acknowledge(1000);
  assertEquals(bed.take()[0], [1000, 1000]);
  assertEquals(bed.sender.flight!.forwardRto, ForwardRto.NONE);
});

// covers RFC 5682 2.1 MUST
Deno.test("F-RTO is not tried in a second timeout of the same recovery", () => {
  const bed = timedOut({ hasSack: false });
  bed.fire();
  assertEquals(bed.sender.flight!.forwardRto, ForwardRto.NONE);
});

Deno.test("Eifel: an echo from before the retransmission undoes the timeout", () => {
  const bed = new SenderBed({ window: 10_000, hasSack: false, hasTimestamps: true });
  bed.write(10_000);
  const early = bed.takeSent()[0].timestamp;
  bed.fire();
  bed.pass(50 * MILLISECOND);
  bed.acknowledge(1000, [], { echo: early });
  assertEquals(bed.control.heard, ["timeout", "spurious"]);
  assertEquals(bed.count(SendCounter.SPURIOUS_BY_TIMESTAMP), 1);
  assertEquals(bed.sender.flight!.lost, 0);
});

Deno.test("Eifel: an echo of the retransmission undoes nothing", () => {
  const bed = new SenderBed({ window: 10_000, hasSack: false, hasTimestamps: true });
  bed.write(10_000);
  bed.takeSent();
  bed.fire();
  const [again] = bed.takeSent();
  bed.pass(50 * MILLISECOND);
  bed.acknowledge(1000, [], { echo: again.timestamp });
  assertEquals(bed.control.heard, ["timeout"]);
});

Deno.test("Eifel: reordering that looked like a loss is undone as well", () => {
  const bed = new SenderBed({ window: 10_000, hasTimestamps: true });
  bed.write(10_000);
  const early = bed.takeSent()[0].timestamp;
  bed.pass(100 * MILLISECOND);
  bed.acknowledge(0, [[1000, 4000]], { echo: early });
  bed.take();
  bed.pass(10 * MILLISECOND);
  bed.acknowledge(4000, [], { echo: early });
  assertEquals(bed.control.heard, ["loss", "spurious"]);
});

Deno.test("D-SACK: when all retransmissions were duplicates, the reduction is undone", () => {
  const bed = new SenderBed({ window: 20_000 });
  bed.write(20_000);
  bed.take();
  bed.pass(100 * MILLISECOND);
  bed.acknowledge(0, [[2000, 6000]]);
  bed.acknowledge(0, [[2000, 9000]]);
  assertEquals(bed.take().length, 2);
  bed.pass(10 * MILLISECOND);
  bed.acknowledge(9000);
  bed.acknowledge(9000, [[0, 1000]]);
  assertEquals(bed.control.heard, ["loss"]);
  bed.acknowledge(9000, [[1000, 2000]]);
  assertEquals(bed.control.heard, ["loss", "spurious"]);
  assertEquals(bed.count(SendCounter.SPURIOUS_BY_DUPLICATE_SACK), 1);
});

// covers RFC 4015 3.2 SHOULD
Deno.test("a timer that was too short becomes longer", () => {
  const bed = new SenderBed({ window: 10_000, hasSack: false, rtt: 100 * MILLISECOND });
  bed.write(100_000);
  bed.take();
  bed.fire();
  bed.pass(300 * MILLISECOND);
  bed.acknowledge(1000);
  bed.acknowledge(2000);
  // The second segment took 600 ms.
  assertEquals(bed.control.heard, ["timeout", "spurious"]);
  assertEquals(bed.sender.smoothedRtt >= 600 * MILLISECOND, true);
  assertEquals(bed.sender.rto >= 1800 * MILLISECOND, true);
});

Deno.test("F-RTO: nothing but the first segment is sent again, whatever window there is", () => {
  const bed = new SenderBed({ window: 10_000, hasSack: false });
  bed.control.onTimeout = () => {};
  bed.write(100_000);
  bed.take();
  bed.fire();
  assertEquals(bed.take(), [[0, 1000]]);
});

Deno.test("F-RTO: both new segments leave although the window is one", () => {
  const bed = timedOut({ hasSack: false });
  bed.control.onAcknowledgment = () => {};
  bed.acknowledge(1000);
  assertEquals(bed.control.window, 1000);
  assertEquals(bed.take(), [[10_000, 1000], [11_000, 1000]]);
});

Deno.test("Eifel: only what was sent twice, not three times, tells which one arrived", () => {
  const bed = new SenderBed({ window: 10_000, hasTimestamps: true });
  bed.write(10_000);
  const early = bed.takeSent()[0].timestamp;
  bed.pass(100 * MILLISECOND);
  bed.acknowledge(0, [[1000, 10_000]], { echo: early });
  const [again] = bed.takeSent();
  bed.fire();
  assertEquals(bed.take(), [[0, 1000]]);
  bed.acknowledge(10_000, [], { echo: again.timestamp });
  assertEquals(bed.control.heard, ["loss", "timeout"]);
});

Deno.test("F-RTO: nothing is to be found out where everything is acknowledged", () => {
  const bed = timedOut({ hasSack: false });
  bed.acknowledge(10_000);
  assertEquals(bed.sender.flight!.forwardRto, ForwardRto.NONE);
  assertEquals(bed.take().length > 2, true);
});
