/**
 * How often ICMP may speak: token buckets, as RFC 4443 section 2.4 (f) asks for.
 *
 * @module
 */

import { hashWords, type SipKey } from "../../ring/abi/sip_hash.ts";
import type { Environment } from "../environment.ts";
import { SECOND } from "../environment.ts";
import type { IpAddress } from "../ip/types.ts";
import { randomBelow, randomTableKey } from "../random.ts";
import { TokenBucket } from "../token_bucket.ts";

/** What became of a wish to speak. */
export const Limit = {
  PASSED: 0,
  /** Too much was said to everybody together. */
  TOTAL: 1,
  /** Too much was said to this destination. */
  DESTINATION: 2,
} as const;

/** One of {@linkcode Limit}. */
export type Limit = typeof Limit[keyof typeof Limit];

/** The bounds of a {@linkcode RateLimiter}. */
export interface RateLimits {
  readonly perSecond: number;
  readonly burst: number;
  readonly destinationPerSecond: number;
  readonly destinationBurst: number;
  /** How many destinations are told apart, rounded up to a power of two. */
  readonly destinations: number;
}

/** A bucket for everybody, and smaller ones for each destination. */
export class RateLimiter {
  readonly #environment: Environment;
  readonly #limits: RateLimits;
  readonly #total: TokenBucket;
  readonly #hashKey: SipKey;
  readonly #words: Int32Array = new Int32Array(2);
  readonly #mask: number;
  /** The tokens that each destination lacks, and when that was so. */
  readonly #missing: Float64Array;
  readonly #at: Float64Array;

  /** Makes buckets that are full. */
  constructor(environment: Environment, limits: RateLimits) {
    this.#environment = environment;
    this.#limits = limits;
    this.#total = new TokenBucket(limits.perSecond, limits.burst, environment.now);
    this.#hashKey = randomTableKey(environment.random);
    const places = 1 << 32 - Math.clz32(Math.max(1, limits.destinations) - 1);
    this.#mask = places - 1;
    this.#missing = new Float64Array(places);
    this.#at = new Float64Array(places).fill(environment.now);
  }

  /** Asks for a token of everybody's bucket only. */
  admit(): Limit {
    return this.#total.takeOne(this.#environment.now) ? Limit.PASSED : Limit.TOTAL;
  }

  /**
   * Asks for a token of both buckets.
   *
   * @param destination whom something is to be said to; hosts of IPv6 are told apart by the first
   * half of their address, since each has all addresses of one
   */
  admitTo(destination: IpAddress): Limit {
    const { now, random } = this.#environment;
    const limits = this.#limits;
    const place = this.#placeOf(destination);
    const dripped = (now - this.#at[place]) * limits.destinationPerSecond / SECOND;
    const missing = Math.max(0, this.#missing[place] - dripped);
    this.#at[place] = now;
    this.#missing[place] = missing;
    if (missing + 1 > limits.destinationBurst) return Limit.DESTINATION;
    if (this.#total.available(now) < 1) return Limit.TOTAL;
    // Whoever can make us speak must not learn from our silence how often others did: 0 to 2 tokens
    // are taken, 1 on average. (Man et al., "DNS Cache Poisoning Attack Reloaded", 2020.)
    this.#total.take(randomBelow(random, 3));
    this.#missing[place] = missing + 1;
    return Limit.PASSED;
  }

  #placeOf(destination: IpAddress): number {
    const words = this.#words;
    if (typeof destination === "number") {
      words[0] = destination;
      words[1] = 0;
    } else {
      words[0] = destination[0];
      words[1] = destination[1];
    }
    return hashWords(this.#hashKey, words, 2) & this.#mask;
  }
}
