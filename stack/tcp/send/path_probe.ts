/**
 * Finds out whether the path takes longer packets: packetization layer path MTU discovery,
 * RFC 4821.
 * IP knows what to try and what is known (RFC 8899); the sender sends one segment of that length
 * among others, and tells what became of it.
 *
 * @module
 */

import { SendCounter } from "./counters.ts";
import { type Flight, Recovery } from "./flight.ts";
import { NONE, RecordFlag } from "./records.ts";
import { pipeOf, windowOf } from "./recovery.ts";
import type { SenderState } from "./sender_state.ts";
import { mayLeave, recordNew } from "./transmission.ts";

/** A probe is followed by so many segments, so that its loss is found by what arrives behind it. */
const FOLLOWING_SEGMENTS = 3;
/** Microseconds before the path is looked at again. */
const INTERVAL = 1_000_000;

/** Sends a probe of the path, if there is something to be found out and this is the time for it. */
export function probePath(state: SenderState, flight: Flight, now: number): void {
  const { host } = state;
  const limit = host.payloadLimit;
  const unsent = (flight.buffer.end - state.sendNext) | 0;
  // RFC 4821 section 7.4: enough data to follow the probe, and nothing lost before it.
  if (
    unsent < (FOLLOWING_SEGMENTS + 1) * limit || flight.pathProbe > 0 || flight.lost > 0 ||
    flight.sacked > 0 || flight.recovery !== Recovery.OPEN || !state.hasSack
  ) return;
  flight.pathProbeAt = now + INTERVAL;
  const bytes = host.probePayload;
  if (bytes <= limit) return;
  const whole = bytes + FOLLOWING_SEGMENTS * limit;
  const usable = (state.sendUnacknowledged + state.sendWindow - state.sendNext) | 0;
  const room = windowOf(state, flight) - pipeOf(flight);
  if (unsent < whole || usable < whole || room < whole || !mayLeave(state, flight, now)) {
    flight.pathProbeAt = now;
    return;
  }
  if (!state.settings.records.hasRoom) return;
  const start = state.sendNext;
  const payload = flight.buffer.slice(start, bytes, false);
  if (payload === NONE) return;
  state.settings.counters.add(SendCounter.PATH_PROBES);
  // What is refused, for instance by a link that does not take so much, is sent as usual.
  if (host.transmitProbe(start, 0, payload, bytes) < 0) return;
  flight.pathProbe = bytes;
  recordNew(state, flight, now, (start + bytes) | 0, bytes, RecordFlag.PATH_PROBE);
}

/**
 * Tells what became of a probe, if that is known.
 *
 * @param isDelivered whether it arrived
 * @param lost bytes of others that are newly lost
 */
export function endPathProbe(
  state: SenderState,
  flight: Flight,
  isDelivered: boolean,
  lost: number,
): void {
  const bytes = flight.pathProbe;
  if (isDelivered) {
    flight.pathProbe = 0;
    flight.pathProbeAt = 0;
    state.settings.counters.add(SendCounter.PATH_PROBES_DELIVERED);
    state.host.onProbed(bytes, true);
    return;
  }
  if (!flight.isPathProbeLost) return;
  flight.pathProbe = 0;
  flight.isPathProbeLost = false;
  // RFC 4821 section 7.6.3: with other losses it is not known whether it was too long.
  if (lost === 0) state.host.onProbed(bytes, false);
}
