/**
 * Routers that advertise themselves, and the routes that they advertise: RFC 4861 section 6.3,
 * RFC 4191.
 *
 * They are kept as routes whose metrics say what is preferred: how much the router is to be, and,
 * before that, whether it answers. Each time that a router does not, its metric grows, so that
 * those that do not answer take turns.
 *
 * @module
 */

import { type Environment, SECOND } from "../environment.ts";
import type { RouteDescription, Routes } from "../route/route_table.ts";
import type { Counters } from "../statistics.ts";
import { IPV6_ANY, type Ipv6Address, isSameIpv6 } from "../wire/addresses.ts";
import { INFINITE_LIFETIME, Preference } from "../wire/ndp_options.ts";
import { Agenda, type AgendaItem } from "./agenda.ts";
import { NdpCounter } from "./counters.ts";
import type { StackEvents } from "./events.ts";
import { isInPrefix } from "./ip_address.ts";
import type { LinkInterface } from "./link_interface.ts";
import type { LinkOptions } from "./options.ts";

/** Metrics leave room for better routes that people add. */
const METRICS = new Map<number, number>([
  [Preference.HIGH, 512],
  [Preference.MEDIUM, 1024],
  [Preference.LOW, 2048],
]);
const UNREACHABLE_METRIC = 4096;
const MAXIMUM_FAILURES = 1 << 20;

interface AdvertisedRoute extends AgendaItem {
  readonly link: LinkInterface;
  readonly router: Ipv6Address;
  readonly prefix: Ipv6Address;
  readonly prefixLength: number;
  preference: number;
  /** How often the router did not answer since it last did. */
  failures: number;
  /** Whether it is the router itself that was advertised, not a route. */
  readonly isDefault: boolean;
}

/** What the list is made of. */
export interface RouterListParts {
  readonly environment: Environment;
  readonly options: LinkOptions;
  readonly routes: Routes;
  readonly counters: Counters<typeof NdpCounter>;
  readonly events: StackEvents;
}

/** When something ends whose lifetime is given in seconds. */
export function endOf(now: number, lifetime: number): number {
  return lifetime === INFINITE_LIFETIME ? Infinity : now + lifetime * SECOND;
}

/** The routers of all interfaces. */
export class RouterList {
  readonly #parts: RouterListParts;
  readonly #agenda: Agenda<AdvertisedRoute>;

  /** Makes a list without routers. */
  constructor(parts: RouterListParts) {
    this.#parts = parts;
    // RFC 4861 section 6.3.5 (MUST): a router whose lifetime ends is no default router any more.
    this.#agenda = new Agenda(parts.environment, (route) => this.#remove(route));
  }

  /** The default routers of an interface. */
  routersOf(interfaceIndex: number): readonly Ipv6Address[] {
    return this.#agenda.items
      .filter(({ link, isDefault }) => isDefault && link.index === interfaceIndex)
      .map(({ router }) => router);
  }

  /** Takes a router's advertisement of itself. @param lifetime in seconds, 0 for none any more */
  advertise(link: LinkInterface, router: Ipv6Address, lifetime: number, preference: number): void {
    this.#update(link, router, IPV6_ANY, 0, lifetime, preference, true);
  }

  /** Takes a router's advertisement of a route. RFC 4191 section 2.3. */
  advertiseRoute(
    link: LinkInterface,
    router: Ipv6Address,
    prefix: Ipv6Address,
    prefixLength: number,
    lifetime: number,
    preference: number,
  ): void {
    // RFC 4191 section 2.3 (MUST): a route with the reserved preference is ignored.
    if (preference === Preference.RESERVED || prefixLength > 128) {
      return this.#parts.counters.add(NdpCounter.OPTIONS_IGNORED);
    }
    // RFC 4191 section 3.1 (MUST): ::/0 says of the router itself what the header would.
    if (prefixLength === 0) {
      return this.#update(link, router, IPV6_ANY, 0, lifetime, preference, true);
    }
    this.#update(link, router, prefix, prefixLength, lifetime, preference, false);
  }

