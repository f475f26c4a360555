/**
 * How much new data may leave now: the window of the peer, silly window avoidance, Nagle, the cork.
 *
 * @module
 */

import type { Flight } from "./flight.ts";
import type { SenderState } from "./sender_state.ts";

/** Why nothing leaves. */
export const Wait = {
  /** Nothing is there to be sent. */
  EMPTY: 0,
  /** Congestion control does not let it. */
  CONGESTION: -1,
  /** The peer's window does not. */
  WINDOW: -2,
  /** It would be a small segment behind another one: Nagle. */
  NAGLE: -3,
  /** The program said that more is to come. */
  CORK: -4,
} as const;

/** Where the peer's window is at least this part of what it ever was, it is worth a segment. */
const WORTH = 1 / 2;
/** A super-segment waits while less than this part of the congestion window is open. */
const DEFERRED = 1 / 3;

/**
 * Decides how many bytes leave next.
 *
 * @param limit bytes of a full segment
 * @param goal bytes of the longest super-segment, or those of a segment
 * @param unsent bytes in the buffer that were not sent
 * @param room bytes that congestion control allows beyond what is in flight
 * @param pipe bytes in flight
 * @param isForced whether the cork, Nagle and the silly window are overridden
 * @returns the bytes, or one of {@linkcode Wait}
 */
export function decide(
  state: SenderState,
  flight: Flight,
  limit: number,
  goal: number,
  unsent: number,
  room: number,
  pipe: number,
  isForced: boolean,
): number {
  if (unsent <= 0) return Wait.EMPTY;
  // RFC 9293 section 3.8.6.2.1: U, the usable window, is SND.UNA + SND.WND - SND.NXT.
  const usable = (state.sendUnacknowledged + state.sendWindow - state.sendNext) | 0;
  // RFC 9293 section 3.8.6 (MUST-34): it is negative where the peer has shrunk its window.
  if (usable <= 0) return Wait.WINDOW;
  if (unsent >= limit && usable >= limit) {
    if (room < limit) return pipe > 0 ? Wait.CONGESTION : limit;
    const most = Math.min(unsent, usable, room);
    if (goal > limit) {
      const wanted = Math.min(goal, unsent, usable);
      // A larger one can leave when the next acknowledgment comes, for the price of one.
      if (most < wanted && most < (room + pipe) * DEFERRED && pipe > 2 * limit) {
        return Wait.CONGESTION;
      }
      if (most >= 2 * limit) return Math.floor(Math.min(most, goal) / limit) * limit;
    }
    return limit;
  }
  const bytes = Math.min(unsent, usable, limit);
  if (room < bytes && pipe > 0) return Wait.CONGESTION;
  if (isForced) return bytes;
  if (usable < unsent) return decideSilly(state, usable, bytes);
  // The end of the buffer: a segment that is not full.
  if (state.isClosed) return bytes;
  if (state.isCorked || state.hasMore) return Wait.CORK;
  if (isHeldByNagle(state, flight)) return Wait.NAGLE;
  return bytes;
}

/** The window cuts off what would leave. */
function decideSilly(state: SenderState, usable: number, bytes: number): number {
  // RFC 9293 section 3.8.6.2.1 (MUST-38): rule (3): half of the largest window is worth a segment.
  // With less, rule (4), the persist timer overrides it.
  if (usable < state.maximumSendWindow * WORTH) return Wait.WINDOW;
  // RFC 9293 section 3.7.4 (SHLD-7): with Nagle only when nothing is unacknowledged.
  if (!state.isNoDelay && state.flightSize > 0) return Wait.WINDOW;
  return bytes;
}

/** Whether a segment that is not full has to wait for acknowledgments. */
function isHeldByNagle(state: SenderState, flight: Flight): boolean {
  // RFC 9293 section 3.7.4 (MUST-17): it can be turned off for a connection.
  if (state.isNoDelay) return false;
  if (state.flightSize <= 0) return false;
  // Urgent data do not wait for others.
  if (state.hasUrgent && ((state.sendUrgent - state.sendNext) | 0) > 0) return false;
  // RFC 9293 section 3.7.4 (SHLD-7): while data are unacknowledged, data are collected until they
  // make a full segment.
  if (state.settings.options.nagle === "classic") return true;
  // Minshall's variant (draft-minshall-nagle-01): only a small segment that is unacknowledged holds
  // back another one.
  return flight.hasSmall && ((flight.smallEnd - state.sendUnacknowledged) | 0) > 0;
}
