/**
 * A connection in SYN-RECEIVED that a listener was asked for: a small record, so that a flood of
 * SYNs costs little, until the acknowledgment of our SYN shows that somebody is there.
 *
 * @module
 */

import type { Flow, IcmpError } from "../ip/types.ts";
import * as tcp from "../wire/tcp.ts";
import { OptionBit } from "../wire/tcp_options.ts";
import type { Configuration } from "./configuration.ts";
import { Bit } from "./connection_bits.ts";
import type { TcpContext } from "./context.ts";
import { TcpCounter } from "./counters.ts";
import { answeredEcnFlags } from "./ecn.ts";
import { putCookie, putSynOptions } from "./opening.ts";
import { putConfigured } from "./parameters.ts";
import { promote } from "./promotion.ts";
import type { Entry } from "./table.ts";
import type { HalfOpenOwner } from "./half_open_owner.ts";
import type { Segment } from "./types.ts";
import { putUserTimeout } from "./user_timeout.ts";
import { segmentEnd, segmentStart } from "./writer.ts";

const { FIN, SYN, RST, ACK } = tcp.Flag;

/** One of them. */
export class HalfOpen implements Entry {
  slot = -1;
  readonly context: TcpContext;
  readonly owner: HalfOpenOwner;
  readonly flow: Flow;
  /** ISS, and the first number that the other end sends behind its SYN. */
  initialSequence: number;
  readonly receiveNext: number;
  /** Bits of {@linkcode Bit}: what both ends want. */
  bits = 0;
  peerMaximumSegment = 0;
  announcedSegment = 0;
  peerWindowScale = 0;
  windowScale = 0;
  /** The window of our SYN. */
  window = 0;
  timestampOffset = 0;
  timestampRecent = 0;
  synEcn = 0;
  /** The user timeout that the other end told, or 0. */
  userTimeout = 0;
  attempts = 0;
  sentAt = 0;
  deadline = 0;
  /** Until when bare acknowledgments are waited out (`TCP_DEFER_ACCEPT`). */
  deferredUntil = 0;
  /** Whether our SYN gives a cookie of Fast Open. */
  givesCookie = false;
  /** The headers of its SYN, where the listener keeps them (`TCP_SAVE_SYN`). */
  savedSyn: Uint8Array | null = null;
  /** Our SYN is acknowledged, but that was not enough, or there was no room. */
  isAcknowledged = false;

  /** Makes one that is in no table yet. */
  constructor(
    context: TcpContext,
    owner: HalfOpenOwner,
    flow: Flow,
    initialSequence: number,
    receiveNext: number,
  ) {
    this.context = context;
    this.owner = owner;
    this.flow = flow;
    this.initialSequence = initialSequence;
    this.receiveNext = receiveNext;
  }

  /** See `Entry`. */
  get configuration(): Configuration {
    return this.owner.configuration;
  }

  /** The timestamp of a segment that leaves now. */
  get timestampNow(): number {
    return this.context.secrets.timestampClock + this.timestampOffset | 0;
  }

  /** Sends our SYN with ACK, with a timestamp. */
  sendAnswer(timestamp: number): number {
    const { context, flow } = this;
    const { writer } = context;
    this.#putParameters();
    putSynOptions(
      writer.options,
      this.bits,
      this.announcedSegment,
      this.windowScale,
      timestamp,
      this.timestampRecent,
    );
    if (this.givesCookie) {
      // RFC 7413 section 4.1.2 (MUST): the answer has the cookie that was asked for: of the
      // client's address, by a key that nobody knows and that changes.
      const cookie = context.fastOpenCookies.make(flow);
      putCookie(writer.options, cookie);
      context.counters.add(TcpCounter.FAST_OPEN_COOKIES_SENT);
    }
    putUserTimeout(writer.options, context.settings, this.owner.configuration);
    const flags = SYN | ACK | answeredEcnFlags(this.bits, this.synEcn);
    return writer.send(
      flow,
      this.initialSequence,
      this.receiveNext,
      flags,
      this.window,
      0,
      -1,
      0,
      0,
    );
  }

  /** Sets the timer for the next attempt. */
  arm(): void {
    const { settings, environment, table } = this.context;
    const timeout = Math.min(
      settings.synTimeout * 2 ** this.attempts,
      settings.maximumSynTimeout,
    );
    this.deadline = environment.now + timeout;
    table.schedule(this.slot, this.deadline);
  }

  /** See `Entry`. */
  onTimer(): void {
    const { environment, settings, counters, table } = this.context;
    if (this.deadline > environment.now) {
      table.schedule(this.slot, this.deadline);
      return;
    }
    const isDeferred = this.isAcknowledged && environment.now < this.deferredUntil;
    if (this.attempts >= settings.synAckRetries && !isDeferred) {
      counters.add(TcpCounter.HALF_OPEN_TIMED_OUT);
      this.end();
      return;
    }
    this.attempts++;
    if (!isDeferred) {
      this.bits |= Bit.SYN_LOST;
      counters.add(TcpCounter.SYN_ACKS_RETRANSMITTED);
      this.sendAnswer(this.timestampNow);
    }
    this.arm();
  }

  /** Goes. The listener goes on listening. */
  end(): void {
    this.context.halfOpen--;
    this.owner.halfOpen--;
    this.context.table.remove(this);
  }

