import { assertEquals } from "@std/assert";
import { SenderBed } from "../../../tests/support/stack/tcp/sender.ts";
import { SendCounter } from "./counters.ts";
import { Recovery } from "./flight.ts";

const MILLISECOND = 1000;

Deno.test("a probe is sent two round trips after the last data", () => {
  const bed = new SenderBed({ rtt: 50 * MILLISECOND });
  bed.write(3000);
  bed.take();
  // Timers are late by a granularity at most, on both ways.
  assertEquals(bed.fire(), 100 * MILLISECOND + 2);
  assertEquals(bed.take(), [[2000, 1000]]);
  assertEquals(bed.count(SendCounter.LOSS_PROBES), 1);
});

Deno.test("the probe of a single segment waits for a delayed acknowledgment", () => {
  const bed = new SenderBed({ rtt: 50 * MILLISECOND });
  bed.write(1000);
  // The timer would be earlier: SRTT + 200 ms.
  assertEquals(bed.fire(), 250 * MILLISECOND);
  assertEquals(bed.count(SendCounter.LOSS_PROBES), 1);
  const patient = new SenderBed({ rtt: 50 * MILLISECOND, options: { minimumRto: 400_000 } });
  patient.write(1000);
  assertEquals(patient.fire(), 300 * MILLISECOND);
});

Deno.test("without any measurement the probe is sent after a second", () => {
  const bed = new SenderBed({ rtt: -1 });
  bed.write(3000);
  assertEquals(bed.fire(), 1_000_000);
  assertEquals(bed.count(SendCounter.LOSS_PROBES), 1);
});

Deno.test("new data probe, if there are any, whatever the congestion window says", () => {
  const bed = new SenderBed({ window: 3000 });
  bed.write(5000);
  assertEquals(bed.take(), [[0, 1000], [1000, 1000], [2000, 1000]]);
  bed.fire();
  assertEquals(bed.take(), [[3000, 1000]]);
});

// covers RFC 8985 7.3 MUST
Deno.test("there is one probe at a time, and the retransmission timer starts anew with it", () => {
  const bed = new SenderBed({ rtt: 50 * MILLISECOND });
  bed.write(3000);
  bed.fire();
  bed.take();
  assertEquals(bed.fire(), bed.sender.rto);
  assertEquals(bed.count(SendCounter.LOSS_PROBES), 1);
  assertEquals(bed.count(SendCounter.TIMEOUTS), 1);
  assertEquals(bed.take(), [[0, 1000]]);
});

Deno.test("the SACK of a probe shows what was lost before it", () => {
  const bed = new SenderBed({ rtt: 50 * MILLISECOND, window: 20_000 });
  bed.write(5000);
  bed.fire();
  bed.take();
  bed.pass(50 * MILLISECOND);
  // Four segments are lost; the probe arrived.
  bed.acknowledge(0, [[4000, 5000]]);
  assertEquals(bed.sender.flight!.lost + bed.sender.flight!.inFlight, 4000);
  assertEquals(bed.take(), [[0, 1000]]);
  assertEquals(bed.count(SendCounter.TIMEOUTS), 0);
});

Deno.test("where nothing was lost, a D-SACK for the probe ends the episode, and no more", () => {
  const bed = new SenderBed({ rtt: 50 * MILLISECOND });
  bed.write(3000);
  bed.fire();
  bed.acknowledge(3000);
  assertEquals(bed.sender.hasProbe, true);
  bed.acknowledge(3000, [[2000, 3000]]);
  assertEquals(bed.sender.hasProbe, false);
  bed.write(1000);
  bed.acknowledge(4000);
  assertEquals(bed.control.heard, []);
});

// covers RFC 8985 7.4.2 MUST
Deno.test("a loss that only the probe repaired reduces the window", () => {
  const bed = new SenderBed({ rtt: 50 * MILLISECOND });
  bed.write(3000);
  bed.fire();
  bed.acknowledge(3000);
  // Acknowledged once: the first transmission was lost.
  bed.write(2000);
  bed.acknowledge(4000);
  assertEquals(bed.control.heard, ["loss", "recovered"]);
  assertEquals(bed.count(SendCounter.LOSS_PROBE_RECOVERIES), 1);
  // With that its episode has ended: what is acknowledged later is no loss again.
  assertEquals(bed.sender.hasProbe, false);
  bed.acknowledge(5000);
  assertEquals(bed.control.heard, ["loss", "recovered"]);
  assertEquals(bed.count(SendCounter.LOSS_PROBE_RECOVERIES), 1);
});

Deno.test("a probe of new data tells nothing of losses when it is acknowledged", () => {
  const bed = new SenderBed({ window: 3000 });
  bed.write(5000);
  bed.fire();
  bed.acknowledge(4000);
  bed.acknowledge(5000);
  assertEquals(bed.sender.hasProbe, false);
  assertEquals(bed.control.heard, []);
});

Deno.test("nothing is probed without SACK, behind a SACK, or in recovery", () => {
  const plain = new SenderBed({ hasSack: false });
  plain.write(3000);
  assertEquals(plain.sender.flight!.lossProbeAt, Infinity);
  const bed = new SenderBed();
  bed.write(8000);
  bed.pass(100 * MILLISECOND);
  bed.acknowledge(0, [[1000, 2000]]);
  assertEquals([bed.sender.flight!.lost, bed.sender.flight!.lossProbeAt], [0, Infinity]);
  bed.acknowledge(0, [[1000, 5000]]);
  bed.pass(100 * MILLISECOND);
  bed.acknowledge(5000);
  const { flight } = bed.sender;
  assertEquals([flight!.sacked, flight!.lost, flight!.lossProbeAt], [0, 0, Infinity]);
});

Deno.test("a duplicate without SACK ends the episode without reduction, idle or not", () => {
  for (const more of [0, 1000]) {
    const bed = new SenderBed({ rtt: 50 * MILLISECOND });
    bed.write(3000);
    bed.fire();
    bed.acknowledge(3000);
    bed.write(more);
    bed.acknowledge(3000);
    assertEquals(bed.sender.hasProbe, false);
    assertEquals(bed.control.heard, []);
  }
});

Deno.test("a timeout ends the episode of a probe", () => {
  const bed = new SenderBed({ rtt: 50 * MILLISECOND });
  bed.write(3000);
  bed.fire();
  assertEquals(bed.sender.hasProbe, true);
  bed.fire();
  assertEquals([bed.count(SendCounter.TIMEOUTS), bed.sender.hasProbe], [1, false]);
});

// covers RFC 8985 7.2 MUST
Deno.test("nothing is probed in recovery, although nothing is lost or sacked any more", () => {
  const bed = new SenderBed({ window: 20_000 });
  bed.write(10_000);
  bed.pass(100 * MILLISECOND);
  bed.acknowledge(0, [[1000, 9000]]);
  bed.pass(100 * MILLISECOND);
  bed.acknowledge(9000);
  bed.pass(100 * MILLISECOND);
  bed.acknowledge(9500);
  const { flight } = bed.sender;
  assertEquals([flight!.recovery, flight!.lost, flight!.sacked], [Recovery.FAST, 0, 0]);
  assertEquals(flight!.lossProbeAt, Infinity);
});
