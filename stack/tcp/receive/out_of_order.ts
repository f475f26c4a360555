/**
 * Bytes behind gaps: ranges in ascending order, each with a chain of items. A range begins and ends
 * at a gap: neighbours that touch are joined. Of bytes that come twice the first ones are kept.
 *
 * @module
 */

import type { PayloadStore } from "./payload_store.ts";

/** Ranges that there is room for at first; the table doubles up to the option's number. */
const FIRST_RANGES = 8;
/** Columns of the table. */
const LEFT = 0;
const RIGHT = 1;
const HEAD = 2;
const TAIL = 3;
const COST = 4;
const COLUMNS = 5;

/** What became of a segment: see {@linkcode OutOfOrder.insert}. */
export const Insertion = {
  /** At least a part of it is new. */
  KEPT: 0,
  /** All of it was there. */
  DUPLICATE: 1,
  /** The table has no room for another range. */
  FULL: 2,
  /** The arena has nothing left. */
  NO_PACKET: 3,
} as const;
/** One of {@linkcode Insertion}. */
export type Insertion = typeof Insertion[keyof typeof Insertion];

/** The ranges of one connection. */
export class OutOfOrder {
  readonly #store: PayloadStore;
  readonly #maximum: number;
  #table = new Int32Array(FIRST_RANGES * COLUMNS);
  /** How many ranges there are. */
  count = 0;
  /** What their items cost, in bytes. */
  cost = 0;
  /** After {@linkcode insert}: the edges of the first range that was there before. */
  duplicateLeft = 0;
  /** See {@linkcode duplicateLeft}; the two are equal where nothing was. */
  duplicateRight = 0;
  /** After {@linkcode insert}: the range that has the segment now. */
  lastLeft = 0;

  /** @param maximum ranges, at most */
  constructor(store: PayloadStore, maximum: number) {
    this.#store = store;
    this.#maximum = maximum;
  }

  /** The number of a range's first byte. */
  left(range: number): number {
    return this.#table[range * COLUMNS + LEFT];
  }

  /** The number behind a range's last byte. */
  right(range: number): number {
    return this.#table[range * COLUMNS + RIGHT];
  }

  /** The items of a range: the first, the last, and what they cost. */
  head(range: number): number {
    return this.#table[range * COLUMNS + HEAD];
  }

  /** See {@linkcode head}. */
  tail(range: number): number {
    return this.#table[range * COLUMNS + TAIL];
  }

  /** See {@linkcode head}. */
  costOf(range: number): number {
    return this.#table[range * COLUMNS + COST];
  }

