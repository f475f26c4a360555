/**
 * Routes by prefix: a table that finds the longest prefix of an address, of IPv4 or IPv6.
 *
 * A prefix may have several routes. The one with the lowest metric is found, and the others are
 * asked for when that one does not serve.
 * Source: RFC 1812 section 5.2.4.3 (the rules by which routes are chosen); RFC 4861 section 5.2.
 *
 * @module
 */

import { type AddressWords, NONE, PrefixTrie } from "./prefix_trie.ts";

/** More routes than this are refused. */
export const MAXIMUM_ROUTES = 1 << 20;

/** What a table is made of. */
export interface PrefixTableOptions {
  /** Words of its addresses: 1 for IPv4, 4 for IPv6. */
  readonly addressWords: AddressWords;
  /** How many routes there are at most. */
  readonly capacity: number;
}

/** The words of a route; where it is free, the first one is {@linkcode NONE}. */
const NODE = 0;
const NEXT = 1;
const METRIC = 2;
const VALUE = 3;
const ROUTE_WORDS = 4;

/** A table with a fixed number of routes. */
export class PrefixTable {
  /** How many routes there are at most: their numbers are less than this. */
  readonly capacity: number;
  /** What is kept at a prefix is its best route. */
  readonly #trie: PrefixTrie;
  readonly #routes: Int32Array;
  #free = NONE;
  #size = 0;
  #refused = 0;

  /**
   * Makes a table without routes.
   *
   * @param options What it is made of.
   * @throws {RangeError} When it would have too many routes.
   *
   * @example
   * ```ts
   * const table = new PrefixTable({ addressWords: 1, capacity: 100 });
   * table.insert(Int32Array.of(0x0a000000), 8, 0, 3);
   * const route = table.lookup(Int32Array.of(0x0a010203));
   * table.value(route); // 3
   * ```
   */
  constructor({ addressWords, capacity }: PrefixTableOptions) {
    if (!(Number.isInteger(capacity) && capacity >= 0 && capacity <= MAXIMUM_ROUTES)) {
      throw new RangeError(`a table has up to ${MAXIMUM_ROUTES} routes, not ${capacity}`);
    }
    this.capacity = capacity;
    this.#trie = new PrefixTrie(addressWords, capacity);
    this.#routes = new Int32Array(capacity * ROUTE_WORDS);
    for (let route = capacity - 1; route >= 0; route--) this.#give(route);
  }

  /** How many routes there are. */
  get size(): number {
    return this.#size;
  }

  /** How often a route found no room. */
  get refused(): number {
    return this.#refused;
  }

  /**
   * Adds a route. Of those of its prefix with the same metric, it is the last choice.
   *
   * @param address The prefix; bits behind its length do not count.
   * @param length How many bits it has.
   * @param metric What it costs, 32 bits: of one prefix's routes, the one that costs least is best.
   * @param value What it stands for, 32 bits.
   * @returns The route's number, or -1 when the table is full.
   * @throws {RangeError} When the prefix is longer than an address.
   */
  insert(address: Int32Array, length: number, metric: number, value: number): number {
    const { bits } = this.#trie;
    if (!(Number.isInteger(length) && length >= 0 && length <= bits)) {
      throw new RangeError(`a prefix has 0 to ${bits} bits, not ${length}`);
    }
    const route = this.#free;
    if (route === NONE) {
      this.#refused++;
      return NONE;
    }
    const at = route * ROUTE_WORDS;
    this.#free = this.#routes[at + NEXT];
    const node = this.#trie.add(address, length);
    this.#routes[at + NODE] = node;
    this.#routes[at + METRIC] = metric;
    this.#routes[at + VALUE] = value;
    this.#link(route, node);
    this.#size++;
    return route;
  }

