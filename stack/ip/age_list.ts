/**
 * Things that get older at the same pace: a list in the order in which they were put into it.
 *
 * @module
 */

/** Something that is in one list of its kind at most. */
export interface Aging<T> {
  /** The one that was put in before it. */
  older: T | null;
  /** The one that was put in after it. */
  newer: T | null;
}

/** Things from the oldest to the newest. */
export class AgeList<T extends Aging<T>> {
  /** The one that was put in first of all that are in it. */
  oldest: T | null = null;
  /** The one that was put in last. */
  newest: T | null = null;

  /** Puts something in. */
  push(item: T): void {
    item.older = this.newest;
    item.newer = null;
    if (this.newest === null) this.oldest = item;
    else this.newest.newer = item;
    this.newest = item;
  }

  /** Takes something out that is in it. */
  remove(item: T): void {
    if (item.older === null) this.oldest = item.newer;
    else item.older.newer = item.newer;
    if (item.newer === null) this.newest = item.older;
    else item.newer.older = item.older;
    item.older = null;
    item.newer = null;
  }
}
