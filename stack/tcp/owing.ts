/**
 * Connections that were given segments in this step, and owe something for them: an
 * acknowledgment, data that may leave now, word to their owners. They settle once, when the stack
 * has dealt with all that arrived.
 *
 * @module
 */

/** What can owe something. */
export interface Debtor {
  /** Whether it has not settled since it was noted here. */
  readonly isOwing: boolean;
  /** Does what it owes. */
  settle(): void;
}

/** More connections than this settle with each segment. */
export const MAXIMUM_OWING = 1024;

/** Who owes something. */
export class Owing {
  readonly #debtors: (Debtor | null)[] = [];
  #count = 0;

  /** How many are noted; some of those may have settled since. */
  get size(): number {
    return this.#count;
  }

  /** Notes one. @returns false when there is no room: it has to settle now */
  note(debtor: Debtor): boolean {
    if (this.#count === MAXIMUM_OWING) return false;
    this.#debtors[this.#count++] = debtor;
    return true;
  }

  /** Lets all settle that have not yet: each once, in the order in which they were noted. */
  settle(): void {
    const debtors = this.#debtors;
    for (let at = 0; at < this.#count; at++) {
      const debtor = debtors[at]!;
      debtors[at] = null;
      if (debtor.isOwing) debtor.settle();
    }
    this.#count = 0;
  }
}
