/**
 * How BBR probes for bandwidth: DOWN, CRUISE, REFILL and UP; draft-ietf-ccwg-bbr section 5.3.3.
 *
 * ```text
 *        +--------------------------------------------+
 *        v                                            |
 *      DOWN ----> CRUISE ----> REFILL ----> UP -------+
 *   drains what  waits 2 to   a round     until the pipe is full, or
 *   UP has added  3 seconds,   trip       too much is lost
 *                 or ~63 round trips
 * ```
 *
 * @module
 */

import type { BbrLoss } from "./bbr_loss.ts";
import { AckPhase, type BbrModel, BbrState } from "./bbr_model.ts";

/** Round trips after which it probes at the latest, as Reno would have by then. */
const LONGEST_ROUNDS = 63;
/** Microseconds that it waits at least, and at random beyond that. */
const WAIT = 2_000_000;
const RANDOM_WAIT = 1_000_000;
/** BBR.bw_probe_up_rounds is 30 at most. */
const LONGEST_SLOPE = 30;

/** Probing for bandwidth. */
export class BbrProbe {
  readonly #model: BbrModel;
  /** BBR.cycle_stamp and BBR.bw_probe_wait, in microseconds. */
  #cycleStart = 0;
  #wait = 0;
  #acknowledgedPerIncrement = Infinity;
  #acknowledged = 0;
  #rounds = 0;
  /** BBR.prev_probe_too_high and BBR.prev_probe_precautionary. */
  wasTooHigh = false;
  #wasPrecautionary = false;

  constructor(model: BbrModel) {
    this.#model = model;
  }

  /** StartProbeBW_DOWN(). */
  startDown(loss: BbrLoss): void {
    const model = this.#model;
    loss.reset();
    this.#acknowledgedPerIncrement = Infinity;
    // PickProbeWait().
    model.roundsSinceProbe = model.random.uint32() & 1;
    this.#wait = WAIT + model.random.uint32() / 2 ** 32 * RANDOM_WAIT;
    this.#cycleStart = model.now;
    model.ackPhase = AckPhase.STOPPING;
    model.startRound();
    model.state = BbrState.PROBE_DOWN;
  }

  /** StartProbeBW_CRUISE(). */
  startCruise(): void {
    this.#model.state = BbrState.PROBE_CRUISE;
  }

  /** StartProbeBW_REFILL(). */
  startRefill(): void {
    const model = this.#model;
    model.resetShortTerm();
    this.#rounds = 0;
    this.#acknowledged = 0;
    this.#wasPrecautionary = false;
    model.ackPhase = AckPhase.REFILLING;
    model.startRound();
    model.state = BbrState.PROBE_REFILL;
  }

  /** StartProbeBW_UP(). */
  #startUp(): void {
    const model = this.#model;
    model.ackPhase = AckPhase.STARTING;
    model.startRound();
    model.resetFull();
    model.fullRate = model.sampleRate;
    model.state = BbrState.PROBE_UP;
    this.#raiseSlope();
  }

  /** UpdateProbeBWCyclePhase(). */
  update(loss: BbrLoss, acknowledged: number): void {
    const model = this.#model;
    if (!model.isFullReached) return;
    if (this.#adaptLongTerm(loss, acknowledged)) return;
    switch (model.state) {
      case BbrState.PROBE_DOWN:
        if (!this.#probeIfTime() && this.#isTimeToCruise()) this.startCruise();
        break;
      case BbrState.PROBE_CRUISE:
        this.#probeIfTime();
        break;
      case BbrState.PROBE_REFILL:
        if (!model.isRoundStart) break;
        model.isProbeSample = true;
        this.#startUp();
        break;
      case BbrState.PROBE_UP:
        if (!this.#isTimeToGoDown()) break;
        this.wasTooHigh = false;
        this.startDown(loss);
    }
  }

  /** IsTimeToProbeBW(). @returns whether it has begun */
  #probeIfTime(): boolean {
    const model = this.#model;
    const hasElapsed = model.now > this.#cycleStart + this.#wait;
    // IsRenoCoexistenceProbeTime(): Reno needs as many round trips as it has segments in flight.
    const rounds = Math.min(model.targetInflight / model.segment, LONGEST_ROUNDS);
    if (!hasElapsed && model.roundsSinceProbe < rounds) return false;
    this.startRefill();
    return true;
  }

  #isTimeToCruise(): boolean {
    const model = this.#model;
    return model.inFlight <= model.inflightWithHeadroom &&
      model.inFlight <= model.inflight(1, model.maximumRate);
  }

  #isTimeToGoDown(): boolean {
    const model = this.#model;
    if (this.wasTooHigh && model.inFlight >= model.inflightLongTerm) {
      this.#wasPrecautionary = true;
      return true;
    }
    if (model.isWindowLimited && model.window >= model.inflightLongTerm) {
      // The long-term bound, not the path, is what keeps the rate from growing.
      model.resetFull();
      model.fullRate = model.sampleRate;
      return false;
    }
    return model.isFullNow;
  }

  /** RaiseInflightLongtermSlope(). */
  #raiseSlope(): void {
    const { window, segment } = this.#model;
    const growth = 2 ** this.#rounds;
    this.#rounds = Math.min(this.#rounds + 1, LONGEST_SLOPE);
    this.#acknowledgedPerIncrement = Math.max(window / growth, segment);
  }

  /** ProbeInflightLongtermUpward(). */
  #probeUpward(acknowledged: number): void {
    const model = this.#model;
    if (!model.isWindowLimited || model.window < model.inflightLongTerm) return;
    this.#acknowledged += acknowledged;
    if (this.#acknowledged >= this.#acknowledgedPerIncrement) {
      const delta = Math.floor(this.#acknowledged / this.#acknowledgedPerIncrement);
      this.#acknowledged -= delta * this.#acknowledgedPerIncrement;
      model.inflightLongTerm += delta * model.segment;
    }
    if (model.isRoundStart) this.#raiseSlope();
  }

  /** AdaptLongTermModel(). @returns whether it has changed the state */
  #adaptLongTerm(loss: BbrLoss, acknowledged: number): boolean {
    const model = this.#model;
    if (model.ackPhase === AckPhase.STARTING && model.isRoundStart) {
      model.ackPhase = AckPhase.FEEDBACK;
    }
    if (model.ackPhase === AckPhase.STOPPING && model.isRoundStart) {
      model.isProbeSample = false;
      model.ackPhase = AckPhase.INIT;
      if (model.isProbeBandwidth && !model.isApplicationLimited) model.advanceMaximumRate();
      if (model.isProbeBandwidth && this.#wasPrecautionary && !this.wasTooHigh) {
        this.startRefill();
        return true;
      }
    }
    if (loss.isTooHigh || model.inflightLongTerm === Infinity) return false;
    if (model.inFlightAtSend > model.inflightLongTerm) {
      model.inflightLongTerm = model.inFlightAtSend;
    }
    if (model.state === BbrState.PROBE_UP) this.#probeUpward(acknowledged);
    return false;
  }
}
