/**
 * When to acknowledge: at once, or after a delay in which data may leave that carry it.
 *
 * Like Linux, a receiver acknowledges at once while a connection is young, since a sender in slow
 * start waits for it, and after anything unusual. Later it delays by 40 milliseconds, by more where
 * segments come more slowly than that, and by 200 milliseconds at most.
 *
 * A sender may wait for the acknowledgment of what it wrote last (Nagle's algorithm does). So where
 * a segment was the last one of a write, and the program has read all there is, there is nothing to
 * delay for, unless the program is likely to answer: it is in a conversation, where data that leave
 * carry acknowledgments. It is in one since it sent something soon after something arrived, and no
 * longer when an acknowledgment has waited for an answer in vain.
 *
 * @module
 */

import type { ReceiverOptions } from "./options.ts";

/** Segments that are acknowledged at once after something unusual. */
const QUICK_AFTER_EVENT = 2;

const NEVER = Infinity;

/** What is known as yes or no. */
const Bit = {
  DUE: 1,
  PENDING: 2,
  INTERACTIVE: 4,
  URGENT: 8,
  /** A segment that ends a write is to be acknowledged; more than one that is not full. */
  PUSHED: 1 << 28,
  PUSHED_AGAIN: 1 << 29,
} as const;
/** Numbers of a few bits that share their word. */
const QUICK_SHIFT = 4;
const MAXIMUM_QUICK = 255;
const SEGMENT_SHIFT = 12;
const MAXIMUM_SEGMENT = 0xffff;

/**
 * When a connection acknowledges: a part of the state of its receiver, since an object of its own
 * would take more memory. Times are kept as 32 bits, which is enough for differences and takes no
 * memory beside the object.
 */
export class Acknowledgments {
  /** The number that was acknowledged last. */
  acknowledged = 0;
  /** Bits of {@linkcode Bit}, and numbers. */
  #bits = 0;
  /** How long it is delayed now, in microseconds; 0 before the first segment. */
  #delay = 0;
  #deadline = 0;
  #lastArrival = 0;

  /** Begins. */
  beginAcknowledging(sequence: number, options: ReceiverOptions): void {
    this.acknowledged = sequence;
    this.quick = options.quickAcknowledgments;
  }

