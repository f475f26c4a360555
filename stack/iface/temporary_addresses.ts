/**
 * Temporary addresses: RFC 8981. Each prefix has one that is preferred, which is replaced before
 * that ends; the ones before it last until their valid lifetimes are over.
 *
 * @module
 */

import { SECOND } from "../environment.ts";
import { randomBelow } from "../random.ts";
import type { Ipv6Address } from "../wire/addresses.ts";
import { Agenda, type AgendaItem } from "./agenda.ts";
import type { InterfaceAddress } from "./address_table.ts";
import { NdpCounter } from "./counters.ts";
import { isInPrefix } from "./ip_address.ts";
import type { LinkInterface } from "./link_interface.ts";
import { endOf } from "./router_list.ts";
import type { AdvertisedPrefix, SlaacParts } from "./slaac.ts";
import { AddressState } from "./types.ts";

// RFC 8981 section 3.8: the constants.
const DAY: number = 86_400 * SECOND;
const TEMP_VALID_LIFETIME: number = 2 * DAY;
const TEMP_PREFERRED_LIFETIME: number = DAY;
const MAX_DESYNC_FACTOR: number = 0.4 * TEMP_PREFERRED_LIFETIME;
/** 2 s, and as long as the detection of duplicates of three addresses takes. */
const REGEN_ADVANCE: number = 5 * SECOND;

interface Temporary extends AgendaItem {
  readonly link: LinkInterface;
  readonly router: Ipv6Address;
  readonly prefix: Ipv6Address;
  /** The most that its lifetimes may be extended to. */
  readonly validLimit: number;
  readonly preferredLimit: number;
  readonly address: Ipv6Address;
}

const PREFIX_BITS = 64;

/** The temporary addresses of all interfaces. */
export class TemporaryAddresses {
  readonly #parts: SlaacParts;
  readonly #agenda: Agenda<Temporary>;

  /** Makes none yet. */
  constructor(parts: SlaacParts) {
    this.#parts = parts;
    this.#agenda = new Agenda(parts.environment, (temporary) => this.#regenerate(temporary));
  }

  /** Takes a prefix: makes an address unless one is preferred. @returns whether there is one now */
  advertise(link: LinkInterface, router: Ipv6Address, said: AdvertisedPrefix): boolean {
    const { addresses, environment: { now }, options, counters } = this.#parts;
    this.#prune();
    const isThere = addresses.list(link.index).some(({ address, origin, state }) =>
      origin === "temporary" && isInPrefix(address, said.prefix, PREFIX_BITS) &&
      (state === AddressState.PREFERRED || state === AddressState.TENTATIVE)
    );
    if (isThere) return true;
    const own = addresses.list(link.index).filter(({ origin }) =>
      origin === "autoconfigured" || origin === "temporary"
    );
    if (own.length >= options.autoconfiguredAddresses) {
      counters.add(NdpCounter.AUTOCONFIGURATION_REFUSED);
      return false;
    }
    return this.#add(
      link,
      router,
      said.prefix,
      endOf(now, said.validLifetime),
      endOf(now, said.preferredLifetime),
    );
  }

  #add(
    link: LinkInterface,
    router: Ipv6Address,
    prefix: Ipv6Address,
    validUntil: number,
    preferredUntil: number,
  ): boolean {
    const { add, environment: { now, random }, identifiers } = this.#parts;
    const desync = randomBelow(random, MAX_DESYNC_FACTOR / SECOND) * SECOND;
    // RFC 8981 section 3.4 (MUST): at most the prefix's lifetimes, and those of temporary
    // addresses, which are shortened by a random part, so that hosts do not change together.
    const validLimit = now + TEMP_VALID_LIFETIME;
    const preferredLimit = now + TEMP_PREFERRED_LIFETIME - desync;
    const preferred = Math.min(preferredUntil, preferredLimit);
    // RFC 8981 section 3.4 (MUST): none is made that would have to be replaced at once.
    if (preferred - now <= REGEN_ADVANCE) return false;
    const address = identifiers.temporary(prefix);
    const result = add(link, address, PREFIX_BITS, {
      ...{ origin: "temporary", router, preferredUntil: preferred },
      validUntil: Math.min(validUntil, validLimit),
    });
    if (result !== 0) return false;
    const temporary = { link, router, prefix, validLimit, preferredLimit, address };
    // RFC 8981 section 3.5 (SHOULD): the next one is made before this one is deprecated.
    this.#agenda.add({ ...temporary, deadline: preferred - REGEN_ADVANCE });
    return true;
  }

  /** Takes a prefix over again: lifetimes follow it. */
  refresh(
    link: LinkInterface,
    known: readonly InterfaceAddress[],
    said: AdvertisedPrefix,
  ): void {
    const { environment: { now }, lifetimes } = this.#parts;
    for (const temporary of this.#agenda.items) {
      const own = known.find(({ address }) => address === temporary.address);
      if (own === undefined || temporary.link !== link) continue;
      const preferredUntil = endOf(now, said.preferredLifetime);
      // RFC 8981 section 3.4 (MUST): lifetimes follow the prefix's, up to their limits.
      const preferred = Math.min(preferredUntil, temporary.preferredLimit);
      const valid = Math.min(endOf(now, said.validLifetime), temporary.validLimit);
      // RFC 4862 section 5.5.3 (e): a valid lifetime is not cut short here, either.
      lifetimes.set(own, preferred, Math.max(valid, own.validUntil));
      if (temporary.deadline !== Infinity) temporary.deadline = preferred - REGEN_ADVANCE;
    }
    this.#agenda.rearm();
  }

  /** The preferred address of a prefix will soon be deprecated: makes the next one. */
  #regenerate(temporary: Temporary): void {
    const { addresses } = this.#parts;
    const { link, router, prefix } = temporary;
    temporary.deadline = Infinity;
    this.#prune();
    const stable = addresses.list(link.index).find(({ address, origin }) =>
      origin === "autoconfigured" && isInPrefix(address, prefix, PREFIX_BITS)
    );
    const isGone = addresses.find(temporary.address, link.index) === undefined;
    // RFC 8981 section 3.5 (MUST): only while the prefix itself is preferred.
    if (stable === undefined || isGone || !link.isUp) return;
    this.#add(link, router, prefix, stable.validUntil, stable.preferredUntil);
  }

  /** Forgets those whose addresses are gone. */
  #prune(): void {
    const { addresses } = this.#parts;
    const gone = this.#agenda.items.filter(({ link, address }) =>
      addresses.find(address, link.index) === undefined
    );
    for (const temporary of gone) this.#agenda.remove(temporary);
  }

  /** Forgets those of an interface. */
  removeInterface(interfaceIndex: number): void {
    const gone = this.#agenda.items.filter(({ link }) => link.index === interfaceIndex);
    for (const temporary of gone) this.#agenda.remove(temporary);
  }
}
