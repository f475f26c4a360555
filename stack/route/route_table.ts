/**
 * Routes: tables by longest prefix, and rules that choose among the tables.
 *
 * Rules are asked in the order of their priorities. A rule that applies names a table; where that
 * has no route, the next rule is asked. Without rules there is one table, the main one.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import type { Environment } from "../environment.ts";
import type { Addresses, AddressWatcher, InterfaceAddress } from "../iface/address_table.ts";
import type { StackEvents } from "../iface/events.ts";
import { addressBits, anyAddressLike, isInPrefix, prefixOf } from "../iface/ip_address.ts";
import type { LinkOptions } from "../iface/options.ts";
import type { TopologyChanges } from "../iface/topology.ts";
import type { Interface, InterfaceTable, Route, RouteQuery, RouteTable } from "../iface/types.ts";
import { isAny, isMulticast, isSame } from "../ip/addresses.ts";
import type { IpAddress } from "../ip/types.ts";
import type { Counters } from "../statistics.ts";
import type { PrefixTable } from "../tables/mod.ts";
import { isIpv6LinkLocal } from "../wire/addresses.ts";
import { RouteCounter } from "./counters.ts";
import { DeadGateways } from "./dead_gateways.ts";
import { RedirectList } from "./redirects.ts";
import {
  MAIN_TABLE,
  type RouteDescription,
  type RouteEntry,
  type RouteKind,
  RouteStore,
} from "./route_store.ts";
import { matchesRule, type RouteRule } from "./rules.ts";

export { MAIN_TABLE, type RouteDescription, type RouteEntry, type RouteKind };

/** What routes are made of. */
export interface RoutesParts {
  readonly environment: Environment;
  readonly options: LinkOptions;
  readonly counters: Counters<typeof RouteCounter>;
  readonly addresses: Addresses;
  readonly interfaces: InterfaceTable;
  readonly changes: TopologyChanges;
  readonly events: StackEvents;
  /** Whether routes of one prefix and metric share the flows (RFC 2992). */
  readonly isMultipath: boolean;
}

/** The most equal routes that flows are shared among. */
const MAXIMUM_PATHS = 16;

const KIND_ERRNO: Readonly<Record<RouteKind, number>> = {
  unicast: 0,
  blackhole: Errno.EINVAL,
  unreachable: Errno.EHOSTUNREACH,
  prohibit: Errno.EACCES,
  throw: Errno.ENETUNREACH,
};

/** The routes of one stack. */
export class Routes implements RouteTable, AddressWatcher {
  readonly #parts: RoutesParts;
  readonly #store: RouteStore;
  readonly #redirects: RedirectList;
  readonly #dead: DeadGateways;
  #rules: readonly RouteRule[] = [];

  /** Makes tables without routes. */
  constructor(parts: RoutesParts) {
    this.#parts = parts;
    this.#store = new RouteStore(parts.options);
    this.#redirects = new RedirectList(parts.options.redirects);
    const { environment, options, changes } = parts;
    this.#dead = new DeadGateways(environment, options.redirects, () => changes.change());
    parts.addresses.watchers.push(this);
  }

  /**
   * Adds a route.
   *
   * @returns 0 or `-errno`: EEXIST for the same destination, metric and way, EINVAL, ENETUNREACH
   * for a gateway that is no neighbour, ENOBUFS
   */
  add(route: RouteDescription): number {
    const invalid = this.#judge(route);
    if (invalid !== 0) return invalid;
    if (this.#store.find(route) >= 0) return -Errno.EEXIST;
    if (!this.#store.add(route)) {
      this.#parts.counters.add(RouteCounter.REFUSED);
      return -Errno.ENOBUFS;
    }
    this.#changed("route-added", route.interface);
    return 0;
  }

  #judge({ destination, prefixLength, gateway = null, source = null, ...route }: RouteDescription) {
    const { interfaces, addresses } = this.#parts;
    const { kind = "unicast" } = route;
    if (!(prefixLength >= 0 && prefixLength <= addressBits(destination))) return -Errno.EINVAL;
    if (kind !== "unicast") return 0;
    if (interfaces.get(route.interface) === undefined) return -Errno.ENODEV;
    if (source !== null && typeof source !== typeof destination) return -Errno.EINVAL;
    if (gateway === null) return 0;
    if (typeof gateway !== typeof destination) return -Errno.EINVAL;
    if (isMulticast(gateway) || isAny(gateway)) return -Errno.EINVAL;
    // RFC 1122 section 3.3.1.1 (MUST): a first hop is a neighbour; one of the link always is.
    const isNeighbour = typeof gateway !== "number" && isIpv6LinkLocal(gateway) ||
      addresses.isOnLink(gateway, route.interface) || this.#isConnected(gateway, route.interface);
    return isNeighbour ? 0 : -Errno.ENETUNREACH;
  }

