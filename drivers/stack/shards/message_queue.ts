/**
 * Messages between the shards of a stack: records of a fixed size in shared memory, a queue for
 * each direction of each pair, one writer and one reader each.
 *
 * ```text
 *  from k to j:  |TAIL|......|HEAD|STUCK|....|16 words|16 words|16 words| ...
 *                 ^ k         ^ j    ^ k has more than there is room for
 * ```
 *
 * What finds no room waits with its writer, in order: nobody has more of it than operations in
 * flight.
 *
 * @module
 */

import { loadAcquire, storeRelease, type Words } from "../../../ring/barrier.ts";

/** Words of a message: a line of the cache. */
export const MESSAGE_WORDS = 16;
const HEADER_WORDS = 32;
const TAIL = 0;
const HEAD = 16;
const STUCK = 17;
const WORD_BYTES = 4;
/** Messages of all queues that a shard writes. */
const MOST_MESSAGES = 8192;
const LONGEST_QUEUE = 1024;

/** Messages on their way in one direction, at most. */
function capacityOf(count: number): number {
  let capacity = LONGEST_QUEUE;
  while (capacity * count > MOST_MESSAGES) capacity /= 2;
  return capacity;
}

function queueWords(count: number): number {
  return HEADER_WORDS + capacityOf(count) * MESSAGE_WORDS;
}

/** Allocates the queues between `count` shards. */
export function allocateQueues(count: number): SharedArrayBuffer {
  return new SharedArrayBuffer(count * count * queueWords(count) * WORD_BYTES);
}

/** Where one queue lies. */
interface Place {
  readonly words: Words;
  readonly start: number;
  readonly mask: number;
}

function placeOf(queues: SharedArrayBuffer, count: number, from: number, to: number): Place {
  return {
    words: new Int32Array(queues),
    start: (from * count + to) * queueWords(count),
    mask: capacityOf(count) - 1,
  };
}

/** The end of a queue that messages are put into. */
export class MessageWriter {
  /** The message that is sent next: whoever sends fills it in. */
  readonly message: Int32Array = new Int32Array(MESSAGE_WORDS);
  readonly #words: Words;
  readonly #start: number;
  readonly #mask: number;
  #tail = 0;
  #published = 0;
  #head = 0;
  /** Messages that found no room, one behind the other. */
  #waiting: number[] = [];

  /** @param queues of {@linkcode allocateQueues} */
  constructor(queues: SharedArrayBuffer, count: number, from: number, to: number) {
    const { words, start, mask } = placeOf(queues, count, from, to);
    this.#words = words;
    this.#start = start;
    this.#mask = mask;
  }

  /** Sends what {@linkcode MessageWriter.message} holds; it is seen after the next flush. */
  send(): void {
    if (this.#waiting.length > 0 || !this.#hasRoom()) {
      for (let word = 0; word < MESSAGE_WORDS; word++) this.#waiting.push(this.message[word]);
      return;
    }
    this.#put(this.message, 0);
  }

  /** Publishes what was sent. @returns whether the reader is to be woken */
  flush(): boolean {
    if (this.#waiting.length > 0) this.#putWaiting();
    if (this.#tail === this.#published) return false;
    this.#published = this.#tail;
    storeRelease(this.#words, this.#start + TAIL, this.#tail);
    return true;
  }

  /** Whether there is room now for what found none. */
  get canGoOn(): boolean {
    return this.#waiting.length > 0 && this.#hasRoom();
  }

  #putWaiting(): void {
    const waiting = this.#waiting;
    let at = 0;
    for (;;) {
      while (at < waiting.length && this.#hasRoom()) {
        this.#put(waiting, at);
        at += MESSAGE_WORDS;
      }
      if (at === waiting.length) break;
      // Who makes room sees this, or this side sees the room.
      storeRelease(this.#words, this.#start + STUCK, 1);
      if (!this.#hasRoom()) break;
    }
    waiting.splice(0, at);
  }

  #put(from: ArrayLike<number>, at: number): void {
    const to = this.#start + HEADER_WORDS + (this.#tail & this.#mask) * MESSAGE_WORDS;
    const words = this.#words;
    for (let word = 0; word < MESSAGE_WORDS; word++) words[to + word] = from[at + word];
    this.#tail = (this.#tail + 1) | 0;
  }

  #hasRoom(): boolean {
    if (((this.#tail - this.#head) | 0) <= this.#mask) return true;
    this.#head = loadAcquire(this.#words, this.#start + HEAD);
    return ((this.#tail - this.#head) | 0) <= this.#mask;
  }
}

/** The end of a queue that messages are taken from. */
export class MessageReader {
  /** The shared words that {@linkcode MessageReader.next} indexes. */
  readonly words: Words;
  readonly #start: number;
  readonly #mask: number;
  #head = 0;
  #tail = 0;

  /** @param queues of {@linkcode allocateQueues} */
  constructor(queues: SharedArrayBuffer, count: number, from: number, to: number) {
    const { words, start, mask } = placeOf(queues, count, from, to);
    this.words = words;
    this.#start = start;
    this.#mask = mask;
  }

  /** Whether messages were published that were not taken. */
  get hasMessages(): boolean {
    return loadAcquire(this.words, this.#start + TAIL) !== this.#head;
  }

  /** The index of the next message's first word, -1 where there is none. */
  next(): number {
    if (this.#head === this.#tail) {
      this.#tail = loadAcquire(this.words, this.#start + TAIL);
      if (this.#head === this.#tail) return -1;
    }
    const at = this.#start + HEADER_WORDS + (this.#head & this.#mask) * MESSAGE_WORDS;
    this.#head = (this.#head + 1) | 0;
    return at;
  }

  /** Makes room of all that was taken. @returns whether the writer waits for it */
  release(): boolean {
    storeRelease(this.words, this.#start + HEAD, this.#head);
    if (loadAcquire(this.words, this.#start + STUCK) === 0) return false;
    storeRelease(this.words, this.#start + STUCK, 0);
    return true;
  }
}
