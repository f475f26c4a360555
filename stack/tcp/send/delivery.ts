/**
 * What one acknowledgment delivers: collected while its records are gone through, and told to RACK,
 * the RTO estimator and congestion control. One object serves a whole stack.
 *
 * The rate is that of draft-cheng-iccrg-delivery-rate-estimation-02.
 *
 * @module
 */

import type { RateSample } from "../types.ts";
import type { Flight } from "./flight.ts";
import {
  DELIVERED,
  DELIVERED_AT,
  DOUBLE_SHIFT,
  FIRST_SENT_AT,
  FLAGS,
  IN_FLIGHT,
  INTEGER_SHIFT,
  LOST_BYTES,
  ORDER,
  RecordFlag,
  SENT_AT,
  START,
} from "./records.ts";
import type { SenderState } from "./sender_state.ts";

/**
 * RACK_sent_after() of RFC 8985 section 6.2, compared with the range that was sent last of those
 * delivered. Times are those of steps, so that many ranges have the same: what was sent first is
 * told by counting, where the RFC has to take the sequence numbers. Those decide among the parts of
 * one range.
 */
export function wasSentAfter(sentAt: number, order: number, end: number, flight: Flight): boolean {
  if (sentAt !== flight.rackSentAt) return sentAt > flight.rackSentAt;
  const later = (order - flight.rackOrder) | 0;
  return later > 0 || later === 0 && ((end - flight.rackEnd) | 0) > 0;
}

/** What one acknowledgment delivers; congestion control sees it as a sample of the rate. */
export class Delivery implements RateSample {
  now = 0.5;
  acknowledgedBytes = 0;
  lostBytes = 0;
  priorInFlight = 0;
  inFlight = 0;
  rtt = -1;
  smoothedRtt = -1;
  minimumRtt = -1;
  deliveredBytes = 0;
  interval = -1;
  totalDelivered = 0.5;
  priorDelivered = 0.5;
  inFlightAtSend = 0;
  lostSinceSend = 0;
  isApplicationLimited = false;
  isRoundStart = false;
  markedBytes = 0;
  isWindowLimited = false;
  acknowledgment = 0;
  sendNext = 0;
  isRecovering = false;

  /** Whether anything that was in flight, or lost, was delivered. */
  hasSample = false;
  /** The round trip of the oldest range that was acknowledged cumulatively, for the RTO; or -1. */
  oldestRtt = -1;
  /** Whether something was acknowledged that had been sent more than once. */
  hasRetransmitted = false;
  /** Whether something was that had been sent once and was thought lost: for F-RTO. */
  hasOriginal = false;
  /** Whether a probe of the path arrived: RFC 4821. */
  hasPathProbe = false;
  /** Whether SACK found something new. */
  hasNewSack = false;
  /** Whether there is a D-SACK, and the range it tells of. */
  hasDuplicate = false;
  duplicateStart = 0;
  duplicateEnd = 0;
  /** When the echoed timestamp was sent at the latest, or Infinity where there is none. */
  echoedAt = Infinity;
  #ackedSentAt = 0.5;
  #firstSentAt = 0.5;
  #priorDeliveredAt = 0.5;

  /** Begins with an acknowledgment. */
  begin(now: number, flight: Flight): void {
    this.now = now;
    this.acknowledgedBytes = this.lostBytes = this.markedBytes = 0;
    this.priorInFlight = flight.inFlight;
    this.rtt = this.oldestRtt = this.interval = -1;
    this.deliveredBytes = this.lostSinceSend = this.inFlightAtSend = 0;
    this.priorDelivered = -1;
    this.hasSample =
      this.hasRetransmitted =
      this.hasOriginal =
      this.hasNewSack =
        false;
    this.hasDuplicate = this.isRoundStart = this.isApplicationLimited = false;
    this.hasPathProbe = false;
    this.echoedAt = Infinity;
  }

