/**
 * How long neighbours count as reachable, and how often they are asked: for each interface, as
 * routers advertise it. RFC 4861 section 6.3.2.
 *
 * @module
 */

import { type Environment, MILLISECOND, MINUTE, SECOND } from "../environment.ts";

const REACHABLE_TIME: number = 30 * SECOND;
const RETRANS_TIMER: number = SECOND;
const MIN_RANDOM_FACTOR = 0.5;
const MAX_RANDOM_FACTOR = 1.5;
// RFC 4861 section 6.3.4 (SHOULD): a new random value is drawn every few hours.
const RANDOM_AGE: number = 120 * MINUTE;
/** What a router advertises is kept inside these: no time may be 0, none longer than it allows. */
const MINIMUM_RETRANS: number = 10 * MILLISECOND;
const MAXIMUM_REACHABLE: number = 60 * MINUTE;
/** No longer: packets wait for a neighbour for three times this. */
const MAXIMUM_RETRANS: number = MINUTE;

/** The times of each interface, in microseconds. */
export class ReachableTimes {
  readonly #environment: Environment;
  readonly #base: Float64Array;
  readonly #reachable: Float64Array;
  readonly #drawnAt: Float64Array;
  readonly #retransmit: Float64Array;

  /** Sets the defaults. @param interfaces how many interfaces there are at most */
  constructor(environment: Environment, interfaces: number) {
    this.#environment = environment;
    this.#base = new Float64Array(interfaces + 1).fill(REACHABLE_TIME);
    this.#reachable = new Float64Array(interfaces + 1);
    this.#drawnAt = new Float64Array(interfaces + 1).fill(-Infinity);
    this.#retransmit = new Float64Array(interfaces + 1).fill(RETRANS_TIMER);
  }

  /** ReachableTime: how long a confirmation lasts on an interface. */
  reachable(interfaceIndex: number): number {
    const { now, random } = this.#environment;
    if (now - this.#drawnAt[interfaceIndex] > RANDOM_AGE) {
      // RFC 4861 section 6.3.2 (SHOULD): it is uniformly distributed around the base value.
      const lot = random.uint32() / 2 ** 32;
      const factor = MIN_RANDOM_FACTOR + lot * (MAX_RANDOM_FACTOR - MIN_RANDOM_FACTOR);
      this.#reachable[interfaceIndex] = Math.round(this.#base[interfaceIndex] * factor);
      this.#drawnAt[interfaceIndex] = now;
    }
    return this.#reachable[interfaceIndex];
  }

  /** RetransTimer: the time between requests on an interface. */
  retransmit(interfaceIndex: number): number {
    return this.#retransmit[interfaceIndex];
  }

  /** Takes over what a router advertises, in milliseconds; 0 says nothing. */
  advertise(interfaceIndex: number, reachableTime: number, retransmitTimer: number): void {
    const base = Math.min(reachableTime * MILLISECOND, MAXIMUM_REACHABLE);
    // RFC 4861 section 6.3.4 (SHOULD): a new base value draws a new random one.
    if (reachableTime > 0 && base !== this.#base[interfaceIndex]) {
      this.#base[interfaceIndex] = base;
      this.#drawnAt[interfaceIndex] = -Infinity;
    }
    if (retransmitTimer > 0) {
      const time = Math.max(retransmitTimer * MILLISECOND, MINIMUM_RETRANS);
      this.#retransmit[interfaceIndex] = Math.min(time, MAXIMUM_RETRANS);
    }
  }

  /** Forgets what routers advertised on an interface. */
  reset(interfaceIndex: number): void {
    this.#base[interfaceIndex] = REACHABLE_TIME;
    this.#drawnAt[interfaceIndex] = -Infinity;
    this.#retransmit[interfaceIndex] = RETRANS_TIMER;
  }
}
