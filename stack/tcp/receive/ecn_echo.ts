/**
 * What a receiver tells of congestion: RFC 3168 section 6.1.3 and RFC 9768 section 3.2.
 *
 * @module
 */

import { Flag } from "../../wire/tcp.ts";
import { COUNTER_BYTES, OPTION, OptionBit, type TcpOptions } from "../../wire/tcp_options.ts";
import type { Agreement, Segment } from "../types.ts";
import { Ecn } from "../types.ts";

/** The codepoints of the header of IP. RFC 3168 section 5. */
const ECT_1 = 1;
const ECT_0 = 2;
/** The codepoint that says that congestion was met. */
export const CONGESTION_EXPERIENCED = 3;
/** The bits of a counter of packets that are in the header. RFC 9768 section 3.1. */
const ACE_MASK = 7;
/** The bits of a counter of bytes. */
const BYTES_MASK = 0xffffff;
/** Packets that are marked until an acknowledgment is sent: with data to acknowledge, without. */
const MARKS_WITH_DATA = 2;
const MARKS_WITHOUT_DATA = 3;
/** Bits for the counters of bytes that have grown. */
const GREW_0 = 1;
const GREW_CE = 2;
const GREW_1 = 4;

/** What one connection that uses ECN tells. */
export class EcnEcho {
  readonly isAccurate: boolean;
  /** Whether ECE is set: until CWR comes. */
  #isEchoing = false;
  /** r.cep: packets that had met congestion, and what of it was told. */
  #packets: number;
  #toldPackets: number;
  /** r.e0b, r.ceb and r.e1b: bytes of payload by codepoint, modulo 2^24. */
  #bytes0 = 1;
  #bytesCe = 0;
  #bytes1 = 1;
  /** Whether the packet before was marked. */
  #wasMarked = false;
  /** Counters of bytes that have ever grown, that have since the last option, and since it left. */
  #everGrown = 0;
  #grown = 0;
  #isFresh = false;

  /** Begins as the handshake has left it. */
  constructor(agreement: Agreement) {
    this.isAccurate = agreement.ecn === Ecn.ACCURATE;
    this.#packets = this.#toldPackets = agreement.ecnReceived;
  }

  /** Learns from a segment. @returns whether the sender should hear of it without delay */
  onSegment(segment: Segment): boolean {
    const isMarked = segment.ecn === CONGESTION_EXPERIENCED;
    if (this.isAccurate) return this.#count(segment, isMarked);
    const isNew = isMarked && !this.#isEchoing;
    // RFC 3168 section 6.1.3 (MUST): ECE is set in every acknowledgment from a CE packet on, until
    // a segment with CWR arrives; CE on that very segment sets it again.
    if ((segment.flags & Flag.CWR) !== 0) this.#isEchoing = false;
    if (isMarked) this.#isEchoing = true;
    // Whoever has just reduced its window may be waiting for this.
    return isNew || (segment.flags & Flag.CWR) !== 0 && segment.payloadBytes > 0;
  }

  #count(segment: Segment, isMarked: boolean): boolean {
    const { ecn, payloadBytes, count } = segment;
    const isFirstMark = isMarked && !this.#wasMarked;
    this.#wasMarked = isMarked;
    // RFC 9768 section 3.2.1 (MUST): r.cep counts every packet, r.ceb, r.e0b and r.e1b payload.
    if (isMarked) this.#packets += count;
    const pending = this.#packets - this.#toldPackets;
    // RFC 9768 section 3.2.2.5.1 (MUST): without data to acknowledge it is not before the third
    // mark, lest two ends acknowledge each other's acknowledgments for ever.
    if (payloadBytes === 0) return pending >= MARKS_WITHOUT_DATA;
    if (ecn === ECT_0) {
      this.#bytes0 = this.#bytes0 + payloadBytes & BYTES_MASK;
      this.#grow(GREW_0);
    } else if (isMarked) {
      this.#bytesCe = this.#bytesCe + payloadBytes & BYTES_MASK;
      this.#grow(GREW_CE);
    } else if (ecn === ECT_1) {
      this.#bytes1 = this.#bytes1 + payloadBytes & BYTES_MASK;
      this.#grow(GREW_1);
    }
    // RFC 9768 section 3.2.2.5.1 (SHOULD): the first mark behind a packet without one is told.
    // RFC 9768 section 3.2.2.5.1 (MUST): so is every second one.
    return isFirstMark || pending >= MARKS_WITH_DATA;
  }

  #grow(counter: number): void {
    this.#everGrown |= counter;
    this.#grown |= counter;
    this.#isFresh = true;
  }

  /** Bits of `Flag` for a segment that leaves. */
  flags(): number {
    if (!this.isAccurate) return this.#isEchoing ? Flag.ECE : 0;
    const counter = this.#packets & ACE_MASK;
    return (counter & 4 ? Flag.AE : 0) | (counter & 2 ? Flag.CWR : 0) |
      (counter & 1 ? Flag.ECE : 0);
  }

  /** Whether the option begins with r.e1b: where r.e0b has never grown. */
  get #isReversed(): boolean {
    return (this.#everGrown & (GREW_0 | GREW_1)) === GREW_1;
  }

  /** How many counters an option has that tells of these. */
  #countersFor(grown: number): number {
    const third = this.#isReversed ? GREW_0 : GREW_1;
    if ((grown & third) !== 0) return 3;
    return (grown & GREW_CE) !== 0 ? 2 : 1;
  }

  /**
   * Counters that the option of a segment that leaves now has: 0 for no option.
   *
   * @param room bytes that there are for it
   */
  counters(room: number): number {
    // RFC 9768 section 3.2.3.3 (SHOULD): with every acknowledgment behind which a counter has
    // grown, for every counter that ever has.
    if (!this.isAccurate || !this.#isFresh) return 0;
    const fitting = Math.floor((room - OPTION.SIZE) / COUNTER_BYTES);
    // RFC 9768 section 3.2.3.3 (MUST): no option where what has grown does not fit in.
    if (fitting < this.#countersFor(this.#grown)) return 0;
    return Math.min(fitting, this.#countersFor(this.#everGrown));
  }

  /** Adds the option, with so many counters. */
  write(options: TcpOptions, counters: number): void {
    const isReversed = this.#isReversed;
    const isLong = counters > 2;
    options.ecnBytes0 = !isReversed || isLong ? this.#bytes0 : -1;
    options.ecnBytesCe = counters > 1 ? this.#bytesCe : -1;
    options.ecnBytes1 = isReversed || isLong ? this.#bytes1 : -1;
    options.present |= OptionBit.ACCURATE_ECN;
    this.#grown = 0;
  }

  /** A segment with the newest counters has left. */
  onSent(): void {
    this.#toldPackets = this.#packets;
    this.#isFresh = false;
  }
}
