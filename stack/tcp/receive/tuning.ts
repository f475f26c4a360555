/**
 * How large a receive buffer has to be: dynamic right-sizing, as Linux does it.
 *
 * A sender whose window is full delivers one window in each round trip. So what a program reads in
 * a round trip, times two, is a buffer that lets the sender double its rate. The round trip is
 * measured by echoed timestamps, and without them by how long a window takes to arrive.
 *
 * Source: W. Feng et al., "Dynamic right-sizing", 2002; `tcp_rcv_space_adjust` of Linux.
 *
 * @module
 */

/** Segments that are added to what was read: a sender in slow start sends ahead. */
const SPARE_SEGMENTS = 16;
/** Averages move by an eighth of each sample. */
const SMOOTHING_SHIFT = 3;
/** A round trip longer than this was a pause. */
const LONGEST_ROUND_TRIP = 1 << 29;

/** What is known of one connection's rate. Times are kept as 32 bits, in microseconds. */
export class BufferTuning {
  /** The round trip as the receiver sees it, in microseconds; 0 before it was measured. */
  rtt = 0;
  /** The end of the window whose arrival is timed, and when it began. */
  #windowEnd = 0;
  #windowTime = 0;
  /** What was read when, and the most that was read in a round trip. */
  #readMark: number;
  #readTime: number;
  /** Bytes that a program reads in a round trip. */
  space: number;

  /** Begins with the first data. */
  constructor(now: number, read: number, limit: number, space: number) {
    this.#windowEnd = limit;
    this.#windowTime = now | 0;
    this.#readMark = read;
    this.#readTime = now | 0;
    this.space = space;
  }

  /** Data have arrived in order: a whole window of them is one round trip, or more. */
  onArrival(now: number, next: number, limit: number): void {
    if (((next - this.#windowEnd) | 0) < 0) return;
    const elapsed = ((now | 0) - this.#windowTime) >>> 0;
    this.sample(elapsed, true);
    this.#windowEnd = limit;
    this.#windowTime = now | 0;
  }

  /** A full segment echoes a timestamp that we sent so long ago, in milliseconds. */
  onEcho(milliseconds: number): void {
    if (milliseconds < 0) return;
    this.sample(Math.max(milliseconds, 1) * 1000, false);
  }

  private sample(microseconds: number, isOfWindow: boolean): void {
    if (microseconds > LONGEST_ROUND_TRIP) return;
    const sample = Math.max(microseconds, 1);
    if (this.rtt === 0) {
      this.rtt = sample;
    } else if (isOfWindow) {
      // A window may take longer than a round trip to arrive, never less.
      if (sample < this.rtt) this.rtt = sample;
    } else {
      this.rtt += (sample - this.rtt) >> SMOOTHING_SHIFT;
    }
  }

  /**
   * A program has read.
   *
   * @param read the number of the next byte to be read
   * @param segment bytes of payload of a full segment
   * @returns how many bytes the buffer should have, or 0 where nothing new is known
   */
  onRead(now: number, read: number, segment: number): number {
    const elapsed = ((now | 0) - this.#readTime) >>> 0;
    if (this.rtt === 0 || elapsed < this.rtt) return 0;
    const copied = (read - this.#readMark) | 0;
    this.#readMark = read;
    this.#readTime = now | 0;
    if (copied <= this.space) return 0;
    // Twice what was read lets the sender double its rate; while the rate grows, by as much more
    // as it has grown.
    const window = 2 * copied + SPARE_SEGMENTS * segment;
    const growth = Math.floor(window * (copied - this.space) / this.space);
    this.space = copied;
    return window + 2 * growth;
  }
}
