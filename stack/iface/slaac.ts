/**
 * Addresses that an interface makes itself: of the link (RFC 4862 section 5.3), and of prefixes
 * that routers advertise (section 5.5), stable ones (RFC 7217) and temporary ones (RFC 8981).
 *
 * @module
 */

import { type Environment, SECOND } from "../environment.ts";
import type { Counters } from "../statistics.ts";
import { type Ipv6Address, ipv6Of, isIpv6LinkLocal } from "../wire/addresses.ts";
import type { AddressLifetimes } from "./address_lifetimes.ts";
import type { Addresses, InterfaceAddress } from "./address_table.ts";
import { NdpCounter } from "./counters.ts";
import type { IdentifierKind, InterfaceIdentifiers } from "./interface_identifiers.ts";
import { isInPrefix } from "./ip_address.ts";
import type { LinkInterface } from "./link_interface.ts";
import type { AddressOptions } from "./links_parts.ts";
import type { LinkOptions } from "./options.ts";
import { endOf } from "./router_list.ts";
import { TemporaryAddresses } from "./temporary_addresses.ts";

const LINK_LOCAL = ipv6Of("fe80::");
const PREFIX_BITS = 64;
/** RFC 4862 section 5.5.3 (e): nobody but time shortens a lifetime to less. */
const TWO_HOURS: number = 7200 * SECOND;
/** RFC 7217 section 7: IDGEN_RETRIES. */
const IDENTIFIER_RETRIES = 3;

/** A prefix, as an advertisement has it; lifetimes in seconds. */
export interface AdvertisedPrefix {
  readonly prefix: Ipv6Address;
  readonly prefixLength: number;
  readonly validLifetime: number;
  readonly preferredLifetime: number;
}

/** How an interface makes addresses. */
export interface SlaacOptions {
  readonly identifiers: IdentifierKind;
  /** Whether there are temporary addresses beside stable ones. RFC 8981. */
  readonly isTemporary: boolean;
}

/** What it is made of. */
export interface SlaacParts {
  readonly environment: Environment;
  readonly options: LinkOptions;
  readonly addresses: Addresses;
  readonly lifetimes: AddressLifetimes;
  readonly counters: Counters<typeof NdpCounter>;
  readonly identifiers: InterfaceIdentifiers;
  /** Adds an address, and asks whether somebody else has it. @returns 0 or `-errno` */
  readonly add: (
    link: LinkInterface,
    address: Ipv6Address,
    prefixLength: number,
    options: AddressOptions,
  ) => number;
}

/** Makes addresses of IPv6. */
export class Slaac {
  readonly #parts: SlaacParts;
  readonly #temporary: TemporaryAddresses;

  /** Makes none yet. */
  constructor(parts: SlaacParts) {
    this.#parts = parts;
    this.#temporary = new TemporaryAddresses(parts);
  }

  /**
   * Makes an address of the link.
   *
   * @param counter how many earlier ones were duplicates
   */
  addLinkLocal(link: LinkInterface, options: SlaacOptions, counter: number): void {
    const { add, identifiers } = this.#parts;
    const { mac, index } = link;
    const address = counter > IDENTIFIER_RETRIES
      ? null
      : identifiers.stable(options.identifiers, LINK_LOCAL, mac, index, counter);
    // RFC 4862 section 5.4.5 (MUST): with EUI-64, a duplicate ends what the interface makes itself.
    if (address === null) return;
    // RFC 4862 section 5.3 (MUST): a link-local address is made for every interface that comes up.
    add(link, address, PREFIX_BITS, { origin: "link-local" });
  }

