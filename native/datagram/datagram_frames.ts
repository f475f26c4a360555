/**
 * Frames: what a receiver gathers until a reader takes it. A frame is one batch; its objects are
 * used again and again, so that ten million datagrams a second leave no garbage behind.
 *
 * @module
 */

import { type Datagram, Message, type MessageDatagram, type MessageHome } from "./datagram.ts";

/** The most messages in one batch. */
export const FRAME_MESSAGES = 64;

/** Messages in the order in which they arrived. */
export class Frame {
  /** Messages in it. */
  count = 0;
  /** The first message of which a datagram is left. */
  next = 0;
  /** Datagrams that no reader has taken. */
  datagrams = 0;
  /** Datagrams of it that a program holds as a batch. */
  lent = 0;
  readonly #home: MessageHome;
  readonly #messages: Message[] = [];
  /** The batch that was composed last, of which a part may hold for the next one. */
  readonly #composed: MessageDatagram[] = [];
  /** How many datagrams of each message are composed. */
  readonly #shape: number[] = [];
  /** Messages whose part of it holds. */
  #valid = 0;
  #generation = 0;

  constructor(home: MessageHome) {
    this.#home = home;
  }

  /** Whether no message fits any more. */
  get isFull(): boolean {
    return this.count === FRAME_MESSAGES;
  }

  /** The next message to fill; {@linkcode Frame.added} says when that is done. */
  add(): Message {
    const index = this.count++;
    if (index === this.#messages.length) this.#messages.push(new Message(this.#home, false));
    const message = this.#messages[index];
    message.first = 0;
    message.live = ++this.#generation;
    return message;
  }

  /** Counts the datagrams of a message that was filled. */
  added(message: Message): void {
    this.datagrams += message.count;
    if (message.datagrams.length < message.count) message.extend();
  }

  /** Takes back the message that was added last: nothing of it may be read. */
  drop(message: Message): void {
    message.release();
    this.count--;
  }

  /** Moves everything in it to the heap. */
  moveToHeap(): void {
    for (let index = this.next; index < this.count; index++) this.#messages[index].moveToHeap();
  }

  /** Takes the next datagram, as a handle of its own. */
  take(): MessageDatagram {
    const message = this.#messages[this.next];
    const taken = message.detach(message.first++);
    this.datagrams--;
    if (message.first === message.count) {
      message.release();
      this.next++;
    }
    return taken;
  }

  /** All that are left, as one batch. */
  batch(): readonly Datagram[] {
    const composed = this.#composed;
    // A frame that another reader began has to be composed from where that one stopped.
    const isWhole = this.next === 0 && this.#messages[0].first === 0;
    if (!isWhole) this.#valid = 0;
    let at = 0;
    for (let index = this.next; index < this.count; index++) {
      const message = this.#messages[index];
      const { count, datagrams } = message;
      if (index < this.#valid && this.#shape[index] === count) {
        at += count;
        continue;
      }
      for (let each = message.first; each < count; each++) composed[at++] = datagrams[each];
      this.#shape[index] = count;
      // What was behind it has moved.
      this.#valid = isWhole ? index + 1 : 0;
    }
    return composed.slice(0, at);
  }

  /** Lets go of everything in it. */
  release(): void {
    for (let index = this.next; index < this.count; index++) this.#messages[index].release();
    this.count = 0;
    this.next = 0;
    this.datagrams = 0;
  }
}
