import { assert, assertEquals } from "@std/assert";
import {
  ConnectionGuard,
  type GuardPlan,
  RATE_WINDOW_MS,
  Verdict,
  WatchedStream,
} from "./connection_guard.ts";
import type { AnyStream } from "./endpoint_streams.ts";
import type { Network } from "../network.ts";
import { Deadlines, type DeadlineTarget } from "../../ring/deadlines.ts";
import { withSeed } from "../../tests/support/seed.ts";

const NOTHING: GuardPlan = {
  handshakeTimeoutMs: Infinity,
  idleTimeoutMs: Infinity,
  minimumReceiveBytesPerSecond: 0,
};
/** The counts are all that is looked at. */
const STREAM = null as unknown as AnyStream;
const STEP_MS = 100;

/** What the peer and the program do in one step of time. */
interface Step {
  readonly receive?: number;
  readonly send?: number;
  /** Whether a reader waits at its end; it does unless said otherwise. */
  readonly isRead?: boolean;
  /** Whether bytes wait to be sent at its end. */
  readonly isSent?: boolean;
}

/** @returns the verdict that is not FINE and the time when it fell, or the last time */
function watch(
  plan: Partial<GuardPlan>,
  steps: number,
  stepAt: (index: number) => Step,
  received = 0,
): { verdict: Verdict; atMs: number } {
  const watched = new WatchedStream(STREAM, received, 0);
  for (let index = 1; index <= steps; index++) {
    const { receive = 0, send = 0, isRead = true, isSent = false } = stepAt(index);
    if (receive > 0) watched.addReceived(receive);
    if (send > 0) watched.addSent(send);
    const atMs = index * STEP_MS;
    const verdict = watched.look({ ...NOTHING, ...plan }, atMs, isRead || isSent, isRead);
    if (verdict !== Verdict.FINE) return { verdict, atMs };
  }
  return { verdict: Verdict.FINE, atMs: steps * STEP_MS };
}

Deno.test("a stream that is held to nothing is left alone", () => {
  assertEquals(watch({}, 100_000, () => ({})).verdict, Verdict.FINE);
});

Deno.test("handshakeTimeoutMs ends a stream whose first byte does not come", () => {
  const plan = { handshakeTimeoutMs: 1000 };
  assertEquals(watch(plan, 100, () => ({})), { verdict: Verdict.HANDSHAKE, atMs: 1000 });
});

Deno.test("one byte in time is a handshake, and nothing more is asked for", () => {
  const plan = { handshakeTimeoutMs: 1000 };
  const steps = (index: number) => ({ receive: index === 9 ? 1 : 0 });
  assertEquals(watch(plan, 10_000, steps).verdict, Verdict.FINE);
  assertEquals(watch(plan, 10_000, () => ({}), 1).verdict, Verdict.FINE);
});

Deno.test("what the program sends is no handshake of the peer's", () => {
  const plan = { handshakeTimeoutMs: 1000, idleTimeoutMs: 5000 };
  assertEquals(watch(plan, 100, () => ({ send: 10 })), {
    verdict: Verdict.HANDSHAKE,
    atMs: 1000,
  });
});

Deno.test("the handshake's time does not count while nobody reads", () => {
  const plan = { handshakeTimeoutMs: 1000 };
  const steps = (index: number) => ({ isRead: index > 50 });
  assertEquals(watch(plan, 100, steps), { verdict: Verdict.HANDSHAKE, atMs: 6000 });
});

Deno.test("idleTimeoutMs ends a stream on which nothing moves", () => {
  const plan = { idleTimeoutMs: 1000 };
  const steps = (index: number) => ({ receive: index === 5 ? 1 : 0 });
  assertEquals(watch(plan, 100, steps), { verdict: Verdict.IDLE, atMs: 1500 });
});

Deno.test("bytes in either direction keep a stream from being idle", () => {
  const plan = { idleTimeoutMs: 1000 };
  for (const direction of ["receive", "send"]) {
    const steps = (index: number) => ({ [direction]: index % 9 === 0 ? 1 : 0 });
    assertEquals(watch(plan, 1000, steps).verdict, Verdict.FINE);
  }
});

