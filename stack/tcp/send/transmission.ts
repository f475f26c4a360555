/**
 * Hands segments to the connection, and records what was sent.
 *
 * @module
 */

import { Errno } from "../../../ring/abi/errno.ts";
import { Flag } from "../../wire/tcp.ts";
import { SendCounter } from "./counters.ts";
import { type Flight, Recovery } from "./flight.ts";
import { COUNT, END, FLAGS, INTEGER_SHIFT, NONE, RecordFlag, START } from "./records.ts";
import type { SenderState } from "./sender_state.ts";

/** Microseconds of a second. */
const SECOND = 1_000_000;
/** The most that may leave at once where there is pacing: at least two segments. */
const LEAST_QUANTUM_SEGMENTS = 2;
/** A window is at least so many super-segments, where those are longer than that. */
const WINDOW_PARTS = 4;

/** Bytes a second at which data may leave. */
function pacingRate(state: SenderState): number {
  return Math.min(state.control!.pacingRate, state.maximumPacingRate);
}

/** Whether pacing lets something leave now; if not, the timer is armed. */
export function mayLeave(state: SenderState, flight: Flight, now: number): boolean {
  if (flight.nextSendAt <= now) return true;
  if (pacingRate(state) === Infinity) {
    flight.nextSendAt = 0;
    return true;
  }
  flight.pacedAt = flight.nextSendAt;
  return false;
}

/** Bytes leave: the next ones wait as long as these take at the rate. */
function pace(state: SenderState, flight: Flight, now: number, bytes: number): void {
  const rate = pacingRate(state);
  if (rate === Infinity) return;
  // What was not used is good for a burst of a quantum, which makes up for late timers, too.
  const from = Math.max(flight.nextSendAt, now - state.settings.options.pacingQuantum);
  flight.nextSendAt = from + bytes * SECOND / rate;
}

/** Bytes of the longest super-segment that may leave now, a multiple of a segment. */
export function superSegment(state: SenderState, limit: number): number {
  const { offloadLimit } = state.host;
  const { window } = state.control!;
  // An urgent pointer, and CWR, belong to one segment.
  if (offloadLimit <= limit || state.hasUrgent || state.isReductionDue) return limit;
  const rate = pacingRate(state);
  // A window is several of them, so that there are acknowledgments to go on with, and one that is
  // lost is not all there is.
  let most = Math.min(
    offloadLimit,
    Math.max(window / WINDOW_PARTS, LEAST_QUANTUM_SEGMENTS * limit),
  );
  if (rate !== Infinity) {
    const quantum = rate * state.settings.options.pacingQuantum / SECOND;
    most = Math.min(most, Math.max(quantum, LEAST_QUANTUM_SEGMENTS * limit));
  }
  return Math.max(limit, Math.floor(most / limit) * limit);
}

/** Nothing can be sent just now: tries again later. */
function postpone(
  state: SenderState,
  flight: Flight,
  now: number,
  reason: typeof SendCounter[keyof typeof SendCounter],
): false {
  state.settings.counters.add(reason);
  flight.retryAt = now + state.settings.options.retryTime;
  return false;
}

/** Whether an error says that it is a matter of a moment; others are like a loss on the way. */
function isMomentary(error: number): boolean {
  return error === -Errno.ENOBUFS || error === -Errno.EAGAIN || error === -Errno.ENOMEM;
}

/** The flags of a range: PSH where the buffer ends, URG before the urgent byte. */
function flagsOf(state: SenderState, flight: Flight, start: number, end: number): number {
  let flags = 0;
  // RFC 9293 section 3.9.1.2 (MUST-61): where the program cannot say PUSH, the last segment of what
  // is in the buffer has PSH.
  if (end === flight.buffer.end) flags |= Flag.PSH;
  // RFC 9293 section 3.8.5 (MUST-30): urgent data can be sent; URG says that SND.UP is ahead.
  if (state.hasUrgent && ((state.sendUrgent - start) | 0) > 0) flags |= Flag.URG;
  return flags;
}

/**
 * Sends new data, and perhaps the FIN.
 *
 * @param bytes of payload
 * @param withFin whether the FIN follows them
 * @param limit bytes of a full segment
 * @param probe `RecordFlag.PROBE` for a probe of the window, else 0
 * @returns whether it was sent
 */
