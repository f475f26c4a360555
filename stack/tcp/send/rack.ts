/**
 * RACK: what was sent a round trip, and some reordering, before something that arrived is lost.
 * RFC 8985 section 6.
 *
 * @module
 */

import { type Delivery, wasSentAfter } from "./delivery.ts";
import { type Flight, Recovery } from "./flight.ts";
import {
  DOUBLE_SHIFT,
  END,
  FLAGS,
  INTEGER_SHIFT,
  LATER,
  NEXT,
  NONE,
  ORDER,
  RecordFlag,
  SENT_AT,
  START,
} from "./records.ts";
import { DUPLICATE_THRESHOLD } from "./scoreboard.ts";
import type { SenderState } from "./sender_state.ts";

/** The window stays large for so many recoveries behind the last D-SACK. */
const PERSISTENCE = 16;
/** RACK.reo_wnd_mult is never larger: the window is bounded by SRTT anyway. */
const MAXIMUM_MULTIPLIER = 255;

/**
 * Adapts the reordering window to an acknowledgment: the first half of RACK_update_reo_wnd().
 *
 * @param isRecovered whether the acknowledgment ends a recovery
 */
export function adaptReordering(
  state: SenderState,
  flight: Flight,
  delivery: Delivery,
  isRecovered: boolean,
): void {
  if (
    flight.hasDuplicateRound && ((state.sendUnacknowledged - flight.duplicateRound) | 0) >= 0
  ) {
    flight.hasDuplicateRound = false;
  }
  if (!flight.hasDuplicateRound && delivery.hasDuplicate) {
    // RFC 8985 section 6.2, step 4: the window grows in each round trip that sees a D-SACK.
    flight.hasDuplicateRound = true;
    flight.duplicateRound = state.sendNext;
    state.reorderMultiplier = Math.min(state.reorderMultiplier + 1, MAXIMUM_MULTIPLIER);
    state.reorderPersistence = PERSISTENCE;
  } else if (isRecovered && --state.reorderPersistence <= 0) {
    // RFC 8985 section 6.2, step 4: 16 recoveries without one make it what it was.
    state.reorderMultiplier = 1;
    state.reorderPersistence = 0;
  }
}

/** RACK.reo_wnd in microseconds: the second half of RACK_update_reo_wnd(). */
export function reorderingWindow(state: SenderState, flight: Flight): number {
  if (!state.hasReordering) {
    // RFC 8985 section 6.2, step 4: without any reordering so far, recovery, or three segments that
    // arrived, make it 0.
    if (
      flight.recovery >= Recovery.FAST || flight.segmentsSacked >= DUPLICATE_THRESHOLD
    ) return 0;
  }
  if (state.minimumRtt < 0) return 0;
  // RFC 8985 section 6.2 (SHOULD): step 4: a quarter of min_RTT for each step, at most SRTT.
  const window = state.reorderMultiplier * state.minimumRtt / 4;
  return Math.min(window, state.smoothedRtt);
}

/**
 * Finds losses: RACK_detect_loss(), and arms the timer for what is not lost yet.
 *
 * @returns the bytes that are newly lost
 */
export function detectLossByTime(state: SenderState, flight: Flight, now: number): number {
  flight.reorderAt = Infinity;
  if (flight.rackRtt < 0) return 0;
  const { integers, doubles } = flight.records;
  const wait = flight.rackRtt + reorderingWindow(state, flight);
  let lost = 0;
  for (let record = flight.oldest; record !== NONE;) {
    const at = record << INTEGER_SHIFT;
    const sentAt = doubles[(record << DOUBLE_SHIFT) + SENT_AT];
    // They are in the order they were sent: what follows was sent later than what arrived.
    if (wasSentAfter(sentAt, integers[at + ORDER], integers[at + END], flight)) break;
    const later = integers[at + LATER];
    if (sentAt + wait > now) {
      // RFC 8985 section 6.2, step 5: one timer for all that may be lost yet. None of them was sent
      // later than the range that arrived, which bounds how long that takes without a walk.
      flight.reorderAt = flight.rackSentAt + wait;
      break;
    }
    // RFC 4821 section 7.5 (SHOULD): a probe of the path may be lost: that is no congestion.
    if ((integers[at + FLAGS] & RecordFlag.PATH_PROBE) === 0) {
      lost += (integers[at + END] - integers[at + START]) | 0;
    }
    flight.markLost(record);
    record = later;
  }
  return lost;
}

/**
 * Marks what a timeout makes lost: RACK_mark_losses_on_RTO().
 *
 * @returns the bytes that are newly lost
 */
export function markLostOnTimeout(state: SenderState, flight: Flight, now: number): number {
  const { integers, doubles } = flight.records;
  // Nothing of this flight has arrived yet: the round trips before it are the best guess.
  const rtt = flight.rackRtt < 0 ? state.smoothedRtt : flight.rackRtt;
  const wait = rtt + reorderingWindow(state, flight);
  let lost = 0;
  for (let record = flight.first; record !== NONE;) {
    const at = record << INTEGER_SHIFT;
    if ((integers[at + FLAGS] & (RecordFlag.SACKED | RecordFlag.LOST)) === 0) {
      // RFC 8985 section 6.3 (MUST): the first segment, and those that are older than a round trip;
      // not what was sent a moment ago.
      const isDue = rtt < 0 ||
        doubles[(record << DOUBLE_SHIFT) + SENT_AT] + wait <= now;
      if (record === flight.first || isDue) {
        lost += (integers[at + END] - integers[at + START]) | 0;
        flight.markLost(record);
      }
    }
    record = integers[at + NEXT];
  }
  return lost;
}
