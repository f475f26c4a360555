/**
 * CUBIC: RFC 9438. Beside the window of the last loss it grows slowly, first towards it (concave),
 * then away from it (convex), by time and not by round trips; where Reno would be faster it does
 * what Reno does.
 *
 * @module
 */

import type { RateSample } from "../types.ts";
import { LossBased, type LossBasedOptions } from "./loss_based.ts";

/** RFC 9438 section 4.6: what is left of the window after a loss. */
export const BETA = 0.7;
/** RFC 9438 section 5: C, in segments per second cubed. */
export const C = 0.4;
/** RFC 9438 section 4.3: grows like Reno on average, although it reduces by less. */
export const ALPHA: number = 3 * (1 - BETA) / (1 + BETA);
/** RFC 9438 section 4.2: the window grows by half in a round trip at most. */
const FASTEST = 1.5;
/** Microseconds of a second. */
const SECOND = 1_000_000;

/** A stage of congestion avoidance. Windows are in bytes, times in microseconds. */
class Stage {
  /** W_max: the window in which something was lost, or less with fast convergence; 0 for none. */
  windowMaximum = 0;
  /** cwnd_prior: the window when the threshold was set last. */
  windowPrior = 0;
  /** K, in seconds. */
  k = 0;
  /** t_epoch, or -1 before congestion avoidance has begun; idle time is added to it. */
  start = -1;
  /** W_est: what Reno's window would be. */
  estimate = 0;
  /** The window with its fraction of a byte. */
  exact = 0;
  /** When the window last could not grow since it was not used, or -1. */
  idleSince = -1;
  /** Whether it begins without a W_max: after a timeout, or without any loss. */
  isFlat = false;
  /** As it was before the last reduction. */
  saved: Stage | null = null;

  /** RFC 9438 section 4.9.2: everything that a reduction changes. */
  copy(): Stage {
    return Object.assign(new Stage(), this, { saved: null });
  }
}

/** CUBIC. */
export class Cubic extends LossBased {
  /** Made with the first congestion, or once slow start has ended. */
  private stage: Stage | null = null;

  /** Makes one that begins. */
  constructor(options: LossBasedOptions) {
    super(options);
  }

  /** See `CongestionControl`. */
  get name(): string {
    return "cubic";
  }

  protected override beginAvoidance(_now: number, hadLoss: boolean): void {
    const stage = this.stage ??= new Stage();
    stage.start = -1;
    if (hadLoss) return;
    // RFC 9438 section 4.10: slow start has ended without a loss: there is no W_max.
    stage.windowPrior = this.window;
    stage.isFlat = true;
  }

  /** The first acknowledgment of a stage of congestion avoidance. */
  private begin(stage: Stage, now: number): void {
    stage.start = now;
    stage.idleSince = -1;
    // RFC 9438 section 4.3: W_est begins as cwnd_epoch.
    stage.estimate = stage.exact = this.window;
    if (stage.isFlat || stage.windowMaximum <= this.window) {
      // RFC 9438 sections 4.8 and 4.10: K is 0, and W_max the window at the beginning.
      stage.k = 0;
      stage.windowMaximum = this.window;
      stage.isFlat = false;
    } else {
      // RFC 9438 section 4.2, equation (2).
      stage.k = Math.cbrt((stage.windowMaximum - this.window) / this.segment / C);
    }
  }

  protected override onIdle(now: number): void {
    const stage = this.stage;
    if (stage !== null && stage.start >= 0 && stage.idleSince < 0) stage.idleSince = now;
  }

  /** W_cubic of RFC 9438 section 4.2, equation (1), in bytes. */
  private windowAt(stage: Stage, seconds: number): number {
    const distance = seconds - stage.k;
    return C * distance * distance * distance * this.segment + stage.windowMaximum;
  }

  protected override get isUntouched(): boolean {
    return this.stage === null;
  }

  /** See {@linkcode LossBased}. */
  override onQuiet(): number {
    if (this.stage !== null) this.stage.saved = null;
    return super.onQuiet();
  }

  protected override avoid(sample: RateSample): void {
    const { now, acknowledgedBytes } = sample;
    const stage = this.stage ??= new Stage();
    if (stage.start < 0) this.begin(stage, now);
    if (stage.idleSince >= 0) {
      // RFC 9438 section 4.2 (MUST): t includes no time in which the window was not used.
      stage.start += now - stage.idleSince;
      stage.idleSince = -1;
    }
    const window = Math.max(stage.exact, this.window);
    const rtt = Math.max(0, sample.smoothedRtt);
    const elapsed = now - stage.start;
    // RFC 9438 section 4.3 (SHOULD): equation (4), whose alpha is 1 once W_est is cwnd_prior.
    const alpha = stage.estimate < stage.windowPrior ? ALPHA : 1;
    stage.estimate += alpha * this.segment * acknowledgedBytes / window;
    if (this.windowAt(stage, elapsed / SECOND) < stage.estimate) {
      // RFC 9438 section 4.3 (SHOULD): in the Reno-friendly region the window is W_est.
      stage.exact = Math.max(window, stage.estimate);
    } else {
      // RFC 9438 section 4.2 (MUST): the target is where it would be a round trip later, between no
      // growth and growth by half.
      const ahead = this.windowAt(stage, (elapsed + rtt) / SECOND);
      const target = Math.min(Math.max(ahead, window), FASTEST * window);
      // RFC 9438 section 4.4 (MUST): by (target - cwnd) / cwnd for each segment.
      // RFC 9438 section 4.5 (MUST): in the convex region as in the concave one.
      stage.exact = window + (target - window) * Math.min(1, acknowledgedBytes / window);
    }
    this.window = Math.floor(stage.exact);
  }

  protected override reduce(_now: number, inFlight: number): number {
    const stage = this.stage ??= new Stage();
    // RFC 9438 section 4.7 (SHOULD): fast convergence: who has to give way remembers less.
    stage.windowMaximum = this.window < stage.windowMaximum
      ? this.window * (1 + BETA) / 2
      : this.window;
    stage.windowPrior = this.window;
    stage.exact = 0;
    // RFC 9438 section 4.6 (MUST): the window shrinks with a loss: to a share of what is in flight.
    return Math.max(inFlight * BETA, this.segment);
  }

  /** See {@linkcode LossBased}. */
  override onTimeout(now: number, inFlight: number, isFirst: boolean): void {
    super.onTimeout(now, inFlight, isFirst);
    const stage = this.stage ??= new Stage();
    // RFC 9438 section 4.8 (MUST): the stage behind a timeout begins flat.
    stage.isFlat = true;
    stage.start = -1;
    stage.exact = 0;
  }

  /** See {@linkcode LossBased}. */
  override onRestart(now: number, idle: number, rto: number): void {
    super.onRestart(now, idle, rto);
    if (this.stage !== null) this.stage.exact = 0;
  }

  protected override saveForUndo(): void {
    const stage = this.stage ??= new Stage();
    stage.saved = stage.copy();
  }

  protected override restore(): void {
    // RFC 9438 section 4.9.2 (MAY): everything is as if nothing had been reduced.
    this.stage = this.stage?.saved ?? this.stage;
  }
}
