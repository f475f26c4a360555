/**
 * A hierarchical timer wheel: deadlines by number, any number of them, as far away as a clock can
 * count.
 *
 * ```text
 *   tick   =  ... | 6 bits | 6 bits | 6 bits | 6 bits |
 *   level        3        2        1        0
 * ```
 *
 * Time is counted in ticks. A tick's number is cut into digits of 6 bits, and each digit is a level
 * of 64 slots. A timer lies at the level of the highest digit in which its tick differs from the
 * wheel's, in the slot of that digit: near ones at level 0, where a slot is one tick, others the
 * higher the further away they are. When the wheel turns to a slot of a higher level, the timers in
 * it move to levels below. A jump of any length therefore costs as much as there are timers to fire
 * and to move, and no timer moves more often than there are levels.
 *
 * The next timers are in the first slot of the lowest level that has any. The timers of a slot form
 * a heap, so that the very next one is known without moving the others (see {@linkcode TimerHeap}):
 * with lists instead, whoever asked would be told the start of a slot, and woken too early. To arm
 * takes a constant time, and so does to disarm, unless the timer is the first one of its slot: then
 * it is O(log n), amortised.
 *
 * Source: Varghese and Lauck, "Hashed and hierarchical timing wheels", IEEE/ACM Transactions on
 * Networking 5 (1997), scheme 7.
 *
 * @module
 */

import { FREE, NONE, SLOT, TAG, TICKS_SHIFT, TimerHeap, WORDS_SHIFT } from "./timer_heap.ts";

/** More timers than this are refused. */
export const MAXIMUM_TIMERS = 1 << 22;

/** What a wheel is made of. */
export interface TimerWheelOptions {
  /** How many timers there are. */
  readonly capacity: number;
  /**
   * Units of the clock in a tick, an integer: 1000 is a millisecond on a clock that counts
   * microseconds. A timer fires early by less than that.
   */
  readonly resolution: number;
  /** What the clock shows; 0. */
  readonly now?: number;
}

/** What became of a wheel's timers. */
export interface TimerWheelStatistics {
  /** How many timers there are. */
  readonly capacity: number;
  /** How many are taken. */
  readonly used: number;
  /** How many were taken at a time, at most. */
  readonly peak: number;
  /** How many are armed. */
  readonly armed: number;
  /** How often one fired. */
  readonly fired: number;
  /** How often a timer moved to a lower level. */
  readonly moved: number;
  /** How often one was wanted and none was left. */
  readonly refused: number;
}

const DIGIT_BITS = 6;
const SLOTS = 1 << DIGIT_BITS;
const DIGIT = SLOTS - 1;
/** Nine digits: 54 bits, of which clocks use 53. */
const LEVELS = 9;
/** Ticks are cut in two, since operations on bits take 32: five digits, and the four above. */
const LOW_LEVELS = 5;
const LOW = 2 ** (DIGIT_BITS * LOW_LEVELS);
/** Words of 32 bits that tell which slots of a level have timers. */
const WORDS = SLOTS / 32;
const UNARMED = -1;

/** Ticks of a slot of each level. */
const SPANS = Float64Array.from({ length: LEVELS + 1 }, (_, level) => SLOTS ** level);

/** The timers of one stack. */
export class TimerWheel {
  /** How many timers there are: numbers are less than this. */
  readonly capacity: number;
  readonly #resolution: number;
  readonly #timers: TimerHeap;
  readonly #ticks: Float64Array;
  readonly #words: Int32Array;
  /** The heap of each slot. */
  readonly #heaps: Int32Array = new Int32Array(LEVELS * SLOTS).fill(NONE);
  /** A bit for each slot that has timers. */
  readonly #occupied: Int32Array = new Int32Array(LEVELS * WORDS);
  /** A bit for each level that has timers. */
  #levels = 0;
  /** The tick that the wheel has turned to. */
  #now = 0;
  #nowLow = 0;
  #nowHigh = 0;
  #firstFree: number;
  #used = 0;
  #peak = 0;
  #armed = 0;
  #fired = 0;
  #moved = 0;
  #refused = 0;

