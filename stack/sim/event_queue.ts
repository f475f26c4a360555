/**
 * What happens next in a virtual network: a heap of sources, each with the time of its next event.
 *
 * A source is a direction of a link, whose next event is the arrival of its first frame, or a node,
 * whose next event is its deadline. Frames themselves wait in the order of their arrival within
 * their link, so that the heap stays as small as the network, however many frames are under way.
 *
 * Events are ordered by time and then by sequence: what was caused first happens first.
 *
 * @module
 */

/** More sources than this are refused. */
const MAXIMUM_SOURCES = 1 << 20;

const ABSENT = -1;

/** A binary heap that knows where each source is in it. */
export class EventQueue {
  /** Times by source; meaningless for those that are absent. */
  #times = new Float64Array(16);
  #sequences = new Float64Array(16);
  /** Sources, the next one first. */
  #heap = new Int32Array(16);
  /** Where each source is in the heap, or -1. */
  #places = new Int32Array(16).fill(ABSENT);
  #sources = 0;
  #size = 0;

  /** How many sources have an event. */
  get size(): number {
    return this.#size;
  }

  /** The source whose event is next, or -1 when there is none. */
  get first(): number {
    return this.#size === 0 ? ABSENT : this.#heap[0];
  }

  /** When the next event is, in microseconds; Infinity when there is none. */
  get time(): number {
    return this.#size === 0 ? Infinity : this.#times[this.#heap[0]];
  }

  /**
   * Adds a source, which has no event yet.
   *
   * @returns its number
   * @throws {RangeError} when there are too many
   */
  addSource(): number {
    if (this.#sources === MAXIMUM_SOURCES) {
      throw new RangeError(`a network has ${MAXIMUM_SOURCES} sources of events at most`);
    }
    if (this.#sources === this.#heap.length) this.#grow();
    return this.#sources++;
  }

  /** When a source has its event; Infinity when it has none. */
  timeOf(source: number): number {
    return this.#places[source] === ABSENT ? Infinity : this.#times[source];
  }

  /**
   * Says when a source has its event, whatever was said before.
   *
   * @param source the source
   * @param time in microseconds; Infinity for never
   * @param sequence what comes first of two events at one time: the lower one
   */
  set(source: number, time: number, sequence: number): void {
    const place = this.#places[source];
    if (time === Infinity) {
      if (place !== ABSENT) this.#remove(place);
      return;
    }
    if (place === ABSENT) {
      this.#times[source] = time;
      this.#sequences[source] = sequence;
      this.#rise(this.#size++, source);
      return;
    }
    const isEarlier = time < this.#times[source] ||
      (time === this.#times[source] && sequence < this.#sequences[source]);
    this.#times[source] = time;
    this.#sequences[source] = sequence;
    if (isEarlier) this.#rise(place, source);
    else this.#sink(place, source);
  }

  #remove(place: number): void {
    this.#places[this.#heap[place]] = ABSENT;
    const last = this.#heap[--this.#size];
    if (place === this.#size) return;
    this.#sink(place, last);
    if (this.#heap[place] === last) this.#rise(place, last);
  }

  #isBefore(one: number, other: number): boolean {
    const difference = this.#times[one] - this.#times[other];
    return difference < 0 || (difference === 0 && this.#sequences[one] < this.#sequences[other]);
  }

  #rise(from: number, source: number): void {
    const heap = this.#heap;
    let place = from;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const other = heap[above];
      if (!this.#isBefore(source, other)) break;
      heap[place] = other;
      this.#places[other] = place;
      place = above;
    }
    heap[place] = source;
    this.#places[source] = place;
  }

  #sink(from: number, source: number): void {
    const heap = this.#heap;
    const size = this.#size;
    let place = from;
    while (true) {
      let below = 2 * place + 1;
      if (below >= size) break;
      if (below + 1 < size && this.#isBefore(heap[below + 1], heap[below])) below++;
      const other = heap[below];
      if (!this.#isBefore(other, source)) break;
      heap[place] = other;
      this.#places[other] = place;
      place = below;
    }
    heap[place] = source;
    this.#places[source] = place;
  }

  #grow(): void {
    const capacity = this.#heap.length * 2;
    this.#times = copyInto(new Float64Array(capacity), this.#times);
    this.#sequences = copyInto(new Float64Array(capacity), this.#sequences);
    this.#heap = copyInto(new Int32Array(capacity), this.#heap);
    this.#places = copyInto(new Int32Array(capacity).fill(ABSENT), this.#places);
  }
}

function copyInto<Numbers extends Float64Array | Int32Array>(to: Numbers, from: Numbers): Numbers {
  to.set(from);
  return to;
}
