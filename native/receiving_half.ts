/**
 * What the receiving halves of streams and of datagram endpoints have in common: one receive in the
 * ring, and one reader that waits for it, with a signal and a deadline.
 *
 * ```text
 *  IDLE --arm--> ARMED --completion without MORE--> IDLE
 *                  | cancel (abort, deadline, break, too much ahead, pause, close)
 *                  v
 *              CANCELLING --terminal completion--> IDLE
 *
 *  IDLE --no buffer--> STARVED --one came back--> ARMED
 * ```
 *
 * A reader that gives up cancels, and is told when the receive has ended with nothing for it: what
 * won the race is delivered.
 *
 * @module
 */

import type { Network } from "./network.ts";
import type { OpOptions } from "./operation.ts";
import type { Socket } from "./socket.ts";
import {
  badResource,
  busy,
  completionError,
  type NetErrorContext,
  rejectCompletion,
  timedOut,
} from "./errors.ts";
import type { Deadline, DeadlineTarget } from "../ring/deadlines.ts";

/** The states of a receive; the diagram stands above. */
export const ReceiveState = { IDLE: 0, ARMED: 1, CANCELLING: 2, STARVED: 3 } as const;
/** See {@linkcode ReceiveState}. */
export type ReceiveState = typeof ReceiveState[keyof typeof ReceiveState];

/** An iterator that waits: it shapes what it is given, and lives longer than one wait. */
export interface IteratingReader<Item, Value> {
  /** @param item the next one, null at the end */
  accept(item: Item | null): IteratorResult<Value>;
  /** Notes that reading ended with an error. */
  fail(): void;
}

type Reject = (reason: unknown) => void;

/** Whoever's resolvers {@linkcode park} is to set. */
interface Parking {
  resolve: ((value: never) => void) | null;
  reject: Reject | null;
}

// One waiter at a time: its resolvers go from the promise's executor into the half, without a
// closure per operation.
let parking: Parking;
function park(resolve: (value: never) => void, reject: Reject): void {
  parking.resolve = resolve;
  parking.reject = reject;
}

/**
 * One receive, and one reader.
 *
 * @template Item what an iterator is given
 * @template Value what it makes of that
 * @template Single what is given to who asks for one thing
 */
export abstract class ReceivingHalf<Item, Value, Single> implements DeadlineTarget {
  /** The waiter's resolvers; set by `park`. */
  resolve: ((value: Single | IteratorResult<Value>) => void) | null = null;
  /** See {@linkcode ReceivingHalf.resolve}. */
  reject: Reject | null = null;
  protected readonly socket: Socket;
  protected readonly network: Network;
  protected state: ReceiveState = ReceiveState.IDLE;
  /** Of the receive in the ring, -1 while there is none. */
  protected slot = -1;
  protected isClosed = false;
  /** The iterator that waits; null while nobody does, and for who asks for one thing. */
  protected iterating: IteratingReader<Item, Value> | null = null;
  /** Why it was closed, null for an ordinary close: its error is made for who runs into it. */
  #closedBy: Error | null = null;
  /** Why the waiter gave up, wrapped because a reason may be anything. */
  #interruption: { readonly reason: unknown } | null = null;
  #deadline: Deadline | null = null;
  #onDisarmed: (() => void) | null = null;

  /** @param socket what is received from */
  constructor(socket: Socket) {
    this.socket = socket;
    this.network = socket.network;
  }

  /** Whether it was closed by `close()`, not by an error or a revocation. */
  get isClosedOrdinarily(): boolean {
    return this.isClosed && this.#closedBy === null;
  }

  /** Stops receiving ahead. @returns when no receive is armed any more; what came is kept */
  stop(): Promise<void> {
    if (this.state === ReceiveState.STARVED) this.state = ReceiveState.IDLE;
    if (this.slot < 0) return Promise.resolve();
    this.cancel();
    return this.#whenDisarmed();
  }

  /**
   * Ends the half.
   *
   * @param reason what a waiting reader rejects with, null for an ordinary close
   * @returns when no receive is armed any more, null when none is now
   */
  terminate(reason: Error | null): Promise<void> | null {
    this.isClosed = true;
    this.#closedBy = reason;
    if (this.state === ReceiveState.STARVED) this.state = ReceiveState.IDLE;
    this.letGo();
    if (this.slot < 0) {
      if (this.resolve !== null) this.#failClosed();
      return null;
    }
    this.cancel();
    return this.#whenDisarmed();
  }

  /** {@inheritDoc DeadlineTarget.onDeadline} */
  onDeadline(_tag: number): void {
    this.#deadline = null;
    this.#interrupt(timedOut("receive", this.names()));
  }

  /** Puts a receive into the ring. */
  protected abstract arm(): void;

  /** After a terminal completion: tells whoever still waits why, or has it wait on. */
  protected abstract disarmed(): void;

  /** Gives back what came and nobody took: it is closed. */
  protected abstract letGo(): void;

  /** That it is closed, for an error. */
  protected abstract get closedDetail(): string;

