/**
 * Servers of DNS that routers advertise: RFC 8106. They are kept for the control API.
 *
 * @module
 */

import type { Environment } from "../environment.ts";
import type { Counters } from "../statistics.ts";
import { type Ipv6Address, isSameIpv6 } from "../wire/addresses.ts";
import { Agenda, type AgendaItem } from "./agenda.ts";
import { NdpCounter } from "./counters.ts";
import type { StackEvents } from "./events.ts";
import type { LinkInterface } from "./link_interface.ts";
import type { LinkOptions } from "./options.ts";
import { endOf } from "./router_list.ts";

interface DnsServer extends AgendaItem {
  readonly link: LinkInterface;
  readonly address: Ipv6Address;
}

/** What the list is made of. */
export interface DnsServersParts {
  readonly environment: Environment;
  readonly options: LinkOptions;
  readonly counters: Counters<typeof NdpCounter>;
  readonly events: StackEvents;
}

/** The servers of all interfaces. */
export class DnsServers {
  readonly #parts: DnsServersParts;
  readonly #agenda: Agenda<DnsServer>;

  /** Makes a list without servers. */
  constructor(parts: DnsServersParts) {
    this.#parts = parts;
    // RFC 8106 section 5.1 (MUST): after its lifetime a server is not used.
    this.#agenda = new Agenda(parts.environment, (server) => this.#remove(server));
  }

  /** The servers of an interface, in the order in which they were advertised. */
  list(interfaceIndex: number): readonly Ipv6Address[] {
    return this.#agenda.items
      .filter(({ link }) => link.index === interfaceIndex)
      .map(({ address }) => address);
  }

  /** Takes advertised servers. @param lifetime in seconds; 0 ends them */
  advertise(link: LinkInterface, servers: readonly Ipv6Address[], lifetime: number): void {
    const { environment: { now }, counters, options } = this.#parts;
    for (const address of servers) {
      const known = this.#agenda.items.find((server) =>
        server.link === link && isSameIpv6(server.address, address)
      );
      if (known !== undefined) {
        // RFC 8106 section 6.1 (MUST): a lifetime of 0 removes a server at once.
        if (lifetime === 0) this.#remove(known);
        else known.deadline = endOf(now, lifetime);
      } else if (lifetime > 0) {
        if (this.list(link.index).length >= options.dnsServers) {
          counters.add(NdpCounter.AUTOCONFIGURATION_REFUSED);
          continue;
        }
        this.#agenda.add({ link, address, deadline: endOf(now, lifetime) });
        this.#tell(link.index);
      }
    }
    this.#agenda.rearm();
  }

  #remove(server: DnsServer): void {
    this.#agenda.remove(server);
    this.#tell(server.link.index);
  }

  #tell(interfaceIndex: number): void {
    const servers = this.list(interfaceIndex);
    const { events } = this.#parts;
    events.onEvent({ event: "dns-servers-changed", interface: interfaceIndex, servers });
  }

  /** Forgets the servers of an interface. */
  removeInterface(interfaceIndex: number): void {
    const gone = this.#agenda.items.filter(({ link }) => link.index === interfaceIndex);
    for (const server of gone) this.#remove(server);
  }
}