  /** The first range that does not end before a number. */
  find(sequence: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (((this.#table[middle * COLUMNS + RIGHT] - sequence) | 0) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * Keeps what is new of a segment.
   *
   * @param packet whose hold stays the caller's
   * @param offset where the payload begins in it
   * @param sequence its number
   * @param bytes how long it is, 1 or more
   */
  insert(packet: number, offset: number, sequence: number, bytes: number): Insertion {
    const end = (sequence + bytes) | 0;
    const range = this.find(sequence);
    this.duplicateLeft = this.duplicateRight = sequence;
    const isApart = range === this.count || ((this.left(range) - end) | 0) > 0;
    if (isApart) {
      if (this.count >= this.#maximum) return Insertion.FULL;
      return this.#insertRange(range, packet, offset, sequence, bytes);
    }
    const left = this.left(range);
    const before = (left - sequence) | 0;
    const from = before > 0 ? left : sequence;
    this.#noteDuplicate(from, this.right(range), end);
    let kept: Insertion = Insertion.DUPLICATE;
    if (before > 0) {
      if (!this.#prepend(range, packet, offset, before)) return Insertion.NO_PACKET;
      kept = Insertion.KEPT;
    }
    this.lastLeft = this.left(range);
    return this.#fill(range, packet, offset, sequence, end, kept);
  }

  #noteDuplicate(left: number, right: number, end: number): void {
    const until = ((right - end) | 0) < 0 ? right : end;
    if (((until - left) | 0) <= 0) return;
    this.duplicateLeft = left;
    this.duplicateRight = until;
  }

  /** Appends to a range what of a segment lies behind it, and joins what it touches then. */
  #fill(
    range: number,
    packet: number,
    offset: number,
    sequence: number,
    end: number,
    result: Insertion,
  ): Insertion {
    let kept = result;
    for (;;) {
      const right = this.right(range);
      const hasNext = range + 1 < this.count;
      const nextLeft = hasNext ? this.left(range + 1) : end;
      if (hasNext && nextLeft === right) {
        if (this.duplicateLeft === this.duplicateRight) {
          this.#noteDuplicate(right, this.right(range + 1), end);
        }
        this.#join(range);
        continue;
      }
      const missing = (end - right) | 0;
      if (missing <= 0) return kept;
      const gap = hasNext ? (nextLeft - right) | 0 : missing;
      const part = gap < missing ? gap : missing;
      const skip = (right - sequence) | 0;
      if (!this.#append(range, packet, offset + skip, part)) {
        return kept === Insertion.KEPT ? kept : Insertion.NO_PACKET;
      }
      kept = Insertion.KEPT;
    }
  }

  #insertRange(
    range: number,
    packet: number,
    offset: number,
    sequence: number,
    bytes: number,
  ): Insertion {
    const head = this.#store.keep(packet, offset, bytes);
    if (head < 0) return Insertion.NO_PACKET;
    if ((this.count + 1) * COLUMNS > this.#table.length) this.#grow();
    const table = this.#table;
    const at = range * COLUMNS;
    table.copyWithin(at + COLUMNS, at, this.count * COLUMNS);
    table[at + LEFT] = sequence;
    table[at + RIGHT] = sequence + bytes;
    table[at + HEAD] = head;
    table[at + TAIL] = this.#store.last;
    table[at + COST] = this.#store.taken;
    this.cost += this.#store.taken;
    this.count++;
    this.lastLeft = sequence;
    return Insertion.KEPT;
  }

  #grow(): void {
    const table = new Int32Array(this.#table.length * 2);
    table.set(this.#table);
    this.#table = table;
  }

  #prepend(range: number, packet: number, offset: number, bytes: number): boolean {
    const store = this.#store;
    const table = this.#table;
    const at = range * COLUMNS;
    const isCopied = store.isSparse(packet, offset, bytes) &&
      store.prependTo(table[at + HEAD], packet, offset, bytes);
    if (!isCopied) {
      const head = store.keep(packet, offset, bytes);
      if (head < 0) return false;
      store.next[store.last] = table[at + HEAD];
      table[at + HEAD] = head;
      this.#charge(at, store.taken);
    }
    table[at + LEFT] -= bytes;
    return true;
  }

  #append(range: number, packet: number, offset: number, bytes: number): boolean {
    const store = this.#store;
    const table = this.#table;
    const at = range * COLUMNS;
    const isCopied = store.isSparse(packet, offset, bytes) &&
      store.appendTo(table[at + TAIL], packet, offset, bytes);
    if (!isCopied) {
      const head = store.keep(packet, offset, bytes);
      if (head < 0) return false;
      store.next[table[at + TAIL]] = head;
      table[at + TAIL] = store.last;
      this.#charge(at, store.taken);
    }
    table[at + RIGHT] += bytes;
    return true;
  }

  #charge(at: number, cost: number): void {
    this.#table[at + COST] += cost;
    this.cost += cost;
  }

  /** Joins a range with the next one, which it touches. */
  #join(range: number): void {
    const table = this.#table;
    const at = range * COLUMNS;
    const next = at + COLUMNS;
    this.#store.next[table[at + TAIL]] = table[next + HEAD];
    table[at + RIGHT] = table[next + RIGHT];
    table[at + TAIL] = table[next + TAIL];
    table[at + COST] += table[next + COST];
    this.#remove(range + 1);
  }

  #remove(range: number): void {
    this.#table.copyWithin(range * COLUMNS, (range + 1) * COLUMNS, this.count * COLUMNS);
    this.count--;
  }

  /** Hands over the items of the first range, which is gone then. */
  removeFirst(): void {
    this.cost -= this.costOf(0);
    this.#remove(0);
  }

  /**
   * Gives up the last range: it has to come again.
   *
   * @returns how many bytes it had
   */
  prune(): number {
    const range = this.count - 1;
    const bytes = (this.right(range) - this.left(range)) | 0;
    this.#store.releaseAll(this.head(range));
    this.cost -= this.costOf(range);
    this.count--;
    return bytes;
  }

  /** Gives up everything. */
  clear(): void {
    while (this.count > 0) this.prune();
  }
}
