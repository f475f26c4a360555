/**
 * Prefixes whose addresses are neighbours, as routers advertise them: RFC 4861 section 6.3.4.
 *
 * @module
 */

import type { Environment } from "../environment.ts";
import type { Routes } from "../route/route_table.ts";
import type { Counters } from "../statistics.ts";
import type { Ipv6Address } from "../wire/addresses.ts";
import { Agenda, type AgendaItem } from "./agenda.ts";
import { NdpCounter } from "./counters.ts";
import { isInPrefix } from "./ip_address.ts";
import type { LinkInterface } from "./link_interface.ts";
import type { LinkOptions } from "./options.ts";
import { endOf } from "./router_list.ts";

/** Better than routers, worse than what people add. */
const METRIC = 256;

interface OnLinkPrefix extends AgendaItem {
  readonly link: LinkInterface;
  readonly prefix: Ipv6Address;
  readonly prefixLength: number;
}

/** What the list is made of. */
export interface OnLinkPrefixesParts {
  readonly environment: Environment;
  readonly options: LinkOptions;
  readonly routes: Routes;
  readonly counters: Counters<typeof NdpCounter>;
}

/** The prefixes of all interfaces. */
export class OnLinkPrefixes {
  readonly #parts: OnLinkPrefixesParts;
  readonly #agenda: Agenda<OnLinkPrefix>;

  /** Makes a list without prefixes. */
  constructor(parts: OnLinkPrefixesParts) {
    this.#parts = parts;
    // RFC 4861 section 6.3.5 (MUST): what outlives its lifetime is discarded.
    this.#agenda = new Agenda(parts.environment, (prefix) => this.#remove(prefix));
  }

  /** Takes an advertised prefix. @param lifetime in seconds; 0 ends it */
  advertise(
    link: LinkInterface,
    prefix: Ipv6Address,
    prefixLength: number,
    lifetime: number,
  ): void {
    const { environment: { now }, counters, options, routes } = this.#parts;
    const known = this.#agenda.items.find((other) =>
      other.link === link && other.prefixLength === prefixLength &&
      isInPrefix(other.prefix, prefix, prefixLength)
    );
    if (known !== undefined) {
      // RFC 4861 section 6.3.4 (MUST): a lifetime of 0 ends the prefix at once.
      if (lifetime === 0) return this.#remove(known);
      known.deadline = endOf(now, lifetime);
      return this.#agenda.rearm();
    }
    if (lifetime === 0) return;
    const count = this.#agenda.items.filter((other) => other.link === link).length;
    const made = { link, prefix, prefixLength, deadline: endOf(now, lifetime) };
    if (count >= options.prefixes || routes.add(describe(made)) !== 0) {
      return counters.add(NdpCounter.AUTOCONFIGURATION_REFUSED);
    }
    this.#agenda.add(made);
  }

  #remove(prefix: OnLinkPrefix): void {
    this.#parts.routes.remove(describe(prefix));
    this.#agenda.remove(prefix);
  }

  /** Forgets the prefixes of an interface. */
  removeInterface(interfaceIndex: number): void {
    const gone = this.#agenda.items.filter(({ link }) => link.index === interfaceIndex);
    for (const prefix of gone) this.#remove(prefix);
  }
}

function describe({ link, prefix, prefixLength }: OnLinkPrefix) {
  const way = { interface: link.index, metric: METRIC, origin: "advertised" } as const;
  return { destination: prefix, prefixLength, ...way };
}
