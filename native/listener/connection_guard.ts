/**
 * Watches over the streams of one endpoint: ends those whose peer takes up a place without using
 * it.
 *
 * The peer's clock runs while the program waits for the peer: while a reader waits for bytes, or
 * bytes wait to be sent. It stands still while the program is busy with what it has, so that nobody
 * is ended for the program's own slowness.
 *
 * Bytes are counted where they arrive, and the counts are looked at from time to time: one timer
 * serves all streams of the endpoint, and runs only while there are any. A stream is therefore
 * ended up to an eighth of the shortest limit, and at most a second, late; never early.
 *
 * @module
 */

import type { AnyStream } from "./endpoint_streams.ts";
import { timedOut } from "../errors.ts";
import type { Network } from "../network.ts";
import type { Socket } from "../socket.ts";
import { StreamMeter } from "../stream/stream_meter.ts";
import type { Deadline, DeadlineTarget } from "../../ring/deadlines.ts";

/** What streams are held to; Infinity and 0 for what nobody asked for. */
export interface GuardPlan {
  /** The longest that a program waits for the first byte of a stream. */
  readonly handshakeTimeoutMs: number;
  /** The longest that a program waits for a stream on which nothing moves. */
  readonly idleTimeoutMs: number;
  /** The least average of bytes that a message brings in a second. */
  readonly minimumReceiveBytesPerSecond: number;
}

/** The time over which the rate of received bytes is averaged, in milliseconds. */
export const RATE_WINDOW_MS = 5_000;
/** Points within the window at which bytes are counted. */
const RATE_STEPS = 5;
const RATE_STEP_MS = RATE_WINDOW_MS / RATE_STEPS;
/** How often within the shortest limit streams are looked at. */
const LOOKS_PER_LIMIT = 8;
const LOOK_MIN_MS = 5;
const LOOK_MAX_MS = 1_000;
/** Streams that are looked at in one go, before the event loop gets its share. */
const SWEEP_MOST = 4_096;

/** What came of looking at a stream. */
export const Verdict = { FINE: 0, HANDSHAKE: 1, IDLE: 2, SLOW: 3 } as const;
/** See {@linkcode Verdict}. */
export type Verdict = typeof Verdict[keyof typeof Verdict];

/** What is known of one stream that is watched over. */
export class WatchedStream extends StreamMeter {
  readonly stream: AnyStream;
  /** Its place in the list of its guard, -1 when it is in none. */
  place = -1;
  /** Since when nothing has moved, in milliseconds. */
  #quietSince: number;
  /** Since when the first byte is awaited. */
  #silentSince: number;
  #lastReceived: number;
  #lastSent = 0;
  /** Times and byte counts in turn, the oldest first; null while no rate is measured. */
  #marks: number[] | null = null;

  /** @param nowMs the time, on any clock */
  constructor(stream: AnyStream, received: number, nowMs: number) {
    super();
    this.stream = stream;
    this.received = received;
    this.#lastReceived = received;
    this.#quietSince = nowMs;
    this.#silentSince = nowMs;
  }

  /**
   * Looks at the counts.
   *
   * @param isAwaited whether the program waits for the peer
   * @param isRead whether it waits for bytes from the peer
   */
  look(plan: GuardPlan, nowMs: number, isAwaited: boolean, isRead: boolean): Verdict {
    const hasMoved = this.received !== this.#lastReceived || this.sent !== this.#lastSent;
    this.#lastReceived = this.received;
    this.#lastSent = this.sent;
    if (hasMoved || !isAwaited) this.#quietSince = nowMs;
    if (!isAwaited) this.#silentSince = nowMs;
    const isSilent = this.received === 0;
    if (isSilent && nowMs - this.#silentSince >= plan.handshakeTimeoutMs) return Verdict.HANDSHAKE;
    if (nowMs - this.#quietSince >= plan.idleTimeoutMs) return Verdict.IDLE;
    const least = plan.minimumReceiveBytesPerSecond;
    return least > 0 && this.#isSlow(least, nowMs, isRead) ? Verdict.SLOW : Verdict.FINE;
  }

  /**
   * A message is under way from its first byte until something is sent: only then a rate is asked
   * for, as between two messages the peer has nothing to say.
   */
  #isSlow(least: number, nowMs: number, isRead: boolean): boolean {
    if (!isRead || this.received === this.receivedAtSend) {
      this.#marks = null;
      return false;
    }
    const marks = this.#marks ??= [];
    if (marks.length > 0 && nowMs - marks[marks.length - 2] < RATE_STEP_MS) return false;
    marks.push(nowMs, this.received);
    if (marks.length <= RATE_STEPS * 2) return false;
    const [sinceMs, before] = marks.splice(0, 2);
    return (this.received - before) * 1000 < least * (nowMs - sinceMs);
  }
}

/** Whoever is told that a stream is to be ended. */
export type OnViolation = (verdict: Verdict) => void;

/** Watches over the streams of one endpoint. */
export class ConnectionGuard implements DeadlineTarget {
  readonly #network: Network;
  readonly #plan: GuardPlan;
  readonly #onViolation: OnViolation;
  readonly #intervalMs: number;
  readonly #watched: WatchedStream[] = [];
  #timer: Deadline | null = null;
  /** Streams of the present sweep that are still to be looked at: those at the lower places. */
  #left = 0;

