/**
 * What BBR does when something is lost: draft-ietf-ccwg-bbr sections 5.3.1.3, 5.5.10 and 5.5.11.
 *
 * @module
 */

import { type BbrModel, BbrState, BETA, LOSS_THRESHOLD } from "./bbr_model.ts";
import type { BbrProbe } from "./bbr_probe.ts";

/** BBRStartupFullLossCnt: ranges that have to be lost in a round trip of Startup. */
const STARTUP_LOSSES = 6;
const NO_STATE = -1;

/** What was lost, and what was known before. */
export class BbrLoss {
  readonly #model: BbrModel;
  readonly #probe: BbrProbe;
  isLossInRound = false;
  #lossRoundDelivered = 0;
  #isLossRoundStart = false;
  /** The largest rate, and volume, that were delivered within the last round trip. */
  #rateLatest = 0;
  #inflightLatest = 0;
  /** Events of loss in this round, and the round in which recovery began. */
  #lossEvents = 0;
  #recoveryRound = -1;
  #isMarkedInRound = false;

  priorWindow = 0;
  #undoState: number = NO_STATE;
  #undoRateShortTerm = Infinity;
  #undoInflightShortTerm = Infinity;
  #undoInflightLongTerm = Infinity;

  constructor(model: BbrModel, probe: BbrProbe) {
    this.#model = model;
    this.#probe = probe;
  }

