/**
 * What happens when a timer expires: retransmission, probes of the tail and of closed windows, the
 * cork; and when to give up.
 *
 * @module
 */

import { Errno } from "../../../ring/abi/errno.ts";
import { SendCounter } from "./counters.ts";
import { type Flight, ForwardRto, Recovery } from "./flight.ts";
import { output } from "./output.ts";
import { endPathProbe } from "./path_probe.ts";
import { detectLossByTime, markLostOnTimeout } from "./rack.ts";
import { END, FLAGS, INTEGER_SHIFT, NEXT, NONE, RecordFlag, START } from "./records.ts";
import { allowUndo, beginFast } from "./recovery.ts";
import { backedOffRto } from "./round_trip.ts";
import type { SenderState } from "./sender_state.ts";
import { fit, sendAgain, sendNew } from "./transmission.ts";
import { Ecn } from "../types.ts";

/** Doubling ends there: the RTO has its maximum long before. */
const MAXIMUM_BACKOFF = 30;

/** When the next timer expires, in microseconds; Infinity for never. */
export function nextDeadline(state: SenderState): number {
  const { flight } = state;
  if (flight === null) return Infinity;
  let at = flight.rtoAt;
  if (flight.lossProbeAt < at) at = flight.lossProbeAt;
  if (flight.reorderAt < at) at = flight.reorderAt;
  if (flight.pacedAt < at) at = flight.pacedAt;
  if (flight.persistAt < at) at = flight.persistAt;
  if (flight.corkAt < at) at = flight.corkAt;
  if (flight.retryAt < at) at = flight.retryAt;
  if (state.userTimeout > 0 && isUnanswered(flight)) {
    at = Math.min(at, flight.progressAt + state.userTimeout);
  }
  return at;
}

/** Whether something was sent that nobody has answered. */
function isUnanswered(flight: Flight): boolean {
  return flight.first !== NONE && flight.probes === 0 || flight.unanswered > 0;
}

/** Deals with all timers that have expired. */
export function onDeadline(state: SenderState): void {
  const { flight } = state;
  if (flight === null) return;
  const { now } = state.host.environment;
  if (
    state.userTimeout > 0 && isUnanswered(flight) && flight.progressAt + state.userTimeout <= now
  ) {
    // RFC 9293 section 3.8.3 (MUST-21): an application can set R2; RFC 5482 calls it user timeout.
    giveUp(state);
    return;
  }
  if (flight.reorderAt <= now) {
    const lost = detectLossByTime(state, flight, now);
    if (lost > 0) {
      flight.lostTotal += lost;
      beginFast(state, flight, now);
    }
    if (flight.pathProbe > 0) endPathProbe(state, flight, false, lost);
  }
  if (flight.retryAt <= now) flight.retryAt = now;
  if (flight.lossProbeAt <= now) sendLossProbe(state, flight, now);
  else if (flight.rtoAt <= now && !onTimeout(state, flight, now)) return;
  if (flight.persistAt <= now && !probeWindow(state, flight, now)) return;
  const isUncorked = flight.corkAt <= now;
  if (isUncorked) flight.corkAt = Infinity;
  output(state, isUncorked);
}

function giveUp(state: SenderState): void {
  state.settings.counters.add(SendCounter.GIVEN_UP);
  state.host.onGiveUp(Errno.ETIMEDOUT);
}

/** The retransmission timer has expired: RFC 6298 section 5. @returns false at the end of it all */
function onTimeout(state: SenderState, flight: Flight, now: number): boolean {
  flight.rtoAt = Infinity;
  if (flight.first === NONE) return true;
  // RFC 9293 section 3.8.6 (SHLD-17): what is beyond a window that was shrunk does not time out.
  // RFC 9293 section 3.8.6 (MUST-35): a window that was closed is probed, whatever is in flight.
  if (state.sendWindow === 0) return probeWindow(state, flight, now);
  const { counters, options } = state.settings;
  flight.timeouts++;
  if (state.userTimeout === 0 && flight.timeouts > options.giveUpRetries) {
    // RFC 9293 section 3.8.3 (MUST-20): R2, the end of the connection; with the smallest RTO it
    // corresponds to more than 100 seconds (SHLD-11).
    giveUp(state);
    return false;
  }
  counters.add(SendCounter.TIMEOUTS);
  const isFirst = flight.recovery !== Recovery.LOSS;
  beginLoss(state, flight, now, isFirst);
  // RFC 9293 section 3.8.3 (MUST-20): R1 tells the layer below to look for another way; it is at
  // least three retransmissions (SHLD-10).
  if (flight.timeouts === options.doubtRetries) state.host.onDoubt();
  if (state.flight !== flight) return false;
  // RFC 6298 section 5.5 (MUST): back off.
  // RFC 6298 section 5.6 (REC): start the timer with what that makes.
  state.backoff = Math.min(state.backoff + 1, MAXIMUM_BACKOFF);
  flight.rtoAt = now + backedOffRto(state);
  return true;
}

