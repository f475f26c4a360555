import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { SeededRandom } from "../../random.ts";
import { fairness, GreedyFlow, Link } from "../../../tests/support/stack/tcp/link_model.ts";
import { sampleOf, SEGMENT } from "../../../tests/support/stack/tcp/rate_sample.ts";
import { Reno } from "./reno.ts";

function makeReno(hasHyStart = false, isPaced = false): Reno {
  return new Reno({ segmentBytes: SEGMENT, hasHyStart, isPaced });
}

/** A control in congestion avoidance, with a window of so many segments. */
function avoiding(segments: number): Reno {
  const reno = makeReno();
  reno.onCongestion(0, 2 * segments * SEGMENT, false);
  reno.window = segments * SEGMENT;
  reno.threshold = segments * SEGMENT;
  return reno;
}

// covers RFC 6928 2 MAY
Deno.test("the window begins with ten segments, or as many bytes as RFC 6928 has it", () => {
  for (
    const [segment, bytes] of [[1000, 10_000], [1460, 14_600], [8960, 17_920], [20_000, 40_000]]
  ) {
    assertEquals(
      new Reno({ segmentBytes: segment, hasHyStart: false, isPaced: false }).window,
      bytes,
    );
  }
});

// covers RFC 5681 3.1 MUST
Deno.test("in slow start the window grows by what is acknowledged", () => {
  const reno = makeReno();
  reno.onAcknowledgment(sampleOf({ acknowledgedBytes: 2 * SEGMENT }));
  reno.onAcknowledgment(sampleOf({ acknowledgedBytes: 300 }));
  assertEquals(reno.window, 10 * SEGMENT + 2 * SEGMENT + 300);
});

// covers RFC 3465 2.3
Deno.test("one acknowledgment lets an unpaced window grow by eight segments at most", () => {
  const reno = makeReno();
  reno.onAcknowledgment(sampleOf({ acknowledgedBytes: 40 * SEGMENT }));
  assertEquals(reno.window, 18 * SEGMENT);
  const paced = makeReno(false, true);
  paced.onAcknowledgment(sampleOf({ acknowledgedBytes: 40 * SEGMENT }));
  assertEquals(paced.window, 50 * SEGMENT);
});

// covers RFC 3465 2.3
Deno.test("after a timeout slow start counts one segment for each acknowledgment", () => {
  const reno = makeReno();
  reno.onTimeout(0, 40 * SEGMENT, true);
  reno.onAcknowledgment(sampleOf({ acknowledgedBytes: 5 * SEGMENT }));
  assertEquals(reno.window, 2 * SEGMENT);
});

// covers RFC 5681 3.1 MUST
Deno.test("in congestion avoidance the window grows by a segment for each window of bytes", () => {
  const reno = avoiding(20);
  for (let count = 0; count < 19; count++) reno.onAcknowledgment(sampleOf());
  assertEquals(reno.window, 20 * SEGMENT);
  reno.onAcknowledgment(sampleOf());
  assertEquals(reno.window, 21 * SEGMENT);
  // Half the acknowledgments of twice the bytes are the same.
  for (let count = 0; count < 10; count++) {
    reno.onAcknowledgment(sampleOf({ acknowledgedBytes: 2 * SEGMENT }));
  }
  assertEquals(reno.window, 21 * SEGMENT);
  reno.onAcknowledgment(sampleOf());
  assertEquals(reno.window, 22 * SEGMENT);
});

Deno.test("slow start goes over into congestion avoidance at the threshold", () => {
  const reno = makeReno();
  reno.onTimeout(0, 8 * SEGMENT, true);
  assertEquals([reno.window, reno.threshold], [SEGMENT, 4 * SEGMENT]);
  for (let count = 0; count < 3; count++) reno.onAcknowledgment(sampleOf());
  assertEquals(reno.window, 4 * SEGMENT);
  reno.onAcknowledgment(sampleOf());
  assertEquals(reno.window, 4 * SEGMENT);
});

// covers RFC 5681 3.1 MUST
// covers RFC 5681 3.2 MUST
Deno.test("a loss halves what is in flight, not the window, and leaves two segments", () => {
  const reno = makeReno();
  reno.window = 40 * SEGMENT;
  reno.onCongestion(0, 24 * SEGMENT, false);
  assertEquals([reno.window, reno.threshold], [12 * SEGMENT, 12 * SEGMENT]);
  reno.onCongestion(0, SEGMENT, false);
  assertEquals([reno.window, reno.threshold], [2 * SEGMENT, 2 * SEGMENT]);
});

