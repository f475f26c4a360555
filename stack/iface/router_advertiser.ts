/**
 * Advertises this stack as a router: RFC 4861 section 6.2.
 *
 * @module
 */

import { type Environment, MILLISECOND, SECOND } from "../environment.ts";
import { randomBelow } from "../random.ts";
import type { Counters } from "../statistics.ts";
import type { StackShard } from "../steering/stack_shard.ts";
import { IPV6_ALL_NODES, type Ipv6Address, isIpv6LinkLocal } from "../wire/addresses.ts";
import type { NdpOption } from "../wire/ndp_options.ts";
import { type Addresses, isUsable } from "./address_table.ts";
import { Agenda, type AgendaItem } from "./agenda.ts";
import { NdpCounter } from "./counters.ts";
import { DEFAULT_HOP_LIMIT, type LinkInterface } from "./link_interface.ts";
import { sendNdp } from "./link_messages.ts";

// RFC 4861 section 10: the constants of routers.
const MAX_INITIAL_RTR_ADVERT_INTERVAL: number = 16 * SECOND;
const MAX_INITIAL_RTR_ADVERTISEMENTS = 3;
const MIN_DELAY_BETWEEN_RAS: number = 3 * SECOND;
const MAX_RA_DELAY_TIME: number = 500 * MILLISECOND;
/** RFC 4861 section 6.2.1: the usual interval, and what part of it is the shortest. */
const MAX_RTR_ADV_INTERVAL = 600;
const MINIMUM_PART = 0.33;
/** RFC 4861 section 6.2.1 bounds the interval, in seconds. */
const SHORTEST_INTERVAL = 4;
const LONGEST_INTERVAL = 1800;
const DEFAULT_LIFETIME = 1800;
/** While there is no address to send from, it is looked for so often. */
const RETRY_AFTER: number = SECOND;

/** What is advertised. */
export interface AdvertisementOptions {
  /** For how many seconds this is a default router: 1800; 0 for none. */
  readonly lifetime?: number;
  /** One of `Preference`: medium. RFC 4191. */
  readonly preference?: number;
  /** What hosts put into their packets: 64; 0 does not say. */
  readonly hopLimit?: number;
  /** Milliseconds; 0 does not say. */
  readonly reachableTime?: number;
  /** Milliseconds; 0 does not say. */
  readonly retransmitTimer?: number;
  /** The longest time between two advertisements, in seconds: 600. */
  readonly maximumInterval?: number;
  /** Prefixes, MTU, routes and servers. */
  readonly options?: readonly NdpOption[];
}

interface Advertised extends AgendaItem {
  readonly link: LinkInterface;
  readonly said: AdvertisementOptions;
  sent: number;
  sentAt: number;
}

/** What it is made of. */
export interface RouterAdvertiserParts {
  readonly environment: Environment;
  readonly addresses: Addresses;
  readonly counters: Counters<typeof NdpCounter>;
  /** Which of several shards of a host it is of; null where there is one only. */
  readonly shard: StackShard | null;
}

/** Advertises on interfaces that are told to. */
export class RouterAdvertiser {
  readonly #parts: RouterAdvertiserParts;
  readonly #agenda: Agenda<Advertised>;

  /** Advertises nothing yet. */
  constructor(parts: RouterAdvertiserParts) {
    this.#parts = parts;
    this.#agenda = new Agenda(parts.environment, (advertised) => this.#onDue(advertised));
  }

  /** Begins to advertise on an interface, or changes what is said there. */
  begin(link: LinkInterface, said: AdvertisementOptions): void {
    const { environment: { now }, shard } = this.#parts;
    if (shard !== null && shard.isSilent) return;
    const known = this.#find(link);
    if (known !== undefined) this.#agenda.remove(known);
    this.#agenda.add({ link, said, sent: 0, sentAt: -Infinity, deadline: now });
  }

  /** Advertises no more. */
  end(link: LinkInterface): void {
    const known = this.#find(link);
    if (known === undefined) return;
    this.#agenda.remove(known);
    // RFC 4861 section 6.2.5 (SHOULD): who ceases to be a router says so.
    if (known.sent > 0 && link.isUp) this.#send(known, 0);
  }