  /** @param onViolation counts what it ends */
  constructor(network: Network, plan: GuardPlan, onViolation: OnViolation) {
    this.#network = network;
    this.#plan = plan;
    this.#onViolation = onViolation;
    this.#intervalMs = lookIntervalMs(plan);
  }

  /**
   * Watches over a stream from now on.
   *
   * @param received bytes of it that came before
   */
  watch(stream: AnyStream, received: number): void {
    const watched = new WatchedStream(stream, received, this.#network.reactor.now);
    watched.place = this.#watched.push(watched) - 1;
    stream.meter = watched;
    if (this.#timer === null) this.#arm(this.#intervalMs);
  }

  /** Forgets a stream that is closed. */
  forget(socket: Socket): void {
    const { meter } = socket;
    if (!(meter instanceof WatchedStream) || meter.place < 0) return;
    const last = this.#watched.pop()!;
    if (last !== meter) {
      // A sweep under way may look at it twice, but not miss it.
      this.#watched[meter.place] = last;
      last.place = meter.place;
    }
    meter.place = -1;
    if (this.#watched.length > 0 || this.#timer === null) return;
    this.#network.reactor.disarmDeadline(this.#timer);
    this.#timer = null;
  }

  /** {@inheritDoc DeadlineTarget.onDeadline} */
  onDeadline(_tag: number): void {
    this.#timer = null;
    if (this.#left === 0) this.#left = this.#watched.length;
    this.#left = Math.min(this.#left, this.#watched.length);
    const stop = Math.max(0, this.#left - SWEEP_MOST);
    const { now } = this.#network.reactor;
    // From the end, as ending a stream may move the last one to its place.
    while (this.#left > stop) this.#look(this.#watched[--this.#left], now);
    if (this.#watched.length > 0) this.#arm(this.#left > 0 ? 0 : this.#intervalMs);
  }

  #arm(delayMs: number): void {
    this.#timer = this.#network.reactor.armDeadline(delayMs, this, 0);
  }

  #look(watched: WatchedStream, now: number): void {
    const { stream } = watched;
    if (stream.isClosing) return;
    const isRead = stream.receiving.isAwaited;
    const isSent = stream.sendingSoFar?.isAwaited === true;
    const verdict = watched.look(this.#plan, now, isRead || isSent, isRead);
    if (verdict === Verdict.FINE) return;
    this.#onViolation(verdict);
    const error = violationError(stream, verdict, this.#plan);
    // What the peer has not taken yet would keep its place in the system's memory.
    if (isSent) stream.reset(error);
    else stream.terminate(error);
  }
}

/** How often streams are looked at. */
function lookIntervalMs(plan: GuardPlan): number {
  const { handshakeTimeoutMs, idleTimeoutMs, minimumReceiveBytesPerSecond } = plan;
  const shortestMs = Math.min(handshakeTimeoutMs, idleTimeoutMs) / LOOKS_PER_LIMIT;
  const wantedMs = minimumReceiveBytesPerSecond > 0
    ? Math.min(shortestMs, RATE_STEP_MS)
    : shortestMs;
  return Math.min(LOOK_MAX_MS, Math.max(LOOK_MIN_MS, wantedMs));
}

function violationError(stream: AnyStream, verdict: Verdict, plan: GuardPlan): Error {
  const context = { local: stream.localName, remote: stream.remoteName };
  const { handshakeTimeoutMs, idleTimeoutMs, minimumReceiveBytesPerSecond } = plan;
  if (verdict === Verdict.HANDSHAKE) {
    const detail = `nothing came within the endpoint's handshakeTimeoutMs, ${handshakeTimeoutMs}`;
    return timedOut("receive", { ...context, detail });
  }
  if (verdict === Verdict.IDLE) {
    const detail = `nothing moved within the endpoint's idleTimeoutMs, ${idleTimeoutMs}`;
    return timedOut("receive", { ...context, detail });
  }
  const detail = "fewer bytes a second came than the endpoint's minimumReceiveBytesPerSecond, " +
    `${minimumReceiveBytesPerSecond}`;
  return timedOut("receive", { ...context, detail });
}
