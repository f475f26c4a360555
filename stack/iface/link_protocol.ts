/**
 * Tells messages of neighbour discovery, MLD and IGMP apart, for whoever has checked the sums.
 *
 * @module
 */

import type { Environment } from "../environment.ts";
import type { IpAddress } from "../ip/types.ts";
import { isNeighborDiscovery, type } from "../wire/icmpv6.ts";
import type { Interface, LinkProtocol } from "./types.ts";

/** All protocols of links as one. */
export class LinkProtocols implements LinkProtocol {
  readonly #environment: Environment;
  readonly #ndp: LinkProtocol;
  readonly #mld: LinkProtocol;
  readonly #igmp: LinkProtocol;

  /** Puts them together. */
  constructor(
    environment: Environment,
    ndp: LinkProtocol,
    mld: LinkProtocol,
    igmp: LinkProtocol,
  ) {
    this.#environment = environment;
    this.#ndp = ndp;
    this.#mld = mld;
    this.#igmp = igmp;
  }

  /** See {@linkcode LinkProtocol.receive}. */
  receive(packet: number, link: Interface, source: IpAddress, destination: IpAddress): void {
    if (typeof source === "number") return this.#igmp.receive(packet, link, source, destination);
    const { arena, packets } = this.#environment;
    const isNdp = isNeighborDiscovery(type(arena.memory, packets.transport[packet]));
    const protocol = isNdp ? this.#ndp : this.#mld;
    protocol.receive(packet, link, source, destination);
  }
}