function beginLoss(state: SenderState, flight: Flight, now: number, isFirst: boolean): void {
  const { integers } = flight.records;
  state.control!.onTimeout(now, state.flightSize, isFirst);
  if (integers[(flight.first << INTEGER_SHIFT) + FLAGS] & RecordFlag.SACKED) {
    // RFC 2018 section 8 (MUST): what was sacked at the left edge and is not acknowledged yet was
    // taken back. What SACK told is forgotten.
    state.settings.counters.add(SendCounter.RENEGED);
    for (let record = flight.first; record !== NONE;) {
      if (integers[(record << INTEGER_SHIFT) + FLAGS] & RecordFlag.SACKED) {
        flight.unmarkSacked(record);
      }
      record = integers[(record << INTEGER_SHIFT) + NEXT];
    }
  }
  if (state.hasSack && state.settings.options.lossDetection === "rack") {
    flight.lostTotal += markLostOnTimeout(state, flight, now);
  } else {
    flight.lostTotal += markAllLost(flight);
  }
  if (isFirst) allowUndo(state, flight);
  // RFC 5682 section 2.1 (MUST): step 1: not where this is another timeout of the same recovery;
  // nor where segments were lost in any case.
  const isForward = flight.recovery < Recovery.FAST;
  flight.forwardRto = isForward ? ForwardRto.RETRANSMITTED : ForwardRto.NONE;
  flight.recovery = Recovery.LOSS;
  flight.recoveryPoint = state.sendNext;
  flight.hasRecoveryPoint = true;
  flight.duplicates = flight.duplicateBytes = 0;
  flight.lossProbeAt = flight.reorderAt = Infinity;
  flight.isOwed = true;
  flight.pathProbe = 0;
  flight.isPathProbeLost = false;
  state.hasProbe = false;
  if (state.ecn === Ecn.CLASSIC) state.isReductionDue = true;
}

/** RFC 5681 section 3.1: everything that was not acknowledged is sent again. @returns bytes */
function markAllLost(flight: Flight): number {
  const { integers } = flight.records;
  const before = flight.lost;
  for (let record = flight.first; record !== NONE;) {
    const at = record << INTEGER_SHIFT;
    if ((integers[at + FLAGS] & (RecordFlag.SACKED | RecordFlag.LOST)) === 0) {
      flight.markLost(record);
    }
    record = integers[at + NEXT];
  }
  return flight.lost - before;
}

/** Sends a tail loss probe: RFC 8985 section 7.3. */
function sendLossProbe(state: SenderState, flight: Flight, now: number): void {
  flight.lossProbeAt = Infinity;
  if (flight.first === NONE) return;
  state.settings.counters.add(SendCounter.LOSS_PROBES);
  const limit = state.host.payloadLimit;
  const unsent = (flight.buffer.end - state.sendNext) | 0;
  const usable = (state.sendUnacknowledged + state.sendWindow - state.sendNext) | 0;
  const bytes = Math.min(unsent, limit);
  let isSent = false;
  let isAgain = false;
  if (bytes > 0 && usable >= bytes) {
    // RFC 8985 section 7.3: new data, whatever the congestion window says.
    const withFin = state.isClosed && bytes === unsent && usable > bytes;
    isSent = sendNew(state, flight, now, bytes, withFin, limit, 0);
  } else {
    const { integers } = flight.records;
    let record = flight.last;
    const at = record << INTEGER_SHIFT;
    const hasFin = (integers[at + FLAGS] & RecordFlag.FIN) !== 0 ? 1 : 0;
    const length = (integers[at + END] - integers[at + START]) | 0;
    if (length - hasFin > limit) {
      record = flight.split(record, (integers[at + END] - limit - hasFin) | 0);
    }
    // RFC 8985 section 7.3: else the segment with the highest numbers once more.
    isAgain = true;
    isSent = record !== NONE && sendAgain(state, flight, now, record, limit);
  }
  if (isSent) {
    state.hasProbe = true;
    state.isProbeRetransmission = isAgain;
    state.probeEnd = state.sendNext;
  }
  // RFC 8985 section 7.3 (MUST): the retransmission timer is started anew, sent or not.
  flight.rtoAt = now + backedOffRto(state);
}

/**
 * Probes a window that is closed, or too small to be worth a segment: RFC 9293 section 3.8.6.1.
 *
 * @returns false at the end of it all
 */
function probeWindow(state: SenderState, flight: Flight, now: number): boolean {
  const { counters, options } = state.settings;
  flight.persistAt = Infinity;
  // RFC 9293 section 3.8.6.1 (MUST-37): the connection stays open while the probes are answered.
  if (state.userTimeout === 0 && flight.unanswered >= options.giveUpRetries) {
    giveUp(state);
    return false;
  }
  const limit = state.host.payloadLimit;
  const usable = (state.sendUnacknowledged + state.sendWindow - state.sendNext) | 0;
  const unsent = (flight.buffer.end - state.sendNext) | 0;
  if (usable > 0 && flight.first === NONE) {
    // RFC 9293 section 3.8.6.2.1 (4): the override timeout: what fits is sent.
    output(state, true);
    return state.flight === flight;
  }
  counters.add(SendCounter.WINDOW_PROBES);
  if (flight.first !== NONE) {
    const record = flight.first;
    // A byte does: it is answered with the window, whether it is taken or not.
    if (fit(flight, record, 1) && isInFlightOrLost(flight, record)) {
      sendAgain(state, flight, now, record, limit);
    }
  } else {
    // RFC 9293 section 3.8.6.1: at least one octet of new data.
    const bytes = Math.min(unsent, 1);
    const withFin = bytes === 0;
    sendNew(state, flight, now, bytes, withFin, limit, RecordFlag.PROBE);
  }
  flight.probes++;
  flight.unanswered++;
  // RFC 9293 section 3.8.6.1 (SHLD-30): the time between probes grows exponentially.
  const wait = state.rto * 2 ** Math.min(flight.probes, MAXIMUM_BACKOFF);
  flight.persistAt = now + Math.min(wait, options.maximumRto);
  flight.rtoAt = flight.lossProbeAt = Infinity;
  return true;
}

function isInFlightOrLost(flight: Flight, record: number): boolean {
  return (flight.records.integers[(record << INTEGER_SHIFT) + FLAGS] & RecordFlag.SACKED) === 0;
}
