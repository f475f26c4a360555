/**
 * What endpoints and streams have in common: a descriptor on a network, the capability they were
 * made under, and whether their pending work keeps the process alive.
 *
 * @module
 */

import type { Network } from "./network.ts";

/** Whoever keeps a list of sockets, to end them when authority is withdrawn. */
export interface SocketOwner {
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

  /** @ignore Notes that an operation somebody awaits began. */
  beginWait(): void {
    this.#pending++;
    if (this.#isReferenced) this.network.reactor.reference();
  }

  /** @ignore Notes that it ended. */
  endWait(): void {
    this.#pending--;
    if (this.#isReferenced) this.network.reactor.dereference();
  }
}
