/**
 * Polls on one socket. A one-shot poll completes with the events that hold; a multishot one posts
 * whenever one of its events begins to hold, as an edge-triggered poll of Linux.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import { Poll, PollFlag } from "../../ring/abi/opcodes.ts";
import type { Machine } from "./machine.ts";
import { type Operation, type OperationOwner, OperationQueue } from "./operation.ts";

/** Reported whether asked for or not. */
const ALWAYS = Poll.ERR | Poll.HUP | Poll.NVAL;
const READ_EVENTS = Poll.IN | Poll.RDHUP | 0x40;

/** What a poll can be asked about. */
export interface Pollable {
  /** The events that hold now. */
  events(): number;
  /** Begins what makes it readable. */
  wantReadable(): void;
}

/** The polls that wait on one socket. */
export class Polls implements OperationOwner {
  readonly #machine: Machine;
  readonly #socket: Pollable;
  readonly #waiting = new OperationQueue();

  /** @param socket what is polled */
  constructor(machine: Machine, socket: Pollable) {
    this.#machine = machine;
    this.#socket = socket;
  }

  /** Begins a poll. */
  add(operation: Operation): void {
    if ((operation.operationFlags & READ_EVENTS) !== 0) this.#socket.wantReadable();
    const held = this.#held(operation);
    if (held !== 0 && (operation.length & PollFlag.ADD_MULTI) === 0) {
      return this.#machine.complete(operation, held, 0);
    }
    this.#waiting.push(operation);
    this.#machine.park(operation, this);
    operation.done = held;
    if (held !== 0) this.#machine.more(operation, held, 0);
  }

  /** Changes the events that a poll waits for. */
  update(operation: Operation, events: number): void {
    operation.operationFlags = events;
    operation.done = 0;
    if ((events & READ_EVENTS) !== 0) this.#socket.wantReadable();
    this.check();
  }

  /** Looks at every poll again: something about the socket has changed. */
  check(): void {
    let operation = this.#waiting.head;
    while (operation !== null) {
      const { next } = operation;
      this.#checkOne(operation);
      operation = next;
    }
  }

  /** {@inheritDoc OperationOwner.cancel} */
  cancel(operation: Operation): number {
    this.#waiting.remove(operation);
    operation.done = 0;
    this.#machine.complete(operation, -Errno.ECANCELED, 0);
    return 0;
  }

  /** Completes everything that waits as cancelled; the socket is being closed. */
  close(): void {
    while (this.#waiting.head !== null) this.cancel(this.#waiting.head);
  }

  #checkOne(operation: Operation): void {
    const held = this.#held(operation);
    if ((operation.length & PollFlag.ADD_MULTI) === 0) {
      if (held === 0) return;
      this.#waiting.remove(operation);
      this.#machine.complete(operation, held, 0);
      return;
    }
    // `done` keeps the events that held when it was last looked at.
    const began = held & ~operation.done;
    operation.done = held;
    if (began !== 0) this.#machine.more(operation, held, 0);
    else if ((operation.operationFlags & READ_EVENTS) !== 0 && (held & Poll.IN) === 0) {
      this.#socket.wantReadable();
    }
  }

  #held(operation: Operation): number {
    return this.#socket.events() & (operation.operationFlags | ALWAYS);
  }
}
