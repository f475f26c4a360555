/**
 * What the congestion controls have in common that reduce a window when something is lost: slow
 * start, the reduction itself, its undoing, and pacing.
 *
 * @module
 */

import type { CongestionControl, RateSample } from "../types.ts";
import { initialWindow } from "./initial_window.ts";
import { SlowStart } from "./slow_start.ts";

/** How loss-based controls are made. */
export interface LossBasedOptions {
  /** Bytes of payload of a full segment. */
  readonly segmentBytes: number;
  /** Whether slow start ends when delay grows: RFC 9406. */
  readonly hasHyStart: boolean;
  /** Whether data are paced: Linux' rates. */
  readonly isPaced: boolean;
}

/** RFC 3465 section 2.3: L, where data are not paced: that of RFC 9406 section 4.3. */
const UNPACED_LIMIT = 8;
/** RFC 3465 section 2.3: L after a timeout is one segment. */
const LIMIT_AFTER_TIMEOUT = 1;
/** Linux paces at twice the rate in slow start, so that the window can double; else by a fifth. */
const PACING_GAIN_SLOW_START = 2;
const PACING_GAIN = 1.2;
/** Microseconds of a second. */
const SECOND = 1_000_000;

/** What a control knows as yes or no. */
const Bit = {
  /** Data are paced. */
  PACED: 1 << 0,
  /** The first slow start is not over, and watched. */
  HYSTART: 1 << 1,
  /** Slow start is that behind a timeout. */
  AFTER_TIMEOUT: 1 << 2,
} as const;

/** What the last reduction has changed. */
interface Undo {
  readonly window: number;
  readonly threshold: number;
}

/**
 * A control that reduces its window when something is lost. Windows are whole bytes. What only
 * connections need that fill their window is made once they do.
 */
export abstract class LossBased implements CongestionControl {
  abstract readonly name: string;
  window: number;
  protected segment: number;
  /** The threshold, 0 for none: a whole number takes no memory of its own. */
  private keptThreshold = 0;
  private bits: number;
  /** The round trip that the pace is made of, in microseconds; 0 where there is none. */
  private pacedRtt = 0;
  private slowStart: SlowStart | null = null;
  private undo: Undo | null = null;

  constructor(options: LossBasedOptions) {
    this.segment = options.segmentBytes;
    this.window = initialWindow(options.segmentBytes);
    this.bits = (options.hasHyStart ? Bit.HYSTART : 0) | (options.isPaced ? Bit.PACED : 0);
  }

  /** See {@linkcode CongestionControl}. */
  get ownsRecovery(): boolean {
    return false;
  }

  /** See {@linkcode CongestionControl}. */
  get threshold(): number {
    return this.keptThreshold === 0 ? Infinity : this.keptThreshold;
  }

  set threshold(bytes: number) {
    this.keptThreshold = bytes === Infinity ? 0 : Math.max(1, Math.floor(bytes));
  }

  /** See {@linkcode CongestionControl}. */
  get pacingRate(): number {
    if (this.pacedRtt === 0) return Infinity;
    // Linux has twice the rate up to half of the threshold.
    const gain = this.window < this.threshold / 2 ? PACING_GAIN_SLOW_START : PACING_GAIN;
    return gain * this.window * SECOND / this.pacedRtt;
  }

  /** Whether the window is below the threshold. */
  protected get isSlowStart(): boolean {
    return this.window < this.threshold;
  }

  /** Grows in congestion avoidance. */
  protected abstract avoid(sample: RateSample): void;
  /** @returns the threshold behind a reduction, in bytes */
  protected abstract reduce(now: number, inFlight: number): number;
  /** Congestion avoidance begins anew, with the window as it is. */
  protected abstract beginAvoidance(now: number, hadLoss: boolean): void;
  /** Keeps what a reduction changes, and gives it back. */
  protected abstract saveForUndo(): void;
  protected abstract restore(): void;

  /** See {@linkcode CongestionControl}. */
  onAcknowledgment(sample: RateSample): void {
    if (sample.acknowledgedBytes > 0 && !sample.isRecovering) this.grow(sample);
    if ((this.bits & Bit.PACED) !== 0 && sample.smoothedRtt > 0) {
      this.pacedRtt = Math.max(1, Math.floor(sample.smoothedRtt));
    }
  }

  private grow(sample: RateSample): void {
    // RFC 7661 section 4.3, RFC 9438 section 4.6: a window that is not used does not grow.
    if (!sample.isWindowLimited) {
      this.onIdle(sample.now);
      return;
    }
    if (!this.isSlowStart) {
      this.avoid(sample);
      return;
    }
    const before = this.window;
    const growth = this.slowStartGrowth(sample);
    if (growth < 0) {
      this.endFirst();
      // RFC 9406 section 4.2 (MUST): CSS_ROUNDS rounds are over: the window is the threshold.
      this.threshold = before;
      this.beginAvoidance(sample.now, false);
      return;
    }
    // RFC 5681 section 3.1 (MUST): by what is newly acknowledged, and no more than a full segment
    // for each segment of it. RFC 3465 section 2.2: by bytes.
    this.window = before + growth;
    if (this.window >= this.threshold) {
      this.window = this.threshold;
      this.bits &= ~Bit.AFTER_TIMEOUT;
      this.beginAvoidance(sample.now, true);
    }
  }

