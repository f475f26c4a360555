/**
 * Where routes are kept: tables by number, each with one by longest prefix for each family.
 *
 * @module
 */

import { prefixOf, putWords } from "../iface/ip_address.ts";
import type { LinkOptions } from "../iface/options.ts";
import type { Route } from "../iface/types.ts";
import { isSame } from "../ip/addresses.ts";
import type { IpAddress } from "../ip/types.ts";
import { PrefixTable } from "../tables/mod.ts";

/** The number of the table that is asked without rules. */
export const MAIN_TABLE = 254;

/** What is done with packets that a route is found for. */
export type RouteKind =
  | "unicast"
  /** They are dropped in silence. */
  | "blackhole"
  /** ICMP says that the host is unreachable. */
  | "unreachable"
  /** ICMP says that it is prohibited. */
  | "prohibit"
  /** The next rule is asked. */
  | "throw";

/** Who made a route. */
export type RouteOrigin = "static" | "connected" | "advertised";

/** What a route is to be. */
export interface RouteDescription {
  readonly destination: IpAddress;
  readonly prefixLength: number;
  /** The interface that packets leave by; 0 for routes that are not `unicast`. */
  readonly interface: number;
  /** Null where the destinations are neighbours. */
  readonly gateway?: IpAddress | null;
  readonly metric?: number;
  readonly mtu?: number;
  readonly source?: IpAddress | null;
  readonly kind?: RouteKind;
  readonly table?: number;
  readonly origin?: RouteOrigin;
}

/** A route in a table. */
export interface RouteEntry extends Route {
  readonly destination: IpAddress;
  readonly kind: RouteKind;
  readonly table: number;
  readonly origin: RouteOrigin;
}

interface Tables {
  readonly ipv4: PrefixTable;
  readonly ipv6: PrefixTable;
}

const NONE = -1;

/** The routes of all tables. */
export class RouteStore {
  readonly #options: LinkOptions;
  readonly #tables = new Map<number, Tables>();
  readonly #entries: (RouteEntry | null)[] = [];
  readonly #freeEntries: number[] = [];
  readonly #words = new Int32Array(4);
  #size = 0;

  /** Makes tables without routes. */
  constructor(options: LinkOptions) {
    this.#options = options;
  }

  /** The table of a number, made when it is first written to; null when there are too many. */
  #makeTables(number: number): Tables | null {
    const known = this.#tables.get(number);
    if (known !== undefined) return known;
    const { routeTables, routes } = this.#options;
    if (this.#tables.size === routeTables) return null;
    const made = {
      ipv4: new PrefixTable({ addressWords: 1, capacity: routes }),
      ipv6: new PrefixTable({ addressWords: 4, capacity: routes }),
    };
    this.#tables.set(number, made);
    return made;
  }

  /** The prefixes of an address's family in a table; null where there are none. */
  prefixes(table: number, address: IpAddress): PrefixTable | null {
    const tables = this.#tables.get(table);
    if (tables === undefined) return null;
    return typeof address === "number" ? tables.ipv4 : tables.ipv6;
  }

  /** The best route of a table to an address, by its number there; -1 for none. */
  lookup(prefixes: PrefixTable, address: IpAddress): number {
    putWords(this.#words, 0, address);
    return prefixes.lookup(this.#words);
  }

  /** The route of a number in its table. */
  entry(prefixes: PrefixTable, at: number): RouteEntry | null {
    return this.#entries[prefixes.value(at)];
  }

  /** Whether a route satisfies a condition. */
  some(isWanted: (entry: RouteEntry) => boolean): boolean {
    return this.#entries.some((entry) => entry !== null && isWanted(entry));
  }

  /** The number of a route in its table, or -1; metrics, kinds and ways must agree. */
  find(route: RouteDescription): number {
    const prefixes = this.prefixes(route.table ?? MAIN_TABLE, route.destination);
    if (prefixes === null) return NONE;
    putWords(this.#words, 0, route.destination);
    let at = prefixes.find(this.#words, route.prefixLength);
    while (at >= 0 && prefixes.prefixLength(at) === route.prefixLength) {
      const entry = this.entry(prefixes, at);
      if (entry !== null && isSameWay(entry, route)) return at;
      at = prefixes.next(at);
    }
    return NONE;
  }

  /** Adds a route that is not there. @returns false when there is no room */
  add(route: RouteDescription): boolean {
    const { gateway = null, metric = 0, kind = "unicast", table = MAIN_TABLE } = route;
    const destination = prefixOf(route.destination, route.prefixLength);
    if (this.#size >= this.#options.routes || this.#makeTables(table) === null) return false;
    const entry: RouteEntry = {
      ...{ destination, prefixLength: route.prefixLength, gateway, metric, kind, table },
      interface: route.interface,
      mtu: route.mtu ?? 0,
      source: route.source ?? null,
      origin: route.origin ?? "static",
    };
    const slot = this.#freeEntries.pop() ?? this.#entries.push(null) - 1;
    this.#entries[slot] = entry;
    putWords(this.#words, 0, destination);
    const prefixes = this.prefixes(table, destination) as PrefixTable;
    // A table has room for as many routes as there are of all tables together.
    prefixes.insert(this.#words, route.prefixLength, metric, slot);
    this.#size++;
    return true;
  }

  /** Removes a route. @returns it, or null when it was not there */
  remove(route: RouteDescription): RouteEntry | null {
    const at = this.find(route);
    const prefixes = this.prefixes(route.table ?? MAIN_TABLE, route.destination);
    if (at < 0 || prefixes === null) return null;
    const slot = prefixes.value(at);
    const entry = this.#entries[slot];
    prefixes.remove(at);
    this.#entries[slot] = null;
    this.#freeEntries.push(slot);
    this.#size--;
    return entry;
  }

  /** All routes, table by table, by prefix. */
  list(): readonly RouteEntry[] {
    const found: RouteEntry[] = [];
    for (const { ipv4, ipv6 } of this.#tables.values()) {
      for (const prefixes of [ipv4, ipv6]) {
        for (const at of prefixes.list()) {
          const entry = this.entry(prefixes, at);
          if (entry !== null) found.push(entry);
        }
      }
    }
    return found;
  }
}

function isSameWay(entry: RouteEntry, route: RouteDescription): boolean {
  const { gateway = null, metric = 0, kind = "unicast" } = route;
  if (entry.metric !== metric || entry.kind !== kind) return false;
  if (kind === "unicast" && entry.interface !== route.interface) return false;
  if (entry.gateway === null || gateway === null) return entry.gateway === gateway;
  return isSame(entry.gateway, gateway);
}
