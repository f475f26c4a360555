/**
 * What one socket of a pair has sent and the other has not received, in the units in which it was
 * sent: a stream runs them together. Source: unix(7), `net/unix/af_unix.c`.
 *
 * @module
 */

import type { Cursor } from "./cursor.ts";
import type { OpenFile } from "./open_file.ts";

/** `/proc/sys/net/core/wmem_default`. */
export const QUEUE_BYTES = 212_992;
/** What Linux counts for a message beside its bytes, about. */
const MESSAGE_OVERHEAD_BYTES = 768;
/** A stream cuts what is sent into messages of at most so many bytes. */
const STREAM_MESSAGE_BYTES = 48_832;

/** Bytes that were sent together. */
export interface Message {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** What of them was received. */
  start: number;
  /** Files that go with them, whose references are the message's. */
  files: OpenFile[];
}

/** Messages on their way. */
export class MessageQueue {
  /** What they count for the sender. */
  charged = 0;
  /** What may be on its way: `SO_SNDBUF` of the sender. */
  capacity: number = QUEUE_BYTES;
  readonly #messages: Message[] = [];

  /** Whether there is nothing. */
  get isEmpty(): boolean {
    return this.#messages.length === 0;
  }

  /** The oldest message. */
  get first(): Message | undefined {
    return this.#messages[0];
  }

  /** Bytes that are there. */
  get bytes(): number {
    return this.#messages.reduce((sum, { bytes, start }) => sum + bytes.length - start, 0);
  }

  /** Whether a sender need not wait. */
  get hasRoom(): boolean {
    return this.charged < this.capacity;
  }

  /** Whether a sender is told that it could send: a quarter must be free. */
  get isWritable(): boolean {
    return this.charged * 4 <= this.capacity;
  }

  /** Bytes of the largest message of one piece. */
  get messageMost(): number {
    return this.capacity - 32;
  }

  /** Adds a message. */
  push(bytes: Uint8Array<ArrayBuffer>, files: OpenFile[]): void {
    this.#messages.push({ bytes, start: 0, files });
    this.charged += bytes.length + MESSAGE_OVERHEAD_BYTES;
  }

  /** Adds what there is room for, as a stream does. @returns bytes taken */
  pushStream(from: Cursor, files: OpenFile[]): number {
    const before = from.left;
    while (from.left > 0 && this.hasRoom) {
      const bytes = new Uint8Array(Math.min(from.left, STREAM_MESSAGE_BYTES));
      from.take(bytes, 0, bytes.length);
      this.push(bytes, files);
      files = [];
    }
    return before - from.left;
  }

  /**
   * Copies bytes out of as many messages as it takes; files end a run of them.
   *
   * @returns bytes copied, and the files that came with them, which stay there at a peek
   */
  readStream(into: Cursor, isPeek: boolean): { count: number; files: OpenFile[] } {
    const before = into.left;
    let files: OpenFile[] = [];
    for (let index = 0; into.left > 0 && index < this.#messages.length;) {
      const message = this.#messages[index];
      const count = Math.min(into.left, message.bytes.length - message.start);
      into.put(message.bytes, message.start, count);
      const hadFiles = message.files.length > 0;
      if (hadFiles) files = message.files;
      if (isPeek) index++;
      else {
        message.files = [];
        message.start += count;
        if (message.start === message.bytes.length) this.shift();
      }
      if (hadFiles) break;
    }
    return { count: before - into.left, files };
  }

  /** Takes the oldest message out. */
  shift(): Message {
    const message = this.#messages.shift()!;
    this.charged -= message.bytes.length + MESSAGE_OVERHEAD_BYTES;
    return message;
  }

  /** Drops everything. */
  clear(): void {
    while (!this.isEmpty) for (const file of this.shift().files) file.release();
  }
}
