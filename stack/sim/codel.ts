/**
 * Controlled delay: RFC 8289. A queue may be long, but not for long: once every frame of an
 * interval has waited for more than the target, frames are dropped at the head, more and more often
 * until the delay is below the target.
 *
 * @module
 */

import type { QueueParameters } from "./link_options.ts";

/** Intervals within which an earlier dropping state is remembered. RFC 8289 section 5.5. */
const REMEMBERED_INTERVALS = 16;

/** The state of one queue. */
export class Codel {
  #firstAbove = 0;
  #dropNext = 0;
  #count = 0;
  #lastCount = 0;
  #isDropping = false;
  /** The frame before was the first one to be dropped. */
  #hasEntered = false;

  /**
   * Decides about the frame at the head, which is about to be sent.
   *
   * RFC 8289 section 5.5: the routine there is a loop over dequeued frames; this is one round of it.
   *
   * @param now the time, in microseconds
   * @param waited for how long it waited, in microseconds
   * @param bytesLeft bytes that wait behind it
   * @param mtu bytes of the longest frame: with less than that no queue stands
   * @param isFirst whether no frame was dropped since the last one was sent
   * @returns whether it is to be dropped, or marked
   */
  isLate(
    now: number,
    waited: number,
    bytesLeft: number,
    mtu: number,
    isFirst: boolean,
    parameters: QueueParameters,
  ): boolean {
    const isAbove = this.#isAbove(now, waited, bytesLeft, mtu, parameters);
    if (this.#isDropping) {
      const followsEntry = this.#hasEntered && !isFirst;
      this.#hasEntered = false;
      if (followsEntry) return false;
      if (!isAbove) {
        this.#isDropping = false;
        return false;
      }
      // In the round after a drop the time of the next one is counted from the last one.
      if (!isFirst) this.#dropNext = this.#next(this.#dropNext, parameters);
      if (now < this.#dropNext) return false;
      this.#count++;
      return true;
    }
    if (!isFirst || !isAbove) return false;
    this.#enter(now, parameters);
    return true;
  }

  /** Says that the frame was marked instead: the next one is judged as if it had been dropped. */
  onMark(now: number, parameters: QueueParameters): void {
    if (this.#isDropping && now >= this.#dropNext) {
      this.#dropNext = this.#next(this.#dropNext, parameters);
    }
  }

  #isAbove(
    now: number,
    waited: number,
    bytesLeft: number,
    mtu: number,
    { target, interval }: QueueParameters,
  ): boolean {
    if (waited < target || bytesLeft <= mtu) {
      this.#firstAbove = 0;
      return false;
    }
    if (this.#firstAbove === 0) {
      this.#firstAbove = now + interval;
      return false;
    }
    return now >= this.#firstAbove;
  }

  #enter(now: number, parameters: QueueParameters): void {
    this.#isDropping = true;
    this.#hasEntered = true;
    const delta = this.#count - this.#lastCount;
    const isRecent = now - this.#dropNext < REMEMBERED_INTERVALS * parameters.interval;
    this.#count = delta > 1 && isRecent ? delta : 1;
    this.#dropNext = this.#next(now, parameters);
    this.#lastCount = this.#count;
  }

  /** The control law: the interval divided by the square root of the number of drops. */
  #next(from: number, { interval }: QueueParameters): number {
    return from + interval / Math.sqrt(this.#count);
  }
}
