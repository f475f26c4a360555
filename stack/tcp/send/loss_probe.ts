/**
 * Tail loss probes: RFC 8985 section 7. A probe is sent before the timer would expire, so that its
 * acknowledgment shows what is lost at the end of a flight.
 *
 * @module
 */

import { SendCounter } from "./counters.ts";
import type { Delivery } from "./delivery.ts";
import { type Flight, Recovery } from "./flight.ts";
import { COUNT, INTEGER_SHIFT } from "./records.ts";
import type { SenderState } from "./sender_state.ts";

/** PTO before there is a measurement: RFC 8985 section 7.2. */
const FIRST_TIMEOUT = 1_000_000;

/** Arms the timer of the probe, or not: RFC 8985 section 7.2. */
export function scheduleProbe(state: SenderState, flight: Flight, now: number): void {
  // RFC 8985 section 7.2 (MUST): only with SACK, with nothing sacked, outside of recovery, and one
  // probe at a time.
  if (
    !state.hasSack || flight.sacked > 0 || flight.lost > 0 ||
    flight.recovery >= Recovery.FAST || state.hasProbe || flight.inFlight === 0 ||
    state.settings.options.lossDetection !== "rack"
  ) {
    flight.lossProbeAt = Infinity;
    return;
  }
  let timeout = FIRST_TIMEOUT;
  if (state.scaledRtt >= 0) {
    // RFC 8985 section 7.2: 2 * SRTT, and for one segment as long as its acknowledgment may be
    // delayed.
    timeout = 2 * state.smoothedRtt;
    const { integers } = flight.records;
    const isSingle = flight.first === flight.last &&
      integers[(flight.first << INTEGER_SHIFT) + COUNT] === 1;
    timeout += isSingle
      ? state.settings.options.maximumAcknowledgmentDelay
      : 2 * state.settings.options.granularity;
  }
  // RFC 8985 section 7.2: not later than the retransmission timer.
  flight.lossProbeAt = Math.min(now + timeout, flight.rtoAt);
}

/** Looks what an acknowledgment tells of the probe: RFC 8985 section 7.4.2. */
export function endProbe(
  state: SenderState,
  flight: Flight | null,
  delivery: Delivery,
  isDuplicate: boolean,
): void {
  const past = (state.sendUnacknowledged - state.probeEnd) | 0;
  if (past < 0) return;
  if (!state.isProbeRetransmission) {
    // RFC 8985 section 7.4.2: new data arrived; what was lost before it is RACK's.
    state.hasProbe = false;
  } else if (delivery.hasDuplicate && delivery.duplicateEnd === state.probeEnd) {
    // RFC 8985 section 7.4.2: both arrived, nothing was lost.
    state.hasProbe = false;
  } else if (past > 0) {
    // RFC 8985 section 7.4.2 (MUST): the probe repaired a loss: congestion control is to know.
    state.hasProbe = false;
    state.settings.counters.add(SendCounter.LOSS_PROBE_RECOVERIES);
    if (flight !== null && flight.recovery === Recovery.OPEN) {
      state.control!.onCongestion(delivery.now, state.flightSize, false);
      state.control!.onRecovered(delivery.now, flight.inFlight);
    }
  } else if (isDuplicate && !delivery.hasNewSack) {
    // RFC 8985 section 7.4.2: a duplicate without SACK: the original and the probe arrived.
    state.hasProbe = false;
  }
}
