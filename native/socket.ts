/**
 * What endpoints and streams have in common: a descriptor on a network, the capability they were
 * made under, and whether their pending work keeps the process alive.
 *
 * @module
 */

import type { Network } from "./network.ts";
import type { CountedLimit, RateGate } from "../ring/authority/mod.ts";

/** Whoever keeps a list of sockets, to end them when authority is withdrawn. */
export interface SocketOwner {
  /** Whether operations and bytes are counted against a limit. */
  readonly isCounted: boolean;
  /** How fast bytes are sent, null without a limit. */
  readonly sendGate: RateGate | null;
  /** Takes some of a limited resource. @returns null, or the error that names the limit */
  acquire(limit: CountedLimit, amount: number, operation: string): Error | null;
  /** Gives it back. */
  release(limit: CountedLimit, amount: number): void;
  /** Adds a socket. */
  adopt(socket: Socket): void;
  /** Forgets a socket that is closed. */
  forget(socket: Socket): void;
}

/**
 * A descriptor with an owner: what endpoints and streams are.
 */
export abstract class Socket {
  /** @ignore The ring it lives on. */
  readonly network: Network;
  /** @ignore The capability that answers for it. */
  readonly owner: SocketOwner;
  /** @ignore The descriptor; the host backend's are its own numbers. */
  readonly descriptor: number;
  #isReferenced = true;
  #pending = 0;

  /** @ignore Made by endpoints and streams. */
  constructor(network: Network, owner: SocketOwner, descriptor: number) {
    this.network = network;
    this.owner = owner;
    this.descriptor = descriptor;
    owner.adopt(this);
  }

  /**
   * Ends everything on it.
   *
   * @ignore
   *
   * @param reason what pending operations reject with; undefined for an ordinary close
   * @returns when nothing of it is left
   */
  abstract terminate(reason: Error | undefined): Promise<void>;

  /** Lets its pending operations keep the process alive: the default. */
  ref(): void {
    if (this.#isReferenced) return;
    this.#isReferenced = true;
    for (let count = 0; count < this.#pending; count++) this.network.reactor.reference();
  }

  /** Lets the process end although its operations are pending. */
  unref(): void {
    if (!this.#isReferenced) return;
    this.#isReferenced = false;
    for (let count = 0; count < this.#pending; count++) this.network.reactor.dereference();
  }

  /** @ignore Counts an operation about to begin. @returns why it may not, null when it may */
  admit(operation: string): Error | null {
    if (!this.owner.isCounted) return null;
    return this.owner.acquire("inFlight", 1, operation);
  }

  /** @ignore Notes that an operation somebody awaits, which was admitted, began. */
  beginWait(): void {
    this.#pending++;
    if (this.#isReferenced) this.network.reactor.reference();
  }

  /** @ignore Notes that it ended. */
  endWait(): void {
    this.#pending--;
    if (this.owner.isCounted) this.owner.release("inFlight", 1);
    if (this.#isReferenced) this.network.reactor.dereference();
  }
}
