/**
 * Frames on their way between a stack and its ports: which packet, and by which interface. Whoever
 * puts a packet in hands over a hold on it.
 *
 * @module
 */

/** More frames than this are refused. */
const MAXIMUM_QUEUED_FRAMES = 1 << 20;

/** A queue with a fixed number of places, in the order of arrival. */
export class FrameQueue {
  /** How many frames there is room for. */
  readonly capacity: number;
  readonly #mask: number;
  readonly #packets: Int32Array;
  readonly #interfaces: Int32Array;
  #head = 0;
  #count = 0;

  /**
   * Makes an empty queue.
   *
   * @param capacity how many frames there is room for, at most {@linkcode MAXIMUM_QUEUED_FRAMES}
   * @throws {RangeError} when that is too many, or less than one
   */
  constructor(capacity: number) {
    if (!(Number.isInteger(capacity) && capacity >= 1 && capacity <= MAXIMUM_QUEUED_FRAMES)) {
      throw new RangeError(
        `a queue has room for 1 to ${MAXIMUM_QUEUED_FRAMES} frames, not ${capacity}`,
      );
    }
    let places = 1;
    while (places < capacity) places *= 2;
    this.capacity = capacity;
    this.#mask = places - 1;
    this.#packets = new Int32Array(places);
    this.#interfaces = new Int32Array(places);
  }

  /** How many frames wait. */
  get size(): number {
    return this.#count;
  }

  /**
   * Adds a frame behind the others.
   *
   * @param interfaceIndex the interface's index
   * @param packet the packet, whose hold is handed over if there is room
   * @returns false when there is none: the packet is still the caller's
   */
  push(interfaceIndex: number, packet: number): boolean {
    if (this.#count === this.capacity) return false;
    const place = (this.#head + this.#count++) & this.#mask;
    this.#packets[place] = packet;
    this.#interfaces[place] = interfaceIndex;
    return true;
  }

  /** The interface of the frame that waits longest; it must not be empty. */
  get interface(): number {
    return this.#interfaces[this.#head];
  }

  /**
   * Takes the frame that waits longest; its interface is read before.
   *
   * @returns its packet, whose hold is the caller's now; or -1 when none waits
   */
  shift(): number {
    if (this.#count === 0) return -1;
    const packet = this.#packets[this.#head];
    this.#head = (this.#head + 1) & this.#mask;
    this.#count--;
    return packet;
  }
}
