/**
 * Memory that the system goes on sending from after an operation is over: SEND_ZC completes a first
 * time when the bytes are accepted, and a second time when nobody looks at them any more.
 *
 * @module
 */

import type { RingBuffer } from "../ring_buffer.ts";
import type { SendCall } from "./send_queue.ts";

/** What a segment's bytes are in, to be given back when they are sent. */
export interface SendMemory {
  /** The provided buffer they are pinned in, else -1. */
  bufferId: number;
  /** The arena block they were copied to, else -1. */
  block: number;
  /** Bytes of copies that count against a limit. */
  charged: number;
  /** The program's own buffer they are pinned in. */
  ringBuffer: RingBuffer | null;
}

const NOWHERE = -1;

/** One segment's memory, kept until every notification has come. */
export class SendHold implements SendMemory {
  bufferId = NOWHERE;
  block = NOWHERE;
  charged = 0;
  ringBuffer: RingBuffer | null = null;
  /** Notifications that have not come. */
  pending = 0;
  /** Whether the segment has left its queue: the memory is this object's to give back. */
  isLeft = false;
  /** The call that waits for its memory, all of its bytes being sent. */
  call: SendCall | null = null;
  readonly #buffer: RingBuffer | null;
  #isLocked = false;

  /** @param buffer the program's own buffer, where the bytes are in one */
  constructor(buffer: RingBuffer | null) {
    this.#buffer = buffer;
  }

  /** Whether the program waits for the memory: it is its own. */
  get isAwaited(): boolean {
    return this.#buffer !== null && this.pending > 0;
  }

  /** Takes the memory over from its segment, which leaves the queue. */
  inherit(memory: SendMemory): void {
    this.isLeft = true;
    this.bufferId = memory.bufferId;
    this.block = memory.block;
    this.charged = memory.charged;
    this.ringBuffer = memory.ringBuffer;
  }

  /** Keeps the program from its buffer: its call ended, and the system still sends from it. */
  lock(): void {
    if (this.#isLocked || !this.isAwaited) return;
    this.#isLocked = true;
    this.#buffer!.lock();
  }

  /** Ends a {@linkcode SendHold.lock}, where there is one. */
  unlock(): void {
    if (this.#isLocked) this.#buffer!.unlock();
    this.#isLocked = false;
  }
}
