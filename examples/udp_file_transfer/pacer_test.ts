import { assert, assertEquals } from "@std/assert";
import { Pacer } from "./pacer.ts";
import { type Acknowledgement, WINDOW_BLOCKS } from "./protocol.ts";
import { RoundTrip } from "./round_trip.ts";
import { SendWindow } from "./send_window.ts";
import { type Random, withSeed } from "../../tests/support/seed.ts";

/** A path between two programs, in virtual time. */
interface Path {
  /** Blocks per millisecond that its narrowest link carries. */
  readonly rate: number;
  /** The same after the first second. */
  readonly laterRate?: number;
  /** There and back, when nothing waits. */
  readonly roundTripMs: number;
  /** Blocks that wait in front of the narrowest link; what comes then is lost. */
  readonly queue: number;
  /** The share that is lost at random, on the way there and on the way back. */
  readonly loss: number;
}

interface Outcome {
  readonly milliseconds: number;
  /** Blocks that left, for each block that had to. */
  readonly overhead: number;
  /** The most blocks that waited in front of the link. */
  readonly queued: number;
}

interface Arrival {
  readonly at: number;
  readonly deliver: () => void;
}

/** A receiver that has room for everything. */
class Sink {
  readonly #has: Uint8Array;
  #next = 0;
  #highest = 0;
  #reached = 0;
  #duplicates = 0;

  constructor(blocks: number) {
    this.#has = new Uint8Array(blocks);
  }

