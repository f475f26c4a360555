/**
 * Sends what may be sent: lost segments first, then new data, then the FIN; and arms the timers.
 *
 * @module
 */

import { type Flight, ForwardRto, Recovery } from "./flight.ts";
import { scheduleProbe } from "./loss_probe.ts";
import { sendUncertain } from "./next_segment.ts";
import { probePath } from "./path_probe.ts";
import { END, FLAGS, INTEGER_SHIFT, NONE, RecordFlag, START } from "./records.ts";
import { pipeOf, windowOf } from "./recovery.ts";
import { backedOffRto } from "./round_trip.ts";
import { decide, Wait } from "./send_decision.ts";
import type { SenderState } from "./sender_state.ts";
import { fit, mayLeave, sendAgain, sendNew, superSegment } from "./transmission.ts";

/** F-RTO sends so many new segments: RFC 5682 section 2.1, step 2 (b). */
const FORWARD_SEGMENTS = 2;

/**
 * Sends what may be sent now.
 *
 * @param isForced whether a segment leaves that is not full, whatever holds it back
 */
export function output(state: SenderState, isForced: boolean): void {
  const { flight } = state;
  if (flight === null || !state.isAgreed || state.isHeld) return;
  const { now } = state.host.environment;
  if (flight.retryAt !== Infinity) {
    if (now < flight.retryAt) return;
    flight.retryAt = Infinity;
  }
  flight.pacedAt = Infinity;
  if (flight.first === NONE) restart(state, now);
  let isRefused = false;
  // RFC 5682 section 2.1: until F-RTO has found out, nothing but the first segment is sent again.
  if (flight.lost > 0 && !isWaitingForward(flight)) {
    isRefused = !retransmit(state, flight, now);
  }
  const before = state.sendNext;
  const isFirstOut = flight.forwardRto === ForwardRto.RETRANSMITTED && flight.lost > 0;
  if (!isRefused && !isFirstOut) {
    if (now >= flight.pathProbeAt) probePath(state, flight, now);
    sendData(state, flight, now, isForced);
  }
  const hasSentNew = state.sendNext !== before;
  if (hasSentNew) {
    state.hasSent = true;
    state.lastSentStamp = Math.floor(now / 1000) | 0;
  }
  if (flight.forwardRto === ForwardRto.SENDING_NEW && flight.pacedAt === Infinity) {
    // RFC 5682 section 2.1, step 2 (b): without new data the recovery is an ordinary one.
    flight.forwardRto = hasSentNew ? ForwardRto.SENT_NEW : ForwardRto.NONE;
    if (!hasSentNew && flight.lost > 0) retransmit(state, flight, now);
  }
  if (!hasSentNew && flight.recovery === Recovery.FAST && flight.pacedAt === Infinity) {
    sendUncertain(state, flight, now);
  }
  armTimers(state, flight, now, hasSentNew);
}

/** Whether F-RTO has yet to find out whether what is thought lost is. */
function isWaitingForward(flight: Flight): boolean {
  if (flight.forwardRto === ForwardRto.NONE || flight.isOwed) return false;
  return flight.forwardRto !== ForwardRto.RETRANSMITTED || flight.firstLost() !== flight.first;
}

/** Data follow a pause. */
function restart(state: SenderState, now: number): void {
  if (!state.hasSent) return;
  const idle = (((Math.floor(now / 1000) | 0) - state.lastSentStamp) | 0) * 1000;
  // RFC 5681 section 4.1 (SHOULD): after a pause of more than an RTO, the window is that of a
  // restart; congestion control does that, or RFC 7661.
  if (idle > state.rto) {
    state.control!.onRestart(now, idle, state.rto);
    state.lastSentStamp = Math.floor(now / 1000) | 0;
  }
}

/**
 * Sends lost segments again, those with the lowest numbers first: `NextSeg()` (1) of RFC 6675.
 *
 * @returns false when something below refused one
 */
function retransmit(state: SenderState, flight: Flight, now: number): boolean {
  const limit = state.host.payloadLimit;
  while (flight.lost > 0) {
    const record = flight.firstLost();
    if (record !== flight.first && isWaitingForward(flight)) return true;
    const { integers } = flight.records;
    const at = record << INTEGER_SHIFT;
    const start = integers[at + START];
    const usable = (state.sendUnacknowledged + state.sendWindow - start) | 0;
    // RFC 9293 section 3.8.6 (SHLD-16): old data are sent again within the window; what a shrunken
    // window left outside waits. A closed one is probed.
    if (usable <= 0) return true;
    const bytes = (integers[at + END] - start) | 0;
    const pipe = pipeOf(flight);
    const room = windowOf(state, flight) - pipe;
    if (!flight.isOwed) {
      if (room < Math.min(bytes, limit) && pipe > 0) {
        flight.isWindowLimited = true;
        return true;
      }
      if (!mayLeave(state, flight, now)) return true;
    }
    extendProbe(state, flight, record, limit);
    let most = limit;
    if (bytes > limit && !flight.isOwed) {
      const goal = Math.min(superSegment(state, limit), room);
      most = Math.max(limit, Math.floor(goal / limit) * limit);
    }
    if (!fit(flight, record, most)) most = bytes;
    if (!sendAgain(state, flight, now, record, limit)) return false;
    flight.isOwed = false;
  }
  return true;
}