  /** Waits for what comes next. @param reader the iterator that is to shape it, if it is one */
  protected wait<Outcome extends Single | IteratorResult<Value>>(
    reader: IteratingReader<Item, Value> | null,
    options: OpOptions | undefined,
  ): Promise<Outcome> {
    if (this.resolve !== null) {
      return Promise.reject(busy("receive", "the last call still waits", this.names()));
    }
    const refusal = this.socket.admit("receive");
    if (refusal !== null) {
      reader?.fail();
      return Promise.reject(refusal);
    }
    this.iterating = reader;
    const promise = this.park(options);
    if (this.state === ReceiveState.IDLE) this.arm();
    return promise as Promise<Outcome>;
  }

  /** Makes a waiter of an operation that was admitted. */
  protected park(options: OpOptions | undefined): Promise<Single | IteratorResult<Value>> {
    this.socket.beginWait();
    parking = this;
    const promise = new Promise<Single | IteratorResult<Value>>(park);
    if (options !== undefined) this.#guard(options);
    return promise;
  }

  /** Ends the wait: what was taken from `resolve` and `reject` before is told. */
  protected unpark(): void {
    this.iterating = null;
    this.resolve = null;
    this.reject = null;
    this.#interruption = null;
    if (this.#deadline !== null) {
      this.network.reactor.disarmDeadline(this.#deadline);
      this.#deadline = null;
    }
    this.socket.endWait();
  }

  /** Rejects, if somebody waits. */
  protected fail(reason: unknown): void {
    this.dismiss()?.(reason);
  }

  /** Rejects with what became of a receive, if somebody waits. */
  protected failCompletion(errno: number): void {
    const reject = this.dismiss();
    if (reject !== null) rejectCompletion(reject, errno, this.#context());
  }

  /** Ends the wait in vain. @returns what rejects the waiter, null when nobody waits */
  protected dismiss(): Reject | null {
    const { reject } = this;
    if (reject === null) return null;
    const reader = this.iterating;
    this.unpark();
    reader?.fail();
    return reject;
  }

  /** Whether the waiter gave up. */
  protected get isInterrupted(): boolean {
    return this.#interruption !== null;
  }

  /** Tells a waiter that it waits in vain. @returns false when it does not */
  protected failInVain(): boolean {
    if (this.isClosed) this.#failClosed();
    else if (this.#interruption !== null) this.fail(this.#interruption.reason);
    else return false;
    return true;
  }

  /** Cancels the receive in the ring, once. */
  protected cancel(): void {
    if (this.state !== ReceiveState.ARMED) return;
    this.state = ReceiveState.CANCELLING;
    this.network.reactor.cancel(this.slot);
  }

  /** Tells those who wait for that that no receive is armed any more. */
  protected tellDisarmed(): void {
    this.#onDisarmed?.();
    this.#onDisarmed = null;
  }

  /** What whoever runs into the close is told. */
  protected closedError(): Error {
    return this.#closedBy ?? badResource("receive", this.closedDetail, this.names());
  }

  /** What became of a receive, as an error. */
  protected error(errno: number): Error {
    return completionError(errno, this.#context());
  }

  /** A promise that rejects with what became of a receive. */
  protected rejection(errno: number): Promise<never> {
    return new Promise((_, reject) => rejectCompletion(reject, errno, this.#context()));
  }

  #context(): NetErrorContext {
    return { operation: "receive", ...this.names() };
  }

  /** Addresses for an error. */
  protected names(): { local: string; remote: string } {
    return this.network.namesOf(this.socket);
  }

  #guard(options: OpOptions): void {
    const { signal, timeoutMs } = options;
    if (timeoutMs !== undefined) {
      this.#deadline = this.network.reactor.armDeadline(timeoutMs, this, 0);
    }
    if (signal === undefined) return;
    const onAbort = () => this.#interrupt(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    const [resolve, reject] = [this.resolve!, this.reject!];
    this.resolve = (value) => {
      signal.removeEventListener("abort", onAbort);
      resolve(value);
    };
    this.reject = (reason) => {
      signal.removeEventListener("abort", onAbort);
      reject(reason);
    };
  }

  /** Cancels for a waiter that gave up. */
  #interrupt(reason: unknown): void {
    if (this.resolve === null) return;
    this.#interruption = { reason };
    if (this.state === ReceiveState.STARVED) this.state = ReceiveState.IDLE;
    if (this.slot >= 0) this.cancel();
    else this.disarmed();
  }

  /** It was closed under a waiter: for an iterator that is the end, unless there was a reason. */
  #failClosed(): void {
    const reader = this.iterating;
    if (reader === null || !this.isClosedOrdinarily) {
      this.fail(this.closedError());
      return;
    }
    const resolve = this.resolve!;
    this.unpark();
    resolve(reader.accept(null));
  }

  #whenDisarmed(): Promise<void> {
    const { reactor } = this.network;
    // Whoever awaits it is alive until it is done.
    reactor.reference();
    return new Promise((resolve) => {
      const before = this.#onDisarmed;
      this.#onDisarmed = () => {
        before?.();
        reactor.dereference();
        resolve();
      };
    });
  }
}