  /** UpdateLatestDeliverySignals(). */
  updateLatest(priorDelivered: number, delivered: number): void {
    const model = this.#model;
    this.#isLossRoundStart = false;
    this.#rateLatest = Math.max(this.#rateLatest, model.sampleRate);
    this.#inflightLatest = Math.max(this.#inflightLatest, delivered);
    if (priorDelivered < this.#lossRoundDelivered) return;
    this.#lossRoundDelivered = model.delivered;
    this.#isLossRoundStart = true;
  }

  /** AdvanceLatestDeliverySignals(). */
  advanceLatest(delivered: number): void {
    if (!this.#isLossRoundStart) return;
    this.#rateLatest = this.#model.sampleRate;
    this.#inflightLatest = delivered;
  }

  /** ResetCongestionSignals(). */
  reset(): void {
    this.isLossInRound = false;
    this.#rateLatest = 0;
    this.#inflightLatest = 0;
  }

  /** UpdateCongestionSignals(), behind UpdateMaxBw(). */
  updateSignals(): void {
    if (!this.#isLossRoundStart) return;
    if (this.isLossInRound && !this.#model.isProbing) this.#lowerBounds();
    this.isLossInRound = false;
    this.#isMarkedInRound = false;
    this.#lossEvents = 0;
  }

  /** InitLowerBounds() and LossLowerBounds(). */
  #lowerBounds(): void {
    const model = this.#model;
    if (model.rateShortTerm === Infinity) model.rateShortTerm = model.maximumRate;
    if (model.inflightShortTerm === Infinity) model.inflightShortTerm = model.window;
    model.rateShortTerm = Math.max(this.#rateLatest, BETA * model.rateShortTerm);
    model.inflightShortTerm = Math.max(this.#inflightLatest, BETA * model.inflightShortTerm);
  }

  /** CheckStartupHighLoss(). */
  checkStartup(isRecovering: boolean): void {
    const model = this.#model;
    if (!isRecovering) this.#recoveryRound = -1;
    else if (this.#recoveryRound < 0) this.#recoveryRound = model.roundCount;
    if (model.state !== BbrState.STARTUP || model.isFullReached || !this.#isLossRoundStart) return;
    // In recovery for a whole round trip, with many ranges lost, and too much of what was sent.
    const isLong = isRecovering && model.roundCount > this.#recoveryRound;
    if (!isLong || this.#lossEvents < STARTUP_LOSSES) return;
    if (!this.isTooHigh && !this.#isMarkedInRound) return;
    this.#undoState = BbrState.STARTUP;
    model.isFullReached = true;
    model.inflightLongTerm = Math.max(model.bdp(1), this.#inflightLatest);
  }

  /** IsInflightTooHigh(). */
  get isTooHigh(): boolean {
    const { lostSinceSend, inFlightAtSend } = this.#model;
    return lostSinceSend > inFlightAtSend * LOSS_THRESHOLD;
  }

  /** A mark of ECN: what is in flight is too much, whatever the share of what is marked. */
  onMark(): void {
    const model = this.#model;
    this.#note();
    this.#isMarkedInRound = true;
    if (model.isProbeSample) this.#onTooHigh(model.inFlightAtSend);
  }

  /** NoteLoss(). */
  #note(): void {
    if (!this.isLossInRound) {
      this.#lossRoundDelivered = this.#model.delivered;
      this.saveState(false);
    }
    this.isLossInRound = true;
    this.#lossEvents++;
  }

  /**
   * HandleLostPacket(), for all that one acknowledgment shows to be lost.
   *
   * @param lost bytes
   */
  onLost(lost: number): void {
    this.#note();
    if (!this.#model.isProbeSample || !this.isTooHigh) return;
    this.#onTooHigh(this.#inflightAtLoss(lost));
  }

  /** InflightAtLoss(): what was in flight when losses crossed the threshold. */
  #inflightAtLoss(lost: number): number {
    const { inFlightAtSend, lostSinceSend } = this.#model;
    const inflightBefore = Math.max(0, inFlightAtSend - lost);
    const lostBefore = Math.max(0, lostSinceSend - lost);
    const prefix = (LOSS_THRESHOLD * inflightBefore - lostBefore) / (1 - LOSS_THRESHOLD);
    return inflightBefore + Math.max(0, prefix);
  }

  /** HandleInflightTooHigh(). */
  #onTooHigh(inflight: number): void {
    const model = this.#model;
    this.#probe.wasTooHigh = true;
    model.isProbeSample = false;
    if (!model.isApplicationLimited) {
      model.inflightLongTerm = Math.max(inflight, model.targetInflight * BETA);
    }
    if (model.state !== BbrState.PROBE_UP) return;
    this.#undoState = BbrState.PROBE_UP;
    this.#probe.startDown(this);
  }

  /** SaveCwnd(). */
  saveWindow(isRecovering: boolean): void {
    const { window, state } = this.#model;
    const isModulated = isRecovering || state === BbrState.PROBE_RTT;
    this.priorWindow = isModulated ? Math.max(this.priorWindow, window) : window;
  }

  /** RestoreCwnd(). */
  restoreWindow(): void {
    const model = this.#model;
    model.window = Math.max(model.window, this.priorWindow);
  }

  /** SaveStateUponLoss(). */
  saveState(isRecovering: boolean): void {
    const model = this.#model;
    this.saveWindow(isRecovering);
    this.#undoState = NO_STATE;
    this.#undoRateShortTerm = model.rateShortTerm;
    this.#undoInflightShortTerm = model.inflightShortTerm;
    this.#undoInflightLongTerm = model.inflightLongTerm;
  }

  /** HandleSpuriousLossDetection(). */
  undo(): void {
    const model = this.#model;
    this.restoreWindow();
    this.isLossInRound = false;
    model.resetFull();
    model.rateShortTerm = Math.max(model.rateShortTerm, this.#undoRateShortTerm);
    model.inflightShortTerm = Math.max(model.inflightShortTerm, this.#undoInflightShortTerm);
    model.inflightLongTerm = Math.max(model.inflightLongTerm, this.#undoInflightLongTerm);
    const { state } = model;
    if (this.#undoState === BbrState.STARTUP && state !== BbrState.STARTUP) {
      model.isFullReached = false;
      if (state !== BbrState.PROBE_RTT) model.state = BbrState.STARTUP;
    } else if (this.#undoState === BbrState.PROBE_UP && state !== BbrState.PROBE_UP) {
      if (state !== BbrState.PROBE_RTT) this.#probe.startRefill();
    }
    this.#undoState = NO_STATE;
  }
}
