/**
 * The records of what one connection has sent, in two orders: that of their numbers, and, of those
 * in flight, that they were sent in.
 *
 * ```text
 *   first                                             last        in the order of numbers
 *     v                                                 v
 *   [lost][in flight][sacked][in flight][sacked][in flight] ...
 *             ^         oldest ... newest: what is in flight, in the order it was sent
 * ```
 *
 * Each record is in flight, lost or sacked. RFC 6675 calls the bytes in flight `pipe`.
 *
 * @module
 */

import {
  COUNT,
  DELIVERED,
  DELIVERED_AT,
  DOUBLE_SHIFT,
  EARLIER,
  END,
  FIRST_SENT_AT,
  FLAGS,
  IN_FLIGHT,
  INTEGER_SHIFT,
  LATER,
  LOST_BYTES,
  NEXT,
  NONE,
  ORDER,
  PREVIOUS,
  RecordFlag,
  SEGMENT_BYTES,
  type SendRecords,
  SENT_AT,
  START,
} from "./records.ts";

/** A connection has a few more records than {@linkcode RECORDS_PER_SEGMENT} allows. */
const SPARE_RECORDS = 64;
/** More pieces of a segment are not told apart. */
const RECORDS_PER_SEGMENT = 4;

/** The records of one busy connection. */
export class FlightRecords {
  readonly records: SendRecords;
  first = NONE;
  last = NONE;
  oldest = NONE;
  newest = NONE;
  /** Bytes in flight, found by SACK, and lost. */
  inFlight = 0;
  sacked = 0;
  lost = 0;
  /** Segments found by SACK. */
  segmentsSacked = 0;
  /** How many records there are. */
  recordCount = 0;
  /** No lost record has lower numbers than this one; -1 if it is not known. */
  lostHint = NONE;
  /** Where SACK found something last. */
  sackHint = NONE;
  /** The number behind the highest byte found by SACK; it counts while something is. */
  highestSacked = 0;
  /** Bytes that were ever lost. */
  lostTotal = 0;
  /** Whether a probe of the path was lost: RFC 4821. */
  isPathProbeLost = false;
  /** When the sample of the rate began that what leaves now belongs to, and its last delivery. */
  firstSentAt = 0.5;
  deliveredAt = 0.5;

  /** Makes one that has none. */
  constructor(records: SendRecords) {
    this.records = records;
  }

  /** Gives all records back. */
  clearRecords(): void {
    let at = this.first;
    while (at !== NONE) {
      const next = this.records.integers[(at << INTEGER_SHIFT) + NEXT];
      this.records.release(at);
      at = next;
    }
    this.recordCount = 0;
    this.first =
      this.last =
      this.oldest =
      this.newest =
      this.lostHint =
      this.sackHint =
        NONE;
    this.inFlight =
      this.sacked =
      this.lost =
      this.segmentsSacked =
        0;
  }

  /**
   * Records that a range was sent for the first time, behind all others.
   *
   * @returns the record, or -1 when none is left
   */
  add(
    start: number,
    end: number,
    flags: number,
    segmentBytes: number,
    now: number,
    delivered: number,
  ): number {
    const { records } = this;
    const record = records.take(false);
    if (record === NONE) return NONE;
    this.recordCount++;
    const { integers } = records;
    const at = record << INTEGER_SHIFT;
    const bytes = (end - start) | 0;
    integers[at + START] = start;
    integers[at + END] = end;
    integers[at + FLAGS] = flags;
    integers[at + NEXT] = NONE;
    integers[at + PREVIOUS] = this.last;
    integers[at + SEGMENT_BYTES] = segmentBytes;
    const payload = flags & RecordFlag.FIN ? bytes - 1 : bytes;
    integers[at + COUNT] = payload <= segmentBytes ? 1 : Math.ceil(payload / segmentBytes);
    if (this.last === NONE) this.first = record;
    else integers[(this.last << INTEGER_SHIFT) + NEXT] = record;
    this.last = record;
    this.#stamp(record, bytes, now, delivered);
    return record;
  }

