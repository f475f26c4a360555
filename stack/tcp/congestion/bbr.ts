/**
 * BBR, version 3: draft-ietf-ccwg-bbr. It keeps a model of the path, the rate that the bottleneck
 * delivers and the round trip without a queue, and sends at that rate with about that much in
 * flight. Losses bound the model; they do not drive it.
 *
 * ```text
 *   STARTUP --> DRAIN --> probing for bandwidth (see bbr_probe.ts)
 *      ^                        |   ^
 *      |                        v   |
 *      +----------------- PROBE_RTT-+      every 5 seconds, unless the round trip fell by itself
 * ```
 *
 * The draft has no response to marks of ECN, but asks for one: here a mark is a loss.
 *
 * @module
 */

import type { RandomSource } from "../../random.ts";
import type { CongestionControl, RateSample } from "../types.ts";
import { BbrLoss } from "./bbr_loss.ts";
import { AckPhase, BbrModel, BbrState } from "./bbr_model.ts";
import { BbrProbe } from "./bbr_probe.ts";
import { initialWindow } from "./initial_window.ts";

/** Draft section 5.3.1.2: growth by less than a quarter, in three rounds, is none. */
const FULL_GROWTH = 1.25;
const FULL_ROUNDS = 3;
/** Round trips of Drain, at most. */
const DRAIN_ROUNDS = 3;
/** Draft section 2.15, in microseconds. */
const MINIMUM_RTT_LIFE = 10_000_000;
const PROBE_RTT_INTERVAL = 5_000_000;
const PROBE_RTT_DURATION = 200_000;

/** BBR. It has no model before the first acknowledgment, so that idle connections take little. */
export class Bbr implements CongestionControl {
  #segment: number;
  readonly #random: RandomSource;
  #core: BbrCore | null = null;

  /**
   * Makes one that begins.
   *
   * @param segmentBytes bytes of payload of a full segment
   * @param random spreads the probing of connections that share a bottleneck
   */
  constructor(segmentBytes: number, random: RandomSource) {
    this.#segment = segmentBytes;
    this.#random = random;
  }

  get #made(): BbrCore {
    return this.#core ??= new BbrCore(this.#segment, this.#random);
  }

  /** See {@linkcode CongestionControl}. */
  get name(): string {
    return "bbr";
  }

  /** See {@linkcode CongestionControl}. */
  get ownsRecovery(): boolean {
    return true;
  }

  /** See {@linkcode CongestionControl}. */
  get threshold(): number {
    return Infinity;
  }

  /** See {@linkcode CongestionControl}. */
  get window(): number {
    return this.#core === null ? initialWindow(this.#segment) : this.#core.model.window;
  }

  /** See {@linkcode CongestionControl}. */
  get pacingRate(): number {
    return this.#made.model.pacingPerSecond;
  }

  /** What it believes, for tests and whoever wants to know. */
  get model(): BbrModel {
    return this.#made.model;
  }

  /** See {@linkcode CongestionControl}. */
  onAcknowledgment(sample: RateSample): void {
    this.#made.onAcknowledgment(sample);
  }

  /** See {@linkcode CongestionControl}. */
  onCongestion(_now: number, _inFlight: number, _isMark: boolean): void {
    this.#made.onCongestion();
  }

  /** See {@linkcode CongestionControl}. */
  onRecovered(_now: number, _inFlight: number): void {
    this.#made.onRecovered();
  }

  /** See {@linkcode CongestionControl}. */
  onTimeout(_now: number, _inFlight: number, isFirst: boolean): void {
    this.#made.onTimeout(isFirst);
  }

  /** See {@linkcode CongestionControl}. */
  onSpurious(_now: number): void {
    this.#core?.onSpurious();
  }

  /** See {@linkcode CongestionControl}: it paces, and so need not begin anew. */
  onRestart(_now: number, _idle: number, _rto: number): void {}

  /** See {@linkcode CongestionControl}. */
  onSent(now: number, bytes: number, inFlight: number, isApplicationLimited: boolean): void {
    this.#made.onSent(now, bytes, inFlight, isApplicationLimited);
  }

  /** See {@linkcode CongestionControl}. */
  onSegmentSize(bytes: number): void {
    this.#segment = bytes;
    if (this.#core !== null) this.#core.model.segment = bytes;
  }
}

