/**
 * The sockets, and descriptors, that a capability answers for.
 *
 * Each knows its place in a plain array. A `Set` would make a new table whenever so many have come
 * and gone, and V8 has each old table refer to the next one: a single one that grew old would keep
 * all that follow it, and every socket in them, until the next full collection. Under a storm of
 * short connections that is nearly all that there ever were.
 *
 * @module
 */

import type { Owned } from "./socket.ts";

/** Sockets in no order. */
export class OwnedList implements Iterable<Owned> {
  readonly #all: Owned[] = [];

  /** How many there are. */
  get size(): number {
    return this.#all.length;
  }

  /** Adds one that is in no list. */
  add(owned: Owned): void {
    owned.place = this.#all.length;
    this.#all.push(owned);
  }

  /** Removes one. @returns false when it is not there */
  remove(owned: Owned): boolean {
    const all = this.#all;
    const { place } = owned;
    if (all[place] !== owned) return false;
    const last = all.pop()!;
    if (last !== owned) {
      all[place] = last;
      last.place = place;
    }
    owned.place = -1;
    return true;
  }

  /** Those that are there now, whatever comes or goes meanwhile. */
  [Symbol.iterator](): IterableIterator<Owned> {
    return this.#all.slice()[Symbol.iterator]();
  }
}
