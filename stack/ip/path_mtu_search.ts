/**
 * What packetization layers find out about one path by sending longer and longer packets: RFC 4821,
 * RFC 8899. ICMP errors are not needed for it, so that it finds a way through black holes: routers
 * that drop what is too long and do not say so.
 *
 * ```text
 *            long packets vanish                    probe acknowledged: low rises
 *   DISABLED ----------------------> SEARCHING <------------------------.
 *      (black hole, or asked for)     |   |  '---- probe lost 3 times: high falls
 *                                     |   '------------------------------'
 *             high - low is little    v             after 10 minutes
 *                                  COMPLETE -------------------------------> SEARCHING
 * ```
 *
 * @module
 */

import { MINUTE } from "../environment.ts";

/** Lost probes of one length, before it is believed to be too long. RFC 8899 section 5.1.2. */
export const MAX_PROBES = 3;
/** After how long a longer packet is tried again. RFC 8899 section 5.1.1: PMTU_RAISE_TIMER. */
export const RAISE_INTERVAL: number = 10 * MINUTE;
/** A search ends when it could find no more than so many bytes. */
const GRANULARITY = 32;
/** Lengths are multiples of it: those of IPv4 options and of TCP's. */
const STEP = 4;

/** A search on one path. Lengths are those of packets, IP header included, in bytes. */
export class PathMtuSearch {
  /** The longest packet that is known to arrive, 0 while nothing is searched for. */
  low = 0;
  /** The longest packet that may be worth a probe. */
  high = 0;
  /** Whether anybody has sent probes. */
  wasProbed = false;
  #probeFailures = 0;
  #probe = 0;
  #raiseAt = 0;

  /** Whether lengths are searched for, or were found. */
  get isActive(): boolean {
    return this.low > 0;
  }

  /**
   * Begins to search.
   *
   * @param base what is expected to arrive everywhere
   * @param high the longest packet that the link takes
   */
  begin(base: number, high: number): void {
    this.low = base;
    this.high = Math.max(base, high);
    this.#nextProbe(true);
  }

  /** The length of the next probe, 0 for none. */
  probeBytes(now: number, linkMtu: number): number {
    if (!this.isActive) return 0;
    if (this.#probe === 0) {
      if (now < this.#raiseAt || this.low >= linkMtu) return 0;
      // RFC 8899 section 5.1.1: when the raise timer has expired, the search goes on.
      this.high = linkMtu;
      this.#nextProbe(true);
    }
    return this.#probe;
  }

  /** Chooses what to try: the longest first, for most paths take what their links take. */
  #nextProbe(isFirst: boolean): void {
    const { low, high } = this;
    this.#probeFailures = 0;
    if (isFirst && high > low) this.#probe = high;
    else if (high - low < GRANULARITY) this.#probe = 0;
    else this.#probe = low + Math.max(STEP, (high - low >> 1) & -STEP);
  }

  /** A probe, or any packet longer than all before it, has arrived. @returns whether low rose */
  onArrived(bytes: number, now: number): boolean {
    if (!this.isActive || bytes <= this.low) return false;
    this.wasProbed = true;
    this.low = bytes;
    if (bytes > this.high) this.high = bytes;
    this.#nextProbe(false);
    if (this.#probe === 0) this.#raiseAt = now + RAISE_INTERVAL;
    return true;
  }

  /** A probe was lost. */
  onProbeLost(bytes: number, now: number): void {
    if (bytes !== this.#probe) return;
    this.wasProbed = true;
    // RFC 8899 section 5.1.2: MAX_PROBES attempts, for a loss may have other reasons.
    if (++this.#probeFailures < MAX_PROBES) return;
    this.high = Math.max(this.low, bytes - 1);
    this.#nextProbe(false);
    if (this.#probe === 0) this.#raiseAt = now + RAISE_INTERVAL;
  }

  /** A router said what the longest packet is. RFC 8899 section 4.6. */
  onTooBig(mtu: number): void {
    if (!this.isActive) return;
    this.high = Math.min(this.high, mtu);
    this.low = Math.min(this.low, mtu);
    this.#nextProbe(true);
  }
}