  /** Whether a route without a gateway leads to an address by an interface. */
  #isConnected(address: IpAddress, interfaceIndex: number): boolean {
    return this.#store.some((entry) =>
      entry.gateway === null && entry.interface === interfaceIndex &&
      entry.kind === "unicast" && isInPrefix(address, entry.destination, entry.prefixLength)
    );
  }

  #changed(event: "route-added" | "route-removed", interfaceIndex: number): void {
    this.#parts.changes.change();
    this.#parts.events.onEvent({ event, interface: interfaceIndex });
  }

  /** Removes a route: the one that {@linkcode add} would find. @returns 0 or `-errno`: ESRCH */
  remove(route: RouteDescription): number {
    const removed = this.#store.remove(route);
    if (removed === null) return -Errno.ESRCH;
    this.#changed("route-removed", removed.interface);
    return 0;
  }

  /** All routes, table by table, by prefix. */
  list(): readonly RouteEntry[] {
    return this.#store.list();
  }

  /** Removes all routes by an interface, as when that is removed. */
  removeInterface(interfaceIndex: number): void {
    const routes = this.list().filter((route) => route.interface === interfaceIndex);
    for (const route of routes) this.remove(route);
    this.#redirects.removeInterface(interfaceIndex);
    this.#dead.removeInterface(interfaceIndex);
  }

  /** Sets the rules, which replace those that were there. @returns 0 or `-errno`: ENOBUFS */
  setRules(rules: readonly RouteRule[]): number {
    if (rules.length > this.#parts.options.routeRules) return -Errno.ENOBUFS;
    this.#rules = [...rules].sort((one, other) => one.priority - other.priority);
    this.#parts.changes.change();
    return 0;
  }

  /** The rules, in the order in which they are asked. */
  get rules(): readonly RouteRule[] {
    return this.#rules;
  }

  /** See {@linkcode RouteTable.lookup}. */
  lookup(query: RouteQuery): Route | number {
    this.#parts.counters.add(RouteCounter.LOOKUPS);
    const found = this.#rules.length === 0
      ? this.#lookupIn(MAIN_TABLE, query)
      : this.#lookupByRules(query);
    if (found !== null) return this.#judgeFound(found, query);
    const direct = this.#withoutRoute(query);
    if (typeof direct === "number") this.#parts.counters.add(RouteCounter.UNREACHABLE);
    return direct;
  }

  /** Finds the way that packets take which nothing more is known of. */
  find(destination: IpAddress, interfaceIndex: number = 0): Route | number {
    return this.lookup({
      ...{ destination, source: anyAddressLike(destination), interface: interfaceIndex },
      ...{ inputInterface: 0, mark: 0, typeOfService: 0, flowHash: 0 },
    });
  }

  #lookupByRules(query: RouteQuery): RouteEntry | null {
    for (const rule of this.#rules) {
      if (!matchesRule(rule, query)) continue;
      const found = this.#lookupIn(rule.table, query);
      if (found !== null && found.kind !== "throw") return found;
    }
    return this.#lookupIn(MAIN_TABLE, query);
  }

  /** The best route of a table whose interface is up, and is the one that is asked for. */
  #lookupIn(number: number, query: RouteQuery): RouteEntry | null {
    const prefixes = this.#store.prefixes(number, query.destination);
    if (prefixes === null) return null;
    let dead: RouteEntry | null = null;
    // RFC 1122 section 3.3.1.2 (MUST): the longest prefix decides; the default route has none.
    let at = this.#store.lookup(prefixes, query.destination);
    for (; at >= 0; at = prefixes.next(at)) {
      const entry = this.#store.entry(prefixes, at);
      if (entry === null || !this.#serves(entry, query)) continue;
      if (dead !== null && entry.prefixLength !== dead.prefixLength) break;
      // RFC 1122 section 3.3.1.4 (MUST): of several first hops, one that does not answer is passed
      // over.
      if (this.#isDead(entry)) dead ??= entry;
      else return this.#parts.isMultipath ? this.#share(prefixes, at, entry, query) : entry;
    }
    return dead;
  }

  /** Whether a route's first hop did not answer; the list of routers sees to those it knows. */
  #isDead({ gateway, interface: index, origin }: RouteEntry): boolean {
    if (this.#dead.isEmpty || gateway === null || origin === "advertised") return false;
    return this.#dead.has(index, gateway);
  }

  #serves(entry: RouteEntry, query: RouteQuery): boolean {
    if (entry.kind !== "unicast") return query.interface === 0;
    if (query.interface !== 0 && entry.interface !== query.interface) return false;
    return this.#parts.interfaces.get(entry.interface)?.isUp === true;
  }

  /** Chooses among equal routes by the flow's hash: RFC 2992 compares such ways. */
  #share(prefixes: PrefixTable, first: number, best: RouteEntry, query: RouteQuery): RouteEntry {
    const equal = [best];
    for (let at = prefixes.next(first); at >= 0; at = prefixes.next(at)) {
      const entry = this.#store.entry(prefixes, at);
      if (entry === null || equal.length === MAXIMUM_PATHS) break;
      if (entry.prefixLength !== best.prefixLength || entry.metric !== best.metric) break;
      if (this.#serves(entry, query)) equal.push(entry);
    }
    return equal[(query.flowHash >>> 0) % equal.length];
  }

  #judgeFound(entry: RouteEntry, query: RouteQuery): Route | number {
    if (entry.kind !== "unicast") {
      const isSilent = entry.kind === "blackhole";
      this.#parts.counters.add(isSilent ? RouteCounter.BLACKHOLE : RouteCounter.PROHIBITED);
      return -KIND_ERRNO[entry.kind];
    }
    if (entry.gateway === null || this.#redirects.size === 0) return entry;
    const better = this.#redirects.find(query.destination, entry.interface);
    if (better === null) return entry;
    const isNeighbour = isSame(better, query.destination);
    return { ...entry, gateway: isNeighbour ? null : better };
  }

  /**
   * What no route is needed for: groups and everybody on a link, and neighbours by their addresses
   * of the link.
   */
  #withoutRoute(query: RouteQuery): Route | number {
    const { destination } = query;
    const isOfLink = isMulticast(destination) || destination === -1 ||
      typeof destination !== "number" && isIpv6LinkLocal(destination);
    if (!isOfLink) return -Errno.ENETUNREACH;
    const link = this.#linkFor(query);
    if (link === undefined) return -Errno.ENETUNREACH;
    if (!link.isUp) return -Errno.ENETDOWN;
    const prefixLength = addressBits(destination);
    const way = { gateway: null, metric: 0, mtu: 0, source: null, prefixLength };
    return { interface: link.index, ...way };
  }

  #linkFor({ interface: index, source }: RouteQuery): Interface | undefined {
    const { interfaces, addresses } = this.#parts;
    if (index !== 0) return interfaces.get(index);
    // RFC 1122 section 3.3.1.6: the source that somebody chose tells which link is meant.
    const ofSource = isAny(source) ? 0 : addresses.interfaceOf(source);
    if (ofSource !== 0) return interfaces.get(ofSource);
    return interfaces.list().find((link) => link.isUp && link.kind !== "loopback");
  }

  /** See {@linkcode RouteTable.redirect}. */
  redirect(
    destination: IpAddress,
    gateway: IpAddress,
    from: IpAddress,
    interfaceIndex: number,
  ): boolean {
    const { addresses, counters, changes } = this.#parts;
    const isBelieved = this.#isBelieved(destination, gateway, from, interfaceIndex) &&
      !isMulticast(destination) && !addresses.isLocal(gateway, 0);
    if (!isBelieved) {
      counters.add(RouteCounter.REDIRECTS_REFUSED);
      return false;
    }
    const evicted = this.#redirects.add(destination, gateway, interfaceIndex);
    if (evicted) counters.add(RouteCounter.REDIRECTS_EVICTED);
    counters.add(RouteCounter.REDIRECTED);
    changes.change();
    return true;
  }

  #isBelieved(
    destination: IpAddress,
    gateway: IpAddress,
    from: IpAddress,
    interfaceIndex: number,
  ): boolean {
    const found = this.find(destination, interfaceIndex);
    // What has no first hop now cannot have a better one.
    if (typeof found === "number" || found.gateway === null) return false;
    // RFC 4861 section 8.1 (MUST): a redirect comes from the first hop that is used now; RFC 1122
    // section 3.2.2.2 asks for the same.
    if (!isSame(found.gateway, from)) return false;
    if (typeof gateway !== typeof destination || isMulticast(gateway)) return false;
    // RFC 4861 section 8.1 (MUST): a redirect is good whatever prefixes say of where it leads.
    if (typeof gateway !== "number") return true;
    // RFC 1122 section 3.2.2.2 (SHOULD): the new first hop is on the link that the redirect came
    // by.
    return this.#parts.addresses.isOnLink(gateway, interfaceIndex);
  }

  /** Notes whether a neighbour answers, which may be a first hop. */
  setReachable(interfaceIndex: number, neighbour: IpAddress, isReachable: boolean): void {
    if (isReachable) {
      if (this.#dead.remove(interfaceIndex, neighbour)) this.#parts.changes.change();
      return;
    }
    this.forgetGateway(interfaceIndex, neighbour);
    const isGateway = this.#store.some(({ gateway, interface: index }) =>
      gateway !== null && index === interfaceIndex && isSame(gateway, neighbour)
    );
    if (isGateway && this.#dead.add(interfaceIndex, neighbour)) this.#parts.changes.change();
  }

  /** Forgets redirects to a first hop that does not answer. RFC 4861 section 7.3.3. */
  forgetGateway(interfaceIndex: number, gateway: IpAddress): void {
    if (this.#redirects.removeGateway(interfaceIndex, gateway)) this.#parts.changes.change();
  }

  /** See {@linkcode AddressWatcher.onAddressAdded}: its prefix is on the link. */
  onAddressAdded({ interface: index, address, prefixLength, origin }: InterfaceAddress): void {
    // RFC 5942 section 4 (MUST): an address that was made from an advertised prefix does not say
    // that the prefix is on the link; the advertisement does.
    if (origin === "autoconfigured" || origin === "temporary") return;
    const connected = { destination: address, prefixLength, interface: index } as const;
    this.add({ ...connected, origin: "connected" });
  }

  /** See {@linkcode AddressWatcher.onAddressRemoved}. */
  onAddressRemoved({ interface: index, address, prefixLength }: InterfaceAddress): void {
    const isShared = this.#parts.addresses.list(index).some((other) =>
      other.prefixLength === prefixLength && isInPrefix(other.address, address, prefixLength)
    );
    if (isShared) return;
    const destination = prefixOf(address, prefixLength);
    const found = this.list().find((route) =>
      route.origin === "connected" && route.interface === index &&
      route.prefixLength === prefixLength && isSame(route.destination, destination)
    );
    if (found !== undefined) this.remove(found);
  }
}
