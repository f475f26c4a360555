/**
 * What a sender tells of itself: its part of `TCP_INFO`.
 *
 * @module
 */

import type { ConnectionInfo } from "../types.ts";
import { Recovery } from "./flight.ts";
import { countSegments } from "./scoreboard.ts";
import { backedOffRto } from "./round_trip.ts";
import type { SenderState } from "./sender_state.ts";

const UNKNOWN_THRESHOLD = 0x7fffffff;
const SECOND = 1_000_000;
/** Disorder, as `enum tcp_ca_state` has it: something was sacked, nothing is lost. */
const DISORDER = 1;

/** Fills in what a sender knows. */
export function describe(state: SenderState, info: ConnectionInfo): void {
  const { flight, host, settings } = state;
  const segment = Math.max(1, host.payloadLimit);
  const { now } = host.environment;
  info.rto = backedOffRto(state);
  info.backoff = state.backoff;
  info.smoothedRtt = Math.max(0, state.smoothedRtt);
  info.rttVariation = state.scaledVariation / 16;
  info.minimumRtt = Math.max(0, state.minimumRtt);
  info.lastDataSent = state.hasSent
    ? (((Math.floor(now / 1000) | 0) - state.lastSentStamp) | 0) * 1000
    : 0;
  info.sendSegment = segment;
  info.sendWindow = state.sendWindow;
  info.totalRetransmitted = state.segmentsRetransmitted;
  info.bytesRetransmitted = state.bytesRetransmitted;
  info.bytesAcknowledged = state.delivered - (flight?.sacked ?? 0);
  info.bytesSent = state.delivered - (flight?.sacked ?? 0) + state.flightSize +
    state.bytesRetransmitted;
  info.dataSegmentsOut = state.segmentsSent + state.segmentsRetransmitted;
  info.duplicateSacks = state.duplicateSacks;
  info.reorderingSeen = state.hasReordering ? 1 : 0;
  info.delivered = Math.ceil(state.delivered / segment);
  // Of one that has nothing to send none may be kept: it will begin as all do.
  const name = state.controlName ?? settings.congestionControl;
  const control = state.control ??
    settings.makeCongestionControl(name, host.payloadLimit, settings.environment);
  if (control !== null) {
    info.congestionWindow = Math.floor(control.window / segment);
    info.slowStartThreshold = control.threshold === Infinity
      ? UNKNOWN_THRESHOLD
      : Math.floor(control.threshold / segment);
    const rate = Math.min(control.pacingRate, state.maximumPacingRate);
    info.pacingRate = rate === Infinity ? -1 : Math.floor(rate);
  }
  if (flight === null) return;
  info.congestionState = flight.recovery === Recovery.OPEN && flight.sacked > 0
    ? DISORDER
    : flight.recovery;
  info.retransmits = flight.timeouts;
  info.probes = flight.unanswered;
  info.sacked = flight.segmentsSacked;
  info.notSentBytes = Math.max(0, (flight.buffer.end - state.sendNext) | 0);
  info.isApplicationLimited = flight.applicationLimit > 0;
  info.unacknowledged = info.lost = info.retransmitted = 0;
  countSegments(flight, info);
  if (flight.rate > 0) info.deliveryRate = Math.floor(flight.rate * SECOND);
}
