import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { SeededRandom } from "../../random.ts";
import { fairness, GreedyFlow, Link } from "../../../tests/support/stack/tcp/link_model.ts";
import { sampleOf, SEGMENT } from "../../../tests/support/stack/tcp/rate_sample.ts";
import { ALPHA, BETA, C, Cubic } from "./cubic.ts";

function makeCubic(): Cubic {
  return new Cubic({ segmentBytes: SEGMENT, hasHyStart: false, isPaced: false });
}

/** A control that has lost something in a window of so many segments, and recovered. */
function reduced(segments: number): Cubic {
  const cubic = makeCubic();
  cubic.window = segments * SEGMENT;
  cubic.onCongestion(0, segments * SEGMENT, false);
  cubic.onRecovered(0, 0);
  return cubic;
}

/**
 * Acknowledges windows of bytes for a while, one segment at a time, as a path of this round trip
 * would.
 *
 * @returns the windows at the end of each round trip, in segments
 */
function run(cubic: Cubic, from: number, rtt: number, rounds: number, isUsed = true): number[] {
  const windows: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const count = Math.round(cubic.window / SEGMENT);
    for (let index = 0; index < count; index++) {
      const now = from + round * rtt + (index + 1) * rtt / count;
      cubic.onAcknowledgment(sampleOf({ now, smoothedRtt: rtt, rtt, isWindowLimited: isUsed }));
    }
    windows.push(cubic.window / SEGMENT);
  }
  return windows;
}

// covers RFC 9438 4.6 MUST
Deno.test("a loss leaves seven tenths of what is in flight, two segments at least", () => {
  const cubic = makeCubic();
  cubic.window = 100 * SEGMENT;
  cubic.onCongestion(0, 80 * SEGMENT, false);
  assertAlmostEquals(cubic.window, 56 * SEGMENT, 1e-6);
  assertAlmostEquals(cubic.threshold, 56 * SEGMENT, 1e-6);
  cubic.onCongestion(0, SEGMENT, false);
  assertEquals([cubic.window, cubic.threshold], [2 * SEGMENT, 2 * SEGMENT]);
});

// covers RFC 9438 4.6 MUST
// covers RFC 5681 3.1 MUST
Deno.test("marks reduce the window to one segment, while the threshold stays at two", () => {
  const cubic = makeCubic();
  for (let count = 0; count < 10; count++) cubic.onCongestion(0, cubic.window, true);
  assertEquals([cubic.window, cubic.threshold], [SEGMENT, 2 * SEGMENT]);
});

// covers RFC 9438 4.4 MUST
// covers RFC 9438 4.5 MUST
Deno.test("after a loss the window follows W_cubic, concave and then convex", () => {
  const rtt = 100_000;
  const maximum = 1000;
  const cubic = reduced(maximum);
  const k = Math.cbrt(maximum * (1 - BETA) / C);
  const windows = run(cubic, 0, rtt, Math.ceil(2 * k / 0.1));
  for (const [round, window] of windows.entries()) {
    const seconds = (round + 1) * rtt / 1e6;
    const expected = C * (seconds - k) ** 3 + maximum;
    // It runs towards where the function will be a round trip later.
    assertAlmostEquals(window, expected, 0.02 * expected, `after ${seconds} s`);
  }
  const at = (seconds: number) => windows[Math.round(seconds / 0.1) - 1];
  assert(at(0.5 * k) - at(0.25 * k) > at(k) - at(0.75 * k), "it is not concave before K");
  assert(at(2 * k) - at(1.75 * k) > at(1.25 * k) - at(k), "it is not convex behind K");
});

// covers RFC 9438 4.2 MUST
Deno.test("the window grows by half in a round trip at most", () => {
  const cubic = reduced(100);
  run(cubic, 0, 100_000, 1);
  const before = cubic.window;
  // A pause that nobody took out of t: the function is far away.
  run(cubic, 60_000_000, 100_000, 1);
  assert(cubic.window <= 1.5 * before * 1.3, `${before} became ${cubic.window}`);
  assert(cubic.window > 1.4 * before, `${before} became ${cubic.window}`);
});

// covers RFC 9438 4.3
Deno.test("with a small window or a short round trip it grows as Reno does on average", () => {
  const cubic = reduced(20);
  const windows = run(cubic, 0, 10_000, 4);
  for (const [round, window] of windows.entries()) {
    assertAlmostEquals(window, 14 + ALPHA * (round + 1), 0.15, `after ${round + 1} round trips`);
  }
  // Once it is where it was, it grows by a segment a round trip.
  run(cubic, 40_000, 10_000, 11);
  assert(cubic.window >= 20 * SEGMENT, "it is not yet where it was");
  const [one, two] = run(cubic, 150_000, 10_000, 2);
  assertAlmostEquals(two - one, 1, 0.06);
});

