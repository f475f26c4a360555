import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { SeededRandom } from "../../random.ts";
import {
  fairness,
  GreedyFlow,
  Link,
  type LinkOptions,
} from "../../../tests/support/stack/tcp/link_model.ts";
import { sampleOf, SEGMENT } from "../../../tests/support/stack/tcp/rate_sample.ts";
import { Bbr } from "./bbr.ts";
import { BbrState } from "./bbr_model.ts";

const RATE = 5_000_000;
const RTT = 40_000;
const BDP = RATE * RTT / 1e6;
const SECOND = 1_000_000;

interface Path {
  readonly link: Link;
  readonly flow: GreedyFlow;
  readonly bbr: Bbr;
  /** The states, and when they began, in microseconds. */
  readonly history: { state: BbrState; at: number }[];
}

function makePath(options: Partial<LinkOptions> = {}): Path {
  const random = new SeededRandom(17);
  const link = new Link({ rate: RATE, rtt: RTT, queue: 3 * BDP, random, ...options });
  const bbr = new Bbr(SEGMENT, random);
  const flow = new GreedyFlow(link, bbr, SEGMENT);
  const history: Path["history"] = [{ state: BbrState.STARTUP, at: 0 }];
  flow.onSample = ({ now }) => {
    const { state } = bbr.model;
    if (state !== history[history.length - 1].state) history.push({ state, at: now });
  };
  flow.start();
  return { link, flow, bbr, history };
}

Deno.test("the model converges to the bottleneck's rate and round trip", () => {
  const { link, flow, bbr } = makePath();
  link.run(4 * SECOND);
  const { model } = bbr;
  assertAlmostEquals(model.maximumRate * 1e6, RATE, 0.03 * RATE);
  assertAlmostEquals(model.minimumRtt, RTT, 0.03 * RTT);
  const before = flow.delivered;
  link.peakQueue = 0;
  link.run(20 * SECOND);
  const used = (flow.delivered - before) / (RATE * 20);
  assert(used > 0.93, `${used} of the link is used`);
  assertEquals(link.dropped, 0);
  // The window's gain of 2.25 bounds what UP adds; loss-based ones would keep all 3.
  assert(link.peakQueue < 1.3 * BDP, `the queue was ${link.peakQueue / BDP} BDP`);
});

Deno.test("Startup doubles the rate each round trip, and ends on a plateau of three", () => {
  const { link, flow, bbr, history } = makePath({ rate: 50_000_000, queue: 100_000_000 });
  const rates: number[] = [];
  let rounds = 0;
  const { onSample } = flow;
  flow.onSample = (sample) => {
    onSample?.(sample);
    if (sample.isRoundStart && bbr.model.state === BbrState.STARTUP) {
      rates[rounds++] = bbr.model.maximumRate * 1e6;
    }
  };
  link.run(2 * SECOND);
  const growing = rates.filter((rate) => rate < 0.9 * 50_000_000);
  assert(growing.length >= 5, "there are too few rounds to tell");
  const factor = (growing[growing.length - 1] / growing[1]) ** (1 / (growing.length - 2));
  assert(factor > 1.7 && factor < 2.4, `a round grew by ${factor} on average`);
  const plateau = rates.filter((rate) => rate > 50_000_000 / 1.25);
  assert(plateau.length >= 3 && plateau.length <= 6, `${plateau.length} rounds on the plateau`);
  const [startup, drain, probing] = history.map(({ state }) => state);
  assertEquals([startup, drain], [BbrState.STARTUP, BbrState.DRAIN]);
  // DOWN may be over with the very acknowledgment that begins it.
  assert(probing === BbrState.PROBE_DOWN || probing === BbrState.PROBE_CRUISE);
});

Deno.test("Drain leaves no more in flight than the path holds", () => {
  const { link, flow, bbr, history } = makePath();
  let inFlight = -1;
  const { onSample } = flow;
  flow.onSample = (sample) => {
    const was = bbr.model.state;
    onSample?.(sample);
    if (inFlight < 0 && was === BbrState.PROBE_DOWN) inFlight = sample.inFlight;
  };
  link.run(2 * SECOND);
  const drain = history.findIndex(({ state }) => state === BbrState.DRAIN);
  assert(drain > 0);
  const took = history[drain + 1].at - history[drain].at;
  assert(took < 4 * 2 * RTT, `Drain took ${took} microseconds`);
  assert(inFlight <= 1.05 * BDP, `${inFlight / BDP} BDP are in flight`);
});