  #update(
    link: LinkInterface,
    router: Ipv6Address,
    prefix: Ipv6Address,
    prefixLength: number,
    lifetime: number,
    preference: number,
    isDefault: boolean,
  ): void {
    const { environment: { now }, counters, events, options } = this.#parts;
    const known = this.#agenda.items.find((route) =>
      route.link === link && isSameIpv6(route.router, router) &&
      route.prefixLength === prefixLength && isInPrefix(route.prefix, prefix, prefixLength)
    );
    // RFC 4191 section 2.2 (MUST): the reserved preference of a router means medium.
    const meant = METRICS.has(preference) ? preference : Preference.MEDIUM;
    if (known !== undefined) {
      // RFC 4861 section 6.3.4 (MUST): a lifetime of 0 removes the router at once.
      if (lifetime === 0) return this.#remove(known);
      this.#withdraw(known);
      known.preference = meant;
      known.deadline = endOf(now, lifetime);
      this.#insert(known);
      return this.#agenda.rearm();
    }
    if (lifetime === 0) return;
    const alike = this.#agenda.items.filter((route) =>
      route.link === link && route.isDefault === isDefault
    );
    if (alike.length >= (isDefault ? options.routers : options.advertisedRoutes)) {
      return counters.add(NdpCounter.AUTOCONFIGURATION_REFUSED);
    }
    const made: AdvertisedRoute = {
      ...{ link, router, prefix, prefixLength, preference: meant, failures: 0, isDefault },
      deadline: endOf(now, lifetime),
    };
    if (!this.#insert(made)) return counters.add(NdpCounter.AUTOCONFIGURATION_REFUSED);
    this.#agenda.add(made);
    if (isDefault) events.onEvent({ event: "router-added", interface: link.index, router });
  }

  #describe(route: AdvertisedRoute): RouteDescription {
    const failed = route.failures === 0 ? 0 : UNREACHABLE_METRIC + route.failures;
    return {
      ...{ destination: route.prefix, prefixLength: route.prefixLength, gateway: route.router },
      ...{ interface: route.link.index, origin: "advertised" },
      metric: (METRICS.get(route.preference) ?? 0) + failed,
    };
  }

  #insert(route: AdvertisedRoute): boolean {
    return this.#parts.routes.add(this.#describe(route)) === 0;
  }

  #withdraw(route: AdvertisedRoute): void {
    this.#parts.routes.remove(this.#describe(route));
  }

  #remove(route: AdvertisedRoute): void {
    const { events, routes } = this.#parts;
    const { link, router } = route;
    this.#withdraw(route);
    this.#agenda.remove(route);
    if (!route.isDefault) return;
    // RFC 4861 section 6.3.5 (MUST): who was sent by it is sent by another router.
    routes.forgetGateway(link.index, router);
    events.onEvent({ event: "router-removed", interface: link.index, router });
  }

  /** Notes whether a router answers. RFC 4861 section 6.3.6. */
  setReachable(interfaceIndex: number, router: Ipv6Address, isReachable: boolean): void {
    for (const route of this.#agenda.items) {
      if (route.link.index !== interfaceIndex || !isSameIpv6(route.router, router)) continue;
      if (isReachable && route.failures === 0) continue;
      this.#withdraw(route);
      // RFC 4861 section 6.3.6 (MUST): routers that answer are preferred; without one, those that
      // do not are chosen in turn.
      route.failures = isReachable ? 0 : Math.min(route.failures + 1, MAXIMUM_FAILURES);
      this.#insert(route);
    }
  }

  /** Forgets a router, as when it says that it is none. */
  removeRouter(interfaceIndex: number, router: Ipv6Address): void {
    const gone = this.#agenda.items.filter((route) =>
      route.link.index === interfaceIndex && isSameIpv6(route.router, router)
    );
    for (const route of gone) this.#remove(route);
  }

  /** Forgets the routers of an interface. */
  removeInterface(interfaceIndex: number): void {
    const gone = this.#agenda.items.filter(({ link }) => link.index === interfaceIndex);
    for (const route of gone) this.#remove(route);
  }
}
