/**
 * A list of what comes and goes, such as the sockets that a capability answers for.
 *
 * Each item knows its place in a plain array. A `Set` or a `Map` would make a new table whenever so
 * many have come and gone, and V8 has each old table refer to the next one: a single one that grew
 * old would keep all that follow it, and every item in them, until the next full collection. Under a
 * storm of short connections that is nearly all that there ever were.
 *
 * @module
 */

/** What can be in a list: in one at a time. */
export interface Placed {
  /** Where it is listed, -1 for nowhere; of no meaning to others. */
  place: number;
}

/** Items in no order. */
export class PlaceList<Item extends Placed> implements Iterable<Item> {
  readonly #all: Item[] = [];

  /** How many there are. */
  get size(): number {
    return this.#all.length;
  }

  /** Adds one that is in no list. */
  add(item: Item): void {
    item.place = this.#all.length;
    this.#all.push(item);
  }

  /** Removes one. @returns false when it is not there */
  remove(item: Item): boolean {
    const all = this.#all;
    const { place } = item;
    if (all[place] !== item) return false;
    const last = all.pop()!;
    if (last !== item) {
      all[place] = last;
      last.place = place;
    }
    item.place = -1;
    return true;
  }

  /** Those that are there now, whatever comes or goes meanwhile. */
  [Symbol.iterator](): IterableIterator<Item> {
    return this.#all.slice()[Symbol.iterator]();
  }
}
