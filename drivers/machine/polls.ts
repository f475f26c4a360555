/**
 * Polls on one socket. A one-shot poll completes with the events that hold; a multishot one posts
 * whenever one of its events begins to hold, as an edge-triggered poll of Linux.
 *
 * Where a socket cannot be asked what it is ready for, what is ready is known after a round.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import { Poll, PollFlag } from "../../ring/abi/opcodes.ts";
import type { Machine } from "./machine.ts";
import { type Operation, type OperationOwner, OperationQueue, Round } from "./operation.ts";

/** Reported whether asked for or not. */
const ALWAYS = Poll.ERR | Poll.HUP | Poll.NVAL;
const READ_EVENTS = Poll.IN | Poll.RDHUP | 0x40;

/** What a poll can be asked about. */
export interface Pollable {
  /** The events that hold now. */
  events(): number;
  /**
   * Begins what makes it readable.
   *
   * @param isMore whether somebody wants to be told of all that comes, however much is there
   */
  wantReadable(isMore: boolean): void;
}

/** Whoever holds a poll that waits. */
export interface PollOwner extends OperationOwner {
  /** Changes the events that it waits for. */
  update(operation: Operation, events: number): void;
}

/** Ways to wait for one round. */
export interface PollRounds {
  /** Whether all that was ready when a round began is known when it ends. */
  readonly isExact: boolean;
  /** Calls back when the round is over. */
  after(done: () => void): void;
}

/** The polls that wait on one socket. */
export class Polls implements PollOwner {
  readonly #machine: Machine;
  readonly #socket: Pollable;
  readonly #rounds: PollRounds | null;
  readonly #waiting = new OperationQueue();

  /**
   * @param socket what is polled
   * @param rounds how to find out what it is ready for; null where it always knows
   */
  constructor(machine: Machine, socket: Pollable, rounds: PollRounds | null) {
    this.#machine = machine;
    this.#socket = socket;
    this.#rounds = rounds;
  }

  /** Whether nobody polls. */
  get isEmpty(): boolean {
    return this.#waiting.head === null;
  }

  /** Begins a poll. */
  add(operation: Operation): void {
    this.#want(operation);
    const held = this.#held(operation);
    const isSingle = (operation.length & PollFlag.ADD_MULTI) === 0;
    const isAll = (operation.operationFlags & ~held) === 0;
    if (held !== 0 && isSingle && (isAll || this.#rounds?.isExact !== true)) {
      return this.#machine.complete(operation, held, 0);
    }
    this.#waiting.push(operation);
    this.#machine.park(operation, this);
    operation.done = isSingle ? 0 : held;
    if (held === 0) return;
    if (isSingle) this.#completeSoon(operation);
    else this.#machine.more(operation, held, 0);
  }

  /** What else is ready is known after a round. */
  #completeSoon(operation: Operation): void {
    const { serial } = operation;
    operation.round = Round.UNDER_WAY;
    this.#machine.outstanding++;
    this.#rounds!.after(() => {
      this.#machine.outstanding--;
      if (operation.serial !== serial) return;
      operation.round = Round.OVER;
      this.#checkOne(operation);
    });
  }

  /** Tells those that want all of it that more has come. */
  onMore(): void {
    for (let operation = this.#waiting.head; operation !== null;) {
      const { next } = operation;
      const isMulti = (operation.length & PollFlag.ADD_MULTI) !== 0;
      const held = this.#held(operation);
      if (isMulti && (held & READ_EVENTS) !== 0) {
        operation.done = held;
        this.#machine.more(operation, held, 0);
      }
      this.#want(operation);
      operation = next;
    }
  }

  /** {@inheritDoc PollOwner.update} */
  update(operation: Operation, events: number): void {
    operation.operationFlags = events;
    operation.done = 0;
    this.#want(operation);
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
    // It may have been about to complete.
    const held = operation.round === Round.UNDER_WAY ? this.#held(operation) : 0;
    this.#machine.complete(operation, held !== 0 ? held : -Errno.ECANCELED, 0);
    return 0;
  }

  /** Completes everything that waits as cancelled; the socket is being closed. */
  close(): void {
    while (this.#waiting.head !== null) this.cancel(this.#waiting.head);
  }

  #checkOne(operation: Operation): void {
    const held = this.#held(operation);
    if ((operation.length & PollFlag.ADD_MULTI) === 0) {
      if (operation.round === Round.UNDER_WAY) return;
      if (held === 0) return this.#want(operation);
      this.#waiting.remove(operation);
      this.#machine.complete(operation, held, 0);
      return;
    }
    // `done` keeps the events that held when it was last looked at.
    const began = held & ~operation.done;
    operation.done = held;
    if (began !== 0) this.#machine.more(operation, held, 0);
    if (began === 0 || this.#isExact) this.#want(operation);
  }

  /**
   * What has become of the socket may be what makes it possible to want bytes. The end of a
   * connection, which is told unasked, is found by reading, too.
   */
  #want({ operationFlags }: Operation): void {
    const isExact = this.#isExact;
    if ((operationFlags & READ_EVENTS) === 0 && !isExact) return;
    this.#socket.wantReadable(isExact);
  }

  /** Whether those that want all of it are to be told of all that comes. */
  get #isExact(): boolean {
    return this.#rounds === null || this.#rounds.isExact;
  }

  #held(operation: Operation): number {
    return this.#socket.events() & (operation.operationFlags | ALWAYS);
  }
}
