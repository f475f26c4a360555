/**
 * What an acknowledgment does to a sender.
 *
 * @module
 */

import { Flag } from "../../wire/tcp.ts";
import { OptionBit } from "../../wire/tcp_options.ts";
import { Ecn, type Segment } from "../types.ts";
import { SendCounter } from "./counters.ts";
import type { Delivery } from "./delivery.ts";
import { readMarks } from "./ecn_feedback.ts";
import { endPathProbe } from "./path_probe.ts";
import { type Flight, Recovery } from "./flight.ts";
import { endProbe, scheduleProbe } from "./loss_probe.ts";
import { END, FLAGS, INTEGER_SHIFT, NONE, RecordFlag, START } from "./records.ts";
import { loseFirst, recover } from "./recovery.ts";
import { addMinimum, addRoundTrip, backedOffRto } from "./round_trip.ts";
import { applySack, readDuplicate } from "./scoreboard.ts";
import type { SenderState } from "./sender_state.ts";
import { detectSpurious } from "./undo.ts";

/**
 * Deals with an acknowledgment: window, scoreboard, round trip, recovery, congestion control.
 *
 * @returns whether everything that was written is acknowledged now, and was not before
 */
export function acknowledge(state: SenderState, segment: Segment): boolean {
  const ack = segment.acknowledgment;
  if (((ack - state.sendNext) | 0) > 0) {
    // RFC 9293 section 3.10.7.4 (MUST): what was not sent cannot be acknowledged; the connection
    // answers.
    state.settings.counters.add(SendCounter.DROPPED_ACKNOWLEDGMENT_TOO_NEW);
    return false;
  }
  const { flight } = state;
  const windowBefore = state.sendWindow;
  const hasNewWindow = updateWindow(state, segment);
  const delivery = state.settings.delivery;
  const { now } = state.host.environment;
  const hasSackBlocks = (segment.options.present & OptionBit.SACK) !== 0 && state.hasSack;
  if (flight === null) {
    if (state.hasProbe) {
      delivery.hasDuplicate = delivery.hasNewSack = false;
      if (hasSackBlocks) readDuplicate(state, delivery, segment.options, ack);
      const isBare = segment.payloadBytes === 0 && !hasNewWindow && !hasSackBlocks;
      endProbe(state, null, delivery, isBare);
    }
    readMarks(state, segment, 0);
    return false;
  }
  const advance = (ack - state.sendUnacknowledged) | 0;
  const flightSize = state.flightSize;
  const hasEcho = state.hasTimestamps && (segment.options.present & OptionBit.TIMESTAMPS) !== 0;
  const echo = segment.options.timestampEcho;
  delivery.begin(now, flight);
  // A timestamp is sent at the end of its millisecond at the latest, and the phase is unknown.
  const age = hasEcho ? (state.host.timestampNow - echo) | 0 : 0;
  if (hasEcho) delivery.echoedAt = now - (age - 1) * 1000;
  // RFC 5681 section 2: what makes an acknowledgment a duplicate.
  const isDuplicate = advance === 0 && flight.first !== NONE && segment.payloadBytes === 0 &&
    (segment.flags & (Flag.SYN | Flag.FIN)) === 0 && !hasNewWindow;
  if (advance > 0) advanceTo(state, flight, delivery, ack, now);
  if (hasSackBlocks) applySack(state, flight, delivery, segment.options);
  flight.unanswered = 0;
  if (advance > 0 || flight.probes > 0) flight.progressAt = now;
  measure(state, delivery, flightSize, advance > 0 && hasEcho && echo !== 0 ? age : -1);
  if (state.hasProbe) endProbe(state, flight, delivery, isDuplicate);
  const marked = readMarks(state, segment, delivery.acknowledgedBytes);
  delivery.markedBytes = marked;
  detectSpurious(state, flight, delivery, advance, hasEcho, echo, isDuplicate);
  recover(state, flight, delivery, advance, isDuplicate, marked > 0);
  tellControl(state, flight, delivery);
  if (flight.pathProbe > 0) endPathProbe(state, flight, delivery.hasPathProbe, delivery.lostBytes);
  if (marked > 0) holdBack(state, flight, now);
  settle(state, flight, now, advance, windowBefore);
  return finish(state, flight);
}

/** Takes the window of a segment over. @returns whether that changes it */
function updateWindow(state: SenderState, segment: Segment): boolean {
  const { sequence, acknowledgment } = segment;
  // RFC 9293 section 3.10.7.4 (MUST): only if SND.UNA <= SEG.ACK, ...
  if (((acknowledgment - state.sendUnacknowledged) | 0) < 0) return false;
  // ... and SND.WL1 < SEG.SEQ, or SND.WL1 = SEG.SEQ and SND.WL2 <= SEG.ACK: older segments do not
  // bring back an old window.
  const newer = (sequence - state.windowSequence) | 0;
  if (newer < 0 || newer === 0 && ((acknowledgment - state.windowAcknowledgment) | 0) < 0) {
    return false;
  }
  state.windowSequence = sequence;
  state.windowAcknowledgment = acknowledgment;
  // RFC 7323 section 2.3 (MUST): shifted by what the peer's SYN said.
  const window = segment.window << state.peerWindowScale;
  if (window === state.sendWindow) return false;
  state.sendWindow = window;
  if (window > state.maximumSendWindow) state.maximumSendWindow = window;
  return true;
}