/** A probe of a closed window that is sent again once it has opened becomes a full segment. */
function extendProbe(state: SenderState, flight: Flight, record: number, limit: number): void {
  const { integers } = flight.records;
  const at = record << INTEGER_SHIFT;
  if (record !== flight.last || (integers[at + FLAGS] & RecordFlag.PROBE) === 0) return;
  integers[at + FLAGS] &= ~RecordFlag.PROBE;
  if (state.isFinSent) return;
  const usable = (state.sendUnacknowledged + state.sendWindow - integers[at + START]) | 0;
  const whole = Math.min(limit, usable, (flight.buffer.end - integers[at + START]) | 0);
  const more = whole - ((integers[at + END] - integers[at + START]) | 0);
  if (more <= 0) return;
  integers[at + END] = (integers[at + END] + more) | 0;
  state.sendNext = integers[at + END];
  // Only lost probes are sent again.
  flight.lost += more;
}

/** Sends new data as far as the windows, pacing and Nagle let it. */
function sendData(state: SenderState, flight: Flight, now: number, isForced: boolean): void {
  if (state.isFinSent) {
    flight.isWindowLimited = false;
    return;
  }
  const limit = state.host.payloadLimit;
  flight.corkAt = state.isCorked || state.hasMore ? flight.corkAt : Infinity;
  const isForward = flight.forwardRto === ForwardRto.SENDING_NEW;
  let forward = isForward ? FORWARD_SEGMENTS : 0;
  flight.isWindowLimited = false;
  while (true) {
    const unsent = (flight.buffer.end - state.sendNext) | 0;
    const pipe = pipeOf(flight);
    const room = isForward ? forward * limit : windowOf(state, flight) - pipe;
    if (isForward && forward === 0) return;
    // What fits into one segment, as most messages do, needs no longer one.
    const goal = isForward || unsent <= limit ? limit : superSegment(state, limit);
    const bytes = decide(state, flight, limit, goal, unsent, room, pipe, isForced);
    if (bytes <= 0 && !(bytes === Wait.EMPTY && state.isClosed)) {
      stop(state, flight, now, bytes);
      return;
    }
    const usable = (state.sendUnacknowledged + state.sendWindow - state.sendNext) | 0;
    const withFin = state.isClosed && bytes === unsent && usable > bytes;
    if (bytes === 0 && !withFin) return;
    if (!mayLeave(state, flight, now)) return;
    if (!sendNew(state, flight, now, bytes, withFin, limit, 0)) return;
    if (withFin) return;
    if (isForward) forward--;
  }
}

/** Nothing more leaves now: notes why. */
function stop(state: SenderState, flight: Flight, now: number, wait: number): void {
  if (wait === Wait.CONGESTION) {
    flight.isWindowLimited = true;
    return;
  }
  if (wait === Wait.CORK && flight.corkAt === Infinity) {
    flight.corkAt = now + state.settings.options.corkTime;
  }
  // draft-cheng-iccrg-delivery-rate-estimation section 3.4: the application is the limit while all
  // is sent, the window is open and nothing lost waits. (So is a peer's window.)
  if (flight.lost === 0) {
    flight.applicationLimit = Math.max(1, state.delivered + flight.inFlight);
  }
}

/** Arms the timers behind whatever was sent. */
function armTimers(
  state: SenderState,
  flight: Flight,
  now: number,
  hasSentNew: boolean,
): void {
  if (flight.first !== NONE) {
    // RFC 6298 section 5.1 (REC): a segment with data starts the timer, if it does not run.
    if (flight.rtoAt === Infinity && flight.persistAt === Infinity) {
      flight.rtoAt = now + backedOffRto(state);
    }
    if (hasSentNew) scheduleProbe(state, flight, now);
    if (flight.persistAt !== Infinity && state.sendWindow > 0 && flight.probes === 0) {
      flight.persistAt = Infinity;
      if (flight.rtoAt === Infinity) flight.rtoAt = now + backedOffRto(state);
    }
    return;
  }
  const isPending = flight.buffer.end !== state.sendNext || state.isClosed && !state.isFinSent;
  const isWaiting = flight.corkAt !== Infinity || flight.pacedAt !== Infinity ||
    flight.retryAt !== Infinity;
  if (!isPending || isWaiting) {
    flight.persistAt = Infinity;
    return;
  }
  // RFC 9293 section 3.8.6.1 (MUST-36): a closed window is probed.
  // RFC 9293 section 3.8.6.1 (SHLD-29): for the first time when it has been closed for an RTO. What
  // is too little for a segment is sent then as well: section 3.8.6.2.1, rule (4).
  if (flight.persistAt === Infinity) flight.persistAt = now + backedOffRto(state);
}