  take(block: number, transmission: number): Acknowledgement {
    this.#reached = Math.max(this.#reached, transmission + 1);
    this.#duplicates += this.#has[block];
    this.#has[block] = 1;
    this.#highest = Math.max(this.#highest, block + 1);
    while (this.#next < this.#has.length && this.#has[this.#next] === 1) this.#next++;
    const bitmap = new Uint8Array(Math.ceil(Math.max(0, this.#highest - this.#next) / 8));
    for (let at = this.#next; at < this.#highest; at++) {
      bitmap[(at - this.#next) >> 3] |= this.#has[at] << ((at - this.#next) & 7);
    }
    const edge = Math.min(this.#has.length, this.#next + WINDOW_BLOCKS);
    return { next: this.#next, edge, reached: this.#reached, duplicates: this.#duplicates, bitmap };
  }
}

/** Sends as many blocks over a path. */
function simulate(path: Path, blocks: number, random: Random): Outcome {
  const STEP_MS = 0.25;
  const window = new SendWindow();
  const roundTrip = new RoundTrip();
  roundTrip.measured(path.roundTripMs);
  const pacer = new Pacer(0, path.roundTripMs);
  const sink = new Sink(blocks);
  const arrivals: Arrival[] = [];
  let now = 0;
  let linkFreeAt = 0;
  let expiresAt = roundTrip.timeoutMs;
  let queued = 0;
  window.edge = Math.min(blocks, WINDOW_BLOCKS);

  const answer = (ack: Acknowledgement) => {
    const { arrived, lost, roundTripMs } = window.acknowledged(ack, now, roundTrip.smoothedMs)!;
    if (roundTripMs !== undefined) {
      roundTrip.measured(roundTripMs);
      pacer.measured(now, roundTripMs, roundTrip.smoothedMs);
    }
    pacer.delivered(now, arrived, lost);
    if (arrived === 0) return;
    roundTrip.answered();
    expiresAt = now + roundTrip.timeoutMs;
  };
  const leave = (block: number) => {
    const transmission = window.leaves(block, now);
    linkFreeAt = Math.max(linkFreeAt, now);
    const rate = now < 1000 ? path.rate : path.laterRate ?? path.rate;
    const waiting = (linkFreeAt - now) * rate;
    if (waiting >= path.queue) return;
    queued = Math.max(queued, waiting);
    linkFreeAt += 1 / rate;
    if (random.chance(path.loss)) return;
    arrivals.push({
      at: linkFreeAt + path.roundTripMs,
      deliver: () => {
        const ack = sink.take(block, transmission);
        if (!random.chance(path.loss)) answer(ack);
      },
    });
  };
  for (; window.base < blocks; now += STEP_MS) {
    assert(now < 600_000, `only ${window.base} of ${blocks} blocks have arrived`);
    while (arrivals.length > 0 && arrivals[0].at <= now) arrivals.shift()!.deliver();
    if (now >= expiresAt) {
      roundTrip.expired();
      expiresAt = now + roundTrip.timeoutMs;
      const lost = window.probe();
      if (lost !== undefined) leave(lost);
    }
    const allowed = pacer.mayLeave(now, window.inFlight);
    let left = 0;
    for (; left < allowed && window.hasRoom; left++) {
      const isFresh = window.next < Math.min(window.edge, window.base + WINDOW_BLOCKS);
      const block = window.takeLost() ?? (isFresh ? window.next : undefined);
      if (block === undefined) {
        pacer.idled();
        break;
      }
      leave(block);
    }
    pacer.left(left);
  }
  return { milliseconds: now, overhead: window.transmissions / blocks, queued };
}

/** How long the link would take without any loss. */
const IDEAL_MS = 3_000;

/**
 * Sends what the link carries in that time. @returns Its share of the capacity, beside the rest.
 */
function fill(path: Path, random: Random): Outcome & { readonly share: number } {
  const blocks = Math.ceil(path.rate * IDEAL_MS);
  const outcome = simulate(path, blocks, random);
  return { ...outcome, share: IDEAL_MS / outcome.milliseconds };
}

const LOSSY: readonly (Path & { readonly name: string })[] = [
  { name: "an Ethernet cable", rate: 70, roundTripMs: 0.3, queue: 2000, loss: 0.05 },
  { name: "100 Mbit/s, 20 ms away", rate: 9, roundTripMs: 20, queue: 180, loss: 0.05 },
  { name: "the same with a short queue", rate: 9, roundTripMs: 20, queue: 10, loss: 0.05 },
  { name: "10 Mbit/s, 60 ms away", rate: 0.9, roundTripMs: 60, queue: 60, loss: 0.05 },
  { name: "200 Mbit/s, 100 ms away", rate: 20, roundTripMs: 100, queue: 500, loss: 0.05 },
];

for (const { name, ...path } of LOSSY) {
  Deno.test(
    `with 5 % of loss both ways it neither floods nor crawls: ${name}`,
    withSeed((random) => {
      const { share, overhead, queued } = fill(path, random);
      assert(share > 0.6, `${share} of what the path carries`);
      // What is lost has to be sent again, and little beyond that.
      assert(overhead < 1.13, `${overhead} times as many blocks as there are`);
      assert(queued / path.rate < 300, `${queued / path.rate} ms of queue`);
    }),
  );
}

Deno.test(
  "without loss hardly anything is sent twice, and the path is full",
  withSeed((random) => {
    const { share, overhead } = fill({ rate: 9, roundTripMs: 20, queue: 180, loss: 0 }, random);
    assert(share > 0.85 && overhead < 1.05, `share ${share}, overhead ${overhead}`);
  }),
);

Deno.test(
  "15 % of loss at random is no congestion",
  withSeed((random) => {
    const { share } = fill({ rate: 9, roundTripMs: 20, queue: 50, loss: 0.15 }, random);
    assert(share > 0.4, `${share} of what the path carries`);
  }),
);

Deno.test(
  "a path that becomes slower is not flooded",
  withSeed((random) => {
    const path = { rate: 9, laterRate: 1, roundTripMs: 20, queue: 50, loss: 0 };
    // About a second of the fast path, then two of the slow one.
    const { overhead, milliseconds } = simulate(path, 11_000, random);
    assert(overhead < 1.15, `${overhead} times as many blocks as there are`);
    assert(milliseconds < 6_000, `${milliseconds} ms`);
  }),
);

Deno.test(
  "a path that becomes faster is made use of",
  withSeed((random) => {
    const path = { rate: 1, laterRate: 9, roundTripMs: 20, queue: 50, loss: 0.02 };
    const { milliseconds } = simulate(path, 28_000, random);
    assert(milliseconds < 8_000, `${milliseconds} ms, of which 4 s would do`);
  }),
);

Deno.test("a pause does not end in a burst", () => {
  const pacer = new Pacer(0, 10);
  pacer.left(pacer.mayLeave(0, 0));
  const before = pacer.flight;
  const allowed = pacer.mayLeave(60_000, 0);
  assert(allowed <= before && allowed <= 32, `${allowed} blocks at once`);
});

Deno.test("an epoch without much to send does not slow it down", () => {
  const pacer = new Pacer(0, 10);
  for (let now = 11; now < 400; now += 11) pacer.delivered(now, 110, 0);
  const { rate } = pacer;
  assertEquals(rate, 10);
  for (let now = 400; now < 2_000; now += 11) {
    pacer.idled();
    pacer.delivered(now, 1, 0);
  }
  assertEquals(pacer.rate, rate);
});