// covers RFC 9438 4.2 MUST
Deno.test("time in which the window is not used does not let it grow later", () => {
  const rtt = 100_000;
  const busy = reduced(1000);
  const idle = reduced(1000);
  run(busy, 0, rtt, 10);
  run(idle, 0, rtt, 10);
  run(idle, 1_000_000, rtt, 30, false);
  const [after] = run(idle, 4_000_000, rtt, 1);
  const [without] = run(busy, 1_000_000, rtt, 1);
  assertAlmostEquals(after, without, 0.01 * without);
});

// covers RFC 9438 4.7
Deno.test("who loses twice below where it was gives way: fast convergence", () => {
  const cubic = reduced(1000);
  // The second loss comes at 700 segments: W_max is 700 * 0.85.
  cubic.onCongestion(0, 700 * SEGMENT, false);
  cubic.onRecovered(0, 0);
  const target = 700 * (1 + BETA) / 2;
  const k = Math.cbrt((target - 490) / C);
  const windows = run(cubic, 0, 100_000, Math.round(k / 0.1));
  assertAlmostEquals(windows[windows.length - 1], target, 0.01 * target);
});

// covers RFC 9438 4.8 MUST
Deno.test("behind a timeout it begins flat, at the threshold", () => {
  const cubic = makeCubic();
  cubic.window = 200 * SEGMENT;
  cubic.onTimeout(0, 200 * SEGMENT, true);
  assertEquals(cubic.window, SEGMENT);
  assertAlmostEquals(cubic.threshold, 140 * SEGMENT, 1e-6);
  let now = 0;
  while (cubic.window < cubic.threshold) cubic.onAcknowledgment(sampleOf({ now: now += 1000 }));
  const rtt = 100_000;
  const windows = run(cubic, now, rtt, 20);
  for (const [round, window] of windows.entries()) {
    const seconds = (round + 2) * rtt / 1e6;
    const flat = 140 + C * seconds ** 3;
    const friendly = 140 + ALPHA * (round + 1);
    assertAlmostEquals(window, Math.max(flat, friendly), 1, `after ${seconds} s`);
  }
});

// covers RFC 9438 4.9.2
Deno.test("a reduction that was for nothing leaves no trace", () => {
  const rtt = 100_000;
  const [one, other] = [reduced(1000), reduced(1000)];
  run(one, 0, rtt, 20);
  run(other, 0, rtt, 20);
  other.onCongestion(2_000_000, other.window, false);
  assert(other.window < one.window);
  other.onSpurious(2_000_000);
  assertEquals([other.window, other.threshold], [one.window, one.threshold]);
  assertEquals(run(other, 2_000_000, rtt, 20), run(one, 2_000_000, rtt, 20));
});

// covers RFC 9438 4.9.2
Deno.test("an undo that comes too late takes nothing away", () => {
  const cubic = reduced(20);
  run(cubic, 0, 10_000, 40);
  const { window } = cubic;
  assert(window > 20 * SEGMENT);
  cubic.onSpurious(0);
  assertEquals(cubic.window, window);
});

Deno.test("cubic fills a long path, and shares it with its like", () => {
  const random = new SeededRandom(11);
  const options = { rate: 5_000_000, rtt: 100_000, queue: 250_000, random };
  const link = new Link(options);
  const flows = [0, 3_000_000].map((delay) => {
    const control = new Cubic({ segmentBytes: SEGMENT, hasHyStart: true, isPaced: false });
    const flow = new GreedyFlow(link, control, SEGMENT);
    flow.start(delay);
    return flow;
  });
  link.run(40_000_000);
  const before = flows.map((flow) => flow.delivered);
  link.run(40_000_000);
  const shares = flows.map((flow, index) => flow.delivered - before[index]);
  const used = (shares[0] + shares[1]) / (5_000_000 * 40);
  assert(used > 0.9, `${used} of the link is used`);
  assert(fairness(shares) > 0.8, `shares ${shares}`);
});

Deno.test("a control that nothing has happened to need not be kept, and others are", () => {
  const cubic = new Cubic({ segmentBytes: SEGMENT, hasHyStart: true, isPaced: true });
  assertEquals(cubic.onQuiet(), SEGMENT);
  cubic.onAcknowledgment(sampleOf({ isWindowLimited: false }));
  assert(cubic.pacingRate < Infinity);
  assertEquals(cubic.onQuiet(), SEGMENT);
  assertEquals(cubic.pacingRate, Infinity);
  cubic.onAcknowledgment(sampleOf());
  const grown = cubic.window;
  assertEquals(cubic.onQuiet(), 0);
  assertEquals(cubic.window, grown);
  assertEquals(reduced(10).onQuiet(), 0);
  const afterTimeout = makeCubic();
  afterTimeout.onTimeout(0, 0, true);
  assertEquals(afterTimeout.onQuiet(), 0);
});