  /**
   * Makes a wheel, all of whose timers are free.
   *
   * @param options What it is made of.
   * @throws {RangeError} When there would be too many timers, or the resolution is no integer.
   *
   * @example
   * ```ts
   * const wheel = new TimerWheel({ capacity: 1000, resolution: 1 });
   * const timer = wheel.take(42);
   * wheel.arm(timer, 200);
   * wheel.expire(250, (timer, tag) => console.log(`timer ${timer} of ${tag}`));
   * wheel.release(timer);
   * ```
   */
  constructor({ capacity, resolution, now = 0 }: TimerWheelOptions) {
    if (!(Number.isInteger(capacity) && capacity >= 0 && capacity <= MAXIMUM_TIMERS)) {
      throw new RangeError(`a timer wheel has up to ${MAXIMUM_TIMERS} timers, not ${capacity}`);
    }
    if (!(Number.isSafeInteger(resolution) && resolution > 0)) {
      throw new RangeError(`the resolution is ${resolution}, expected an integer above 0`);
    }
    this.capacity = capacity;
    this.#resolution = resolution;
    this.#timers = new TimerHeap(capacity);
    this.#ticks = this.#timers.ticks;
    this.#words = this.#timers.words;
    for (let timer = 0; timer < capacity; timer++) {
      this.#words[(timer << WORDS_SHIFT) + SLOT] = UNARMED;
      this.#words[(timer << WORDS_SHIFT) + FREE] = timer + 1 < capacity ? timer + 1 : NONE;
    }
    this.#firstFree = capacity > 0 ? 0 : NONE;
    this.#turnTo(this.#tickOf(now));
  }

