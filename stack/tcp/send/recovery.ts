/**
 * Fast recovery, and how the window shrinks meanwhile: RFC 6675 with RFC 6937 (PRR), RFC 6582
 * (NewReno) where there is no SACK, and reductions because of ECN (RFC 3168).
 *
 * ```text
 *                loss                          timeout
 *        OPEN ----------> FAST          any ------------> LOSS
 *         | ^              |  ^                             |
 *    mark | +--------------+  | loss    RecoveryPoint       |
 *         v    RecoveryPoint  |         is acknowledged     |
 *       REDUCED --------------+         ... OPEN <----------+
 * ```
 *
 * @module
 */

import { Ecn } from "../types.ts";
import { SendCounter } from "./counters.ts";
import type { Delivery } from "./delivery.ts";
import { type Flight, Recovery } from "./flight.ts";
import { adaptReordering, detectLossByTime } from "./rack.ts";
import { END, FLAGS, INTEGER_SHIFT, NONE, RecordFlag, START } from "./records.ts";
import { detectLossByCount, DUPLICATE_THRESHOLD } from "./scoreboard.ts";
import type { SenderState } from "./sender_state.ts";

/** Bytes in flight: `pipe` of RFC 6675. Duplicate acknowledgments stand for a segment each. */
export function pipeOf(flight: Flight): number {
  return Math.max(0, flight.inFlight - flight.duplicateBytes);
}

/** The congestion window that counts now, in bytes. */
export function windowOf(state: SenderState, flight: Flight): number {
  // RFC 9293 section 3.8.2 (MUST-19): congestion control bounds what is in flight.
  const control = state.control!;
  const isProportional = !control.ownsRecovery &&
    (flight.recovery === Recovery.FAST || flight.recovery === Recovery.REDUCED);
  return isProportional ? flight.prrWindow : control.window;
}

/** Losses were found: fast recovery begins, unless something of the kind is under way. */
export function beginFast(state: SenderState, flight: Flight, now: number): void {
  // RFC 5681 section 4.3 (MUST): losses in two windows reduce twice, those in one window once.
  if (flight.recovery >= Recovery.FAST) return;
  state.settings.counters.add(SendCounter.FAST_RECOVERIES);
  const isReduced = flight.recovery === Recovery.REDUCED;
  flight.recovery = Recovery.FAST;
  flight.isOwed = true;
  flight.isRescued = false;
  allowUndo(state, flight);
  // RFC 3168 section 6.1.2: the window is reduced once a window of data, for whatever reason.
  if (!isReduced) beginReduction(state, flight, now, false);
  flight.recoveryPoint = state.sendNext;
  flight.hasRecoveryPoint = true;
}

/** Marks tell of congestion: the window is reduced as if a segment were lost. */
function beginReduced(state: SenderState, flight: Flight, now: number): void {
  state.settings.counters.add(SendCounter.ECN_REDUCTIONS);
  flight.recovery = Recovery.REDUCED;
  flight.canUndo = false;
  beginReduction(state, flight, now, true);
  flight.recoveryPoint = state.sendNext;
  flight.hasRecoveryPoint = true;
}

function beginReduction(state: SenderState, flight: Flight, now: number, isMark: boolean): void {
  // RFC 6937 section 3: RecoverFS is the flight size when recovery begins.
  flight.prrFlightSize = Math.max(1, state.flightSize);
  flight.prrDelivered = flight.prrOut = 0;
  // RFC 5681 section 3.2 (MUST) excepted: what limited transmit has sent, two segments at most, is
  // counted, too: the flight size is taken as it is, as RFC 6937 section 3 takes it.
  state.control!.onCongestion(now, state.flightSize, isMark);
  flight.prrWindow = pipeOf(flight);
  // RFC 3168 section 6.1.2 (SHOULD): CWR on the first new data behind a reduction, whatever it was.
  if (state.ecn === Ecn.CLASSIC) state.isReductionDue = true;
}

/** A reduction can be undone from here on, if it turns out to have been for nothing. */
export function allowUndo(state: SenderState, flight: Flight): void {
  flight.canUndo = true;
  flight.undoFrom = state.sendUnacknowledged;
  flight.undoRetransmissions = 0;
  flight.hasRetransmissionStamp = false;
}

/** Ends recovery where everything that was sent before it began is acknowledged. */
function endRecovery(state: SenderState, flight: Flight, now: number): boolean {
  if (flight.recovery === Recovery.OPEN) return false;
  if (((state.sendUnacknowledged - flight.recoveryPoint) | 0) < 0) return false;
  const was = flight.recovery;
  flight.recovery = Recovery.OPEN;
  flight.duplicates = flight.duplicateBytes = 0;
  flight.isOwed = false;
  if (was !== Recovery.LOSS) state.control!.onRecovered(now, flight.inFlight);
  return was !== Recovery.REDUCED;
}

/**
 * Counts duplicate acknowledgments where there is no SACK.
 *
 * @returns the bytes that this acknowledgment tells of: DeliveredData of RFC 6937
 */
function countDuplicates(
  state: SenderState,
  flight: Flight,
  advance: number,
  isDuplicate: boolean,
): number {
  const { payloadLimit } = state.host;
  if (isDuplicate) {
    flight.duplicates++;
    const before = flight.duplicateBytes;
    flight.duplicateBytes = Math.min(before + payloadLimit, flight.inFlight);
    return flight.duplicateBytes - before;
  }
  if (advance <= 0) return 0;
  const before = flight.duplicateBytes;
  flight.duplicates = 0;
  // RFC 6582 section 3.2, step 3: a partial acknowledgment takes back what it acknowledges, but for
  // the segment that filled the gap.
  flight.duplicateBytes = flight.recovery === Recovery.FAST
    ? Math.max(0, Math.min(before - Math.max(0, advance - payloadLimit), flight.inFlight))
    : 0;
  return Math.max(0, advance - (before - flight.duplicateBytes));
}

