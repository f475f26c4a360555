/**
 * Samples of the rate for tests of congestion control: what an acknowledgment of one segment says
 * on a path without trouble.
 *
 * @module
 */

import type { RateSample } from "../../../../stack/tcp/types.ts";

/** Bytes of a segment in tests. */
export const SEGMENT = 1000;

/** Makes a sample; `fields` say what is different. */
export function sampleOf(fields: Partial<RateSample> = {}): RateSample {
  return {
    now: 1_000_000,
    acknowledgedBytes: SEGMENT,
    lostBytes: 0,
    priorInFlight: 10 * SEGMENT,
    inFlight: 9 * SEGMENT,
    rtt: 100_000,
    smoothedRtt: 100_000,
    minimumRtt: 100_000,
    deliveredBytes: 10 * SEGMENT,
    interval: 100_000,
    totalDelivered: 20 * SEGMENT,
    priorDelivered: 10 * SEGMENT,
    inFlightAtSend: 10 * SEGMENT,
    lostSinceSend: 0,
    isApplicationLimited: false,
    isRoundStart: false,
    markedBytes: 0,
    isWindowLimited: true,
    acknowledgment: 1000,
    sendNext: 10_000,
    isRecovering: false,
    ...fields,
  };
}
