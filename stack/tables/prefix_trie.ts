/**
 * A binary trie of prefixes that leaves out paths without branches (path compression).
 *
 * ```text
 *                 0.0.0.0/0
 *                /         \
 *        10.0.0.0/8         192.168.0.0/22     nothing is kept here: only a fork
 *            |               /            \
 *       10.1.0.0/16   192.168.0.0/24   192.168.2.0/24
 * ```
 *
 * A lookup visits one node for each prefix on its way and the forks between them: no more than an
 * address has bits, and one.
 * Source: Morrison, "PATRICIA", Journal of the ACM 15 (1968).
 *
 * @module
 */

/** No node, or nothing that is kept at one. */
export const NONE = -1;

/** Words of an address: of IPv4, and of IPv6. */
export type AddressWords = 1 | 4;

const WORD_BITS = 32;

/** The words of a node; its prefix follows. A free node has the next free one as its parent. */
const LENGTH = 0;
const CHILDREN = 1;
const PARENT = 3;
/** What is kept at the prefix, 0 or more; {@linkcode NONE} at forks. */
const KEPT = 4;
const PREFIX = 5;

/** The node of the prefix without bits, which is always there. */
const ROOT = 0;

/** A trie with a fixed number of nodes. */
export class PrefixTrie {
  /** Bits of an address. */
  readonly bits: number;
  readonly #stride: number;
  readonly #nodes: Int32Array;
  #free = NONE;

  /**
   * @param addressWords Words of an address.
   * @param capacity How many prefixes something is kept at, at most.
   */
  constructor(addressWords: AddressWords, capacity: number) {
    this.bits = addressWords * WORD_BITS;
    this.#stride = PREFIX + addressWords;
    // Each prefix has a node and needs one fork at most; and there is the root.
    const count = 2 * capacity + 1;
    this.#nodes = new Int32Array(count * this.#stride);
    for (let node = count - 1; node >= 0; node--) this.#give(node);
    this.#take(new Int32Array(addressWords), 0, NONE);
  }