Deno.test("a program that is busy is not idle, and a peer that does not take bytes is", () => {
  const plan = { idleTimeoutMs: 1000 };
  assertEquals(watch(plan, 1000, () => ({ isRead: false })).verdict, Verdict.FINE);
  const stuck = () => ({ isRead: false, isSent: true });
  assertEquals(watch(plan, 1000, stuck), { verdict: Verdict.IDLE, atMs: 1000 });
});

Deno.test("a peer that sends too slowly is ended after the window", () => {
  const plan = { minimumReceiveBytesPerSecond: 100 };
  const { verdict, atMs } = watch(plan, 1000, (index) => ({ receive: index % 10 === 0 ? 90 : 0 }));
  assertEquals(verdict, Verdict.SLOW);
  // The clock starts with the first byte, which came after a second.
  assertEquals(atMs, 1000 + RATE_WINDOW_MS);
});

Deno.test("a peer that sends enough within each window goes on, in whatever pieces", () => {
  const plan = { minimumReceiveBytesPerSecond: 100 };
  for (const every of [1, 3, 10, 20, 40]) {
    const steps = (index: number) => ({ receive: index % every === 0 ? every * 20 : 0 });
    assertEquals(watch(plan, 5000, steps).verdict, Verdict.FINE, `every ${every} steps`);
  }
});

Deno.test("a peer that was fast is not forgiven for being slow later", () => {
  const plan = { minimumReceiveBytesPerSecond: 100 };
  const steps = (index: number) => ({ receive: index <= 20 ? 1_000_000 : 1 });
  const { verdict, atMs } = watch(plan, 1000, steps);
  assertEquals(verdict, Verdict.SLOW);
  assertEquals(atMs <= 2000 + RATE_WINDOW_MS + 1000, true, `${atMs}`);
});

Deno.test("between messages no rate is asked for, and within one it is", () => {
  const plan = { minimumReceiveBytesPerSecond: 100 };
  // A request, an answer, a long pause; then a request that begins and does not go on.
  const steps = (index: number) => ({
    receive: index === 1 || index === 1000 ? 10 : 0,
    send: index === 2 ? 10 : 0,
  });
  const { verdict, atMs } = watch(plan, 2000, steps);
  assertEquals(verdict, Verdict.SLOW);
  assertEquals(atMs, 100_000 + RATE_WINDOW_MS);
});

Deno.test("a byte now and then does not keep a message going", () => {
  const plan = { minimumReceiveBytesPerSecond: 100, idleTimeoutMs: 60_000 };
  for (const every of [7, 29, 49]) {
    const steps = (index: number) => ({ receive: index % every === 0 ? 1 : 0 });
    const { verdict, atMs } = watch(plan, 10_000, steps);
    assertEquals(verdict, Verdict.SLOW);
    assertEquals(atMs, every * STEP_MS + RATE_WINDOW_MS);
  }
});

Deno.test("a program that does not read is not the peer's slowness", () => {
  const plan = { minimumReceiveBytesPerSecond: 100 };
  const steps = (index: number) => ({ receive: index === 1 ? 1 : 0, isRead: index % 20 !== 0 });
  assertEquals(watch(plan, 1000, steps).verdict, Verdict.FINE);
});

/** A reactor's deadlines on a clock that stands still until it is moved. */
class Clock {
  now = 0;
  readonly deadlines = new Deadlines();

  armDeadline(delayMs: number, target: DeadlineTarget, tag: number) {
    return this.deadlines.arm(this.now + delayMs, target, tag);
  }

  disarmDeadline(deadline: Parameters<Deadlines["disarm"]>[0]): void {
    this.deadlines.disarm(deadline);
  }

  /** Moves on to a time, by way of every deadline before it. */
  moveTo(nowMs: number): void {
    while (this.deadlines.next <= nowMs) {
      this.now = Math.max(this.now, this.deadlines.next);
      this.deadlines.fire(this.now);
    }
    this.now = nowMs;
  }
}