  /**
   * Takes a timer, which is not armed.
   *
   * @param tag What it is for: a 32-bit integer that is handed over when it fires.
   * @returns Its number, or -1 when none is left.
   */
  take(tag: number): number {
    const timer = this.#firstFree;
    if (timer === NONE) {
      this.#refused++;
      return NONE;
    }
    this.#firstFree = this.#words[(timer << WORDS_SHIFT) + FREE];
    this.#words[(timer << WORDS_SHIFT) + FREE] = timer;
    this.#words[(timer << WORDS_SHIFT) + TAG] = tag;
    if (++this.#used > this.#peak) this.#peak = this.#used;
    return timer;
  }

  /**
   * Gives a timer back; it is disarmed.
   *
   * @throws {Error} When it is not taken.
   */
  release(timer: number): void {
    // A timer that is taken is not on the list, and stands for itself.
    if (this.#words[(timer << WORDS_SHIFT) + FREE] !== timer) {
      throw new Error(`timer ${timer} is not taken`);
    }
    this.disarm(timer);
    this.#words[(timer << WORDS_SHIFT) + FREE] = this.#firstFree;
    this.#firstFree = timer;
    this.#used--;
  }

  /**
   * Arms a timer, or arms it anew.
   *
   * @param timer A timer that is taken.
   * @param deadline When it is due, in units of the clock; what has passed is due at once.
   * @throws {RangeError} When the deadline is no time.
   * @throws {Error} When the timer is not taken.
   */
  arm(timer: number, deadline: number): void {
    if (this.#words[(timer << WORDS_SHIFT) + FREE] !== timer) {
      throw new Error(`timer ${timer} is not taken`);
    }
    const tick = this.#tickOf(deadline);
    const slot = this.#slotOf(tick);
    const before = this.#words[(timer << WORDS_SHIFT) + SLOT];
    if (
      before === slot && tick >= this.#ticks[timer << TICKS_SHIFT] &&
      !this.#timers.hasChildren(timer)
    ) {
      // It stays behind the timer that it is behind of.
      this.#ticks[timer << TICKS_SHIFT] = tick;
      return;
    }
    if (before !== UNARMED) this.#remove(timer, before);
    this.#insert(timer, tick, slot);
  }

  /** Disarms a timer; one that is not armed stays so. */
  disarm(timer: number): void {
    const slot = this.#words[(timer << WORDS_SHIFT) + SLOT];
    if (slot !== UNARMED) this.#remove(timer, slot);
  }

  /** Whether a timer is armed. */
  isArmed(timer: number): boolean {
    return this.#words[(timer << WORDS_SHIFT) + SLOT] !== UNARMED;
  }

  /**
   * When to call {@linkcode expire} next.
   *
   * @returns The earliest deadline in units of the clock, early by less than a tick and never late;
   * Infinity when no timer is armed.
   */
  nextDeadline(): number {
    const slot = this.#firstSlot();
    return slot === NONE
      ? Infinity
      : this.#ticks[this.#heaps[slot] << TICKS_SHIFT] * this.#resolution;
  }

  /**
   * Fires all timers that are due: in the order of their ticks, and within a tick in the order of
   * their numbers. Each is disarmed before it fires. Timers may be armed meanwhile, and fire as
   * well if they are due; a wheel on which that never ends stops at the limit.
   *
   * @param now What the clock shows; never less than before.
   * @param fire Is given the timer's number and tag.
   * @param limit How many may fire; as many as there are timers.
   * @returns How many fired. If it is the limit, more may be due.
   */
  expire(
    now: number,
    fire: (timer: number, tag: number) => void,
    limit: number = this.capacity,
  ): number {
    const tick = Math.max(this.#now, this.#tickOf(now));
    let count = 0;
    for (;;) {
      const slot = this.#firstSlot();
      if (slot === NONE) break;
      const start = this.#startOf(slot);
      if (start > tick) break;
      if (count >= limit && this.#ticks[this.#heaps[slot] << TICKS_SHIFT] <= tick) return count;
      this.#turnTo(start);
      if (slot >= SLOTS) {
        this.#moveDown(slot);
        continue;
      }
      const timer = this.#heaps[slot];
      this.#remove(timer, slot);
      this.#fired++;
      count++;
      fire(timer, this.#words[(timer << WORDS_SHIFT) + TAG]);
    }
    this.#turnTo(tick);
    return count;
  }

  /** What became of the timers so far. */
  statistics(): TimerWheelStatistics {
    return {
      capacity: this.capacity,
      used: this.#used,
      peak: this.#peak,
      armed: this.#armed,
      fired: this.#fired,
      moved: this.#moved,
      refused: this.#refused,
    };
  }

  #tickOf(time: number): number {
    const tick = Math.floor(time / this.#resolution);
    if (!(tick >= 0 && tick <= Number.MAX_SAFE_INTEGER)) {
      throw new RangeError(`${time} is no time of a clock`);
    }
    return tick;
  }

  #turnTo(tick: number): void {
    this.#now = tick;
    this.#nowHigh = Math.floor(tick / LOW);
    this.#nowLow = tick - this.#nowHigh * LOW;
  }

  /** The slot of a tick, seen from the tick that the wheel has turned to. */
  #slotOf(tick: number): number {
    // What has passed is put where the wheel is now.
    if (tick <= this.#now) return this.#nowLow & DIGIT;
    const high = Math.floor(tick / LOW);
    const low = tick - high * LOW;
    const highDifference = high ^ this.#nowHigh;
    if (highDifference === 0) {
      const level = digitOf(low ^ this.#nowLow);
      return level * SLOTS + ((low >>> (level * DIGIT_BITS)) & DIGIT);
    }
    const level = digitOf(highDifference);
    return (level + LOW_LEVELS) * SLOTS + ((high >>> (level * DIGIT_BITS)) & DIGIT);
  }

  /** The first tick of a slot that has timers. */
  #startOf(slot: number): number {
    const level = slot >>> DIGIT_BITS;
    const above = SPANS[level + 1];
    return Math.floor(this.#now / above) * above + (slot & DIGIT) * SPANS[level];
  }

  /** The slot with the next timers, or -1. */
  #firstSlot(): number {
    if (this.#levels === 0) return NONE;
    const level = lowestBit(this.#levels);
    const word = level * WORDS;
    const low = this.#occupied[word];
    const digit = low !== 0 ? lowestBit(low) : 32 + lowestBit(this.#occupied[word + 1]);
    return level * SLOTS + digit;
  }

  #insert(timer: number, tick: number, slot: number): void {
    const heap = this.#heaps[slot];
    if (heap === NONE) {
      this.#occupied[slot >>> 5] |= 1 << (slot & 31);
      this.#levels |= 1 << (slot >>> DIGIT_BITS);
    }
    this.#ticks[timer << TICKS_SHIFT] = Math.max(tick, this.#now);
    this.#words[(timer << WORDS_SHIFT) + SLOT] = slot;
    this.#heaps[slot] = this.#timers.insert(heap, timer);
    this.#armed++;
  }

  #remove(timer: number, slot: number): void {
    const heap = this.#timers.remove(this.#heaps[slot], timer);
    this.#heaps[slot] = heap;
    this.#words[(timer << WORDS_SHIFT) + SLOT] = UNARMED;
    this.#armed--;
    if (heap === NONE) this.#clear(slot);
  }

  /** Marks a slot as empty. */
  #clear(slot: number): void {
    this.#occupied[slot >>> 5] &= ~(1 << (slot & 31));
    const level = slot >>> DIGIT_BITS;
    const word = level * WORDS;
    if ((this.#occupied[word] | this.#occupied[word + 1]) === 0) this.#levels &= ~(1 << level);
  }

  /** Moves the timers of a slot that the wheel has turned to. */
  #moveDown(slot: number): void {
    let rest = this.#heaps[slot];
    this.#heaps[slot] = NONE;
    this.#clear(slot);
    while (rest !== NONE) {
      const timer = rest;
      rest = this.#timers.shred(rest);
      const tick = this.#ticks[timer << TICKS_SHIFT];
      this.#insert(timer, tick, this.#slotOf(tick));
      this.#armed--;
      this.#moved++;
    }
  }
}

/** Which digit the highest bit of a number is in. */
function digitOf(difference: number): number {
  return Math.floor((31 - Math.clz32(difference)) / DIGIT_BITS);
}

/** Which bit is the lowest one that is set. */
function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}