  /**
   * A range is delivered that was not before.
   *
   * @param bytes as many of it
   * @param isSacked whether SACK tells, or a cumulative acknowledgment
   */
  add(state: SenderState, flight: Flight, record: number, bytes: number, isSacked: boolean): void {
    const { integers, doubles } = flight.records;
    const at = record << INTEGER_SHIFT;
    const of = record << DOUBLE_SHIFT;
    const flags = integers[at + FLAGS];
    // Perhaps only the first part of it.
    const end = (integers[at + START] + bytes) | 0;
    const sentAt = doubles[of + SENT_AT];
    this.acknowledgedBytes += bytes;
    state.delivered += bytes;
    if (flags & RecordFlag.PATH_PROBE) this.hasPathProbe = true;
    const rtt = this.now - sentAt;
    if (flags & RecordFlag.RETRANSMITTED) {
      this.hasRetransmitted = true;
      // RFC 8985 section 6.2 (MUST): step 2: an acknowledgment that may be of the first
      // transmission says nothing of the retransmission. Where SACK tells, the echo is not looked
      // at: with a gap before it, it is that of an older segment (RFC 7323 section 4.3), whatever
      // arrived.
      if (!isSacked && sentAt > this.echoedAt || rtt < state.minimumRtt) {
        this.#sample(integers, doubles, at, of, sentAt);
        return;
      }
    } else {
      if (!isSacked && this.oldestRtt < 0) this.oldestRtt = rtt;
      this.rtt = rtt;
      if (flags & RecordFlag.LOST) this.hasOriginal = true;
      // RFC 8985 section 6.2, step 3: what was sent once and arrives behind later data was
      // reordered.
      if (((end - flight.forwardAcknowledged) | 0) < 0) state.hasReordering = true;
    }
    if (((end - flight.forwardAcknowledged) | 0) > 0) flight.forwardAcknowledged = end;
    // RFC 8985 section 6.2, step 2: the range that was sent last of those delivered.
    flight.rackRtt = rtt;
    const order = integers[at + ORDER];
    if (wasSentAfter(sentAt, order, end, flight)) {
      flight.rackSentAt = sentAt;
      flight.rackOrder = order;
      flight.rackEnd = end;
    }
    this.#sample(integers, doubles, at, of, sentAt);
  }

  /** Keeps what was known when the newest delivered packet was sent. */
  #sample(
    integers: Int32Array,
    doubles: Float64Array,
    at: number,
    of: number,
    sentAt: number,
  ): void {
    const delivered = doubles[of + DELIVERED];
    if (
      this.hasSample &&
      (delivered < this.priorDelivered ||
        delivered === this.priorDelivered && sentAt < this.#ackedSentAt)
    ) return;
    this.hasSample = true;
    this.priorDelivered = delivered;
    this.#ackedSentAt = sentAt;
    this.#firstSentAt = doubles[of + FIRST_SENT_AT];
    this.#priorDeliveredAt = doubles[of + DELIVERED_AT];
    this.lostSinceSend = doubles[of + LOST_BYTES];
    this.inFlightAtSend = integers[at + IN_FLIGHT];
    this.isApplicationLimited = (integers[at + FLAGS] & RecordFlag.APPLICATION_LIMITED) !== 0;
  }

  /** All records are gone through: makes the sample of the rate. */
  finish(state: SenderState, flight: Flight): void {
    this.inFlight = flight.inFlight;
    this.smoothedRtt = state.smoothedRtt;
    this.minimumRtt = state.minimumRtt;
    this.totalDelivered = state.delivered;
    this.acknowledgment = state.sendUnacknowledged;
    this.sendNext = state.sendNext;
    if (flight.applicationLimit > 0 && state.delivered > flight.applicationLimit) {
      flight.applicationLimit = 0;
    }
    if (!this.hasSample) return;
    flight.deliveredAt = this.now;
    flight.firstSentAt = this.#ackedSentAt;
    this.deliveredBytes = state.delivered - this.priorDelivered;
    this.lostSinceSend = flight.lostTotal - this.lostSinceSend;
    const sending = this.#ackedSentAt - this.#firstSentAt;
    const acknowledging = this.now - this.#priorDeliveredAt;
    const interval = Math.max(sending, acknowledging);
    // Section 3.3: acknowledgments that come faster than a round trip tell nothing of the rate.
    if (interval >= state.minimumRtt && interval > 0) {
      this.interval = interval;
      flight.rate = this.deliveredBytes / interval;
    }
    if (this.priorDelivered >= flight.nextRound) {
      this.isRoundStart = true;
      flight.nextRound = state.delivered;
      flight.priorPeak = flight.peakInFlight;
      flight.peakInFlight = flight.inFlight;
    }
  }
}