  /** Forgets an interface. */
  remove(link: LinkInterface): void {
    const known = this.#find(link);
    if (known !== undefined) this.#agenda.remove(known);
  }

  #find(link: LinkInterface): Advertised | undefined {
    return this.#agenda.items.find((advertised) => advertised.link === link);
  }

  /** A host asks. */
  onSolicitation(link: LinkInterface): void {
    const { environment: { now, random } } = this.#parts;
    const known = this.#find(link);
    if (known === undefined) return;
    // RFC 4861 section 6.2.6 (MUST): the answer waits for a random time, and no two advertisements
    // to everybody are less than three seconds apart.
    const soon = now + randomBelow(random, MAX_RA_DELAY_TIME);
    const allowed = Math.max(soon, known.sentAt + MIN_DELAY_BETWEEN_RAS);
    known.deadline = Math.min(known.deadline, allowed);
    this.#agenda.rearm();
  }

  #onDue(advertised: Advertised): void {
    const { environment: { now, random } } = this.#parts;
    const { said } = advertised;
    if (!this.#send(advertised, said.lifetime ?? DEFAULT_LIFETIME)) {
      advertised.deadline = now + RETRY_AFTER;
      return;
    }
    advertised.sent++;
    advertised.sentAt = now;
    // RFC 4861 section 6.2.1 (MUST): the interval is from 4 to 1800 seconds, 600 if nothing is
    // said.
    const asked = said.maximumInterval ?? MAX_RTR_ADV_INTERVAL;
    const seconds = Math.min(Math.max(asked, SHORTEST_INTERVAL), LONGEST_INTERVAL);
    const shortest = Math.max(seconds * SECOND * MINIMUM_PART, MIN_DELAY_BETWEEN_RAS);
    // RFC 4861 section 6.2.4 (MUST): intervals are drawn between the shortest and the longest one.
    const interval = shortest + randomBelow(random, 1 << 20) / (1 << 20) *
        (seconds * SECOND - shortest);
    // RFC 4861 section 6.2.4 (SHOULD): the first ones follow one another sooner.
    const isInitial = advertised.sent < MAX_INITIAL_RTR_ADVERTISEMENTS;
    const wait = isInitial ? Math.min(interval, MAX_INITIAL_RTR_ADVERT_INTERVAL) : interval;
    advertised.deadline = now + Math.round(wait);
  }

  /** @returns false while there is no address to send from */
  #send({ link, said }: Advertised, lifetime: number): boolean {
    const { counters, environment } = this.#parts;
    const source = this.#sourceOf(link);
    if (source === null || !link.isUp) return false;
    const isSent = sendNdp(environment, link, source, IPV6_ALL_NODES, {
      message: "router-advertisement",
      hopLimit: said.hopLimit ?? DEFAULT_HOP_LIMIT,
      ...{ isManaged: false, hasOtherConfiguration: false },
      // RFC 4191 section 2.2 (MUST): without a lifetime the preference is medium.
      preference: lifetime === 0 ? 0 : said.preference ?? 0,
      routerLifetime: lifetime,
      reachableTime: said.reachableTime ?? 0,
      retransmitTimer: said.retransmitTimer ?? 0,
      options: [
        ...(link.kind === "ethernet"
          ? [{ option: "source-link-layer", address: link.mac } as const]
          : []),
        ...said.options ?? [],
      ],
    });
    const counter = NdpCounter.ROUTER_ADVERTISEMENTS_SENT;
    counters.add(isSent ? counter : NdpCounter.DROPPED_NO_PACKET);
    return true;
  }

  /** RFC 4861 section 6.1.2: hosts take advertisements from addresses of the link only. */
  #sourceOf(link: LinkInterface): Ipv6Address | null {
    for (const { address, state } of this.#parts.addresses.list(link.index)) {
      if (typeof address === "number") continue;
      // RFC 4861 section 4.2 (MUST): advertisements come from an address of the link.
      if (isIpv6LinkLocal(address) && isUsable(state)) return address;
    }
    return null;
  }
}