  /** Whether the segment that was dealt with last is to be acknowledged without delay. */
  get isDue(): boolean {
    return (this.#bits & Bit.DUE) !== 0;
  }

  /** Whether that is because of something unusual, which is acknowledged for itself. */
  get isUrgent(): boolean {
    return (this.#bits & Bit.URGENT) !== 0;
  }

  /** Whether anything is to be acknowledged, at the deadline at the latest. */
  get isPending(): boolean {
    return (this.#bits & Bit.PENDING) !== 0;
  }

  /** Whether data leave so often that acknowledgments travel with them. */
  get isInteractive(): boolean {
    return (this.#bits & Bit.INTERACTIVE) !== 0;
  }

  /** Bytes of payload of the segments that the peer sends, as far as they were seen. */
  get segment(): number {
    return this.#bits >> SEGMENT_SHIFT & MAXIMUM_SEGMENT;
  }
  private set segment(bytes: number) {
    const others = this.#bits & ~(MAXIMUM_SEGMENT << SEGMENT_SHIFT);
    this.#bits = others | Math.min(bytes, MAXIMUM_SEGMENT) << SEGMENT_SHIFT;
  }

  /** How many more segments are acknowledged at once. */
  private get quick(): number {
    return this.#bits >> QUICK_SHIFT & MAXIMUM_QUICK;
  }
  private set quick(count: number) {
    const others = this.#bits & ~(MAXIMUM_QUICK << QUICK_SHIFT);
    this.#bits = others | Math.min(count, MAXIMUM_QUICK) << QUICK_SHIFT;
  }

  /** The delay, in microseconds. */
  get delay(): number {
    return this.#delay;
  }

  /** Microseconds since data arrived last. */
  idle(now: number): number {
    return this.#delay === 0 ? 0 : ((now | 0) - this.#lastArrival) >>> 0;
  }

  /** Whether segments are acknowledged at once for a while. */
  get isQuick(): boolean {
    return this.quick > 0 && !this.isInteractive;
  }

  /** `TCP_QUICKACK`: for a while, or no longer. */
  setQuick(isQuick: boolean, options: ReceiverOptions): void {
    this.#bits = isQuick ? this.#bits & ~Bit.INTERACTIVE : this.#bits | Bit.INTERACTIVE;
    this.quick = isQuick ? options.quickAcknowledgments : 0;
    if (isQuick && this.isPending) this.#bits |= Bit.DUE;
  }

  /** Something unusual has happened: the sender should hear of it soon. */
  onEvent(now: number, options: ReceiverOptions): void {
    this.pend(now, options);
    this.#bits = this.#bits & ~Bit.INTERACTIVE | Bit.DUE | Bit.URGENT;
    if (this.quick < QUICK_AFTER_EVENT) this.quick = QUICK_AFTER_EVENT;
  }

  /**
   * Learns from a segment with payload, whatever becomes of it.
   *
   * @param full bytes of payload of the longest segment that may come
   * @param isPushed whether it says that it ends a write: one that is shorter than others does so
   */
  onArrival(
    now: number,
    bytes: number,
    count: number,
    full: number,
    isPushed: boolean,
    options: ReceiverOptions,
  ): void {
    const each = count > 1 ? Math.ceil(bytes / count) : bytes;
    if (each < this.segment) {
      const isAgain = (this.#bits & Bit.PUSHED) !== 0;
      this.#bits |= isAgain ? Bit.PUSHED_AGAIN : Bit.PUSHED;
    } else {
      // Nagle's algorithm does not hold back what follows a full segment, and in a stream, where
      // one has PSH every now and then, the next one is on its way.
      if (isPushed && each < full) this.#bits |= Bit.PUSHED;
      this.segment = each < full ? each : full;
    }
    const least = options.acknowledgmentDelay;
    const elapsed = ((now | 0) - this.#lastArrival) >>> 0;
    this.#lastArrival = now | 0;
    if (this.#delay === 0) {
      this.#delay = least;
    } else if (elapsed <= least / 2) {
      this.#delay = (this.#delay >> 1) + (least >> 1);
    } else if (elapsed < this.#delay) {
      this.#delay = Math.min((this.#delay >> 1) + elapsed, options.maximumAcknowledgmentDelay);
    } else if (elapsed > options.maximumAcknowledgmentDelay) {
      // The pause says nothing about how far apart segments are.
      this.#delay = least;
    }
  }

  /**
   * Bytes in order have arrived, and nothing unusual with them.
   *
   * @param next RCV.NXT
   * @param count how many segments they came in
   */
  onInOrder(now: number, next: number, count: number, options: ReceiverOptions): void {
    // RFC 9293 section 3.8.6.3 (SHLD-19): at least every second full-sized segment is acknowledged.
    // RFC 5681 section 4.2 (SHOULD): so it is where segments were coalesced, by their number.
    if (count > 1 || ((next - this.acknowledged) | 0) > this.segment || this.isQuick) {
      this.#bits |= Bit.DUE;
    }
    this.pend(now, options);
  }

  /** What is to be acknowledged may wait; the time of what already waits does not change. */
  pend(now: number, options: ReceiverOptions): void {
    if (this.isPending) return;
    this.#bits |= Bit.PENDING;
    // RFC 9293 section 3.8.6.3 (MUST-40): the delay is less than half a second.
    const delay = Math.max(this.#delay, options.acknowledgmentDelay);
    this.#deadline = (now + Math.min(delay, options.maximumAcknowledgmentDelay)) | 0;
  }

  /** The program has read all there is. */
  onAllRead(): void {
    // As Linux does in `tcp_cleanup_rbuf`: even in a conversation the second write is acknowledged.
    const waited = this.isInteractive ? Bit.PUSHED_AGAIN : Bit.PUSHED;
    if ((this.#bits & waited) !== 0 && this.isPending) this.#bits |= Bit.DUE;
  }

  /**
   * A segment with the newest acknowledgment has left.
   *
   * @param hasData whether it has payload
   */
  onSent(now: number, next: number, hasData: boolean): void {
    if (hasData && ((now | 0) - this.#lastArrival) >>> 0 < this.#delay) {
      this.#bits |= Bit.INTERACTIVE;
    }
    if (this.quick > 0 && this.isPending) this.quick--;
    this.acknowledged = next;
    this.#bits &= ~(Bit.DUE | Bit.PENDING | Bit.URGENT | Bit.PUSHED | Bit.PUSHED_AGAIN);
  }

  /** When to acknowledge at the latest, in microseconds; Infinity for never. */
  acknowledgmentDeadline(now: number): number {
    return this.isPending ? now + ((this.#deadline - (now | 0)) | 0) : NEVER;
  }

  /** The time is up. @returns whether to acknowledge */
  onAcknowledgmentDeadline(now: number, options: ReceiverOptions): boolean {
    if (!this.isPending || ((this.#deadline - (now | 0)) | 0) > 0) return false;
    // It waited in vain. In a conversation the answer was late; else more data may be on the way.
    if (this.isInteractive) {
      this.#bits &= ~Bit.INTERACTIVE;
      this.#delay = options.acknowledgmentDelay;
    } else {
      this.#delay = Math.min(this.#delay * 2, options.maximumAcknowledgmentDelay);
    }
    this.#bits |= Bit.DUE;
    // Should it not be possible to send it, it is tried again.
    this.#deadline = (now + this.#delay) | 0;
    return true;
  }
}