  /**
   * Finds the longest prefix of an address at which something is kept.
   *
   * @returns Its node, or -1.
   */
  lookup(address: Int32Array): number {
    const nodes = this.#nodes;
    const stride = this.#stride;
    let best = NONE;
    let node = ROOT;
    do {
      const at = node * stride;
      const length = nodes[at + LENGTH];
      if (!this.#matches(at, length, address)) break;
      if (nodes[at + KEPT] !== NONE) best = node;
      if (length === this.bits) break;
      node = nodes[at + CHILDREN + bitOf(address, length)];
    } while (node !== NONE);
    return best;
  }

  /**
   * Finds a prefix.
   *
   * @returns Its node, which may be a fork only, or -1.
   */
  find(address: Int32Array, length: number): number {
    const nodes = this.#nodes;
    let node = ROOT;
    while (node !== NONE) {
      const at = node * this.#stride;
      const reached = nodes[at + LENGTH];
      if (reached > length || !this.#matches(at, reached, address)) return NONE;
      if (reached === length) return node;
      node = nodes[at + CHILDREN + bitOf(address, reached)];
    }
    return NONE;
  }

  /**
   * Finds a prefix, or adds it. Whoever keeps nothing there has to {@linkcode prune} it.
   *
   * @returns Its node.
   */
  add(address: Int32Array, length: number): number {
    const nodes = this.#nodes;
    let node = ROOT;
    for (;;) {
      const reached = nodes[node * this.#stride + LENGTH];
      if (reached === length) return node;
      const side = bitOf(address, reached);
      const child = nodes[node * this.#stride + CHILDREN + side];
      if (child === NONE) return this.#hang(this.#take(address, length, node), node, side);
      const common = this.#commonBits(child, address, length);
      if (common === nodes[child * this.#stride + LENGTH]) {
        node = child;
        continue;
      }
      const fork = this.#hang(this.#take(address, common, node), node, side);
      this.#hang(child, fork, bitOf(this.#prefixOf(child), common));
      if (common === length) return fork;
      const leaf = this.#take(address, length, fork);
      return this.#hang(leaf, fork, bitOf(address, common));
    }
  }

  /** Takes away a node at which nothing is kept, and whatever else is of no use then. */
  prune(node: number): void {
    const nodes = this.#nodes;
    let at = node;
    while (at !== ROOT && nodes[at * this.#stride + KEPT] === NONE) {
      const [zero, one] = [0, 1].map((side) => nodes[at * this.#stride + CHILDREN + side]);
      if (zero !== NONE && one !== NONE) return;
      const parent = nodes[at * this.#stride + PARENT];
      const side = nodes[parent * this.#stride + CHILDREN] === at ? 0 : 1;
      const child = zero === NONE ? one : zero;
      this.#give(at);
      if (child !== NONE) {
        this.#hang(child, parent, side);
        return;
      }
      nodes[parent * this.#stride + CHILDREN + side] = NONE;
      at = parent;
    }
  }

  /** The next shorter prefix at which something is kept: its node, or -1. */
  above(node: number): number {
    const nodes = this.#nodes;
    let at = nodes[node * this.#stride + PARENT];
    while (at !== NONE && nodes[at * this.#stride + KEPT] === NONE) {
      at = nodes[at * this.#stride + PARENT];
    }
    return at;
  }

  /** What is kept at a node, or -1. */
  kept(node: number): number {
    return this.#nodes[node * this.#stride + KEPT];
  }

  /** Keeps a number of 0 or more at a node, or, with -1, nothing. */
  keep(node: number, value: number): void {
    this.#nodes[node * this.#stride + KEPT] = value;
  }

  /** How many bits a node's prefix has. */
  length(node: number): number {
    return this.#nodes[node * this.#stride + LENGTH];
  }

  /** A copy of a node's prefix, the bits behind its length 0. */
  prefix(node: number): Int32Array {
    return this.#prefixOf(node).slice();
  }

  /** All nodes: each before those whose prefixes begin with its own, and otherwise in order. */
  walk(): number[] {
    const found: number[] = [];
    const open = [ROOT];
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      found.push(node);
      for (const side of [1, 0]) {
        const child = this.#nodes[node * this.#stride + CHILDREN + side];
        if (child !== NONE) open.push(child);
      }
    }
    return found;
  }

  /**
   * Checks that the trie is one, has no node too many, and has lost none. For tests.
   *
   * @throws {Error} When that does not hold; it says what.
   */
  verify(): void {
    const nodes = this.#nodes;
    const expect = (holds: boolean, node: number, otherwise: string) => {
      if (!holds) throw new Error(`prefix trie: node ${node} ${otherwise}`);
    };
    const reached = this.walk();
    for (const node of reached) {
      const at = node * this.#stride;
      const children = [nodes[at + CHILDREN], nodes[at + CHILDREN + 1]];
      for (const [side, child] of children.entries()) {
        if (child === NONE) continue;
        const below = child * this.#stride;
        const prefix = this.#prefixOf(child);
        expect(nodes[below + PARENT] === node, child, "has another parent");
        expect(nodes[below + LENGTH] > nodes[at + LENGTH], child, "is no longer than its parent");
        expect(this.#matches(at, nodes[at + LENGTH], prefix), child, "is not of its parent");
        expect(bitOf(prefix, nodes[at + LENGTH]) === side, child, "is on the wrong side");
      }
      const isFork = !children.includes(NONE);
      expect(node === ROOT || nodes[at + KEPT] !== NONE || isFork, node, "is of no use");
    }
    let free = 0;
    for (let node = this.#free; node !== NONE; node = nodes[node * this.#stride + PARENT]) free++;
    const count = nodes.length / this.#stride;
    expect(reached.length + free === count, count, "is the count, which is not reached");
  }

  #take(address: Int32Array, length: number, parent: number): number {
    const nodes = this.#nodes;
    const node = this.#free;
    const at = node * this.#stride;
    this.#free = nodes[at + PARENT];
    nodes[at + LENGTH] = length;
    nodes[at + CHILDREN] = NONE;
    nodes[at + CHILDREN + 1] = NONE;
    nodes[at + PARENT] = parent;
    nodes[at + KEPT] = NONE;
    for (let word = 0; word < this.#stride - PREFIX; word++) {
      nodes[at + PREFIX + word] = address[word] & maskOf(length - word * WORD_BITS);
    }
    return node;
  }

  #give(node: number): void {
    this.#nodes[node * this.#stride + PARENT] = this.#free;
    this.#free = node;
  }

  #hang(node: number, parent: number, side: number): number {
    this.#nodes[node * this.#stride + PARENT] = parent;
    this.#nodes[parent * this.#stride + CHILDREN + side] = node;
    return node;
  }

  #prefixOf(node: number): Int32Array {
    const at = node * this.#stride;
    return this.#nodes.subarray(at + PREFIX, at + this.#stride);
  }

  /** Whether an address begins with the prefix of the node at `at`. */
  #matches(at: number, length: number, address: Int32Array): boolean {
    const nodes = this.#nodes;
    const whole = length >>> 5;
    for (let word = 0; word < whole; word++) {
      if (nodes[at + PREFIX + word] !== address[word]) return false;
    }
    const rest = length & 31;
    return rest === 0 || (nodes[at + PREFIX + whole] ^ address[whole]) >>> (WORD_BITS - rest) === 0;
  }

  /** How many bits a node's prefix and another one have in common. */
  #commonBits(node: number, address: Int32Array, length: number): number {
    const at = node * this.#stride;
    const limit = Math.min(length, this.#nodes[at + LENGTH]);
    for (let word = 0; word * WORD_BITS < limit; word++) {
      const difference = this.#nodes[at + PREFIX + word] ^ address[word];
      if (difference !== 0) return Math.min(limit, word * WORD_BITS + Math.clz32(difference));
    }
    return limit;
  }
}

/** A bit of an address, counted from the highest one. */
function bitOf(address: Int32Array, index: number): number {
  return (address[index >>> 5] >>> (31 - (index & 31))) & 1;
}

/** The highest bits of a word: none, some or all. */
function maskOf(bits: number): number {
  // A shift by 32 shifts by nothing.
  return bits <= 0 ? 0 : -1 << Math.max(0, WORD_BITS - bits);
}
