/**
 * Counters: what a stack did, and every packet that it dropped, by reason.
 *
 * Each protocol names its counters in an object from names to numbers, such as `Fault` of the wire
 * formats. To count is one addition to a typed array. The array may lie in shared memory, where
 * another thread reads it without asking.
 *
 * @module
 */

/** Names of counters, with the numbers from 0 on without gaps. */
export type CounterNames = Readonly<Record<string, number>>;

/** What the counters of a group show. */
export type CounterValues<Names extends CounterNames> = { readonly [Name in keyof Names]: number };

/** What all counters show. */
export type StatisticsValues<Groups extends Readonly<Record<string, CounterNames>>> = {
  readonly [Group in keyof Groups]: CounterValues<Groups[Group]>;
};

/** Numbers of 64 bits: bytes are counted, too, and those soon need more than 32. */
const COUNTER_BYTES = 8;

/** The counters of one protocol. */
export class Counters<Names extends CounterNames> {
  /** One number for each counter; only the stack's own thread writes them. */
  readonly values: Float64Array<ArrayBufferLike>;
  readonly #names: Names;

  /**
   * Makes the counters of a group.
   *
   * @param names The names.
   * @param values Where they are counted.
   * @throws {RangeError} When two names have one number, or a number has no name.
   */
  constructor(names: Names, values: Float64Array<ArrayBufferLike>) {
    const numbers = Object.values(names).sort((one, other) => one - other);
    if (numbers.length !== values.length || numbers.some((number, index) => number !== index)) {
      throw new RangeError(`counters are numbered from 0 on without gaps, not ${numbers}`);
    }
    this.#names = names;
    this.values = values;
  }

  /**
   * Counts.
   *
   * @param counter One of the names' numbers.
   * @param amount How much; 1.
   */
  add(counter: Names[keyof Names], amount: number = 1): void {
    this.values[counter] += amount;
  }

  /** What the counters show now, by name. */
  snapshot(): CounterValues<Names> {
    const shown = Object.entries(this.#names).map(([name, number]) => [name, this.values[number]]);
    return Object.fromEntries(shown) as CounterValues<Names>;
  }
}

/** The counters of a stack, in one array. */
export class Statistics<const Groups extends Readonly<Record<string, CounterNames>>> {
  /** The counters by group. */
  readonly groups: { readonly [Group in keyof Groups]: Counters<Groups[Group]> };

  /**
   * Makes counters, or looks at those of another thread.
   *
   * @param groups The names of each group's counters.
   * @param buffer Where they are counted; memory of its own. With the buffer of another thread's
   * counters, and the same groups, it shows those.
   * @param offset Where they start in it, a multiple of 8.
   *
   * @example
   * ```ts
   * const Link = { RECEIVED: 0, DROPPED_TOO_LONG: 1 } as const;
   * const statistics = new Statistics({ link: Link });
   * const link = statistics.groups.link;
   * link.add(Link.DROPPED_TOO_LONG);
   * statistics.snapshot().link.DROPPED_TOO_LONG; // 1
   * ```
   */
  constructor(
    groups: Groups,
    buffer: ArrayBufferLike = new ArrayBuffer(Statistics.bytesOf(groups)),
    offset: number = 0,
  ) {
    let at = offset;
    const made = Object.entries(groups).map(([group, names]) => {
      const count = Object.keys(names).length;
      const values = new Float64Array(buffer, at, count);
      at += count * COUNTER_BYTES;
      return [group, new Counters(names, values)];
    });
    this.groups = Object.fromEntries(made);
  }

  /**
   * How much memory counters take.
   *
   * @param groups The names of each group's counters.
   * @returns Bytes.
   */
  static bytesOf(groups: Readonly<Record<string, CounterNames>>): number {
    const counts = Object.values(groups).map((names) => Object.keys(names).length);
    return counts.reduce((sum, count) => sum + count, 0) * COUNTER_BYTES;
  }

  /** What all counters show now, by group and name. */
  snapshot(): StatisticsValues<Groups> {
    const groups = Object.keys(this.groups).map((group) => [group, this.groups[group].snapshot()]);
    return Object.fromEntries(groups) as StatisticsValues<Groups>;
  }
}
