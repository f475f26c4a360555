/**
 * Frames on a wire: what has left one end and has not arrived at the other one, in the order in
 * which it arrives.
 *
 * @module
 */

const INITIAL_PLACES = 16;

/** A queue that is sorted by time of arrival, and by sequence where those are equal. */
export class Transit {
  /** How many frames there may be. */
  readonly capacity: number;
  #times = new Float64Array(INITIAL_PLACES);
  #sequences = new Float64Array(INITIAL_PLACES);
  #packets = new Int32Array(INITIAL_PLACES);
  #mask = INITIAL_PLACES - 1;
  #head = 0;
  #count = 0;

  /** @param capacity how many frames there may be */
  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** How many frames there are. */
  get size(): number {
    return this.#count;
  }

  /** When the first frame arrives, in microseconds; Infinity when there is none. */
  get time(): number {
    return this.#count === 0 ? Infinity : this.#times[this.#head];
  }

  /** The sequence of the first frame. */
  get sequence(): number {
    return this.#sequences[this.#head];
  }

  /** Whether there is room for one more. */
  get isFull(): boolean {
    return this.#count === this.capacity;
  }

  /**
   * Adds a frame; there must be room. Most frames arrive last: the others move by a few places.
   *
   * @param time when it arrives
   * @param sequence the lower one of two that arrive at one time is the first one
   * @param packet whose hold is kept
   */
  insert(time: number, sequence: number, packet: number): void {
    if (this.#count > this.#mask) this.#grow();
    const mask = this.#mask;
    let place = this.#head + this.#count++;
    while (place > this.#head) {
      const before = (place - 1) & mask;
      const difference = this.#times[before] - time;
      if (difference < 0 || (difference === 0 && this.#sequences[before] < sequence)) break;
      this.#times[place & mask] = this.#times[before];
      this.#sequences[place & mask] = this.#sequences[before];
      this.#packets[place & mask] = this.#packets[before];
      place--;
    }
    this.#times[place & mask] = time;
    this.#sequences[place & mask] = sequence;
    this.#packets[place & mask] = packet;
  }

  /** Takes the first frame. @returns its packet, or -1 when there is none */
  shift(): number {
    if (this.#count === 0) return -1;
    const packet = this.#packets[this.#head];
    this.#head = (this.#head + 1) & this.#mask;
    this.#count--;
    return packet;
  }

  #grow(): void {
    const places = (this.#mask + 1) * 2;
    const times = new Float64Array(places);
    const sequences = new Float64Array(places);
    const packets = new Int32Array(places);
    for (let nth = 0; nth < this.#count; nth++) {
      const place = (this.#head + nth) & this.#mask;
      times[nth] = this.#times[place];
      sequences[nth] = this.#sequences[place];
      packets[nth] = this.#packets[place];
    }
    this.#times = times;
    this.#sequences = sequences;
    this.#packets = packets;
    this.#mask = places - 1;
    this.#head = 0;
  }
}
