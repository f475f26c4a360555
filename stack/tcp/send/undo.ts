/**
 * Reductions that were for nothing: the Eifel detection (RFC 3522) by timestamps, D-SACK
 * (RFC 3708) and F-RTO (RFC 5682) find out, the Eifel response (RFC 4015) repairs.
 *
 * @module
 */

import { SendCounter } from "./counters.ts";
import type { Delivery } from "./delivery.ts";
import { type Flight, ForwardRto, Recovery } from "./flight.ts";
import { FLAGS, INTEGER_SHIFT, NEXT, NONE, RecordFlag } from "./records.ts";
import type { SenderState } from "./sender_state.ts";

const SCALE = 16;

/**
 * Looks whether the last reduction was spurious.
 *
 * @param advance bytes that are newly acknowledged cumulatively
 * @param hasEcho whether the segment has a timestamp
 * @param echo what it echoes
 * @param isDuplicate whether it is a duplicate as RFC 5681 section 2 defines it
 */
export function detectSpurious(
  state: SenderState,
  flight: Flight,
  delivery: Delivery,
  advance: number,
  hasEcho: boolean,
  echo: number,
  isDuplicate: boolean,
): void {
  if (flight.recovery === Recovery.LOSS && flight.forwardRto !== ForwardRto.NONE) {
    stepForwardRto(state, flight, delivery, advance, isDuplicate);
  }
  if (!flight.canUndo) return;
  if (advance > 0 && hasEcho && flight.hasRetransmissionStamp) {
    // RFC 3522 section 3.2, step 5: the first acceptable acknowledgment echoes a timestamp from
    // before the retransmission: what was sent first has arrived.
    const isSpurious = ((echo - flight.retransmissionStamp) | 0) < 0;
    flight.hasRetransmissionStamp = false;
    if (isSpurious && flight.recovery >= Recovery.FAST) {
      undo(state, flight, delivery, SendCounter.SPURIOUS_BY_TIMESTAMP);
      return;
    }
  }
  if (
    delivery.hasDuplicate && flight.undoRetransmissions > 0 &&
    ((delivery.duplicateStart - flight.undoFrom) | 0) >= 0
  ) {
    const bytes = (delivery.duplicateEnd - delivery.duplicateStart) | 0;
    const count = Math.max(1, Math.ceil(bytes / state.host.payloadLimit));
    flight.undoRetransmissions = Math.max(0, flight.undoRetransmissions - count);
    // RFC 3708 section 3: every retransmission of the window turned out to be a duplicate.
    if (flight.undoRetransmissions === 0) {
      undo(state, flight, delivery, SendCounter.SPURIOUS_BY_DUPLICATE_SACK);
    }
  }
}

/** F-RTO: what arrives first behind a timeout tells whether data were lost. */
function stepForwardRto(
  state: SenderState,
  flight: Flight,
  delivery: Delivery,
  advance: number,
  isDuplicate: boolean,
): void {
  const isPast = ((state.sendUnacknowledged - flight.recoveryPoint) | 0) >= 0;
  if (flight.forwardRto === ForwardRto.RETRANSMITTED) {
    if (advance > 0) {
      // RFC 5682 section 2.1 (MUST): step 2: (a) everything is acknowledged: nothing to be found
      // out; (b) else two new segments are sent rather than what was lost.
      flight.forwardRto = isPast ? ForwardRto.NONE : ForwardRto.SENDING_NEW;
    } else if (isDuplicate && !state.hasSack) {
      // RFC 5682 section 2.1, step 2 (a); section 3.1 stays in step 2 where there is SACK.
      flight.forwardRto = ForwardRto.NONE;
    }
    return;
  }
  const isArrived = state.hasSack ? delivery.hasOriginal : advance > 0;
  if (isArrived) {
    // RFC 5682 section 2.1 (MUST): step 3 (b), as in section 3.1: data arrive that were not sent
    // again: the timeout was spurious.
    undo(state, flight, delivery, SendCounter.SPURIOUS_BY_FORWARD_RTO);
  } else if (isDuplicate || delivery.hasNewSack) {
    // RFC 5682 section 2.1 and 3.1, step 3 (a): there is a gap: what was lost is sent again.
    flight.forwardRto = ForwardRto.NONE;
  }
}

/** Takes a reduction back: RFC 4015. */
function undo(
  state: SenderState,
  flight: Flight,
  delivery: Delivery,
  reason: typeof SendCounter[keyof typeof SendCounter],
): void {
  state.settings.counters.add(reason);
  const wasTimeout = flight.recovery === Recovery.LOSS;
  const { integers } = flight.records;
  let record = flight.lost > 0 ? flight.first : NONE;
  for (; record !== NONE; record = integers[(record << INTEGER_SHIFT) + NEXT]) {
    if (integers[(record << INTEGER_SHIFT) + FLAGS] & RecordFlag.LOST) flight.markFound(record);
  }
  flight.recovery = Recovery.OPEN;
  flight.forwardRto = ForwardRto.NONE;
  flight.canUndo = false;
  flight.isOwed = false;
  // Timeouts count on, until something new is acknowledged: that they came too early does not mean
  // that the other end goes on.
  state.control!.onSpurious(delivery.now);
  // What arrived twice is acknowledged for the second time, since the first acknowledgment was
  // lost: the time that has passed is that of the timer, and says nothing of a round trip.
  if (wasTimeout) lengthenRto(state, delivery.hasDuplicate ? -1 : delivery.rtt);
}

/** The timer was too short: RFC 4015 section 3.2, step 9. */
function lengthenRto(state: SenderState, sample: number): void {
  state.backoff = 0;
  if (sample < 0 || state.scaledRtt < 0) return;
  const { options } = state.settings;
  // RFC 4015 section 3.2 (SHOULD): step 9: SRTT and RTTVAR are no less than the sample makes them.
  state.scaledRtt = Math.max(state.scaledRtt, Math.round(sample * SCALE));
  state.scaledVariation = Math.max(state.scaledVariation, Math.round(sample * SCALE / 2));
  const variation = Math.max(options.minimumRto, 4 * state.scaledVariation / SCALE);
  state.rto = Math.min(Math.round(state.scaledRtt / SCALE + variation), options.maximumRto);
}