/** The algorithm: its events, and what each acknowledgment does. */
class BbrCore {
  readonly #model: BbrModel;
  readonly #probe: BbrProbe;
  readonly #loss: BbrLoss;
  #drainRound = 0;
  #probeRttDelay = Infinity;
  #probeRttDelayAt = 0;
  #isProbeRttDue = false;
  /** When ProbeRTT may end, 0 before its window is reached; and whether a round has passed. */
  #probeRttEnd = 0;
  #isProbeRttRoundDone = false;
  #isRecovering = false;
  #isBegun = false;

  constructor(segmentBytes: number, random: RandomSource) {
    this.#model = new BbrModel(segmentBytes, random);
    this.#probe = new BbrProbe(this.#model);
    this.#loss = new BbrLoss(this.#model, this.#probe);
  }

  /** What it believes. */
  get model(): BbrModel {
    return this.#model;
  }

  /** UpdateOnACK() of draft section 5.2.3. */
  onAcknowledgment(sample: RateSample): void {
    const model = this.#model;
    if (!this.#isBegun) this.#begin(sample.now);
    model.read(sample);
    const wasRecovering = this.#isRecovering;
    this.#isRecovering = sample.isRecovering;
    if (wasRecovering && !sample.isRecovering) this.#loss.restoreWindow();
    if (sample.lostBytes > 0) this.#loss.onLost(sample.lostBytes);
    else if (sample.markedBytes > 0) this.#loss.onMark();
    this.#updateModel(sample);
    model.updatePacing();
    this.#updateWindow(sample.acknowledgedBytes);
  }

  #begin(now: number): void {
    this.#isBegun = true;
    this.#model.minimumRttAt = now;
    this.#probeRttDelayAt = now;
    this.#model.restartAggregation(now);
  }

