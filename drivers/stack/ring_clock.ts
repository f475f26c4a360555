/**
 * The time of one ring: that of its stack, as the ring's program counts it.
 *
 * @module
 */

import type { Clock } from "../machine/clock.ts";
import type { StackClock } from "./clock.ts";

const MICROSECONDS = 1000;

/** What a ring's clock asks of the stack that it belongs to. */
export interface RingClockOwner {
  /** Calls back within the round that is under way, or the next one. */
  soon(done: () => void): void;
  /** Says that a ring is to be woken earlier than before. */
  onWakeChanged(): void;
}

/** The clock of one ring's timeouts. */
export class RingClock implements Clock {
  /** When it is to be woken, in microseconds of the stack's clock. */
  at = Infinity;
  readonly #clock: StackClock;
  readonly #owner: RingClockOwner;
  readonly #aheadMs: number;
  #onTime: () => void = () => {};

  /**
   * @param clock the stack's
   * @param aheadMs how much the program's clock is ahead of it
   */
  constructor(clock: StackClock, owner: RingClockOwner, aheadMs: number) {
    this.#clock = clock;
    this.#owner = owner;
    this.#aheadMs = aheadMs;
  }

  /** {@inheritDoc Clock.now} */
  now(): number {
    return this.#clock.now() / MICROSECONDS + this.#aheadMs;
  }

  /** {@inheritDoc Clock.date} */
  date(): number {
    return this.#clock.date();
  }

  /** {@inheritDoc Clock.wakeAt} */
  wakeAt(at: number, onTime: () => void): void {
    this.#onTime = onTime;
    this.at = at === Infinity ? Infinity : Math.ceil((at - this.#aheadMs) * MICROSECONDS);
    this.#owner.onWakeChanged();
  }

  /** {@inheritDoc Clock.soon} */
  soon(done: () => void): void {
    this.#owner.soon(done);
  }

  /** Calls back if its time has come. @param now in microseconds of the stack's clock */
  fire(now: number): boolean {
    if (now < this.at) return false;
    this.at = Infinity;
    this.#onTime();
    return true;
  }
}
