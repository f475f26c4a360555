/**
 * Deadlines of operations, in a binary heap: one TIMEOUT in the ring serves them all, so that a
 * million idle timers cost no entries and virtual time governs them where the ring's time is.
 *
 * @module
 */

/** Whoever is told that its time is up. */
export interface DeadlineTarget {
  /** @param tag what the owner gave */
  onDeadline(tag: number): void;
}

/** One armed deadline; disarm it through {@linkcode Deadlines.disarm}. */
export interface Deadline {
  /** When it is due, in milliseconds on the driver's clock. */
  at: number;
  target: DeadlineTarget;
  tag: number;
  /** Its place in the heap, -1 when it is not armed. */
  place: number;
}

/** The heap of armed deadlines. */
export class Deadlines {
  readonly #heap: Deadline[] = [];

  /** Armed deadlines. */
  get size(): number {
    return this.#heap.length;
  }

  /** When the next one is due, or Infinity. */
  get next(): number {
    return this.#heap.length === 0 ? Infinity : this.#heap[0].at;
  }

  /** Arms a deadline. */
  arm(at: number, target: DeadlineTarget, tag: number): Deadline {
    const deadline = { at, target, tag, place: this.#heap.length };
    this.#heap.push(deadline);
    this.#rise(deadline);
    return deadline;
  }

  /** Disarms a deadline; one that has fired or was disarmed is left alone. */
  disarm(deadline: Deadline): void {
    const place = deadline.place;
    if (place < 0) return;
    deadline.place = -1;
    const last = this.#heap.pop()!;
    if (last === deadline) return;
    last.place = place;
    this.#heap[place] = last;
    this.#rise(last);
    this.#sink(last);
  }

  /** Fires every deadline that is due. @returns how many fired */
  fire(now: number): number {
    let count = 0;
    while (this.#heap.length > 0 && this.#heap[0].at <= now) {
      const due = this.#heap[0];
      this.disarm(due);
      count++;
      due.target.onDeadline(due.tag);
    }
    return count;
  }

  #rise(deadline: Deadline): void {
    const heap = this.#heap;
    let place = deadline.place;
    while (place > 0) {
      const above = (place - 1) >> 1;
      if (heap[above].at <= deadline.at) break;
      heap[place] = heap[above];
      heap[place].place = place;
      place = above;
    }
    heap[place] = deadline;
    deadline.place = place;
  }

  #sink(deadline: Deadline): void {
    const heap = this.#heap;
    let place = deadline.place;
    for (;;) {
      let below = place * 2 + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && heap[below + 1].at < heap[below].at) below++;
      if (heap[below].at >= deadline.at) break;
      heap[place] = heap[below];
      heap[place].place = place;
      place = below;
    }
    heap[place] = deadline;
    deadline.place = place;
  }
}
