/**
 * A listener: at most one of Deno's accepts is pending, and begun only when somebody waits for a
 * connection. One that arrives when nobody waits any more is held for the next accept.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import { IoPrio, Op } from "../../ring/abi/opcodes.ts";
import { errnoOf } from "../machine/errors.ts";
import type { Machine, ReadinessListener } from "./machine.ts";
import { type Operation, type OperationOwner, OperationQueue } from "../machine/operation.ts";

/** Connections that are accepted ahead for a poll that wants to be told of each. */
const AHEAD_MAX = 16;

/** Makes a virtual descriptor of a connection, and tells the operation's program its address. */
export type Adopt = (operation: Operation, conn: Deno.Conn) => number;

/** Whether an accept goes on after its first connection. */
function isMultishot(operation: Operation): boolean {
  return operation.opcode === Op.ACCEPT && (operation.ioprio & IoPrio.ACCEPT_MULTISHOT) !== 0;
}

/** Accepts connections of one listener. */
export class Acceptor implements OperationOwner {
  readonly listener: Deno.Listener;
  readonly #machine: Machine;
  readonly #adopt: Adopt;
  readonly #readiness: ReadinessListener;
  readonly #waiting = new OperationQueue();
  readonly #onAccepted: (conn: Deno.Conn) => void;
  readonly #onFailure: (error: unknown) => void;
  /** Accepted by Deno when nobody waited, or when there was no descriptor for them. */
  readonly #held: Deno.Conn[] = [];
  #isAccepting = false;
  #isClosed = false;
  #onReleased: (() => void) | null = null;

  /**
   * @param listener a listening socket of Deno's
   * @param adopt makes descriptors
   * @param readiness is told when a connection is held
   */
  constructor(
    machine: Machine,
    listener: Deno.Listener,
    adopt: Adopt,
    readiness: ReadinessListener,
  ) {
    listener.unref();
    this.listener = listener;
    this.#machine = machine;
    this.#adopt = adopt;
    this.#readiness = readiness;
    this.#onAccepted = (conn) => this.#arrive(conn);
    this.#onFailure = (error) => this.#fail(error);
  }

  /** Whether an accept would complete at once. */
  get hasWaiting(): boolean {
    return this.#held.length > 0;
  }

  /** Begins an accept. */
  accept(operation: Operation): void {
    if (this.#isClosed) return this.#machine.complete(operation, -Errno.EINVAL, 0);
    const { serial, ioprio } = operation;
    this.#waiting.push(operation);
    this.#machine.park(operation, this);
    this.#pump();
    if ((ioprio & IoPrio.ACCEPT_DONTWAIT) !== 0 && operation.serial === serial) {
      this.#expireSoon(operation);
    }
  }

  /**
   * Has a connection accepted ahead, for polls.
   *
   * @param isMore whether to be told of those behind it, too
   */
  want(isMore: boolean): void {
    if (this.#held.length < (isMore ? AHEAD_MAX : 1)) this.#accept();
  }

  /** {@inheritDoc OperationOwner.cancel} */
  cancel(operation: Operation): number {
    this.#waiting.remove(operation);
    this.#machine.complete(operation, -Errno.ECANCELED, 0);
    return 0;
  }

  /** Stops listening. @param result what the accepts that wait complete with */
  close(result: number): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.listener.close();
    for (const conn of this.#held.splice(0)) conn.close();
    for (let next = this.#waiting.head; next !== null; next = this.#waiting.head) {
      this.#waiting.remove(next);
      this.#machine.complete(next, result, 0);
    }
  }

  /** Calls back once Deno has let go of a closed listener, and its address is free. */
  whenReleased(released: () => void): void {
    if (this.#isAccepting) this.#onReleased = released;
    else released();
  }

  /** There is no asking whether a connection waits. */
  #expireSoon(operation: Operation): void {
    const { serial } = operation;
    this.#machine.outstanding++;
    this.#machine.rounds.after(() => {
      this.#machine.outstanding--;
      if (operation.serial !== serial) return;
      this.#waiting.remove(operation);
      this.#machine.complete(operation, -Errno.EAGAIN, 0);
    });
  }

  #pump(): void {
    if (this.#held.length > 0) {
      const before = this.#held.length;
      this.#deliver();
      // A poll must see a connection go in order to see the next one come.
      if (this.#held.length < before) this.#readiness.onReadiness();
    }
    if (this.#waiting.head !== null && this.#held.length === 0) this.#accept();
  }

  #accept(): void {
    if (this.#isAccepting || this.#isClosed) return;
    this.#isAccepting = true;
    this.#machine.outstanding++;
    this.listener.accept().then(this.#onAccepted, this.#onFailure);
  }

  #arrive(conn: Deno.Conn): void {
    this.#isAccepting = false;
    this.#machine.outstanding--;
    if (this.#isClosed) {
      conn.close();
      this.#onReleased?.();
      return;
    }
    this.#held.push(conn);
    this.#pump();
    if (this.#held.length > 1) this.#readiness.onMore();
    else if (this.#held.length > 0) this.#readiness.onReadiness();
  }

  #fail(error: unknown): void {
    this.#isAccepting = false;
    this.#machine.outstanding--;
    if (this.#isClosed) {
      this.#onReleased?.();
      return;
    }
    const operation = this.#waiting.head;
    if (operation === null) return;
    this.#waiting.remove(operation);
    this.#machine.complete(operation, -errnoOf(error), 0);
    this.#pump();
  }

  /** Gives the connection that is held to whoever waits longest. */
  #deliver(): void {
    const operation = this.#waiting.head;
    if (operation === null) return;
    const result = this.#adopt(operation, this.#held[0]);
    if (result >= 0) this.#held.shift();
    if (result >= 0 && isMultishot(operation)) {
      this.#machine.more(operation, result, 0);
      return;
    }
    this.#waiting.remove(operation);
    this.#machine.complete(operation, result, 0);
    if (result < 0) this.#deliver();
  }
}