// covers RFC 5681 3.1 MUST
Deno.test("a timeout leaves one segment, and sets the threshold once for all its retries", () => {
  const reno = makeReno();
  reno.onTimeout(0, 24 * SEGMENT, true);
  assertEquals([reno.window, reno.threshold], [SEGMENT, 12 * SEGMENT]);
  reno.onTimeout(0, SEGMENT, false);
  assertEquals([reno.window, reno.threshold], [SEGMENT, 12 * SEGMENT]);
});

// covers RFC 5681 3.1 MUST
Deno.test("a lost SYN leaves one segment, and slow start unbounded", () => {
  const reno = makeReno();
  reno.onTimeout(0, 0, true);
  assertEquals([reno.window, reno.threshold], [SEGMENT, Infinity]);
});

Deno.test("nothing grows in recovery, nor while the window is not used", () => {
  const reno = makeReno();
  reno.onAcknowledgment(sampleOf({ isRecovering: true }));
  reno.onAcknowledgment(sampleOf({ isWindowLimited: false }));
  reno.onAcknowledgment(sampleOf({ acknowledgedBytes: 0, lostBytes: SEGMENT }));
  assertEquals(reno.window, 10 * SEGMENT);
});

// covers RFC 4015 3.1
Deno.test("a reduction that was for nothing is undone, once", () => {
  const reno = makeReno();
  reno.window = 40 * SEGMENT;
  reno.onTimeout(0, 40 * SEGMENT, true);
  reno.onSpurious(0);
  assertEquals([reno.window, reno.threshold], [40 * SEGMENT, Infinity]);
  reno.onCongestion(0, 40 * SEGMENT, false);
  reno.onSpurious(0);
  reno.window = 10 * SEGMENT;
  reno.onSpurious(0);
  assertEquals(reno.window, 10 * SEGMENT);
});

Deno.test("silence halves the window for each timeout it lasts, to the initial one", () => {
  const reno = avoiding(80);
  reno.onRestart(0, 900, 1000);
  assertEquals(reno.window, 80 * SEGMENT);
  reno.onRestart(0, 2500, 1000);
  assertEquals(reno.window, 20 * SEGMENT);
  assertEquals(reno.threshold, 80 * SEGMENT);
  reno.onRestart(0, 10_000_000, 1000);
  assertEquals(reno.window, 10 * SEGMENT);
});

Deno.test("paced data leave at twice the rate in slow start, and at 1.2 times it later", () => {
  const reno = makeReno(false, true);
  assertEquals(reno.pacingRate, Infinity);
  reno.onAcknowledgment(sampleOf());
  assertAlmostEquals(reno.pacingRate, 2 * 11_000 / 0.1);
  reno.onCongestion(0, 20 * SEGMENT, false);
  reno.onAcknowledgment(sampleOf({ isRecovering: true }));
  assertAlmostEquals(reno.pacingRate, 1.2 * reno.window / 0.1);
  const unpaced = makeReno();
  unpaced.onAcknowledgment(sampleOf());
  assertEquals(unpaced.pacingRate, Infinity);
});

Deno.test("larger segments make the window no smaller than one of them", () => {
  const reno = makeReno();
  reno.onTimeout(0, 8 * SEGMENT, true);
  reno.onSegmentSize(9000);
  assertEquals(reno.window, 9000);
});

Deno.test("two flows over one bottleneck share it, whoever comes first", () => {
  const random = new SeededRandom(3);
  const link = new Link({ rate: 2_500_000, rtt: 40_000, queue: 100_000, random });
  const flows = [0, 5_000_000].map((delay) => {
    const flow = new GreedyFlow(link, makeReno(true), SEGMENT);
    flow.start(delay);
    return flow;
  });
  link.run(30_000_000);
  const before = flows.map((flow) => flow.delivered);
  link.run(60_000_000);
  const shares = flows.map((flow, index) => flow.delivered - before[index]);
  assert(fairness(shares) > 0.97, `shares ${shares}`);
  const used = (shares[0] + shares[1]) / (2_500_000 * 60);
  assert(used > 0.95, `${used} of the link is used`);
});
