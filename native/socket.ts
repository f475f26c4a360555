/**
 * What endpoints and streams have in common: a descriptor on a network, the capability they were
 * made under, and whether their pending work keeps the process alive.
 *
 * @module
 */

import type { Network } from "./network.ts";
import type { Placed } from "./place_list.ts";
import { getOption, setOption, type SocketKind } from "./options/options.ts";
import type { StreamMeter } from "./stream/stream_meter.ts";
import type { AddressFamily } from "../ring/abi/address.ts";
import type { Authority, CountedLimit, RateGate } from "../ring/authority/mod.ts";

/** What a capability answers for, and ends when it is withdrawn. */
export interface Owned extends Placed {
  /** Ends it. @param reason undefined for an ordinary close @returns when nothing of it is left */
  terminate(reason: Error | undefined): Promise<void>;
}

/** Whoever keeps a list of sockets, to end them when authority is withdrawn. */
export interface SocketOwner {
  /** What may be done. */
  readonly authority: Authority;
  /** Whether operations and bytes are counted against a limit. */
  readonly isCounted: boolean;
  /** How fast bytes are sent, null without a limit. */
  readonly sendGate: RateGate | null;
  /** Takes some of a limited resource. @returns null, or the error that names the limit */
  acquire(limit: CountedLimit, amount: number, operation: string): Error | null;
  /** Gives it back. */
  release(limit: CountedLimit, amount: number): void;
  /** Adds a socket or a descriptor. */
  adopt(socket: Owned): void;
  /** Forgets one that is closed. */
  forget(socket: Owned): void;
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
  /** @ignore Where its owner has listed it. */
  place = -1;
  /** @ignore Settles when no SHUTDOWN is under way; null when there was none. */
  shutdowns: Promise<unknown> | null = null;
  /** @ignore Counts its bytes for whoever watches over it; most are watched by nobody. */
  meter: StreamMeter | null = null;
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

  /** @ignore Which options it has. */
  abstract get kind(): SocketKind;

  /** @ignore The family of its packets, which decides between `timeToLive` and `hopLimit`. */
  abstract get family(): AddressFamily;

  /** The local address as text. */
  abstract get localName(): string;

  /** The peer's address as text, `""` without one. */
  abstract get remoteName(): string;

  /** @ignore Throws EBADF when it is closed. */
  abstract requireOpen(operation: string): void;

  /**
   * Sets an option.
   *
   * @throws {TypeError} when there is no such option or the value has the wrong type
   * @throws {RangeError} when a number is out of its range
   * @throws {NetError} ENOTSUP where backend or socket have no such option, EINVAL when it comes too
   * late or is of the other address family, EPERM without the privilege that Linux asks for
   */
  async setOption(name: string, value: unknown): Promise<void> {
    this.requireOpen("setOption");
    await setOption(this, name, value, true);
  }

  /**
   * Reads an option.
   *
   * @throws {TypeError} when there is no such option
   * @throws {NetError} ENOTSUP where backend or socket have no such option, EINVAL when it is of the
   * other address family
   */
  async getOption(name: string): Promise<unknown> {
    this.requireOpen("getOption");
    return await getOption(this, name);
  }

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
