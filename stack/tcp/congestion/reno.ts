/**
 * Reno: RFC 5681 with appropriate byte counting (RFC 3465). NewReno's recovery (RFC 6582) is the
 * sender's.
 *
 * @module
 */

import type { RateSample } from "../types.ts";
import { LossBased, type LossBasedOptions } from "./loss_based.ts";

/** Additive increase by a segment a round trip, and halving when something is lost. */
export class Reno extends LossBased {
  /** Acknowledged bytes that have not made the window grow yet: RFC 3465 section 2.1. */
  private counted = 0;

  /** See `CongestionControl`. */
  get name(): string {
    return "reno";
  }

  /** Makes one that begins. */
  constructor(options: LossBasedOptions) {
    super(options);
  }

  protected override get isUntouched(): boolean {
    return true;
  }

  protected override avoid(sample: RateSample): void {
    // RFC 5681 section 3.1 (MUST): once a window of bytes was acknowledged, it grows by one
    // segment. RFC 3465 section 2.1 counts in the same way.
    this.counted += sample.acknowledgedBytes;
    if (this.counted < this.window) return;
    this.counted -= this.window;
    this.window += this.segment;
  }

  protected override reduce(_now: number, inFlight: number): number {
    // RFC 5681 section 3.1 (MUST): equation (4): half of what is in flight, not of the window.
    return Math.max(inFlight / 2, 2 * this.segment);
  }

  protected override beginAvoidance(): void {
    this.counted = 0;
  }

  protected override forgetCount(): void {
    this.counted = 0;
  }

  protected override saveForUndo(): void {}

  protected override restore(): void {}
}