/** A stream, as far as a guard knows one. */
class FakeStream {
  meter: WatchedStream | null = null;
  isClosing = false;
  endedAtMs = -1;
  wasReset = false;
  readonly localName = "127.0.0.1:1";
  readonly remoteName = "127.0.0.1:2";
  readonly receiving = { isAwaited: true };
  readonly sendingSoFar = { isAwaited: false };
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  terminate(_reason: Error): void {
    this.isClosing = true;
    this.endedAtMs = this.#clock.now;
  }

  reset(reason: Error): void {
    this.wasReset = true;
    this.terminate(reason);
  }
}

function guardWith(plan: Partial<GuardPlan>) {
  const clock = new Clock();
  const network = { reactor: clock } as unknown as Network;
  const verdicts: Verdict[] = [];
  const whole = { ...NOTHING, ...plan };
  const guard = new ConnectionGuard(network, whole, (verdict) => verdicts.push(verdict));
  const add = () => {
    const stream = new FakeStream(clock);
    guard.watch(stream as unknown as AnyStream, 0);
    return stream;
  };
  const remove = (stream: FakeStream) => guard.forget(stream as unknown as AnyStream);
  return { clock, verdicts, add, remove };
}

Deno.test("a guard has one timer while there are streams, and none without", () => {
  const { clock, add, remove } = guardWith({ idleTimeoutMs: 1000 });
  assertEquals(clock.deadlines.size, 0);
  const streams = Array.from({ length: 100 }, add);
  assertEquals(clock.deadlines.size, 1);
  streams.forEach(remove);
  assertEquals(clock.deadlines.size, 0);
  remove(streams[0]);
  add();
  assertEquals(clock.deadlines.size, 1);
});

Deno.test("a guard ends each of many streams in time, and none before it", () => {
  const { clock, verdicts, add } = guardWith({ handshakeTimeoutMs: 800 });
  const early = Array.from({ length: 5_000 }, add);
  clock.moveTo(400);
  const late = Array.from({ length: 5_000 }, add);
  const talking = late.filter((_, index) => index % 10 === 0);
  talking.forEach((stream) => stream.meter!.addReceived(1));
  clock.moveTo(2000);
  for (const stream of early) {
    assert(stream.endedAtMs >= 800 && stream.endedAtMs <= 900, `${stream.endedAtMs}`);
  }
  for (const stream of late) {
    const isTalking = talking.includes(stream);
    const isInTime = stream.endedAtMs >= 1200 && stream.endedAtMs <= 1300;
    assert(isTalking ? stream.endedAtMs === -1 : isInTime, `${stream.endedAtMs}`);
  }
  assertEquals(verdicts.length, 9_500);
  assert(verdicts.every((verdict) => verdict === Verdict.HANDSHAKE));
});

Deno.test(
  "a guard finds every stream, however they come and go between its looks",
  withSeed((random) => {
    const { clock, add, remove } = guardWith({ idleTimeoutMs: 400 });
    const quiet = Array.from({ length: 6_000 }, add);
    const others = new Set<FakeStream>();
    for (let nowMs = 0; nowMs <= 600; nowMs += 10) {
      clock.moveTo(nowMs);
      for (let count = 0; count < 50; count++) {
        const stream = add();
        stream.receiving.isAwaited = false;
        others.add(stream);
      }
      for (const stream of [...others].filter(() => random.chance(0.5))) {
        others.delete(stream);
        remove(stream);
      }
    }
    assert(quiet.every(({ endedAtMs }) => endedAtMs >= 400 && endedAtMs <= 460));
    assert([...others].every(({ endedAtMs }) => endedAtMs === -1));
  }),
);

Deno.test("a stream whose peer does not take what is sent is reset, others are closed", () => {
  const { clock, add } = guardWith({ idleTimeoutMs: 100 });
  const [reading, sending] = [add(), add()];
  sending.sendingSoFar.isAwaited = true;
  clock.moveTo(200);
  assertEquals([reading.wasReset, reading.isClosing], [false, true]);
  assertEquals([sending.wasReset, sending.isClosing], [true, true]);
});
