/**
 * SYN cookies: what a listener needs to remember of a SYN is put into our own initial sequence
 * number, and into our timestamp, so that it need not remember anything. RFC 4987 section 3.6 and
 * appendix A.
 *
 * ```text
 *   sequence number  | 5 bits: time | 3 bits: MSS | 24 bits: keyed hash of all of it and the flow |
 *   timestamp        | ... clock                  | 1 bit: ECN | 1 bit: SACK | 4 bits: scale      |
 * ```
 *
 * A cookie is good for one to two minutes. Without timestamps there is no room for window scaling
 * and SACK, which are done without then.
 *
 * @module
 */

import { type Environment, SECOND } from "../environment.ts";
import type { Flow } from "../ip/types.ts";
import { KeyedHash } from "../keyed_hash.ts";
import { Bit } from "./connection_bits.ts";
import { putFlow } from "./secrets.ts";

/** Two addresses, the ports, the peer's number, the time and the MSS. */
const WORDS = 11;
/** How long a time lasts, and how many of them a cookie is good for. */
const PERIOD = 64 * SECOND;
const PERIODS = 2;

const TIME_SHIFT = 27;
const TIME_MASK = 31;
const SEGMENT_SHIFT = 24;
const SEGMENT_MASK = 7;
const HASH_MASK = 0xff_ffff;

/** The MSS that is remembered is the largest of these that is not larger than the real one. */
const SEGMENTS: readonly number[] = [64, 536, 1220, 1300, 1400, 1440, 1460, 8940];

/** The low bits of a timestamp that have a meaning. */
const OPTION_BITS = 6;
const OPTION_MASK = (1 << OPTION_BITS) - 1;
const SCALE_MASK = 15;
const NO_SCALE = 15;
const SACK_BIT = 1 << 4;
const ECN_BIT = 1 << 5;

/** Makes cookies, and knows them again. */
export class SynCookies {
  readonly #environment: Environment;
  readonly #hash: KeyedHash;
  readonly #words = new Int32Array(WORDS);

  /** Draws the key. */
  constructor(environment: Environment) {
    this.#environment = environment;
    this.#hash = KeyedHash.random(environment.random);
  }

  /**
   * Makes the initial sequence number of an answer.
   *
   * @param peerSequence the number of the SYN
   * @param peerSegment the MSS that it announced
   */
  sequence(flow: Flow, peerSequence: number, peerSegment: number): number {
    let index = SEGMENTS.length - 1;
    while (index > 0 && SEGMENTS[index] > peerSegment) index--;
    return this.#make(flow, peerSequence, this.#time(), index);
  }

  /**
   * Looks at what may be the acknowledgment of a cookie.
   *
   * @param sequence the number that is acknowledged, less one
   * @param peerSequence the number of the SYN
   * @returns the MSS that was remembered, or -1 when it is none of ours, or too old
   */
  check(flow: Flow, sequence: number, peerSequence: number): number {
    const now = this.#time();
    const age = now - (sequence >>> TIME_SHIFT) & TIME_MASK;
    if (age >= PERIODS) return -1;
    const index = sequence >>> SEGMENT_SHIFT & SEGMENT_MASK;
    return this.#make(flow, peerSequence, now - age, index) === sequence ? SEGMENTS[index] : -1;
  }

  /**
   * Whether who acknowledges a number may have got a cookie of ours. Where {@linkcode check} does
   * not know it, that may be since the number of the SYN is not the one before the segment's: what
   * the segment follows was lost, or comes later.
   *
   * @param sequence the number that is acknowledged, less one
   * @param clock our timestamps' clock, and `stamp` the timestamp that is echoed, without the
   * flow's offset; null where there is none
   */
  isPlausible(sequence: number, clock: number, stamp: number | null): boolean {
    const age = this.#time() - (sequence >>> TIME_SHIFT) & TIME_MASK;
    if (age >= PERIODS) return false;
    if (stamp === null) return true;
    const milliseconds = clock - stamp | 0;
    return milliseconds >= 0 && milliseconds <= PERIODS * PERIOD / 1000;
  }

  /**
   * Puts what both ends want into a timestamp.
   *
   * @param clock the timestamp that it would be otherwise, without the flow's offset
   * @param bits bits of {@linkcode Bit}
   * @param scale the shift that the peer announced
   */
  timestamp(clock: number, bits: number, scale: number): number {
    const options = ((bits & Bit.SCALING) === 0 ? NO_SCALE : scale) |
      ((bits & Bit.SACK) === 0 ? 0 : SACK_BIT) |
      ((bits & Bit.ECN_CLASSIC) === 0 ? 0 : ECN_BIT);
    const stamp = clock & ~OPTION_MASK | options;
    // It must not be ahead of the clock: later ones would be older.
    return (stamp - clock | 0) > 0 ? stamp - (1 << OPTION_BITS) | 0 : stamp;
  }

  /** What a timestamp remembers: bits of {@linkcode Bit}. */
  bitsOf(timestamp: number): number {
    return Bit.TIMESTAMPS |
      ((timestamp & SCALE_MASK) === NO_SCALE ? 0 : Bit.SCALING) |
      ((timestamp & SACK_BIT) === 0 ? 0 : Bit.SACK) |
      ((timestamp & ECN_BIT) === 0 ? 0 : Bit.ECN_CLASSIC | Bit.ECN_CAPABLE);
  }

  /** The shift that a timestamp remembers. */
  scaleOf(timestamp: number): number {
    const scale = timestamp & SCALE_MASK;
    return scale === NO_SCALE ? 0 : scale;
  }

  #time(): number {
    return Math.floor(this.#environment.now / PERIOD);
  }

  #make(flow: Flow, peerSequence: number, time: number, index: number): number {
    const words = this.#words;
    putFlow(words, flow);
    words[8] = flow.localPort << 16 | flow.remotePort;
    words[9] = peerSequence;
    words[10] = time << 3 | index;
    const hash = this.#hash.hash(words, WORDS) & HASH_MASK;
    return (time & TIME_MASK) << TIME_SHIFT | index << SEGMENT_SHIFT | hash;
  }
}
