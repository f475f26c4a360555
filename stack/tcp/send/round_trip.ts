/**
 * How long a round trip takes, and how long to wait for one: RFC 6298.
 *
 * @module
 */

import type { SenderState } from "./sender_state.ts";

/** SRTT and RTTVAR are kept in sixteenths. */
const SCALE = 16;
/** RFC 6298 section 2: K, alpha and beta. */
const K = 4;
const ALPHA = 1 / 8;
const BETA = 1 / 4;
/** Added before the fraction is cut off: all of these numbers are positive and below 2^31. */
const ROUND = 0.5;
/** Longer round trips are measured as this one. */
const MAXIMUM_SAMPLE = 100_000_000;

/**
 * A round trip was measured.
 *
 * @param sample in microseconds
 * @param flightSize bytes in flight when it was, which tell how many such samples a trip has
 */
export function addRoundTrip(state: SenderState, sample: number, flightSize: number): void {
  const { options } = state.settings;
  const rtt = Math.min(Math.max(sample, 1), MAXIMUM_SAMPLE) * SCALE;
  if (state.scaledRtt < 0) {
    // RFC 6298 section 2.2 (MUST): the first one, R, makes SRTT = R and RTTVAR = R / 2.
    state.scaledRtt = rtt;
    state.scaledVariation = rtt >> 1;
  } else {
    // RFC 7323 section 4.2 and appendix G: several samples of one round trip weigh as one does.
    const pair = 2 * state.host.payloadLimit;
    const share = flightSize > pair ? pair / flightSize : 1;
    const { scaledRtt, scaledVariation } = state;
    const deviation = Math.abs(scaledRtt - rtt);
    // RFC 6298 section 2.3 (MUST): RTTVAR first, with the SRTT as it was.
    state.scaledVariation =
      (scaledVariation + (deviation - scaledVariation) * BETA * share + ROUND) | 0;
    state.scaledRtt = (scaledRtt + (rtt - scaledRtt) * ALPHA * share + ROUND) | 0;
  }
  // RFC 6298 section 2.3 (MUST): RTO = SRTT + max(G, K * RTTVAR).
  // RFC 6298 section 2.4 (SHOULD) excepted: the RTO is at least SRTT + 200 ms rather than one
  // second, as on Linux; spurious timeouts are found by F-RTO and timestamps, and are undone.
  const variation = Math.max(
    options.granularity,
    options.minimumRto,
    K * state.scaledVariation / SCALE,
  );
  // RFC 6298 section 2.5: a maximum, of 60 seconds at least, may be set.
  state.rto = Math.min((state.scaledRtt / SCALE + variation + ROUND) | 0, options.maximumRto);
  // RFC 6298 section 5: a new measurement ends the backing off, and with Karn's algorithm nothing
  // but a measurement does.
  state.backoff = 0;
}

/** A round trip was measured: keeps the least one of the last minutes. RFC 8985 section 6.2. */
export function addMinimum(state: SenderState, sample: number, now: number): void {
  const stamp = Math.floor(now / 1000) | 0;
  const isOld = ((stamp - state.minimumRttStamp) | 0) >
    state.settings.options.minimumRttWindow / 1000;
  if (state.minimumRtt < 0 || sample <= state.minimumRtt || isOld) {
    // As a small integer: it takes no memory of its own.
    state.minimumRtt = Math.min(sample, MAXIMUM_SAMPLE) | 0;
    state.minimumRttStamp = stamp;
  }
}

/** The RTO as it is backed off, in microseconds. */
export function backedOffRto(state: SenderState): number {
  if (state.backoff === 0) return state.rto;
  // RFC 6298 section 5.5 (MUST): doubled with every timeout, up to a maximum.
  return Math.min(state.rto * 2 ** state.backoff, state.settings.options.maximumRto);
}

/**
 * The handshake is over, and data may be sent.
 *
 * @param rtt how long the SYN took to be acknowledged, or -1
 * @param isSynLost whether it had to be sent again
 */
export function beginRoundTrips(
  state: SenderState,
  rtt: number,
  isSynLost: boolean,
  now: number,
): void {
  const { options } = state.settings;
  if (rtt >= 0) {
    addMinimum(state, rtt, now);
    addRoundTrip(state, rtt, 0);
  }
  if (isSynLost) {
    // RFC 6298 section 5.7 (MUST): where the SYN's timer expired and the RTO was less than 3
    // seconds, it is 3 seconds when data are sent.
    state.rto = Math.max(state.rto, Math.min(3_000_000, options.maximumRto));
  }
}
