import { assert, assertEquals } from "@std/assert";
import { SeededRandom } from "../../random.ts";
import { GreedyFlow, Link } from "../../../tests/support/stack/tcp/link_model.ts";
import { sampleOf, SEGMENT } from "../../../tests/support/stack/tcp/rate_sample.ts";
import { Cubic } from "./cubic.ts";
import { SlowStart } from "./slow_start.ts";

/** Sends rounds of so many samples of a round trip each, and notes by how much the window grows. */
class Rounds {
  readonly slowStart = new SlowStart();
  #next = 0;

  round(rtt: number, samples = 10): number[] {
    const start = this.#next;
    this.#next += 10_000;
    return Array.from({ length: samples }, (_, index) =>
      this.slowStart.grow(
        sampleOf({
          rtt,
          acknowledgment: start + index,
          sendNext: start + 10_000,
          acknowledgedBytes: SEGMENT,
        }),
        Infinity,
      ));
  }
}

// covers RFC 9406 4.2 MUST
Deno.test("rounds that take the same time let the window double", () => {
  const rounds = new Rounds();
  for (let count = 0; count < 20; count++) {
    assertEquals(rounds.round(50_000), new Array(10).fill(SEGMENT));
  }
});

// covers RFC 9406 4.2 MUST
Deno.test("delay of an eighth of the round trip slows growth, for five rounds at most", () => {
  const rounds = new Rounds();
  rounds.round(80_000);
  // The eighth sample tells.
  const grown = rounds.round(90_000);
  assertEquals(grown, [...new Array(8).fill(SEGMENT), SEGMENT / 4, SEGMENT / 4]);
  for (let count = 1; count < 5; count++) {
    assertEquals(rounds.round(90_000), new Array(10).fill(SEGMENT / 4));
  }
  assertEquals(rounds.round(90_000, 1), [-1]);
});

// covers RFC 9406 4.2 MUST
Deno.test("delay that goes away again was jitter: slow start goes on", () => {
  const rounds = new Rounds();
  rounds.round(80_000);
  rounds.round(90_000);
  assert(rounds.slowStart.isConservative);
  rounds.round(81_000);
  assert(!rounds.slowStart.isConservative);
  assertEquals(rounds.round(81_000), new Array(10).fill(SEGMENT));
});

// covers RFC 9406 4.2 MUST
Deno.test("the threshold of delay is 4 to 16 milliseconds", () => {
  for (const [rtt, threshold] of [[1000, 4000], [80_000, 10_000], [800_000, 16_000]]) {
    const below = new Rounds();
    below.round(rtt);
    below.round(rtt + threshold - 1);
    assert(!below.slowStart.isConservative, `${rtt} and less than ${threshold}`);
    const at = new Rounds();
    at.round(rtt);
    at.round(rtt + threshold);
    assert(at.slowStart.isConservative, `${rtt} and ${threshold}`);
  }
});

// covers RFC 9406 4.2 MUST
Deno.test("fewer than eight samples say nothing of a round", () => {
  const rounds = new Rounds();
  rounds.round(50_000);
  rounds.round(90_000, 7);
  assert(!rounds.slowStart.isConservative);
});

// covers RFC 9406 4.2 MUST
Deno.test("slow start ends before a deep queue overflows, with a window that fills it", () => {
  const random = new SeededRandom(5);
  const link = new Link({ rate: 6_250_000, rtt: 60_000, queue: 3_000_000, random });
  const control = new Cubic({ segmentBytes: SEGMENT, hasHyStart: true, isPaced: false });
  const flow = new GreedyFlow(link, control, SEGMENT);
  flow.start();
  link.run(3_000_000);
  assert(control.threshold !== Infinity, "slow start goes on");
  assertEquals(link.dropped, 0);
  const bdp = 6_250_000 * 0.06;
  assert(control.threshold >= bdp, `the threshold ${control.threshold} is below ${bdp}`);
  const reckless = new Cubic({ segmentBytes: SEGMENT, hasHyStart: false, isPaced: false });
  const other = new Link({ rate: 6_250_000, rtt: 60_000, queue: 3_000_000, random });
  new GreedyFlow(other, reckless, SEGMENT).start();
  other.run(3_000_000);
  assert(other.dropped > 100, "the queue would not overflow anyway");
});
