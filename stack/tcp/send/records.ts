/**
 * Records of what was sent and is not acknowledged yet: one for each range of sequence numbers that
 * was handed over in one piece, or that an acknowledgment cut out of such a piece. All connections
 * of a stack share them, so that an idle connection has none.
 *
 * A record is two cache lines of one buffer: integers in the first, doubles in the second.
 *
 * @module
 */

/** No record. */
export const NONE = -1;

/** What is known of a range: bits of its `FLAGS`. */
export const RecordFlag = {
  /** It arrived, as SACK told. */
  SACKED: 1 << 0,
  /** It is lost, and was not sent again since. */
  LOST: 1 << 1,
  /** It was sent more than once. */
  RETRANSMITTED: 1 << 2,
  /** When it was sent, the application was the limit. */
  APPLICATION_LIMITED: 1 << 3,
  /** Its last number is the FIN's. */
  FIN: 1 << 4,
  /** It probes a closed window. */
  PROBE: 1 << 5,
  /** It is longer than the path is known to take: RFC 4821. */
  PATH_PROBE: 1 << 6,
} as const;

/** By how many bits a record's number is shifted for its first integer. */
export const INTEGER_SHIFT = 5;
/** By how many bits a record's number is shifted for its first double. */
export const DOUBLE_SHIFT = 4;

/** The first number of the range. */
export const START = 0;
/** The number behind it. */
export const END = 1;
/** Bits of {@linkcode RecordFlag}. */
export const FLAGS = 2;
/** The record with the numbers behind, and that before; or the next free one. */
export const NEXT = 3;
/** See {@linkcode NEXT}. */
export const PREVIOUS = 4;
/** What was sent next, and before, of what is in flight. */
export const LATER = 5;
/** See {@linkcode LATER}. */
export const EARLIER = 6;
/** Bytes in flight when it was sent, itself included. */
export const IN_FLIGHT = 7;
/** The most bytes of payload of each of its segments. */
export const SEGMENT_BYTES = 8;
/** How many segments it is. */
export const COUNT = 9;
/** How many were sent before it, modulo 2^32. */
export const ORDER = 10;

/** When it was sent last, in microseconds. */
export const SENT_AT = 8;
/** When the packet was sent that began the sample of the rate at which it was sent. */
export const FIRST_SENT_AT = 9;
/** Bytes delivered when it was sent. */
export const DELIVERED = 10;
/** When the last of those was delivered. */
export const DELIVERED_AT = 11;
/** Bytes lost when it was sent. */
export const LOST_BYTES = 12;

const RECORD_BYTES = 128;
const FIRST_CAPACITY = 256;
/** The last records are for splitting those that are there: what is in flight can be dealt with. */
const RESERVED_SHARE = 16;

/** The records of one stack. */
export class SendRecords {
  /** All integers: those of a record begin at its number shifted by {@linkcode INTEGER_SHIFT}. */
  integers: Int32Array;
  /** All doubles: those of a record begin at its number shifted by {@linkcode DOUBLE_SHIFT}. */
  doubles: Float64Array;
  /** How many are taken. */
  used = 0;
  /** How often something was sent: tells what was sent first in one step, which has one time. */
  order = 0;
  readonly #maximum: number;
  readonly #reserved: number;
  #capacity: number;
  #free = NONE;
  #fresh = 0;

  /** @param maximum how many there are at most: memory is taken as they are needed */
  constructor(maximum: number) {
    this.#maximum = maximum;
    this.#reserved = Math.ceil(maximum / RESERVED_SHARE);
    this.#capacity = Math.min(FIRST_CAPACITY, maximum);
    const buffer = new ArrayBuffer(this.#capacity * RECORD_BYTES);
    this.integers = new Int32Array(buffer);
    this.doubles = new Float64Array(buffer);
  }

  /**
   * Takes a record. The arrays may be others afterwards.
   *
   * @param isSplit whether it is for a part of one that is there: those may take the last ones
   * @returns its number, or -1 when none is left
   */
  take(isSplit: boolean): number {
    if (isSplit ? this.used >= this.#maximum : !this.hasRoom) return NONE;
    this.used++;
    const free = this.#free;
    if (free !== NONE) {
      this.#free = this.integers[(free << INTEGER_SHIFT) + NEXT];
      return free;
    }
    if (this.#fresh === this.#capacity) this.#grow();
    return this.#fresh++;
  }

  /** Whether there is one for something new. */
  get hasRoom(): boolean {
    return this.used < this.#maximum - this.#reserved;
  }

  #grow(): void {
    this.#capacity = Math.min(2 * this.#capacity, this.#maximum);
    const buffer = new ArrayBuffer(this.#capacity * RECORD_BYTES);
    const integers = new Int32Array(buffer);
    integers.set(this.integers);
    this.integers = integers;
    this.doubles = new Float64Array(buffer);
  }

  /** Gives a record back. */
  release(record: number): void {
    this.integers[(record << INTEGER_SHIFT) + NEXT] = this.#free;
    this.#free = record;
    this.used--;
  }
}