  /** RFC 9293 section 3.10.7.4, for SYN-RECEIVED. */
  onSegment(segment: Segment): void {
    const { context } = this;
    const { counters } = context;
    const { flags } = segment;
    const start = segmentStart(segment);
    if ((flags & (SYN | ACK | RST)) === SYN && start === (this.receiveNext - 1 | 0)) {
      // The same SYN again: it has not got our answer.
      if (context.challenges.take()) this.sendAnswer(this.timestampNow);
      return;
    }
    const isBare = (this.bits & Bit.TIMESTAMPS) !== 0 && (flags & (RST | SYN)) === 0 &&
      (segment.options.present & OptionBit.TIMESTAMPS) === 0;
    if (isBare) {
      // RFC 7323 section 3.2 (SHOULD): without the timestamp that was agreed on it is dropped.
      counters.add(TcpCounter.DROPPED_NO_TIMESTAMP);
      return;
    }
    if (!this.#isTimely(segment)) {
      counters.add(TcpCounter.DROPPED_PAWS);
      this.#challenge();
      return;
    }
    if (!this.#isAcceptable(segment)) {
      counters.add(TcpCounter.DROPPED_OUT_OF_WINDOW);
      if ((flags & RST) === 0) this.#challenge();
      return;
    }
    if ((flags & RST) !== 0) {
      this.#onReset(start);
      return;
    }
    if ((flags & SYN) !== 0) {
      // RFC 9293 section 3.10.7.4, fourth: back to LISTEN.
      counters.add(TcpCounter.DROPPED_SYN);
      this.end();
      return;
    }
    if ((flags & ACK) === 0) {
      counters.add(TcpCounter.DROPPED_NO_ACK);
      return;
    }
    if (segment.acknowledgment !== (this.initialSequence + 1 | 0)) {
      // RFC 9293 section 3.10.7.4, fifth: what acknowledges something else is reset.
      counters.add(TcpCounter.DROPPED_ACKNOWLEDGMENT);
      context.writer.sendReset(this.flow, segment);
      return;
    }
    this.#onAcknowledged(segment);
  }

  /** See `Entry`. */
  isInFlight(sequence: number): boolean {
    return sequence === this.initialSequence;
  }

  /** See `Entry`. */
  onIcmp(error: IcmpError): void {
    const { counters } = this.context;
    if (!error.isHard) {
      counters.add(TcpCounter.ICMP_SOFT);
      return;
    }
    // RFC 5461 section 4.1: what begins may be ended by a hard error.
    counters.add(TcpCounter.ICMP_HARD);
    this.end();
  }

  #onReset(start: number): void {
    const { counters } = this.context;
    // RFC 5961 section 3.2 (MUST): in the window, but not at RCV.NXT: it is asked back.
    if (start !== this.receiveNext) {
      counters.add(TcpCounter.DROPPED_RESET);
      this.#challenge();
      return;
    }
    // RFC 9293 section 3.10.7.4, second: back to LISTEN, and the program need not know.
    counters.add(TcpCounter.RESETS_RECEIVED);
    counters.add(TcpCounter.HALF_OPEN_RESET);
    this.end();
  }

  #onAcknowledged(segment: Segment): void {
    const { context } = this;
    const isBare = segment.payloadBytes === 0 && (segment.flags & FIN) === 0;
    if (isBare && context.environment.now < this.deferredUntil) {
      this.isAcknowledged = true;
      context.counters.add(TcpCounter.DEFERRED_ACCEPTS);
      return;
    }
    if (!this.owner.hasRoom()) {
      // It stays half-open: our SYN is sent again, and its acknowledgment may find room.
      this.isAcknowledged = true;
      return;
    }
    promote(this, segment)?.onSegment(segment);
  }

  #isTimely(segment: Segment): boolean {
    if ((this.bits & Bit.TIMESTAMPS) === 0 || (segment.flags & RST) !== 0) return true;
    const { options } = segment;
    // RFC 7323 section 5.3 (MUST): R1: the SYN's timestamp is the first one to compare with.
    return (options.present & OptionBit.TIMESTAMPS) === 0 ||
      (options.timestampValue - this.timestampRecent | 0) >= 0;
  }

  #isAcceptable(segment: Segment): boolean {
    const offset = segmentStart(segment) - this.receiveNext | 0;
    const length = segmentEnd(segment) - segmentStart(segment) | 0;
    if (length === 0) return offset >= 0 && offset <= this.window;
    return offset < this.window && (offset >= 0 || offset + length > 0);
  }

  /** Acknowledges what was dropped, not too often. */
  #challenge(): void {
    const { context } = this;
    if (!context.challenges.take()) {
      context.counters.add(TcpCounter.CHALLENGES_LIMITED);
      return;
    }
    context.counters.add(TcpCounter.CHALLENGES_SENT);
    const { writer } = context;
    this.#putParameters();
    writer.options.present = 0;
    if ((this.bits & Bit.TIMESTAMPS) !== 0) {
      writer.options.present = OptionBit.TIMESTAMPS;
      writer.options.timestampValue = this.timestampNow;
      writer.options.timestampEcho = this.timestampRecent;
    }
    const window = this.window >> this.windowScale;
    const sequence = this.initialSequence + 1 | 0;
    writer.send(this.flow, sequence, this.receiveNext, ACK, window, 0, -1, 0, 0);
  }

  #putParameters(): void {
    const isIpv6 = typeof this.flow.remote !== "number";
    const { writer } = this.context;
    putConfigured(writer, this.owner.configuration, isIpv6, this.timestampOffset >>> 12);
  }
}
