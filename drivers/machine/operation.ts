/**
 * Operations in flight, from the entry that asked for them to their terminal completion. They are
 * pooled, and linked into queues and indexes through their own fields, so that an operation costs
 * no allocation.
 *
 * @module
 */

/** Whoever holds an operation that waits, and can give it up. */
export interface OperationOwner {
  /**
   * Ends an operation's wait and completes it.
   *
   * @returns 0, or `-EALREADY` when it is past cancelling and completes by itself
   */
  cancel(operation: Operation): number;
}

/** A round that an operation is given before it completes with what it has. */
export const Round = { NONE: 0, UNDER_WAY: 1, OVER: 2 } as const;
/** One of {@linkcode Round}. */
export type Round = typeof Round[keyof typeof Round];

/** One submission entry's fields, and how far it has come. */
export class Operation {
  /** Its place in the pool. */
  readonly id: number;
  opcode = 0;
  /** `IOSQE_*`. */
  flags = 0;
  ioprio = 0;
  fd = 0;
  /** `off`, `addr2`. */
  offset = 0;
  /** `addr`; once started, where the current segment goes on. */
  address = 0;
  length = 0;
  operationFlags = 0;
  userLow = 0;
  userHigh = 0;
  bufferGroup = 0;
  fileIndex = 0;
  address3 = 0;
  /** The words of `addr` as they are: some operations keep two fields there. */
  addressLow = 0;
  addressHigh = 0;

  /** Bytes wanted in all. */
  total = 0;
  /** Bytes moved so far. */
  done = 0;
  /** Bytes left in the current segment. */
  room = 0;
  /** Offset of the next element of the vector, and elements left. */
  vector = 0;
  vectors = 0;

  /** How far the round is that it is given to find what is there: see {@linkcode Round}. */
  round: Round = Round.NONE;

  /** Who holds it while it waits; null when it does not. */
  owner: OperationOwner | null = null;
  /** The errno that keeps it from starting, found while its chain was put together. */
  refusal = 0;
  /** What starts when it has completed. */
  chain: Operation | null = null;
  /** The LINK_TIMEOUT that guards it. */
  timeout: Operation | null = null;
  /** As a LINK_TIMEOUT: what it guards. */
  guarded: Operation | null = null;
  /** Bumped when it goes back to the pool: what a late callback compares. */
  serial = 0;

  /** Neighbours in its owner's queue. */
  previous: Operation | null = null;
  next: Operation | null = null;
  /** Neighbours among everything that waits, by age. */
  older: Operation | null = null;
  newer: Operation | null = null;
  /** The next one of the same hash of user data. */
  sibling: Operation | null = null;

  /** @param id its place in the pool */
  constructor(id: number) {
    this.id = id;
  }
}

/** Operations in the order they came, linked through their own fields. */
export class OperationQueue {
  head: Operation | null = null;
  #tail: Operation | null = null;

  /** Adds one at the end. */
  push(operation: Operation): void {
    operation.previous = this.#tail;
    operation.next = null;
    if (this.#tail === null) this.head = operation;
    else this.#tail.next = operation;
    this.#tail = operation;
  }

  /** Takes one out, wherever it is. */
  remove(operation: Operation): void {
    const { previous, next } = operation;
    if (previous === null) this.head = next;
    else previous.next = next;
    if (next === null) this.#tail = previous;
    else next.previous = previous;
    operation.previous = null;
    operation.next = null;
  }
}

/** Makes operations, and takes them back. */
export class OperationPool {
  readonly #all: Operation[] = [];
  readonly #free: Operation[] = [];

  /** The operation at a place in the pool. */
  at(id: number): Operation {
    return this.#all[id];
  }

  /** Operations that are out. */
  get size(): number {
    return this.#all.length - this.#free.length;
  }

  /** Takes one; only the fields of the entry are stale. */
  take(): Operation {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    const made = new Operation(this.#all.length);
    this.#all.push(made);
    return made;
  }

  /** Takes one back. */
  give(operation: Operation): void {
    operation.serial = (operation.serial + 1) | 0;
    operation.done = 0;
    operation.vectors = 0;
    operation.refusal = 0;
    operation.round = Round.NONE;
    operation.chain = null;
    operation.timeout = null;
    operation.guarded = null;
    this.#free.push(operation);
  }
}

const BUCKETS = 4096;

/** Everything that waits, by age and by user data. */
export class OperationIndex {
  size = 0;
  newest: Operation | null = null;
  oldest: Operation | null = null;
  readonly #buckets: (Operation | null)[] = new Array(BUCKETS).fill(null);

  /** Adds one that begins to wait. */
  add(operation: Operation): void {
    operation.older = this.newest;
    operation.newer = null;
    if (this.newest === null) this.oldest = operation;
    else this.newest.newer = operation;
    this.newest = operation;
    const bucket = operation.userLow & (BUCKETS - 1);
    operation.sibling = this.#buckets[bucket];
    this.#buckets[bucket] = operation;
    this.size++;
  }

  /** Takes one out. */
  remove(operation: Operation): void {
    const { older, newer } = operation;
    if (older === null) this.oldest = newer;
    else older.newer = newer;
    if (newer === null) this.newest = older;
    else newer.older = older;
    operation.older = null;
    operation.newer = null;
    this.#unhash(operation);
    this.size--;
  }

  /** The newest one with this user data, or null. */
  find(userLow: number, userHigh: number): Operation | null {
    let found = this.#buckets[userLow & (BUCKETS - 1)];
    while (found !== null && (found.userLow !== userLow || found.userHigh !== userHigh)) {
      found = found.sibling;
    }
    return found;
  }

  #unhash(operation: Operation): void {
    const bucket = operation.userLow & (BUCKETS - 1);
    let before = this.#buckets[bucket];
    if (before === operation) {
      this.#buckets[bucket] = operation.sibling;
    } else {
      while (before !== null && before.sibling !== operation) before = before.sibling;
      if (before !== null) before.sibling = operation.sibling;
    }
    operation.sibling = null;
  }
}