  /** A range leaves now: puts its record behind all that are in flight. */
  #stamp(record: number, bytes: number, now: number, delivered: number): void {
    const { integers, doubles } = this.records;
    const at = record << INTEGER_SHIFT;
    integers[at + ORDER] = this.records.order = (this.records.order + 1) | 0;
    integers[at + LATER] = NONE;
    integers[at + EARLIER] = this.newest;
    if (this.newest === NONE) this.oldest = record;
    else integers[(this.newest << INTEGER_SHIFT) + LATER] = record;
    this.newest = record;
    // draft-cheng-iccrg-delivery-rate-estimation section 3.2: what begins with an empty pipe begins
    // a new sample.
    if (this.inFlight === 0) this.firstSentAt = this.deliveredAt = now;
    this.inFlight += bytes;
    integers[at + IN_FLIGHT] = this.inFlight;
    const to = record << DOUBLE_SHIFT;
    // RFC 8985 section 4 (MUST): the time when it was sent last, in microseconds.
    doubles[to + SENT_AT] = now;
    doubles[to + FIRST_SENT_AT] = this.firstSentAt;
    doubles[to + DELIVERED] = delivered;
    doubles[to + DELIVERED_AT] = this.deliveredAt;
    doubles[to + LOST_BYTES] = this.lostTotal;
  }

  /** Records that a range was sent again; it is in flight, or lost. */
  resend(record: number, flags: number, now: number, delivered: number): void {
    const { integers } = this.records;
    const at = record << INTEGER_SHIFT;
    const bytes = (integers[at + END] - integers[at + START]) | 0;
    if (integers[at + FLAGS] & RecordFlag.LOST) {
      this.lost -= bytes;
    } else {
      this.unlinkSent(record);
      this.inFlight -= bytes;
    }
    // RFC 8985 section 4 (MUST): whether it was sent again.
    integers[at + FLAGS] = integers[at + FLAGS] & (RecordFlag.FIN | RecordFlag.PROBE) | flags |
      RecordFlag.RETRANSMITTED;
    this.#stamp(record, bytes, now, delivered);
  }

  /** Takes a record out of those in flight by time. */
  unlinkSent(record: number): void {
    const { integers } = this.records;
    const at = record << INTEGER_SHIFT;
    const later = integers[at + LATER];
    const earlier = integers[at + EARLIER];
    if (later === NONE) this.newest = earlier;
    else integers[(later << INTEGER_SHIFT) + EARLIER] = earlier;
    if (earlier === NONE) this.oldest = later;
    else integers[(earlier << INTEGER_SHIFT) + LATER] = later;
  }

  /** The bytes of the first record, or some of them, are acknowledged. */
  takeFirst(bytes: number): void {
    const { integers } = this.records;
    const record = this.first;
    const at = record << INTEGER_SHIFT;
    const flags = integers[at + FLAGS];
    const isWhole = bytes === ((integers[at + END] - integers[at + START]) | 0);
    let count = integers[at + COUNT];
    if (!isWhole) {
      const rest = ((integers[at + END] - integers[at + START]) | 0) - bytes;
      const left = Math.min(count, Math.ceil(rest / integers[at + SEGMENT_BYTES]));
      integers[at + COUNT] = left;
      count -= left;
    }
    if (flags & RecordFlag.SACKED) {
      this.sacked -= bytes;
      this.segmentsSacked -= count;
    } else if (flags & RecordFlag.LOST) {
      this.lost -= bytes;
    } else {
      this.inFlight -= bytes;
      if (isWhole) this.unlinkSent(record);
    }
    if (isWhole) this.#remove(record);
    else integers[at + START] = (integers[at + START] + bytes) | 0;
  }

  /** Takes a record out of the order of numbers, and gives it back. */
  #remove(record: number): void {
    const { integers } = this.records;
    const at = record << INTEGER_SHIFT;
    const next = integers[at + NEXT];
    const previous = integers[at + PREVIOUS];
    if (next === NONE) this.last = previous;
    else integers[(next << INTEGER_SHIFT) + PREVIOUS] = previous;
    if (previous === NONE) this.first = next;
    else integers[(previous << INTEGER_SHIFT) + NEXT] = next;
    if (this.lostHint === record) this.lostHint = next;
    if (this.sackHint === record) this.sackHint = previous === NONE ? next : previous;
    this.recordCount--;
    this.records.release(record);
  }

  /**
   * Cuts a record in two.
   *
   * @param at the first number of the second part, inside of it
   * @returns the second part, or -1 when no record is left
   */
  split(record: number, at: number): number {
    const { records } = this;
    if (this.recordCount >= this.#recordLimit(record)) return NONE;
    const part = records.take(true);
    if (part === NONE) return NONE;
    this.recordCount++;
    const { integers, doubles } = records;
    const from = record << INTEGER_SHIFT;
    const to = part << INTEGER_SHIFT;
    integers.copyWithin(to, from, from + ORDER + 1);
    const source = (record << DOUBLE_SHIFT) + SENT_AT;
    doubles.copyWithin((part << DOUBLE_SHIFT) + SENT_AT, source, source + 5);
    this.#share(from, to, at);
    const next = integers[from + NEXT];
    integers[from + NEXT] = part;
    integers[to + PREVIOUS] = record;
    if (next === NONE) this.last = part;
    else integers[(next << INTEGER_SHIFT) + PREVIOUS] = part;
    if ((integers[from + FLAGS] & (RecordFlag.SACKED | RecordFlag.LOST)) === 0) {
      const later = integers[from + LATER];
      integers[from + LATER] = part;
      integers[to + EARLIER] = record;
      if (later === NONE) this.newest = part;
      else integers[(later << INTEGER_SHIFT) + EARLIER] = part;
    }
    return part;
  }

  /**
   * A peer that acknowledges single bytes selectively cannot make more records than this: a few
   * for each segment that is in flight.
   */
  #recordLimit(record: number): number {
    const { integers } = this.records;
    const span = integers[(this.last << INTEGER_SHIFT) + END] -
      integers[(this.first << INTEGER_SHIFT) + START];
    const segments = (span | 0) / integers[(record << INTEGER_SHIFT) + SEGMENT_BYTES];
    return SPARE_RECORDS + RECORDS_PER_SEGMENT * segments;
  }

  /** Divides numbers, flags and segments among the parts of a record. */
  #share(from: number, to: number, at: number): void {
    const { integers } = this.records;
    const all = integers[from + COUNT];
    integers[to + START] = at;
    integers[from + END] = at;
    integers[from + FLAGS] &= ~RecordFlag.FIN;
    const segmentBytes = integers[from + SEGMENT_BYTES];
    const head = Math.ceil(((at - integers[from + START]) | 0) / segmentBytes);
    const tail = Math.ceil(((integers[to + END] - at) | 0) / segmentBytes);
    integers[from + COUNT] = head;
    integers[to + COUNT] = tail;
    if (integers[from + FLAGS] & RecordFlag.SACKED) this.segmentsSacked += head + tail - all;
  }

  /** SACK tells that a range arrived. */
  markSacked(record: number): void {
    const { integers } = this.records;
    const at = record << INTEGER_SHIFT;
    const bytes = (integers[at + END] - integers[at + START]) | 0;
    if (integers[at + FLAGS] & RecordFlag.LOST) {
      this.lost -= bytes;
    } else {
      this.inFlight -= bytes;
      this.unlinkSent(record);
    }
    integers[at + FLAGS] = integers[at + FLAGS] & ~RecordFlag.LOST | RecordFlag.SACKED;
    if (this.sacked === 0 || ((integers[at + END] - this.highestSacked) | 0) > 0) {
      this.highestSacked = integers[at + END];
    }
    this.sacked += bytes;
    this.segmentsSacked += integers[at + COUNT];
  }

  /** What was sacked is one record with what was sacked behind it, so that walks stay short. */
  joinSacked(record: number): void {
    const { integers } = this.records;
    const at = record << INTEGER_SHIFT;
    const next = integers[at + NEXT];
    if (next === NONE) return;
    const behind = next << INTEGER_SHIFT;
    if ((integers[at + FLAGS] & integers[behind + FLAGS] & RecordFlag.SACKED) === 0) return;
    integers[at + END] = integers[behind + END];
    integers[at + FLAGS] |= integers[behind + FLAGS];
    integers[at + COUNT] += integers[behind + COUNT];
    this.#remove(next);
  }

  /** A range that was in flight is lost. */
  markLost(record: number): void {
    const { integers } = this.records;
    const at = record << INTEGER_SHIFT;
    const bytes = (integers[at + END] - integers[at + START]) | 0;
    this.unlinkSent(record);
    this.inFlight -= bytes;
    this.lost += bytes;
    if (integers[at + FLAGS] & RecordFlag.PATH_PROBE) this.isPathProbeLost = true;
    integers[at + FLAGS] = integers[at + FLAGS] & ~RecordFlag.PATH_PROBE | RecordFlag.LOST;
    const hint = this.lostHint;
    if (
      hint === NONE ||
      ((integers[at + START] - integers[(hint << INTEGER_SHIFT) + START]) | 0) < 0
    ) {
      this.lostHint = record;
    }
  }

  /** The lost range with the lowest numbers, or -1. */
  firstLost(): number {
    if (this.lost === 0) {
      this.lostHint = NONE;
      return NONE;
    }
    const { integers } = this.records;
    let record = this.lostHint === NONE ? this.first : this.lostHint;
    while (
      record !== NONE && (integers[(record << INTEGER_SHIFT) + FLAGS] & RecordFlag.LOST) === 0
    ) {
      record = integers[(record << INTEGER_SHIFT) + NEXT];
    }
    return this.lostHint = record;
  }

  /** A range that was thought lost, and was not sent again, is in flight as before. */
  markFound(record: number): void {
    const { integers, doubles } = this.records;
    const at = record << INTEGER_SHIFT;
    const bytes = (integers[at + END] - integers[at + START]) | 0;
    integers[at + FLAGS] &= ~RecordFlag.LOST;
    this.lost -= bytes;
    this.inFlight += bytes;
    const sentAt = doubles[(record << DOUBLE_SHIFT) + SENT_AT];
    let earlier = this.newest;
    while (earlier !== NONE && doubles[(earlier << DOUBLE_SHIFT) + SENT_AT] > sentAt) {
      earlier = integers[(earlier << INTEGER_SHIFT) + EARLIER];
    }
    const later = earlier === NONE ? this.oldest : integers[(earlier << INTEGER_SHIFT) + LATER];
    integers[at + EARLIER] = earlier;
    integers[at + LATER] = later;
    if (earlier === NONE) this.oldest = record;
    else integers[(earlier << INTEGER_SHIFT) + LATER] = record;
    if (later === NONE) this.newest = record;
    else integers[(later << INTEGER_SHIFT) + EARLIER] = record;
  }

  /** What a receiver said of a range is not true any more: it is lost. */
  unmarkSacked(record: number): void {
    const { integers } = this.records;
    const at = record << INTEGER_SHIFT;
    const bytes = (integers[at + END] - integers[at + START]) | 0;
    integers[at + FLAGS] = integers[at + FLAGS] & ~RecordFlag.SACKED | RecordFlag.LOST;
    this.sacked -= bytes;
    this.segmentsSacked -= integers[at + COUNT];
    this.lost += bytes;
    this.lostHint = this.first;
  }
}