/** Finds losses where there is no SACK: RFC 5681 section 3.2, RFC 6582. @returns bytes */
function detectLossByDuplicates(state: SenderState, flight: Flight, advance: number): number {
  if (flight.first === NONE || flight.recovery === Recovery.LOSS) return 0;
  if (flight.recovery === Recovery.FAST) {
    // RFC 6582 section 3.2 (MUST): step 3: a partial acknowledgment shows the next gap.
    if (advance <= 0) return 0;
    flight.isOwed = true;
    return loseFirst(state, flight);
  }
  // RFC 5681 section 3.2 (SHOULD): three duplicates are the sign of a loss.
  if (flight.duplicates < DUPLICATE_THRESHOLD) return 0;
  // RFC 6582 section 3.2 (MUST): step 2: only if it acknowledges more than was sent before the last
  // recovery; else the duplicates may be of what that recovery sent in vain.
  if (
    flight.hasRecoveryPoint && ((state.sendUnacknowledged - flight.recoveryPoint) | 0) <= 0
  ) return 0;
  return loseFirst(state, flight);
}

/** The first segment is lost. @returns its bytes, 0 if that is known */
export function loseFirst(state: SenderState, flight: Flight): number {
  const record = flight.first;
  if (flight.lost > 0 && flight.firstLost() === record) return 0;
  const { payloadLimit } = state.host;
  const at = record << INTEGER_SHIFT;
  let { integers } = flight.records;
  // What a receiver has taken back is known to be lost with a timeout only.
  if (integers[at + FLAGS] & RecordFlag.SACKED) return 0;
  const bytes = (integers[at + END] - integers[at + START]) | 0;
  if (bytes > payloadLimit) flight.split(record, (integers[at + START] + payloadLimit) | 0);
  ({ integers } = flight.records);
  flight.markLost(record);
  flight.duplicateBytes = Math.min(flight.duplicateBytes, flight.inFlight);
  return (integers[at + END] - integers[at + START]) | 0;
}

/** Counts what was newly lost. */
function addLost(flight: Flight, delivery: Delivery, bytes: number): void {
  flight.lostTotal += bytes;
  delivery.lostBytes += bytes;
}

/** Finds what is lost by whichever way was agreed on. @returns bytes */
function detectLoss(state: SenderState, flight: Flight, now: number): number {
  if (state.settings.options.lossDetection === "rack") return detectLossByTime(state, flight, now);
  return detectLossByCount(flight);
}

/**
 * Lets recovery see an acknowledgment, behind the scoreboard.
 *
 * @param advance bytes that are newly acknowledged cumulatively
 * @param isDuplicate whether it is a duplicate as RFC 5681 section 2 defines it
 * @param isMarked whether marks tell of congestion
 */
export function recover(
  state: SenderState,
  flight: Flight,
  delivery: Delivery,
  advance: number,
  isDuplicate: boolean,
  isMarked: boolean,
): void {
  const { now } = delivery;
  let delivered = delivery.acknowledgedBytes;
  let lost = 0;
  if (state.hasSack) {
    const isRecovered = endRecovery(state, flight, now);
    adaptReordering(state, flight, delivery, isRecovered);
    if (advance > 0 || delivery.hasNewSack) lost = detectLoss(state, flight, now);
  } else {
    delivered = countDuplicates(state, flight, advance, isDuplicate);
    endRecovery(state, flight, now);
    lost = detectLossByDuplicates(state, flight, advance);
  }
  if (lost > 0) {
    addLost(flight, delivery, lost);
    beginFast(state, flight, now);
  } else if (isMarked && flight.recovery === Recovery.OPEN && flight.first !== NONE) {
    beginReduced(state, flight, now);
  }
  reduce(state, flight, delivered, lost > 0, advance > 0);
}

/**
 * Proportional rate reduction: RFC 6937 section 3.1.
 *
 * @param delivered DeliveredData
 * @param isLossy whether the acknowledgment tells of new losses
 * @param hasAdvanced whether it is cumulative
 */
function reduce(
  state: SenderState,
  flight: Flight,
  delivered: number,
  isLossy: boolean,
  hasAdvanced: boolean,
): void {
  if (flight.recovery !== Recovery.FAST && flight.recovery !== Recovery.REDUCED) return;
  const { payloadLimit } = state.host;
  const { threshold } = state.control!;
  const pipe = pipeOf(flight);
  flight.prrDelivered += delivered;
  let room: number;
  if (pipe > threshold) {
    // RFC 6937 section 3.1 (MUST): proportional rate reduction.
    const due = Math.ceil(flight.prrDelivered * threshold / flight.prrFlightSize);
    room = due - flight.prrOut;
  } else {
    // RFC 6937 section 3.1 (MUST): with slow start (SSRB) while recovery makes good progress, as
    // RFC 9937 defines that; else the conservative bound (CRB).
    const conservative = flight.prrDelivered - flight.prrOut;
    const limit = hasAdvanced && !isLossy
      ? Math.max(conservative, delivered) + payloadLimit
      : conservative;
    room = Math.min(threshold - pipe, limit);
  }
  flight.prrWindow = pipe + Math.max(0, room);
}
