/**
 * TIME-WAIT: what is left of a connection whose ends have both closed, until no segment of it can
 * be on its way any more. RFC 9293 section 3.6.1, RFC 1337, RFC 6191.
 *
 * @module
 */

import type { Flow, IcmpError } from "../ip/types.ts";
import * as tcp from "../wire/tcp.ts";
import { OptionBit } from "../wire/tcp_options.ts";
import type { Connection } from "./connection.ts";
import { Bit } from "./connection_bits.ts";
import type { TcpContext } from "./context.ts";
import { TcpCounter } from "./counters.ts";
import { putConfigured } from "./parameters.ts";
import type { Entry } from "./table.ts";
import type { Segment } from "./types.ts";
import { segmentEnd, segmentStart } from "./writer.ts";

const { FIN, SYN, RST, ACK } = tcp.Flag;

/** How far behind the last number of the old connection a new one begins. */
const SEQUENCE_GAP = 65537;
/** A timestamp is newer for certain after a tick of the slowest clock that RFC 7323 permits. */
const SLOWEST_TICK = 1_000_000;

/** One of them: a small record. */
export class TimeWait implements Entry {
  slot = -1;
  readonly flow: Flow;
  readonly #waits: TimeWaits;
  /** SND.NXT, RCV.NXT and the window that was announced last, as it stands in a header. */
  readonly sendNext: number;
  readonly receiveNext: number;
  readonly window: number;
  readonly hasTimestamps: boolean;
  readonly timestampOffset: number;
  timestampRecent: number;
  timestampRecentAt: number;
  /** Its hold on a port, or -1. */
  readonly binding: number;
  expiresAt = 0;
  challengedAt = -Infinity;
  /** Those that expire before it and after it. */
  earlier: TimeWait | null = null;
  later: TimeWait | null = null;

  /** Keeps what is needed of a connection. */
  constructor(waits: TimeWaits, connection: Connection) {
    const { sender, receiver } = connection;
    this.#waits = waits;
    this.flow = connection.flow;
    this.sendNext = sender.sendNext;
    this.receiveNext = receiver.receiveNext;
    this.window = receiver.takeWindow();
    this.hasTimestamps = (connection.bits & Bit.TIMESTAMPS) !== 0;
    this.timestampOffset = connection.timestampOffset;
    this.timestampRecent = connection.timestampRecent;
    const { now } = connection.context.environment;
    this.timestampRecentAt = now - connection.timestampAge * SLOWEST_TICK;
    this.binding = connection.binding;
  }

  /** See `Entry`: what was set is gone with the socket. */
  get configuration(): null {
    return null;
  }

  /** See `Entry`. */
  onSegment(segment: Segment): void {
    this.#waits.onSegment(this, segment);
  }

  /** See `Entry`. */
  onTimer(): void {
    this.#waits.onTimer(this);
  }

  /** See `Entry`. */
  isInFlight(_sequence: number): boolean {
    return false;
  }

  /** See `Entry`: nothing is on its way. */
  onIcmp(_error: IcmpError): void {}
}

/** Whether a SYN may begin a new connection in the place of an old one; given the entry. */
export type OnReopened = (segment: Segment, minimumSequence: number) => void;

/** All of them, the first to expire first. */
export class TimeWaits {
  readonly #context: TcpContext;
  readonly #onReopened: OnReopened;
  #first: TimeWait | null = null;
  #last: TimeWait | null = null;
  #size = 0;

  /** @param onReopened is given a SYN in whose place there is nothing any more */
  constructor(context: TcpContext, onReopened: OnReopened) {
    this.#context = context;
    this.#onReopened = onReopened;
  }

  /** How many there are. */
  get size(): number {
    return this.#size;
  }

