/**
 * What an arena counts.
 *
 * @module
 */

/** What became of the packets of one size. */
export interface SizeClassStatistics {
  /** Bytes behind the headroom; 0 for slices. */
  readonly roomBytes: number;
  /** How many there are. */
  readonly count: number;
  /** How many are taken now. */
  readonly used: number;
  /** How many were taken at a time, at most. */
  readonly peak: number;
  /** How often one was taken. */
  readonly taken: number;
  /** How often one was wanted and none was left, neither of this size nor of one it may borrow. */
  readonly refused: number;
  /** How often one of the next size was taken instead. */
  readonly borrowed: number;
}

/** What became of an arena's packets. */
export interface PacketArenaStatistics {
  /** Packets with memory, by size, the smallest first. */
  readonly classes: readonly SizeClassStatistics[];
  /** Packets without. */
  readonly slices: SizeClassStatistics;
  /** How often a packet was wanted that is longer than the largest size. */
  readonly tooLong: number;
  /** How often a header did not fit into the headroom. */
  readonly headroomShort: number;
}

/** The counters of an arena, one of each for every class. */
export class ArenaCounters {
  readonly #rooms: Int32Array;
  /** How many packets are taken now. */
  readonly used: Int32Array;
  readonly peak: Int32Array;
  readonly taken: Float64Array;
  readonly refused: Float64Array;
  readonly borrowed: Float64Array;
  tooLong = 0;
  headroomShort = 0;

  /** @param rooms Bytes of each size; slices have a class of their own behind these. */
  constructor(rooms: Int32Array) {
    const count = rooms.length + 1;
    this.#rooms = rooms;
    this.used = new Int32Array(count);
    this.peak = new Int32Array(count);
    this.taken = new Float64Array(count);
    this.refused = new Float64Array(count);
    this.borrowed = new Float64Array(count);
  }

  /** One more packet of a class is taken. */
  take(sizeClass: number): void {
    const used = ++this.used[sizeClass];
    if (used > this.peak[sizeClass]) this.peak[sizeClass] = used;
    this.taken[sizeClass]++;
  }

  /** @param counts How many packets there are of each class. */
  describe(counts: readonly number[]): PacketArenaStatistics {
    const classes = counts.map((count, index): SizeClassStatistics => ({
      roomBytes: this.#rooms[index] ?? 0,
      count,
      used: this.used[index],
      peak: this.peak[index],
      taken: this.taken[index],
      refused: this.refused[index],
      borrowed: this.borrowed[index],
    }));
    const slices = classes.pop()!;
    return { classes, slices, tooLong: this.tooLong, headroomShort: this.headroomShort };
  }
}
