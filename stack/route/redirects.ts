/**
 * Destinations that a router said have a better first hop. When there are too many, the oldest one
 * gives way.
 *
 * @module
 */

import { isSame } from "../ip/addresses.ts";
import type { IpAddress } from "../ip/types.ts";

interface Redirect {
  readonly destination: IpAddress;
  readonly gateway: IpAddress;
  readonly interface: number;
}

/** A list with a fixed length. */
export class RedirectList {
  readonly #capacity: number;
  readonly #list: Redirect[] = [];

  /** Makes an empty list. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** How many destinations are redirected. */
  get size(): number {
    return this.#list.length;
  }

  /** Redirects a destination. @returns whether another one had to give way */
  add(destination: IpAddress, gateway: IpAddress, interfaceIndex: number): boolean {
    const known = this.#list.findIndex((redirect) =>
      redirect.interface === interfaceIndex && isSame(redirect.destination, destination)
    );
    if (known >= 0) this.#list.splice(known, 1);
    const isFull = this.#list.length >= this.#capacity;
    if (isFull) this.#list.shift();
    if (this.#capacity > 0) this.#list.push({ destination, gateway, interface: interfaceIndex });
    return isFull;
  }

  /** The better first hop of a destination, or null. */
  find(destination: IpAddress, interfaceIndex: number): IpAddress | null {
    const found = this.#list.find((redirect) =>
      redirect.interface === interfaceIndex && isSame(redirect.destination, destination)
    );
    return found?.gateway ?? null;
  }

  /** Forgets what was redirected to a first hop. @returns whether anything was */
  removeGateway(interfaceIndex: number, gateway: IpAddress): boolean {
    return this.#removeWhere((redirect) =>
      redirect.interface === interfaceIndex && isSame(redirect.gateway, gateway)
    );
  }

  /** Forgets what was redirected on an interface. */
  removeInterface(interfaceIndex: number): void {
    this.#removeWhere((redirect) => redirect.interface === interfaceIndex);
  }

  #removeWhere(isGone: (redirect: Redirect) => boolean): boolean {
    const kept = this.#list.filter((redirect) => !isGone(redirect));
    const isAny = kept.length < this.#list.length;
    this.#list.length = 0;
    this.#list.push(...kept);
    return isAny;
  }
}