/** Everything before a number is acknowledged. */
function advanceTo(
  state: SenderState,
  flight: Flight,
  delivery: Delivery,
  ack: number,
  now: number,
): void {
  const { integers } = flight.records;
  let record = flight.first;
  while (record !== NONE) {
    const at = record << INTEGER_SHIFT;
    const start = integers[at + START];
    const covered = (ack - start) | 0;
    if (covered <= 0) break;
    const bytes = Math.min(covered, (integers[at + END] - start) | 0);
    if ((integers[at + FLAGS] & RecordFlag.SACKED) === 0) {
      delivery.add(state, flight, record, bytes, false);
    }
    flight.takeFirst(bytes);
    record = flight.first;
  }
  state.sendUnacknowledged = ack;
  // RFC 2018 section 8 (MUST): nothing is dropped before it is acknowledged, whatever SACK said.
  flight.buffer.drop(ack);
  flight.timeouts = 0;
  flight.progressAt = now;
  if (state.isFinSent && ack === state.sendNext) state.isFinAcknowledged = true;
  if (state.hasUrgent && ((state.sendUrgent - ack) | 0) <= 0) state.hasUrgent = false;
}

/**
 * Measures the round trip.
 *
 * @param age how many milliseconds old the echoed timestamp is, or -1
 */
function measure(state: SenderState, delivery: Delivery, flightSize: number, age: number): void {
  const { now } = delivery;
  if (delivery.rtt >= 0) addMinimum(state, delivery.rtt, now);
  // RFC 9293 section 3.8.1 (MUST-18): Karn's algorithm.
  // RFC 6298 section 3 (MUST): what was sent twice is not measured ...
  if (!delivery.hasRetransmitted && delivery.oldestRtt >= 0) {
    // RFC 6298 section 3 (MUST): whatever can be measured is, once in a round trip at least.
    addRoundTrip(state, delivery.oldestRtt, flightSize);
  } else if (age >= 0 && !delivery.hasDuplicate) {
    // ... unless a timestamp says which of the two it was. What arrived twice echoes the first one,
    // whose acknowledgment was lost: that tells how long the timeout was, not the round trip.
    // RFC 7323 section 4.1 (MUST): only where the acknowledgment is of new data.
    addRoundTrip(state, age * 1000, flightSize);
  } else if (!delivery.hasRetransmitted && delivery.hasNewSack && delivery.rtt >= 0) {
    addRoundTrip(state, delivery.rtt, flightSize);
  }
}

/** Congestion control is told of what was delivered and lost. */
function tellControl(state: SenderState, flight: Flight, delivery: Delivery): void {
  delivery.finish(state, flight);
  if (
    delivery.acknowledgedBytes === 0 && delivery.lostBytes === 0 && delivery.markedBytes === 0
  ) return;
  const control = state.control!;
  const peak = Math.max(flight.peakInFlight, flight.priorPeak, delivery.priorInFlight);
  // RFC 7661 section 4.3: the window is validated while no more than half of it is unused; one that
  // is not does not grow.
  delivery.isWindowLimited = flight.isWindowLimited || control.window <= 2 * peak;
  delivery.isRecovering = flight.recovery === Recovery.FAST ||
    flight.recovery === Recovery.REDUCED;
  control.onAcknowledgment(delivery);
}

/** Where the window is one segment already, marks make the next one wait. */
function holdBack(state: SenderState, flight: Flight, now: number): void {
  if (state.ecn !== Ecn.CLASSIC || state.control!.window > state.host.payloadLimit) return;
  // RFC 3168 section 6.1.2 (SHOULD): it is sent when the retransmission timer expires.
  flight.retryAt = now + backedOffRto(state);
}

/** Timers behind an acknowledgment. */
function settle(
  state: SenderState,
  flight: Flight,
  now: number,
  advance: number,
  windowBefore: number,
): void {
  if (flight.probes > 0 && state.sendWindow > 0) {
    flight.probes = 0;
    flight.persistAt = Infinity;
    // What probed the closed window may have been dropped: it goes out again at once.
    if (windowBefore === 0 && flight.first !== NONE) loseFirst(state, flight);
    if (flight.first !== NONE) flight.rtoAt = now + backedOffRto(state);
  }
  if (flight.first === NONE) {
    // RFC 6298 section 5.2 (REC): everything is acknowledged: the timer stops.
    flight.rtoAt = flight.lossProbeAt = flight.reorderAt = Infinity;
    flight.probes = 0;
    if (advance > 0) flight.persistAt = Infinity;
    return;
  }
  if (advance > 0) {
    // RFC 6298 section 5.3 (REC): new data are acknowledged: it starts anew.
    if (flight.persistAt === Infinity) flight.rtoAt = now + backedOffRto(state);
    scheduleProbe(state, flight, now);
  } else if (flight.lossProbeAt !== Infinity) {
    scheduleProbe(state, flight, now);
  }
}

/** Gives back what only a busy connection needs, where everything is acknowledged. */
function finish(state: SenderState, flight: Flight): boolean {
  if (flight.first !== NONE) return false;
  if (state.isClosed ? !state.isFinAcknowledged : flight.buffer.end !== state.sendNext) {
    return false;
  }
  state.flight = null;
  state.settings.giveFlight(flight);
  if (state.control !== null && state.settings.takesBack(state.control)) state.control = null;
  return true;
}
