/**
 * When the frames of a queue leave it, where that is known from the start: as many wait as have not
 * left yet.
 *
 * @module
 */

const INITIAL_PLACES = 16;

/** The frames of one queue, in the order in which they leave. */
export class Departures {
  #times = new Float64Array(INITIAL_PLACES);
  #bytes = new Int32Array(INITIAL_PLACES);
  #mask = INITIAL_PLACES - 1;
  #head = 0;
  #count = 0;
  #waitingBytes = 0;

  /** Bytes that waited when {@linkcode Departures.waiting} was asked. */
  get bytes(): number {
    return this.#waitingBytes;
  }

  /** How many frames have not left at a time, which is never before the last one asked about. */
  waiting(now: number): number {
    while (this.#count > 0 && this.#times[this.#head] <= now) {
      this.#waitingBytes -= this.#bytes[this.#head];
      this.#head = (this.#head + 1) & this.#mask;
      this.#count--;
    }
    return this.#count;
  }

  /**
   * Adds a frame, which leaves behind all others.
   *
   * @param time when its last bit is sent
   * @param bytes how long it is
   */
  add(time: number, bytes: number): void {
    if (this.#count > this.#mask) this.#grow();
    const place = (this.#head + this.#count++) & this.#mask;
    this.#times[place] = time;
    this.#bytes[place] = bytes;
    this.#waitingBytes += bytes;
  }

  #grow(): void {
    const places = (this.#mask + 1) * 2;
    const times = new Float64Array(places);
    const bytes = new Int32Array(places);
    for (let nth = 0; nth < this.#count; nth++) {
      const place = (this.#head + nth) & this.#mask;
      times[nth] = this.#times[place];
      bytes[nth] = this.#bytes[place];
    }
    this.#times = times;
    this.#bytes = bytes;
    this.#mask = places - 1;
    this.#head = 0;
  }
}