export function sendNew(
  state: SenderState,
  flight: Flight,
  now: number,
  bytes: number,
  withFin: boolean,
  limit: number,
  probe: number,
): boolean {
  const { host, settings } = state;
  if (!settings.records.hasRoom) return postpone(state, flight, now, SendCounter.RECORDS_EXHAUSTED);
  const start = state.sendNext;
  const dataEnd = (start + bytes) | 0;
  let payload = NONE;
  if (bytes > 0) {
    payload = flight.buffer.slice(start, bytes, false);
    if (payload === NONE) return postpone(state, flight, now, SendCounter.PACKETS_EXHAUSTED);
  }
  let flags = flagsOf(state, flight, start, dataEnd);
  // A long stream gets PSH every now and then, as on Linux: half a window ahead of the last one.
  if (((dataEnd - flight.pushed) | 0) > state.maximumSendWindow / 2) flags |= Flag.PSH;
  if (withFin) flags |= Flag.FIN;
  const isReduced = state.isReductionDue && bytes > 0 && probe === 0;
  // RFC 3168 section 6.1.2 (SHOULD): CWR on the first new data behind the reduction.
  if (isReduced) flags |= Flag.CWR;
  const segmentBytes = bytes > limit ? limit : 0;
  const error = host.transmit(start, flags, payload, bytes, segmentBytes, probe !== 0);
  if (error < 0 && isMomentary(error)) {
    return postpone(state, flight, now, SendCounter.TRANSMIT_REFUSED);
  }
  if (isReduced) state.isReductionDue = false;
  if (flags & Flag.PSH) flight.pushed = dataEnd;
  if (bytes > 0 && bytes < limit) {
    flight.hasSmall = true;
    flight.smallEnd = dataEnd;
  }
  const end = withFin ? (dataEnd + 1) | 0 : dataEnd;
  if (withFin) state.isFinSent = true;
  recordNew(state, flight, now, end, limit, probe | (withFin ? RecordFlag.FIN : 0));
  return true;
}

/** Records that new data have left. */
export function recordNew(
  state: SenderState,
  flight: Flight,
  now: number,
  end: number,
  limit: number,
  recordFlags: number,
): void {
  const start = state.sendNext;
  const length = (end - start) | 0;
  if (flight.first === NONE) flight.progressAt = now;
  const isLimited = flight.applicationLimit > 0;
  const flags = isLimited ? recordFlags | RecordFlag.APPLICATION_LIMITED : recordFlags;
  flight.add(start, end, flags, limit, now, state.delivered);
  state.sendNext = end;
  state.segmentsSent += length <= limit ? 1 : Math.ceil(length / limit);
  countSent(state, flight, now, length, isLimited);
}

/** Bytes have left, new or not. */
function countSent(
  state: SenderState,
  flight: Flight,
  now: number,
  bytes: number,
  isLimited: boolean,
): void {
  if (flight.inFlight > flight.peakInFlight) flight.peakInFlight = flight.inFlight;
  if (flight.recovery === Recovery.FAST || flight.recovery === Recovery.REDUCED) {
    flight.prrOut += bytes;
  }
  pace(state, flight, now, bytes);
  state.control!.onSent(now, bytes, flight.inFlight, isLimited);
}

/**
 * Sends a range again, which is one segment or what offload makes of several.
 *
 * @returns whether it was sent
 */
export function sendAgain(
  state: SenderState,
  flight: Flight,
  now: number,
  record: number,
  limit: number,
): boolean {
  const { host, settings } = state;
  const { integers } = flight.records;
  const at = record << INTEGER_SHIFT;
  const start = integers[at + START];
  const end = integers[at + END];
  const hasFin = (integers[at + FLAGS] & RecordFlag.FIN) !== 0;
  const bytes = ((end - start) | 0) - (hasFin ? 1 : 0);
  let payload = NONE;
  if (bytes > 0) {
    payload = flight.buffer.slice(start, bytes, true);
    if (payload === NONE) return postpone(state, flight, now, SendCounter.PACKETS_EXHAUSTED);
  }
  let flags = flagsOf(state, flight, start, (start + bytes) | 0);
  if (hasFin) flags |= Flag.FIN;
  const error = host.transmit(start, flags, payload, bytes, bytes > limit ? limit : 0, true);
  if (error < 0 && isMomentary(error)) {
    return postpone(state, flight, now, SendCounter.TRANSMIT_REFUSED);
  }
  const count = integers[at + COUNT];
  settings.counters.add(SendCounter.RETRANSMITTED, count);
  state.segmentsRetransmitted += count;
  state.bytesRetransmitted += bytes;
  if (flight.canUndo) {
    flight.undoRetransmissions += count;
    const isFirst = (integers[at + FLAGS] & RecordFlag.RETRANSMITTED) === 0;
    if (isFirst && !flight.hasRetransmissionStamp && start === flight.undoFrom) {
      // RFC 3522 section 3.2, step 2: the timestamp of the first retransmission is remembered.
      flight.retransmissionStamp = host.timestampNow;
      flight.hasRetransmissionStamp = true;
    }
  }
  flight.resend(record, 0, now, state.delivered);
  countSent(state, flight, now, (end - start) | 0, false);
  return true;
}

/** Cuts a record so that it is not longer than some bytes. @returns whether it is not now */
export function fit(flight: Flight, record: number, bytes: number): boolean {
  const at = record << INTEGER_SHIFT;
  const { integers } = flight.records;
  const length = (integers[at + END] - integers[at + START]) | 0;
  const payload = integers[at + FLAGS] & RecordFlag.FIN ? length - 1 : length;
  if (payload <= bytes) return true;
  return flight.split(record, (integers[at + START] + bytes) | 0) !== NONE;
}
