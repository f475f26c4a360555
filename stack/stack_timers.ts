/**
 * The timers of a stack: a wheel, and who is called when one of them fires.
 *
 * @module
 */

import { TimerWheel, type TimerWheelStatistics } from "./timers/mod.ts";

/** The bits of a tag that say which one of an owner's timers it is. */
const INDEX_BITS = 24;
const INDEX_MASK = (1 << INDEX_BITS) - 1;
/** Owners are told apart by the other bits of a positive tag. */
const MAXIMUM_OWNERS = 1 << (31 - INDEX_BITS);

/** Is told which one of its timers fired: the index it gave when it took the timer. */
export type TimerHandler = (index: number) => void;

/** What timers are made of. */
export interface StackTimersOptions {
  /** How many timers there are. */
  readonly capacity: number;
  /** Microseconds of a tick: a timer fires late by less than that, and never early. */
  readonly resolution: number;
  /** The time, in microseconds. */
  readonly now: number;
}

/** The timers of one stack. */
export class StackTimers {
  readonly #wheel: TimerWheel;
  readonly #resolution: number;
  readonly #handlers: TimerHandler[] = [];
  readonly #fire = (_timer: number, tag: number): void =>
    this.#handlers[tag >>> INDEX_BITS](tag & INDEX_MASK);

  /** Makes timers, all of which are free. */
  constructor(options: StackTimersOptions) {
    this.#wheel = new TimerWheel(options);
    this.#resolution = options.resolution;
  }

  /**
   * Registers who is called when its timers fire.
   *
   * @returns the owner's number, for {@linkcode take}
   * @throws {RangeError} when there are too many owners
   */
  register(handler: TimerHandler): number {
    if (this.#handlers.length === MAXIMUM_OWNERS) {
      throw new RangeError(`timers have ${MAXIMUM_OWNERS} owners at most`);
    }
    return this.#handlers.push(handler) - 1;
  }

  /**
   * Takes a timer, which is not armed.
   *
   * @param owner a number of {@linkcode register}
   * @param index what its handler is given: 0 to 2^24 - 1
   * @returns the timer's number, or -1 when none is left
   */
  take(owner: number, index: number): number {
    return this.#wheel.take(owner << INDEX_BITS | index);
  }

  /** Gives a timer back. */
  release(timer: number): void {
    this.#wheel.release(timer);
  }

  /** Arms a timer, or arms it anew, for a time in microseconds; what has passed is due at once. */
  arm(timer: number, deadline: number): void {
    // The wheel rounds down. Whoever is called before its time would arm the timer for the very tick
    // that is being dealt with, for ever.
    const resolution = this.#resolution;
    this.#wheel.arm(timer, Math.ceil(deadline / resolution) * resolution);
  }

  /** Disarms a timer. */
  disarm(timer: number): void {
    this.#wheel.disarm(timer);
  }

  /** Whether a timer is armed. */
  isArmed(timer: number): boolean {
    return this.#wheel.isArmed(timer);
  }

  /** When the next one is due, in microseconds; Infinity when none is armed. */
  nextDeadline(): number {
    return this.#wheel.nextDeadline();
  }

  /** Fires what is due. @returns how many fired */
  expire(now: number): number {
    return this.#wheel.expire(now, this.#fire);
  }

  /** What became of the timers so far. */
  statistics(): TimerWheelStatistics {
    return this.#wheel.statistics();
  }
}
