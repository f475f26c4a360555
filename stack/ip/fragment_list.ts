/**
 * The fragments of one packet as they come in: a list in the order of their places, whose nodes are
 * taken from a pool that all packets share.
 *
 * A list knows what RFC 815's hole descriptors know: what is there, hence what is missing. Since
 * overlaps are refused, the bytes that are there need only be counted.
 *
 * @module
 */

/** No node. */
export const NONE = -1;

/** What becomes of a fragment that is put into a list. */
export const Placement = {
  /** It is in the list. */
  TAKEN: 0,
  /** There is one with the very same place and length. */
  DUPLICATE: 1,
  /** It covers bytes that another one has, or lies past the end that another one has told. */
  OVERLAP: 2,
  /** No node is left. */
  FULL: 3,
} as const;

/** One of {@linkcode Placement}. */
export type Placement = typeof Placement[keyof typeof Placement];

/** Nodes of lists of fragments. */
export class FragmentPool {
  /** The packet of each node. */
  readonly packet: Int32Array;
  /** Where its data belong. */
  readonly offset: Int32Array;
  /** Where they end. */
  readonly end: Int32Array;
  /** The bytes of headers in front of them. */
  readonly headerBytes: Int32Array;
  /** The node that follows in its list, or among the free ones. */
  readonly next: Int32Array;
  #free = NONE;
  #used = 0;

  /** @param capacity how many nodes there are */
  constructor(capacity: number) {
    this.packet = new Int32Array(capacity);
    this.offset = new Int32Array(capacity);
    this.end = new Int32Array(capacity);
    this.headerBytes = new Int32Array(capacity);
    this.next = new Int32Array(capacity);
    for (let node = capacity - 1; node >= 0; node--) {
      this.next[node] = this.#free;
      this.#free = node;
    }
  }

  /** How many nodes are in lists. */
  get used(): number {
    return this.#used;
  }

  /** Takes a node. @returns it, or -1 when none is left */
  take(packet: number, offset: number, end: number, headerBytes: number): number {
    const node = this.#free;
    if (node === NONE) return NONE;
    this.#free = this.next[node];
    this.#used++;
    this.packet[node] = packet;
    this.offset[node] = offset;
    this.end[node] = end;
    this.headerBytes[node] = headerBytes;
    return node;
  }

  /** Gives a node back. @returns the one that followed it */
  give(node: number): number {
    const following = this.next[node];
    this.next[node] = this.#free;
    this.#free = node;
    this.#used--;
    return following;
  }
}

/** The fragments of one packet. */
export class FragmentList {
  /** The node of the first place, or -1. */
  head: number = NONE;
  /** How many fragments there are. */
  count = 0;
  /** How many bytes of data they have. */
  bytes = 0;
  /** Where the data end, or -1 as long as the last fragment has not come. */
  end: number = NONE;
  /** The node that was found to be a {@linkcode Placement.DUPLICATE}. */
  duplicate: number = NONE;
  readonly #pool: FragmentPool;
  /** Fragments mostly come in order: the node of the last place. */
  #tail: number = NONE;

  /** @param pool where nodes are from */
  constructor(pool: FragmentPool) {
    this.#pool = pool;
  }

  /** Whether nothing is missing. */
  get isComplete(): boolean {
    return this.bytes === this.end;
  }

  /** The packet of the first fragment, or -1 as long as that has not come. */
  get first(): number {
    const { head } = this;
    return head !== NONE && this.#pool.offset[head] === 0 ? this.#pool.packet[head] : NONE;
  }

  /**
   * Puts a fragment in its place.
   *
   * @param packet what it is; the list holds it once it is taken
   * @param headerBytes what is in front of its data
   * @param offset where they belong
   * @param end where they end
   * @param isLast whether no more follow
   */
  insert(
    packet: number,
    headerBytes: number,
    offset: number,
    end: number,
    isLast: boolean,
  ): Placement {
    const pool = this.#pool;
    const before = this.#findBefore(offset);
    const after = before === NONE ? this.head : pool.next[before];
    if (after !== NONE && pool.offset[after] === offset && pool.end[after] === end) {
      this.duplicate = after;
      return isLast === (this.end === end) ? Placement.DUPLICATE : Placement.OVERLAP;
    }
    if (before !== NONE && pool.end[before] > offset) return Placement.OVERLAP;
    if (after !== NONE && pool.offset[after] < end) return Placement.OVERLAP;
    if (isLast ? after !== NONE || this.end !== NONE : this.end !== NONE && end > this.end) {
      return Placement.OVERLAP;
    }
    const node = pool.take(packet, offset, end, headerBytes);
    if (node === NONE) return Placement.FULL;
    pool.next[node] = after;
    if (before === NONE) this.head = node;
    else pool.next[before] = node;
    if (after === NONE) this.#tail = node;
    this.count++;
    this.bytes += end - offset;
    if (isLast) this.end = end;
    return Placement.TAKEN;
  }

  /** The last node whose data begin before an offset. */
  #findBefore(offset: number): number {
    const pool = this.#pool;
    const tail = this.#tail;
    if (tail !== NONE && pool.offset[tail] < offset) return tail;
    let before: number = NONE;
    for (let node = this.head; node !== NONE && pool.offset[node] < offset;) {
      before = node;
      node = pool.next[node];
    }
    return before;
  }

  /** Forgets everything: the nodes go back to the pool, their packets to whoever took them out. */
  clear(): void {
    for (let node = this.head; node !== NONE;) node = this.#pool.give(node);
    this.head = NONE;
    this.#tail = NONE;
    this.count = 0;
    this.bytes = 0;
    this.end = NONE;
  }
}
