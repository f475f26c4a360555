/**
 * What BBR believes of its path, and what follows from that: draft-ietf-ccwg-bbr.
 *
 * Names are those of the draft, in this house's spelling: `BBR.inflight_longterm` is
 * `inflightLongTerm`, `BBR.max_bw` is `maximumRate`. Rates are in bytes per microsecond.
 *
 * @module
 */

import type { RandomSource } from "../../random.ts";
import type { RateSample } from "../types.ts";
import { initialWindow } from "./initial_window.ts";
import { MaxFilter } from "./max_filter.ts";

/** The states: draft section 5.1. */
export const BbrState = {
  STARTUP: 0,
  DRAIN: 1,
  PROBE_DOWN: 2,
  PROBE_CRUISE: 3,
  PROBE_REFILL: 4,
  PROBE_UP: 5,
  PROBE_RTT: 6,
} as const;
/** One of {@linkcode BbrState}. */
export type BbrState = typeof BbrState[keyof typeof BbrState];

/** What acknowledgments tell of: `BBR.ack_phase`. */
export const AckPhase = { INIT: 0, REFILLING: 1, STARTING: 2, FEEDBACK: 3, STOPPING: 4 } as const;
/** One of {@linkcode AckPhase}. */
export type AckPhase = typeof AckPhase[keyof typeof AckPhase];

/** Pacing gains by state: draft section 5.6.1. */
const PACING_GAINS = [2.77, 0.5, 0.9, 1, 1, 1.25, 1];
/** Window gains by state. */
const WINDOW_GAINS = [2, 2, 2, 2, 2, 2.25, 0.5];
/** Draft section 2.8: BBR.LossThresh, BBR.Beta, BBR.Headroom, and segments of BBR.MinPipeCwnd. */
export const LOSS_THRESHOLD = 0.02;
export const BETA = 0.7;
const HEADROOM = 0.15;
const MINIMUM_SEGMENTS = 4;
/** BBR.PacingMarginPercent, as a factor. */
const PACING_MARGIN = 0.99;
/** How long a send quantum lasts, in microseconds, and its bounds. */
const QUANTUM_TIME = 1000;
const LARGEST_QUANTUM = 65536;
const QUANTUM_SEGMENTS = 2;
/** BBR.offload_budget in quanta. */
const OFFLOAD_QUANTA = 3;
/** BBR.ExtraAckedFilterLen, in round trips. */
const EXTRA_ROUNDS = 10;
/** Before there is a round trip it is taken to be a millisecond. */
const FIRST_RTT = 1000;
const SECOND = 1_000_000;

/** The model of one connection's path. */
export class BbrModel {
  readonly random: RandomSource;
  segment: number;
  state: BbrState = BbrState.STARTUP;
  /** C.cwnd, in bytes. */
  window: number;
  /** C.pacing_rate, in bytes per microsecond. */
  pacing: number;
  #isPacingMeasured = false;
  readonly initialWindow: number;

  /** C.delivered and C.inflight, as the last acknowledgment left them. */
  delivered = 0;
  inFlight = 0;
  now = 0;
  /** RS.delivery_rate, 0 where there is none, and whether the application was the limit. */
  sampleRate = 0;
  isApplicationLimited = false;
  /** RS.tx_in_flight and RS.lost: what was in flight, and lost since, when it was sent. */
  inFlightAtSend = 0;
  lostSinceSend = 0;
  /** C.is_cwnd_limited: whether the window was used up in the last round trip. */
  isWindowLimited = false;
  wasWindowUsed = false;

  nextRoundDelivered = 0;
  isRoundStart = false;
  roundCount = 0;
  roundsSinceProbe = 0;

  /** BBR.max_bw over this cycle and the last one; BBR.bw is what is used. */
  #cycleRate = 0;
  #previousCycleRate = 0;
  rateShortTerm = Infinity;
  rate = 0;

  minimumRtt = Infinity;
  minimumRttAt = 0;
  inflightLongTerm = Infinity;
  inflightShortTerm = Infinity;
  #extraFilter = new MaxFilter();
  #extraStart = 0;
  #extraDelivered = 0;

  fullRate = 0;
  fullRateCount = 0;
  isFullNow = false;
  isFullReached = false;

  ackPhase: AckPhase = AckPhase.INIT;
  isProbeSample = false;
  isIdleRestart = false;
  /** C.app_limited, as BBR itself sets it in ProbeRTT: samples sent between these are limited. */
  #limitedFrom = 0;
  #limitedUntil = -1;

  constructor(segment: number, random: RandomSource) {
    this.segment = segment;
    this.random = random;
    this.initialWindow = initialWindow(segment);
    this.window = this.initialWindow;
    // Draft section 5.6.2, InitPacingRate().
    this.pacing = PACING_GAINS[BbrState.STARTUP] * this.initialWindow / FIRST_RTT;
  }