Deno.test("probing goes from DOWN to CRUISE, REFILL and UP, after 2 to 3 seconds", () => {
  // A long path: what Reno would need is more than the clock allows.
  const { link, history } = makePath({ rate: 10_000_000, rtt: 100_000, queue: 10_000_000 });
  link.run(30 * SECOND);
  const { PROBE_DOWN, PROBE_CRUISE, PROBE_REFILL, PROBE_UP, PROBE_RTT } = BbrState;
  const allowed: Partial<Record<BbrState, readonly BbrState[]>> = {
    [PROBE_DOWN]: [PROBE_CRUISE, PROBE_REFILL, PROBE_RTT],
    [PROBE_CRUISE]: [PROBE_REFILL, PROBE_RTT],
    [PROBE_REFILL]: [PROBE_UP, PROBE_RTT],
    [PROBE_UP]: [PROBE_DOWN, PROBE_RTT],
    [PROBE_RTT]: [PROBE_CRUISE],
  };
  const cycles: number[] = [];
  let isFresh = false;
  for (let index = 2; index + 1 < history.length; index++) {
    const [{ state, at }, next] = [history[index], history[index + 1]];
    assert(allowed[state]?.includes(next.state), `${state} went to ${next.state}`);
    if (state === PROBE_DOWN) {
      isFresh = true;
      cycles.push(at);
    }
    if (state === PROBE_RTT) isFresh = false;
    if (state === PROBE_CRUISE && isFresh && next.state === PROBE_REFILL) {
      const waited = next.at - cycles[cycles.length - 1];
      assert(waited >= 2 * SECOND && waited <= 3.2 * SECOND, `it waited ${waited}`);
    }
  }
  assert(cycles.length >= 6, `${cycles.length} cycles`);
});

Deno.test("ProbeRTT comes after five seconds, lasts 200 ms and a round, with half a BDP", () => {
  const { link, flow, history } = makePath();
  let least = Infinity;
  const { onSample } = flow;
  flow.onSample = (sample) => {
    onSample?.(sample);
    if (sample.now > 2 * SECOND) least = Math.min(least, sample.inFlight);
  };
  link.run(30 * SECOND);
  const probes = history.flatMap(({ state, at }, index) =>
    state === BbrState.PROBE_RTT ? [{ at, lasted: (history[index + 1]?.at ?? at) - at }] : []
  );
  assert(probes.length >= 3 && probes.length <= 6, `${probes.length} times`);
  for (const [index, { at, lasted }] of probes.entries()) {
    if (index > 0) {
      const since = at - probes[index - 1].at;
      // A round trip that is shorter than all before puts it off.
      assert(since >= 5 * SECOND && since < 10 * SECOND, `${since} since the last one`);
    }
    assert(lasted >= 200_000 && lasted < 200_000 + 4 * RTT, `it lasted ${lasted}`);
  }
  assert(least <= 0.55 * BDP, `${least / BDP} BDP were in flight at least`);
});

Deno.test("a faster bottleneck is found, and a slower one", () => {
  const { link, bbr } = makePath();
  link.run(5 * SECOND);
  link.rate = 4 * RATE;
  link.run(25 * SECOND);
  assertAlmostEquals(bbr.model.maximumRate * 1e6, 4 * RATE, 0.1 * 4 * RATE);
  link.rate = RATE;
  link.run(25 * SECOND);
  assertAlmostEquals(bbr.model.maximumRate * 1e6, RATE, 0.1 * RATE);
});

Deno.test("one percent of loss at random costs little", () => {
  const { link, flow } = makePath({ loss: 0.01 });
  link.run(30 * SECOND);
  const used = flow.delivered / (RATE * 30);
  assert(used > 0.75, `${used} of the link is used`);
});

