/**
 * Leases that arrived before anybody asked for them, in order. They are linked to one another: an
 * array would be grown anew for each of the many that wait for a moment only.
 *
 * @module
 */

import type { BufferLease } from "../lease.ts";

/** Leases in line; each may be in one line only. */
export class LeaseQueue {
  /** How many wait. */
  length = 0;
  #first: BufferLease | null = null;
  #last: BufferLease | null = null;

  /** Adds one behind all others. */
  push(lease: BufferLease): void {
    if (this.#last === null) this.#first = lease;
    else this.#last.next = lease;
    this.#last = lease;
    this.length++;
  }

  /** Puts one back before all others. */
  unshift(lease: BufferLease): void {
    lease.next = this.#first;
    this.#first = lease;
    if (this.#last === null) this.#last = lease;
    this.length++;
  }

  /** Takes the first; there must be one. */
  shift(): BufferLease {
    const lease = this.#first!;
    this.#first = lease.next;
    if (this.#first === null) this.#last = null;
    lease.next = null;
    this.length--;
    return lease;
  }
}
