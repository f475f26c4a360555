/**
 * Asks routers for an advertisement: RFC 4861 section 6.3.7, and RFC 7559, which goes on asking.
 *
 * @module
 */

import { type Environment, SECOND } from "../environment.ts";
import { randomBelow } from "../random.ts";
import type { Counters } from "../statistics.ts";
import type { StackShard } from "../steering/stack_shard.ts";
import { IPV6_ALL_ROUTERS, IPV6_ANY, isIpv6LinkLocal } from "../wire/addresses.ts";
import type { Addresses } from "./address_table.ts";
import { isUsable } from "./address_table.ts";
import { Agenda, type AgendaItem } from "./agenda.ts";
import { NdpCounter } from "./counters.ts";
import type { LinkInterface } from "./link_interface.ts";
import { sendNdp } from "./link_messages.ts";

// RFC 4861 section 10, RFC 7559 section 2: the constants.
const MAX_RTR_SOLICITATION_DELAY: number = SECOND;
const RTR_SOLICITATION_INTERVAL: number = 4 * SECOND;
const MAXIMUM_INTERVAL: number = 3600 * SECOND;
/** RFC 8415 section 15: intervals differ by up to a tenth, both ways. */
const SPREAD = 0.1;

interface Solicitation extends AgendaItem {
  readonly link: LinkInterface;
  interval: number;
}

/** What it is made of. */
export interface RouterSolicitorParts {
  readonly environment: Environment;
  readonly addresses: Addresses;
  readonly counters: Counters<typeof NdpCounter>;
  /** Which of several shards of a host it is of; null where there is one only. */
  readonly shard: StackShard | null;
}

/** Asks routers on all interfaces. */
export class RouterSolicitor {
  readonly #parts: RouterSolicitorParts;
  readonly #agenda: Agenda<Solicitation>;

  /** Asks nobody yet. */
  constructor(parts: RouterSolicitorParts) {
    this.#parts = parts;
    this.#agenda = new Agenda(parts.environment, (solicitation) => this.#onDue(solicitation));
  }

  /** Begins to ask on an interface. */
  begin(link: LinkInterface): void {
    const { environment: { now, random }, shard } = this.#parts;
    this.end(link.index);
    // What routers answer to shard 0, or to nobody, every shard is given.
    if (shard !== null && shard.isSilent) return;
    // RFC 4861 section 6.3.7 (SHOULD): the first one waits for a random time.
    const deadline = now + randomBelow(random, MAX_RTR_SOLICITATION_DELAY);
    this.#agenda.add({ link, deadline, interval: 0 });
  }

  /** A router has advertised itself, or the interface is down: asks no more. */
  end(interfaceIndex: number): void {
    const known = this.#agenda.items.find(({ link }) => link.index === interfaceIndex);
    // RFC 4861 section 6.3.7 (MUST): after a valid advertisement no more are sent.
    if (known !== undefined) this.#agenda.remove(known);
  }

  #onDue(solicitation: Solicitation): void {
    const { addresses, counters, environment } = this.#parts;
    const { link } = solicitation;
    const own = addresses.list(link.index).find(({ address, state }) =>
      typeof address !== "number" && isIpv6LinkLocal(address) && isUsable(state)
    )?.address;
    const source = own === undefined || typeof own === "number" ? IPV6_ANY : own;
    // RFC 4861 section 4.1 (MUST): from :: it has no address of the link layer.
    const isNameless = source === IPV6_ANY || link.kind !== "ethernet";
    const isSent = sendNdp(environment, link, source, IPV6_ALL_ROUTERS, {
      message: "router-solicitation",
      options: isNameless ? [] : [{ option: "source-link-layer", address: link.mac }],
    });
    counters.add(isSent ? NdpCounter.ROUTER_SOLICITATIONS_SENT : NdpCounter.DROPPED_NO_PACKET);
    // RFC 7559 section 2 (SHOULD): the intervals double, from 4 s up to an hour, without an end.
    const { interval } = solicitation;
    solicitation.interval = interval === 0
      ? RTR_SOLICITATION_INTERVAL
      : Math.min(2 * interval, MAXIMUM_INTERVAL);
    const spread = 1 + SPREAD * (2 * environment.random.uint32() / 2 ** 32 - 1);
    // RFC 4861 section 6.3.7 (SHOULD): they are 4 s apart at least.
    const wait = Math.round(solicitation.interval * spread);
    solicitation.deadline = environment.now + Math.max(wait, RTR_SOLICITATION_INTERVAL);
  }
}