  /** Puts a record in a connection's place; the oldest one goes where there are too many. */
  take(connection: Connection): void {
    const { context } = connection;
    const { counters, settings, table } = context;
    counters.add(TcpCounter.TIME_WAITS);
    if (settings.timeWaits === 0) {
      table.remove(connection);
      if (connection.binding >= 0) context.ports.release(connection.binding);
      counters.add(TcpCounter.TIME_WAITS_EVICTED);
      return;
    }
    if (this.#size >= settings.timeWaits && this.#first !== null) {
      counters.add(TcpCounter.TIME_WAITS_EVICTED);
      this.remove(this.#first);
    }
    const entry = new TimeWait(this, connection);
    table.replace(connection, entry);
    this.#size++;
    this.#restart(entry);
  }

  /** Takes one out. */
  remove(entry: TimeWait): void {
    this.#unlink(entry);
    this.#size--;
    this.#context.table.remove(entry);
    if (entry.binding >= 0) this.#context.ports.release(entry.binding);
  }

  /**
   * Whether a connection from here may take its place: RFC 6191 section 3, where timestamps tell
   * old segments.
   *
   * @returns the least initial sequence number, as a distance from any: see `laterOf`; or
   * NaN when it may not
   */
  reuse(entry: TimeWait): number {
    const { environment, counters } = this.#context;
    const isOld = environment.now - entry.timestampRecentAt > SLOWEST_TICK;
    if (!entry.hasTimestamps || !isOld) return NaN;
    counters.add(TcpCounter.TIME_WAITS_REUSED);
    this.remove(entry);
    return entry.sendNext + SEQUENCE_GAP | 0;
  }

  /** RFC 9293 section 3.10.7.4, for TIME-WAIT. */
  onSegment(entry: TimeWait, segment: Segment): void {
    const { counters } = this.#context;
    const { flags } = segment;
    if ((flags & RST) !== 0) {
      // RFC 1337 section 3, fix 1: resets do not end TIME-WAIT.
      counters.add(TcpCounter.TIME_WAIT_RESETS_IGNORED);
      return;
    }
    if ((flags & (SYN | ACK)) === SYN && this.#mayReopen(entry, segment)) {
      counters.add(TcpCounter.TIME_WAITS_REUSED);
      this.remove(entry);
      this.#onReopened(segment, entry.sendNext + SEQUENCE_GAP | 0);
      return;
    }
    if (entry.hasTimestamps && (segment.options.present & OptionBit.TIMESTAMPS) !== 0) {
      const isOld = (segment.options.timestampValue - entry.timestampRecent | 0) < 0;
      if (isOld) {
        counters.add(TcpCounter.DROPPED_PAWS);
      } else {
        entry.timestampRecent = segment.options.timestampValue;
        entry.timestampRecentAt = this.#context.environment.now;
      }
    }
    const end = segmentEnd(segment);
    // RFC 9293 section 3.10.7.4, eighth: the other end's FIN again is acknowledged, and the time
    // begins anew.
    const isFinAgain = (flags & FIN) !== 0 && end === entry.receiveNext;
    if (isFinAgain) {
      this.#unlink(entry);
      this.#restart(entry);
      this.#acknowledge(entry);
      return;
    }
    // An acknowledgment that is where it should be has nothing to tell.
    if (end === segmentStart(segment) && end === entry.receiveNext) return;
    counters.add(TcpCounter.DROPPED_OUT_OF_WINDOW);
    this.#challenge(entry);
  }

  /** Its time is over, or its timer was early. */
  onTimer(entry: TimeWait): void {
    if (entry.expiresAt <= this.#context.environment.now) this.remove(entry);
    else this.#context.table.schedule(entry.slot, entry.expiresAt);
  }

  /** Whether a SYN is a new one, and not an old one that comes late. */
  #mayReopen(entry: TimeWait, segment: Segment): boolean {
    const { options } = segment;
    const hasTimestamp = (options.present & OptionBit.TIMESTAMPS) !== 0;
    // RFC 6191 section 2 (SHOULD): a newer timestamp tells, or else a newer sequence number.
    if (entry.hasTimestamps && hasTimestamp) {
      const newer = options.timestampValue - entry.timestampRecent | 0;
      if (newer > 0) return true;
      if (newer < 0) return false;
    }
    // RFC 9293 section 3.6.1 (MAY-2): numbers behind the last one of the old connection.
    return (segmentStart(segment) - entry.receiveNext | 0) > 0;
  }

  #challenge(entry: TimeWait): void {
    const { environment, settings, challenges, counters } = this.#context;
    const isTooSoon = environment.now - entry.challengedAt < settings.challengeInterval;
    if (isTooSoon || !challenges.take()) {
      counters.add(TcpCounter.CHALLENGES_LIMITED);
      return;
    }
    entry.challengedAt = environment.now;
    counters.add(TcpCounter.CHALLENGES_SENT);
    this.#acknowledge(entry);
  }

  #acknowledge(entry: TimeWait): void {
    const { writer, secrets, output, defaults } = this.#context;
    const { flow, sendNext, receiveNext, window } = entry;
    if (flow.path === null && output.route(flow) < 0) return;
    putConfigured(writer, defaults, typeof flow.remote !== "number", entry.timestampOffset >>> 12);
    writer.options.present = 0;
    if (entry.hasTimestamps) {
      writer.options.present = OptionBit.TIMESTAMPS;
      writer.options.timestampValue = secrets.timestampClock + entry.timestampOffset | 0;
      writer.options.timestampEcho = entry.timestampRecent;
    }
    writer.send(flow, sendNext, receiveNext, ACK, window, 0, -1, 0, 0);
  }

  #restart(entry: TimeWait): void {
    // RFC 9293 section 3.6 (MUST-13): whoever closes first lingers for 2 MSL.
    entry.expiresAt = this.#context.environment.now + this.#context.settings.timeWait;
    entry.earlier = this.#last;
    entry.later = null;
    if (this.#last === null) this.#first = entry;
    else this.#last.later = entry;
    this.#last = entry;
    this.#context.table.schedule(entry.slot, entry.expiresAt);
  }

  #unlink(entry: TimeWait): void {
    if (entry.earlier === null) this.#first = entry.later;
    else entry.earlier.later = entry.later;
    if (entry.later === null) this.#last = entry.earlier;
    else entry.later.earlier = entry.earlier;
  }
}