  private slowStartGrowth(sample: RateSample): number {
    const limit = this.segmentLimit();
    if ((this.bits & Bit.HYSTART) === 0) return Math.min(sample.acknowledgedBytes, limit);
    this.slowStart ??= new SlowStart();
    return this.slowStart.grow(sample, limit);
  }

  /** RFC 9406 section 4.3: only the first slow start of a connection is watched. */
  private endFirst(): void {
    this.bits &= ~Bit.HYSTART;
    this.slowStart = null;
  }

  /** RFC 3465 section 2.3: how many bytes of one acknowledgment count at most in slow start. */
  private segmentLimit(): number {
    if ((this.bits & Bit.AFTER_TIMEOUT) !== 0) return LIMIT_AFTER_TIMEOUT * this.segment;
    return (this.bits & Bit.PACED) !== 0 ? Infinity : UNPACED_LIMIT * this.segment;
  }

  /** Acknowledged bytes that have not made the window grow yet no longer count. */
  protected forgetCount(): void {}

  /** The window is not used at the moment. */
  protected onIdle(_now: number): void {}

  /** See {@linkcode CongestionControl}. */
  onCongestion(now: number, inFlight: number, isMark: boolean): void {
    this.save();
    this.endFirst();
    this.threshold = this.reduce(now, inFlight);
    // RFC 9438 section 4.6 (MUST): marks reduce the window down to one segment; losses to two.
    const least = isMark ? this.segment : 2 * this.segment;
    const wanted = Math.max(this.threshold, least);
    // RFC 5681 section 3.2 (MUST): at the end of recovery the window is the threshold.
    this.window = Math.min(this.window, Math.floor(wanted));
    // RFC 5681 section 3.1 (MUST): ssthresh is two segments at least.
    this.threshold = Math.max(this.threshold, 2 * this.segment);
    this.forgetCount();
    this.bits &= ~Bit.AFTER_TIMEOUT;
    this.beginAvoidance(now, true);
  }

  /** See {@linkcode CongestionControl}. */
  onRecovered(now: number, _inFlight: number): void {
    this.beginAvoidance(now, true);
  }

  /** See {@linkcode CongestionControl}. */
  onTimeout(now: number, inFlight: number, isFirst: boolean): void {
    // A SYN that was lost says nothing of what may be in flight.
    if (isFirst && inFlight > 0) {
      this.save();
      // RFC 5681 section 3.1 (MUST): ssthresh as after a loss, once for what is lost.
      this.threshold = Math.max(this.reduce(now, inFlight), 2 * this.segment);
    }
    this.endFirst();
    // RFC 5681 section 3.1 (MUST): no more than the loss window, one segment.
    this.window = this.segment;
    this.forgetCount();
    this.bits |= Bit.AFTER_TIMEOUT;
  }

  private save(): void {
    this.undo = { window: this.window, threshold: this.threshold };
    this.saveForUndo();
  }

  /** See {@linkcode CongestionControl}. */
  onSpurious(_now: number): void {
    const undo = this.undo;
    if (undo === null) return;
    this.undo = null;
    this.bits &= ~Bit.AFTER_TIMEOUT;
    // RFC 9438 section 4.9.2 (SHOULD): what has grown beyond what it was stays.
    if (this.window < undo.window) {
      this.window = undo.window;
      this.restore();
    }
    // RFC 4015 section 3.1: the threshold goes back up.
    this.threshold = Math.max(this.threshold, undo.threshold);
  }

  /** See {@linkcode CongestionControl}. */
  onRestart(now: number, idle: number, rto: number): void {
    // RFC 5681 section 4.1 (SHOULD): no more than the restart window after an RTO of silence; it is
    // halved for each RTO, as RFC 2861 has it, so that a pause costs what it is long.
    if (idle <= rto) return;
    const restart = Math.min(initialWindow(this.segment), this.window);
    // RFC 2861 section 3: the threshold remembers what the window was.
    if (this.threshold !== Infinity) {
      this.threshold = Math.max(this.threshold, Math.floor(0.75 * this.window));
    }
    for (let left = idle; left > rto && this.window > restart; left -= rto) {
      this.window = Math.max(restart, this.window >> 1);
    }
    this.forgetCount();
    this.onIdle(now);
  }

  /** See {@linkcode CongestionControl}. */
  onSent(_now: number, _bytes: number, _inFlight: number, _isApplicationLimited: boolean): void {}

  /** Whether congestion avoidance has nothing to remember. */
  protected abstract get isUntouched(): boolean;

  /** See {@linkcode CongestionControl}. */
  onQuiet(): number {
    // What slow start has measured in a round says little of one behind a pause.
    this.slowStart = null;
    this.undo = null;
    const isNew = this.keptThreshold === 0 && this.window === initialWindow(this.segment) &&
      this.isUntouched && (this.bits & Bit.AFTER_TIMEOUT) === 0;
    if (!isNew) return 0;
    this.forgetCount();
    this.pacedRtt = 0;
    return this.segment;
  }

  /** See {@linkcode CongestionControl}. */
  onSegmentSize(bytes: number): void {
    // The window is a number of bytes: it need not change, but for what is less than a segment.
    this.segment = bytes;
    this.window = Math.max(this.window, bytes);
  }
}