  /** Takes an autonomous prefix. RFC 4862 section 5.5.3. */
  advertise(
    link: LinkInterface,
    router: Ipv6Address,
    said: AdvertisedPrefix,
    options: SlaacOptions,
  ): void {
    const { counters } = this.#parts;
    const { prefix, prefixLength, validLifetime, preferredLifetime } = said;
    // RFC 4862 section 5.5.3 (MUST): (b, c) prefixes of the link, and those that are preferred for
    // longer than they are valid, are ignored; (d) as are those that leave no room for 64 bits.
    const isBad = isIpv6LinkLocal(prefix) || preferredLifetime > validLifetime ||
      prefixLength !== PREFIX_BITS;
    if (isBad) return counters.add(NdpCounter.OPTIONS_IGNORED);
    const known = this.#ofPrefix(link, prefix);
    const stable = known.find(({ origin }) => origin === "autoconfigured");
    if (stable !== undefined) {
      this.#refresh(stable, said, router);
      this.#temporary.refresh(link, known, said);
    } else {
      // RFC 4862 section 5.5.3 (MUST): (d) a lifetime of 0 makes no address.
      if (validLifetime === 0) return;
      if (!this.#add(link, router, said, options, 0)) return;
    }
    // RFC 8981 section 3.7 (MUST): whoever sets an interface up says whether there are any.
    if (options.isTemporary) this.#temporary.advertise(link, router, said);
  }

  #ofPrefix(link: LinkInterface, prefix: Ipv6Address): readonly InterfaceAddress[] {
    return this.#parts.addresses.list(link.index).filter(({ address, origin }) =>
      (origin === "autoconfigured" || origin === "temporary") &&
      isInPrefix(address, prefix, PREFIX_BITS)
    );
  }

  #add(
    link: LinkInterface,
    router: Ipv6Address,
    said: AdvertisedPrefix,
    options: SlaacOptions,
    counter: number,
  ): boolean {
    const { add, addresses, counters, environment: { now }, identifiers } = this.#parts;
    const own = addresses.list(link.index).filter(({ origin }) =>
      origin === "autoconfigured" || origin === "temporary"
    );
    const isFull = own.length >= this.#parts.options.autoconfiguredAddresses;
    const { mac, index } = link;
    const address = counter > IDENTIFIER_RETRIES || isFull
      ? null
      : identifiers.stable(options.identifiers, said.prefix, mac, index, counter);
    const isAdded = address !== null && add(link, address, PREFIX_BITS, {
          ...{ origin: "autoconfigured", router },
          validUntil: endOf(now, said.validLifetime),
          preferredUntil: endOf(now, said.preferredLifetime),
        }) === 0;
    if (!isAdded) counters.add(NdpCounter.AUTOCONFIGURATION_REFUSED);
    return isAdded;
  }

  /** RFC 4862 section 5.5.3 (e). */
  #refresh(address: InterfaceAddress, said: AdvertisedPrefix, router: Ipv6Address): void {
    const { addresses, environment: { now }, lifetimes } = this.#parts;
    const validUntil = endOf(now, said.validLifetime);
    const preferredUntil = endOf(now, said.preferredLifetime);
    const remaining = address.validUntil - now;
    addresses.update(address.interface, address.address, { router });
    // RFC 4862 section 5.5.3 (MUST): (e, 1) more than two hours, or than what remains, is taken
    // over.
    if (validUntil - now > TWO_HOURS || validUntil > address.validUntil) {
      lifetimes.set(address, preferredUntil, validUntil);
    } else if (remaining <= TWO_HOURS) {
      // RFC 4862 section 5.5.3 (MUST): (e, 2) what remains of two hours is not shortened.
      lifetimes.set(address, preferredUntil, address.validUntil);
    } else {
      // RFC 4862 section 5.5.3 (MUST): (e, 3) else it is shortened to two hours.
      lifetimes.set(address, preferredUntil, now + TWO_HOURS);
    }
  }

  /**
   * An address proved to be somebody else's: makes another one.
   *
   * @param counter how many earlier ones were duplicates
   */
  replace(
    link: LinkInterface,
    duplicate: InterfaceAddress,
    options: SlaacOptions,
    counter: number,
  ): void {
    const { environment: { now } } = this.#parts;
    const { address, origin, router, validUntil, preferredUntil } = duplicate;
    if (typeof address === "number") return;
    if (origin === "link-local") return this.addLinkLocal(link, options, counter);
    if (router === null) return;
    const prefix: Ipv6Address = [address[0], address[1], 0, 0];
    const seconds = (until: number) =>
      until === Infinity ? 0xffff_ffff : Math.max(0, Math.floor((until - now) / SECOND));
    const said = {
      ...{ prefix, prefixLength: PREFIX_BITS },
      validLifetime: seconds(validUntil),
      preferredLifetime: seconds(preferredUntil),
    };
    // RFC 7217 section 6 (SHOULD): the counter makes another identifier.
    if (origin === "autoconfigured") {
      this.#add(link, router, said, options, counter);
      return;
    }
    // RFC 8981 section 3.4 (MUST): no more than TEMP_IDGEN_RETRIES times.
    if (counter > IDENTIFIER_RETRIES) return;
    this.#temporary.advertise(link, router, said);
  }

  /** Forgets the addresses that an interface made. */
  removeInterface(interfaceIndex: number): void {
    const { addresses } = this.#parts;
    const own = addresses.list(interfaceIndex).filter(({ origin }) => origin !== "static");
    for (const { address } of own) addresses.remove(interfaceIndex, address);
    this.#temporary.removeInterface(interfaceIndex);
  }
}