  /** UpdateModelAndState(). */
  #updateModel(sample: RateSample): void {
    const model = this.#model;
    const loss = this.#loss;
    const hasSample = sample.priorDelivered >= 0;
    const delivered = hasSample ? sample.deliveredBytes : 0;
    model.isRoundStart = false;
    if (hasSample) {
      loss.updateLatest(sample.priorDelivered, delivered);
      model.updateRound(sample.priorDelivered);
      model.updateMaximumRate();
      loss.checkStartup(sample.isRecovering);
      loss.updateSignals();
    }
    model.updateAggregation(sample.acknowledgedBytes);
    this.#checkFull();
    if (model.state === BbrState.STARTUP && model.isFullReached) {
      model.state = BbrState.DRAIN;
      this.#drainRound = model.roundCount;
    }
    this.#checkDrain();
    if (sample.acknowledgedBytes > 0) this.#probe.update(loss, sample.acknowledgedBytes);
    this.#updateMinimumRtt(sample.rtt);
    this.#checkProbeRtt(delivered);
    if (hasSample) loss.advanceLatest(delivered);
    model.boundRate();
  }

  /** CheckFullBWReached(). */
  #checkFull(): void {
    const model = this.#model;
    if (model.isFullNow || !model.isRoundStart || model.isApplicationLimited) return;
    if (model.sampleRate >= model.fullRate * FULL_GROWTH) {
      model.resetFull();
      model.fullRate = model.sampleRate;
      return;
    }
    model.fullRateCount++;
    model.isFullNow = model.fullRateCount >= FULL_ROUNDS;
    if (model.isFullNow) model.isFullReached = true;
  }

  /** CheckDrainDone(). */
  #checkDrain(): void {
    const model = this.#model;
    if (model.state !== BbrState.DRAIN) return;
    model.boundRate();
    const isLate = model.roundCount > this.#drainRound + DRAIN_ROUNDS;
    if (isLate || model.inFlight <= model.inflight(1)) this.#probe.startDown(this.#loss);
  }

  /** UpdateMinRTT(). */
  #updateMinimumRtt(rtt: number): void {
    const model = this.#model;
    const { now } = model;
    this.#isProbeRttDue = now > this.#probeRttDelayAt + PROBE_RTT_INTERVAL;
    if (rtt >= 0 && (rtt < this.#probeRttDelay || this.#isProbeRttDue)) {
      this.#probeRttDelay = rtt;
      this.#probeRttDelayAt = now;
    }
    const isOld = now > model.minimumRttAt + MINIMUM_RTT_LIFE;
    if (this.#probeRttDelay < model.minimumRtt || isOld) {
      model.minimumRtt = Math.max(1, this.#probeRttDelay);
      model.minimumRttAt = this.#probeRttDelayAt;
    }
  }

  /** CheckProbeRTT(). */
  #checkProbeRtt(delivered: number): void {
    const model = this.#model;
    if (model.state !== BbrState.PROBE_RTT && this.#isProbeRttDue && !model.isIdleRestart) {
      this.#loss.saveWindow(this.#isRecovering);
      model.state = BbrState.PROBE_RTT;
      this.#probeRttEnd = 0;
      model.ackPhase = AckPhase.STOPPING;
      model.startRound();
    }
    if (model.state === BbrState.PROBE_RTT) this.#handleProbeRtt();
    if (delivered > 0) model.isIdleRestart = false;
  }

  /** HandleProbeRTT(). */
  #handleProbeRtt(): void {
    const model = this.#model;
    model.markLimited();
    if (this.#probeRttEnd === 0) {
      if (model.inFlight > model.probeRttWindow) return;
      this.#probeRttEnd = model.now + PROBE_RTT_DURATION;
      this.#isProbeRttRoundDone = false;
      model.startRound();
      return;
    }
    if (model.isRoundStart) this.#isProbeRttRoundDone = true;
    if (this.#isProbeRttRoundDone) this.#endProbeRtt();
  }

  /** CheckProbeRTTDone() and ExitProbeRTT(). */
  #endProbeRtt(): void {
    const model = this.#model;
    if (this.#probeRttEnd === 0 || model.now <= this.#probeRttEnd) return;
    this.#probeRttDelayAt = model.now;
    this.#loss.restoreWindow();
    model.resetShortTerm();
    if (model.isFullReached) {
      this.#probe.startDown(this.#loss);
      this.#probe.startCruise();
    } else {
      model.state = BbrState.STARTUP;
    }
  }

  /** SetCwnd(). */
  #updateWindow(acknowledged: number): void {
    const model = this.#model;
    const { maximumInflight, minimumWindow } = model;
    if (model.isFullReached) {
      model.window = Math.min(model.window + acknowledged, maximumInflight);
    } else if (model.window < maximumInflight || model.delivered < model.initialWindow) {
      model.window += acknowledged;
    }
    model.window = Math.max(model.window, minimumWindow);
    // BoundCwndForProbeRTT() and BoundCwndForModel().
    const { state } = model;
    if (state === BbrState.PROBE_RTT) model.window = Math.min(model.window, model.probeRttWindow);
    let cap = Infinity;
    if (state === BbrState.PROBE_RTT || state === BbrState.PROBE_CRUISE) {
      cap = model.inflightWithHeadroom;
    } else if (model.isProbeBandwidth) {
      cap = model.inflightLongTerm;
    }
    cap = Math.max(Math.min(cap, model.inflightShortTerm), minimumWindow);
    model.window = Math.min(model.window, cap);
  }

  /** OnEnterFastRecovery(). */
  onCongestion(): void {
    this.#loss.saveState(this.#isRecovering);
  }

  /** Fast recovery has ended. */
  onRecovered(): void {
    this.#loss.restoreWindow();
    this.#isRecovering = false;
  }

  /** OnEnterRTO(). */
  onTimeout(isFirst: boolean): void {
    if (isFirst) this.#loss.saveState(this.#isRecovering);
    this.#isRecovering = true;
    // What was in flight is lost: room for one segment.
    this.#model.window = this.#model.segment;
  }

  /** HandleSpuriousLossDetection(). */
  onSpurious(): void {
    this.#loss.undo();
  }

  /** HandleRestartFromIdle(). */
  onSent(now: number, bytes: number, inFlight: number, isApplicationLimited: boolean): void {
    const model = this.#model;
    if (inFlight + model.segment > model.window) model.wasWindowUsed = model.isWindowLimited = true;
    if (inFlight > bytes || !isApplicationLimited || !this.#isBegun) return;
    model.now = now;
    model.isIdleRestart = true;
    model.restartAggregation(now);
    if (model.isProbeBandwidth) model.setPacing(1);
    else if (model.state === BbrState.PROBE_RTT) this.#endProbeRtt();
  }
}