Deno.test("a shallow queue is found by its losses, which bound what is in flight", () => {
  const { link, flow, bbr } = makePath({ queue: 0.2 * BDP });
  link.run(30 * SECOND);
  assert(bbr.model.inflightLongTerm < 2 * BDP, `bound ${bbr.model.inflightLongTerm / BDP} BDP`);
  assert(flow.lost < 0.03 * flow.delivered, `${flow.lost / flow.delivered} are lost`);
  assert(flow.delivered > 0.85 * RATE * 30, `${flow.delivered / (RATE * 30)} is used`);
});

Deno.test("marks count as congestion: the queue stays short without a loss", () => {
  const { link, flow } = makePath({ queue: 3 * BDP, markAbove: 0.1 * BDP });
  link.run(5 * SECOND);
  link.peakQueue = 0;
  link.run(25 * SECOND);
  assertEquals(flow.lost, 0);
  assert(flow.delivered > 0.8 * RATE * 30, `${flow.delivered / (RATE * 30)} is used`);
  assert(link.peakQueue < 0.4 * BDP, `the queue was ${link.peakQueue / BDP} BDP`);
});

Deno.test("two flows find their shares", () => {
  const random = new SeededRandom(23);
  const link = new Link({ rate: RATE, rtt: RTT, queue: 2 * BDP, random });
  const flows = [0, 4 * SECOND].map((delay) => {
    const flow = new GreedyFlow(link, new Bbr(SEGMENT, random), SEGMENT);
    flow.start(delay);
    return flow;
  });
  link.run(30 * SECOND);
  const before = flows.map((flow) => flow.delivered);
  link.run(30 * SECOND);
  const shares = flows.map((flow, index) => flow.delivered - before[index]);
  assert(fairness(shares) > 0.9, `shares ${shares}`);
});

Deno.test("a timeout leaves one segment; once recovered the window is what it was", () => {
  const { link, bbr, flow } = makePath();
  link.run(4 * SECOND);
  flow.isSending = false;
  const { window } = bbr;
  bbr.onTimeout(link.now, flow.inFlight, true);
  assertEquals(bbr.window, SEGMENT);
  const { model } = bbr;
  const recovering = sampleOf({
    now: link.now,
    totalDelivered: model.delivered + SEGMENT,
    priorDelivered: model.delivered,
    interval: -1,
    rtt: RTT,
  });
  bbr.onAcknowledgment({ ...recovering, isRecovering: true });
  assertEquals(bbr.window, 4 * SEGMENT);
  bbr.onAcknowledgment(recovering);
  assert(bbr.window >= 0.8 * window, `${window} became ${bbr.window}`);
});

Deno.test("losses that were none bring back the bounds", () => {
  const { link, bbr, flow } = makePath();
  link.run(4 * SECOND);
  flow.isSending = false;
  const { model } = bbr;
  bbr.onCongestion(link.now, flow.inFlight, false);
  model.rateShortTerm = 1;
  model.inflightShortTerm = 4 * SEGMENT;
  bbr.onSpurious(link.now);
  assertEquals([model.rateShortTerm, model.inflightShortTerm], [Infinity, Infinity]);
});

Deno.test("samples that the application limits do not lower the rate", () => {
  const { link, bbr, flow } = makePath();
  link.run(4 * SECOND);
  flow.isSending = false;
  const before = bbr.model.maximumRate;
  const { delivered } = bbr.model;
  for (let round = 1; round < 40; round++) {
    bbr.onAcknowledgment(sampleOf({
      now: link.now + round * RTT,
      rtt: RTT + 1000,
      interval: RTT,
      deliveredBytes: SEGMENT,
      totalDelivered: delivered + round * SEGMENT,
      priorDelivered: delivered + (round - 1) * SEGMENT,
      isApplicationLimited: true,
    }));
  }
  assertEquals(bbr.model.maximumRate, before);
});

Deno.test("the first pacing rate is that of the initial window in the first round trip", () => {
  const bbr = new Bbr(SEGMENT, new SeededRandom(1));
  assertAlmostEquals(bbr.pacingRate, 2.77 * 10 * SEGMENT * 1000, 1);
  bbr.onAcknowledgment(sampleOf({ interval: -1, smoothedRtt: 50_000 }));
  assertAlmostEquals(bbr.pacingRate, 2.77 * 10 * SEGMENT * 20, 1);
});