  /** BBR.max_bw. */
  get maximumRate(): number {
    return Math.max(this.#cycleRate, this.#previousCycleRate);
  }

  get isProbeBandwidth(): boolean {
    return this.state >= BbrState.PROBE_DOWN && this.state <= BbrState.PROBE_UP;
  }

  /** IsProbingBW(). */
  get isProbing(): boolean {
    return this.state === BbrState.STARTUP || this.state === BbrState.PROBE_REFILL ||
      this.state === BbrState.PROBE_UP;
  }

  /** BBR.MinPipeCwnd. */
  get minimumWindow(): number {
    return MINIMUM_SEGMENTS * this.segment;
  }

  /** Takes over what an acknowledgment tells. */
  read(sample: RateSample): void {
    this.now = sample.now;
    this.delivered = sample.totalDelivered;
    this.inFlight = sample.inFlight;
    this.sampleRate = sample.interval > 0 ? sample.deliveredBytes / sample.interval : 0;
    this.isApplicationLimited = sample.isApplicationLimited ||
      sample.priorDelivered >= this.#limitedFrom && sample.priorDelivered <= this.#limitedUntil;
    this.inFlightAtSend = sample.inFlightAtSend;
    this.lostSinceSend = sample.lostSinceSend;
    if (!this.#isPacingMeasured && sample.smoothedRtt > 0) {
      // Draft section 5.6.2: begun anew with the first round trip that was measured.
      this.#isPacingMeasured = true;
      this.pacing = PACING_GAINS[BbrState.STARTUP] * this.initialWindow / sample.smoothedRtt;
    }
  }

  /** MarkConnectionAppLimited(). */
  markLimited(): void {
    if (this.delivered > this.#limitedUntil) this.#limitedFrom = this.delivered;
    this.#limitedUntil = this.delivered + this.inFlight;
  }

  /** UpdateRound() and StartRound() of draft section 5.5.1. */
  updateRound(priorDelivered: number): void {
    this.isRoundStart = priorDelivered >= this.nextRoundDelivered;
    if (!this.isRoundStart) return;
    this.startRound();
    this.roundCount++;
    this.roundsSinceProbe++;
    this.isWindowLimited = this.wasWindowUsed;
    this.wasWindowUsed = false;
  }

  /** StartRound(). */
  startRound(): void {
    this.nextRoundDelivered = this.delivered;
  }

  /** UpdateMaxBw() of draft section 5.5.5. */
  updateMaximumRate(): void {
    const { sampleRate } = this;
    if (sampleRate <= 0) return;
    if (this.isApplicationLimited && sampleRate < this.maximumRate) return;
    if (sampleRate > this.#cycleRate) this.#cycleRate = sampleRate;
  }

  /** AdvanceMaxBwFilter() of draft section 5.5.6. */
  advanceMaximumRate(): void {
    // A cycle in which nothing was measured does not make what was known older.
    if (this.#cycleRate === 0) return;
    this.#previousCycleRate = this.#cycleRate;
    this.#cycleRate = 0;
  }

  /** BoundBWForModel(). */
  boundRate(): void {
    this.rate = Math.min(this.maximumRate, this.rateShortTerm);
  }

  /** ResetFullBW(). */
  resetFull(): void {
    this.fullRate = 0;
    this.fullRateCount = 0;
    this.isFullNow = false;
  }

  /** BDPMultiple(), in bytes. */
  bdp(gain: number, rate: number = this.rate): number {
    if (this.minimumRtt === Infinity) return this.initialWindow;
    return gain * rate * this.minimumRtt;
  }

  /** C.send_quantum of draft section 5.6.3. */
  get quantum(): number {
    const quantum = Math.min(this.pacing * QUANTUM_TIME, LARGEST_QUANTUM);
    return Math.max(quantum, QUANTUM_SEGMENTS * this.segment);
  }

  /** QuantizationBudget() of draft section 5.6.4.2. */
  quantize(inflight: number): number {
    const budget = Math.max(inflight, OFFLOAD_QUANTA * this.quantum, this.minimumWindow);
    return this.state === BbrState.PROBE_UP ? budget + 2 * this.segment : budget;
  }

  /** Inflight(). */
  inflight(gain: number, rate: number = this.rate): number {
    return this.quantize(this.bdp(gain, rate));
  }

  /** BBR.max_inflight. */
  get maximumInflight(): number {
    const { state } = this;
    return this.quantize(this.bdp(WINDOW_GAINS[state]) + this.#extraFilter.value);
  }

  /** InflightWithHeadroom(). */
  get inflightWithHeadroom(): number {
    const { inflightLongTerm } = this;
    if (inflightLongTerm === Infinity) return Infinity;
    const headroom = Math.max(this.segment, HEADROOM * inflightLongTerm);
    return Math.max(inflightLongTerm - headroom, this.minimumWindow);
  }

  /** TargetInflight(). */
  get targetInflight(): number {
    return Math.min(this.bdp(1), this.window);
  }

  /** ProbeRTTCwnd(). */
  get probeRttWindow(): number {
    return Math.max(this.bdp(WINDOW_GAINS[BbrState.PROBE_RTT]), this.minimumWindow);
  }

  /** UpdateACKAggregation() of draft section 5.5.9. */
  updateAggregation(acknowledged: number): void {
    let expected = this.rate * (this.now - this.#extraStart);
    if (this.#extraDelivered <= expected) {
      this.restartAggregation(this.now);
      expected = 0;
    }
    this.#extraDelivered += acknowledged;
    const extra = Math.min(this.#extraDelivered - expected, this.window);
    this.#extraFilter.update(extra, this.roundCount, this.isFullReached ? EXTRA_ROUNDS : 1);
  }

  /** The interval of what was acknowledged too fast begins anew. */
  restartAggregation(now: number): void {
    this.#extraDelivered = 0;
    this.#extraStart = now;
  }

  /** SetPacingRateWithGain() of draft section 5.6.2. */
  setPacing(gain: number): void {
    const rate = gain * this.rate * PACING_MARGIN;
    if (rate > 0 && (this.isFullReached || rate > this.pacing)) this.pacing = rate;
  }

  /** SetPacingRate(). */
  updatePacing(): void {
    this.setPacing(PACING_GAINS[this.state]);
  }

  /** C.pacing_rate in bytes a second. */
  get pacingPerSecond(): number {
    return this.pacing * SECOND;
  }

  /** ResetShortTermModel(). */
  resetShortTerm(): void {
    this.rateShortTerm = Infinity;
    this.inflightShortTerm = Infinity;
  }
}