  /** Puts a route behind those of its prefix that cost no more. */
  #link(route: number, node: number): void {
    const routes = this.#routes;
    const metric = routes[route * ROUTE_WORDS + METRIC];
    let before = NONE;
    let behind = this.#trie.kept(node);
    while (behind !== NONE && routes[behind * ROUTE_WORDS + METRIC] <= metric) {
      before = behind;
      behind = routes[behind * ROUTE_WORDS + NEXT];
    }
    routes[route * ROUTE_WORDS + NEXT] = behind;
    if (before === NONE) this.#trie.keep(node, route);
    else routes[before * ROUTE_WORDS + NEXT] = route;
  }

  /**
   * Removes a route.
   *
   * @param route Its number.
   * @throws {Error} When there is none of that number.
   */
  remove(route: number): void {
    const routes = this.#routes;
    const node = this.#nodeOf(route);
    const next = routes[route * ROUTE_WORDS + NEXT];
    let before = this.#trie.kept(node);
    if (before === route) {
      this.#trie.keep(node, next);
      if (next === NONE) this.#trie.prune(node);
    } else {
      while (routes[before * ROUTE_WORDS + NEXT] !== route) {
        before = routes[before * ROUTE_WORDS + NEXT];
      }
      routes[before * ROUTE_WORDS + NEXT] = next;
    }
    this.#give(route);
    this.#size--;
  }

  #give(route: number): void {
    this.#routes[route * ROUTE_WORDS + NODE] = NONE;
    this.#routes[route * ROUTE_WORDS + NEXT] = this.#free;
    this.#free = route;
  }

  /**
   * Finds the best route to an address: of the longest prefix, the one that costs least.
   *
   * @param address The address.
   * @returns The route's number, or -1 when none leads there.
   */
  lookup(address: Int32Array): number {
    const node = this.#trie.lookup(address);
    return node === NONE ? NONE : this.#trie.kept(node);
  }

  /**
   * Finds the next choice for whoever cannot use a route: another one of the same prefix, or the
   * best one of the next shorter prefix.
   *
   * @param route A route's number.
   * @returns The next one's, or -1 when there is none.
   * @throws {Error} When there is none of that number.
   */
  next(route: number): number {
    const node = this.#nodeOf(route);
    const same = this.#routes[route * ROUTE_WORDS + NEXT];
    if (same !== NONE) return same;
    const above = this.#trie.above(node);
    return above === NONE ? NONE : this.#trie.kept(above);
  }

  /**
   * Finds the best route of exactly one prefix; {@linkcode next} has the others.
   *
   * @param address The prefix; bits behind its length do not count.
   * @param length How many bits it has.
   * @returns The route's number, or -1 when the prefix has none.
   */
  find(address: Int32Array, length: number): number {
    const node = this.#trie.find(address, length);
    return node === NONE ? NONE : this.#trie.kept(node);
  }

  /** What a route stands for. */
  value(route: number): number {
    return this.#routes[route * ROUTE_WORDS + VALUE];
  }

  /** What a route costs. */
  metric(route: number): number {
    return this.#routes[route * ROUTE_WORDS + METRIC];
  }

  /** How many bits a route's prefix has. */
  prefixLength(route: number): number {
    return this.#trie.length(this.#nodeOf(route));
  }

  /** A route's prefix, the bits behind its length 0. */
  prefix(route: number): Int32Array {
    return this.#trie.prefix(this.#nodeOf(route));
  }

  #nodeOf(route: number): number {
    const node = this.#routes[route * ROUTE_WORDS + NODE] ?? NONE;
    if (node === NONE) throw new Error(`there is no route ${route}`);
    return node;
  }

  /** All routes: those of a prefix before those of longer ones that begin with it, best first. */
  list(): number[] {
    const found: number[] = [];
    for (const node of this.#trie.walk()) {
      let route = this.#trie.kept(node);
      while (route !== NONE) {
        found.push(route);
        route = this.#routes[route * ROUTE_WORDS + NEXT];
      }
    }
    return found;
  }

  /**
   * Checks that the table is what it should be. For tests.
   *
   * @throws {Error} When it is not; it says why.
   */
  verify(): void {
    this.#trie.verify();
    const count = this.list().length;
    if (count !== this.#size) throw new Error(`${count} routes are there, not ${this.#size}`);
  }
}
