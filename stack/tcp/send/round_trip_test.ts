import { assertEquals } from "@std/assert";
import { SenderBed } from "../../../tests/support/stack/tcp/sender.ts";
import { SendCounter } from "./counters.ts";

const MILLISECOND = 1000;

// covers RFC 6298 2.2 MUST
Deno.test("the first round trip makes SRTT = R, RTTVAR = R / 2, RTO = SRTT + 4 * RTTVAR", () => {
  const { sender } = new SenderBed({ rtt: 400 * MILLISECOND });
  assertEquals(sender.smoothedRtt, 400 * MILLISECOND);
  assertEquals(sender.scaledVariation / 16, 200 * MILLISECOND);
  assertEquals(sender.rto, 1200 * MILLISECOND);
});

// covers RFC 6298 2.3 MUST
// covers RFC 6298 3 MUST
Deno.test("a second round trip weighs a quarter in RTTVAR, and then an eighth in SRTT", () => {
  const bed = new SenderBed({ rtt: 400 * MILLISECOND });
  bed.write(1000);
  bed.pass(800 * MILLISECOND);
  bed.acknowledge(1000);
  // RTTVAR = 3/4 * 200 + 1/4 * |400 - 800|, SRTT = 7/8 * 400 + 1/8 * 800.
  assertEquals(bed.sender.scaledVariation / 16, 250 * MILLISECOND);
  assertEquals(bed.sender.smoothedRtt, 450 * MILLISECOND);
  assertEquals(bed.sender.rto, 1450 * MILLISECOND);
});

Deno.test("the samples of one round trip weigh as much as one: RFC 7323 appendix G", () => {
  const bed = new SenderBed({ rtt: 400 * MILLISECOND, window: 20_000 });
  bed.write(20_000);
  bed.pass(800 * MILLISECOND);
  bed.acknowledge(2000);
  // Twenty segments are in flight, ten acknowledgments are to be expected.
  assertEquals(bed.sender.smoothedRtt, 405 * MILLISECOND);
});

Deno.test("the RTO is longer than the round trip by 200 ms at least", () => {
  const bed = new SenderBed({ rtt: 10 * MILLISECOND });
  assertEquals(bed.sender.rto, 210 * MILLISECOND);
  for (let sent = 1000; sent <= 50_000; sent += 1000) {
    bed.write(1000);
    bed.pass(10 * MILLISECOND);
    bed.acknowledge(sent);
  }
  assertEquals(bed.sender.rto, 210 * MILLISECOND);
});

// covers RFC 9293 3.8.1 MUST-18
// covers RFC 6298 3 MUST
Deno.test("what was sent twice is not measured", () => {
  const bed = new SenderBed({ rtt: 100 * MILLISECOND, hasSack: false });
  bed.write(1000);
  bed.fire();
  assertEquals(bed.take(), [[0, 1000], [0, 1000]]);
  bed.pass(5 * MILLISECOND);
  bed.acknowledge(1000);
  assertEquals(bed.sender.smoothedRtt, 100 * MILLISECOND);
  // The timer stays backed off until something is measured.
  assertEquals(bed.sender.backoff, 1);
  bed.write(1000);
  bed.pass(100 * MILLISECOND);
  bed.acknowledge(2000);
  assertEquals(bed.sender.backoff, 0);
});

// covers RFC 7323 4.1 MUST
Deno.test("a timestamp measures what was sent twice, if the acknowledgment is of new data", () => {
  const bed = new SenderBed({ rtt: 100 * MILLISECOND, hasSack: false, hasTimestamps: true });
  bed.write(1000);
  bed.fire();
  const [, again] = bed.takeSent();
  bed.pass(180 * MILLISECOND);
  bed.acknowledge(0, [], { echo: again.timestamp });
  assertEquals(bed.sender.smoothedRtt, 100 * MILLISECOND);
  bed.acknowledge(1000, [], { echo: again.timestamp });
  assertEquals(bed.sender.smoothedRtt, 110 * MILLISECOND);
  assertEquals(bed.sender.backoff, 0);
});

// covers RFC 6298 5.5 MUST
// covers RFC 6298 5.6 REC
Deno.test("the timer doubles with each timeout, up to the maximum", () => {
  const bed = new SenderBed({
    rtt: 100 * MILLISECOND,
    hasSack: false,
    options: { maximumRto: 2_000_000, giveUpRetries: 10 },
  });
  bed.write(1000);
  const waits = Array.from({ length: 6 }, () => bed.fire());
  assertEquals(waits, [300, 600, 1200, 2000, 2000, 2000].map((wait) => wait * MILLISECOND));
  assertEquals(bed.count(SendCounter.TIMEOUTS), 6);
});

// covers RFC 6298 5.1 REC
// covers RFC 6298 5.2 REC
// covers RFC 6298 5.3 REC
Deno.test("the timer starts with data, anew with acknowledgments, and stops at the end", () => {
  const bed = new SenderBed({ rtt: 100 * MILLISECOND, hasSack: false });
  assertEquals(bed.sender.nextDeadline(), Infinity);
  bed.write(1000);
  const start = bed.environment.now;
  assertEquals(bed.sender.nextDeadline(), start + 300 * MILLISECOND);
  bed.pass(50 * MILLISECOND);
  bed.write(1000);
  assertEquals(bed.sender.nextDeadline(), start + 300 * MILLISECOND);
  bed.pass(50 * MILLISECOND);
  bed.acknowledge(1000);
  assertEquals(bed.sender.nextDeadline(), bed.environment.now + bed.sender.rto);
  bed.acknowledge(2000);
  assertEquals(bed.sender.nextDeadline(), Infinity);
});

// covers RFC 6298 5.7 MUST
// covers RFC 5681 3.1 MUST
Deno.test("behind a lost SYN the RTO is 3 seconds and the window one segment", () => {
  const bed = new SenderBed({ rtt: -1, isSynLost: true });
  assertEquals(bed.sender.rto, 3_000_000);
  assertEquals(bed.control.window, 1000);
  const measured = new SenderBed({ rtt: 50 * MILLISECOND, isSynLost: true });
  assertEquals(measured.sender.rto, 3_000_000);
});

Deno.test("without any measurement the RTO is one second", () => {
  assertEquals(new SenderBed({ rtt: -1 }).sender.rto, 1_000_000);
});

Deno.test("the least round trip is forgotten after some minutes", () => {
  const bed = new SenderBed({ rtt: 100 * MILLISECOND });
  assertEquals(bed.sender.minimumRtt, 100 * MILLISECOND);
  bed.write(1000);
  bed.pass(200 * MILLISECOND);
  bed.acknowledge(1000);
  assertEquals(bed.sender.minimumRtt, 100 * MILLISECOND);
  bed.pass(301_000 * MILLISECOND);
  bed.write(1000);
  bed.pass(200 * MILLISECOND);
  bed.acknowledge(2000);
  assertEquals(bed.sender.minimumRtt, 200 * MILLISECOND);
});

Deno.test("an acknowledgment of what was sent twice, and of more, is not measured", () => {
  const bed = new SenderBed({ rtt: 100 * MILLISECOND, hasSack: false });
  bed.write(3000);
  bed.fire();
  assertEquals(bed.take().at(-1), [0, 1000]);
  bed.pass(5 * MILLISECOND);
  bed.acknowledge(3000);
  assertEquals(bed.sender.smoothedRtt, 100 * MILLISECOND);
});
