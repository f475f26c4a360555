/**
 * What an interface finds out by itself: its addresses of IPv6, routers, prefixes and servers.
 * RFC 4861 section 6.3, RFC 4862, RFC 8106.
 *
 * @module
 */

import type { Environment } from "../environment.ts";
import type { Routes } from "../route/route_table.ts";
import type { Counters } from "../statistics.ts";
import type { StackShard } from "../steering/stack_shard.ts";
import { type Ipv6Address, isIpv6LinkLocal, isIpv6Multicast } from "../wire/addresses.ts";
import { MIN_MTU } from "../wire/ipv6.ts";
import type { NdpMessage } from "../wire/ndp.ts";
import type { NdpOption } from "../wire/ndp_options.ts";
import { AddressLifetimes } from "./address_lifetimes.ts";
import type { Addresses } from "./address_table.ts";
import { NdpCounter } from "./counters.ts";
import { DnsServers } from "./dns_servers.ts";
import type { DetectionWatcher } from "./duplicate_detection.ts";
import type { StackEvents } from "./events.ts";
import { type IdentifierKind, InterfaceIdentifiers } from "./interface_identifiers.ts";
import type { LinkInterface } from "./link_interface.ts";
import type { RouterMessages } from "./ndp_protocol.ts";
import { OnLinkPrefixes } from "./on_link_prefixes.ts";
import type { LinkOptions } from "./options.ts";
import type { ReachableTimes } from "./reachable_times.ts";
import { RouterAdvertiser } from "./router_advertiser.ts";
import { RouterList } from "./router_list.ts";
import { RouterSolicitor } from "./router_solicitor.ts";
import { Slaac, type SlaacOptions, type SlaacParts } from "./slaac.ts";

/** What an interface finds out by itself. */
export interface AutoconfigurationOptions {
  /** Nothing; an address of the link only; or all that routers advertise. */
  readonly mode: "none" | "link-local" | "full";
  readonly identifiers?: IdentifierKind;
  /**
   * Whether there are temporary addresses beside stable ones: true, where a host has one shard only.
   * RFC 8981.
   */
  readonly isTemporary?: boolean;
}

/** What it is made of. */
export interface AutoconfigurationParts {
  readonly environment: Environment;
  readonly options: LinkOptions;
  readonly addresses: Addresses;
  readonly routes: Routes;
  readonly counters: Counters<typeof NdpCounter>;
  readonly events: StackEvents;
  readonly times: ReachableTimes;
  /** What stable addresses depend on; null to draw it. RFC 7217. */
  readonly secret: readonly number[] | null;
  readonly add: SlaacParts["add"];
  /** Which of several shards of a host it is of; null where there is one only. */
  readonly shard: StackShard | null;
}

interface Configured extends SlaacOptions {
  readonly link: LinkInterface;
  readonly mode: AutoconfigurationOptions["mode"];
  /** Duplicates so far: of the link, and of prefixes. */
  linkLocalDuplicates: number;
  prefixDuplicates: number;
}

/** Configures interfaces. */
export class Autoconfiguration implements RouterMessages, DetectionWatcher {
  readonly routers: RouterList;
  readonly dnsServers: DnsServers;
  readonly lifetimes: AddressLifetimes;
  /** For interfaces of a router. */
  readonly advertiser: RouterAdvertiser;
  readonly #parts: AutoconfigurationParts;
  readonly #prefixes: OnLinkPrefixes;
  readonly #solicitor: RouterSolicitor;
  readonly #slaac: Slaac;
  readonly #configured = new Map<number, Configured>();

  /** Configures nothing yet. */
  constructor(parts: AutoconfigurationParts) {
    this.#parts = parts;
    const { environment, addresses, secret } = parts;
    this.routers = new RouterList(parts);
    this.dnsServers = new DnsServers(parts);
    this.lifetimes = new AddressLifetimes(environment, addresses);
    this.advertiser = new RouterAdvertiser(parts);
    this.#prefixes = new OnLinkPrefixes(parts);
    this.#solicitor = new RouterSolicitor(parts);
    const identifiers = new InterfaceIdentifiers(environment.random, secret);
    this.#slaac = new Slaac({ ...parts, identifiers, lifetimes: this.lifetimes });
  }

  /** Says how an interface is configured, which is down. */
  configure(link: LinkInterface, options: AutoconfigurationOptions): void {
    const { identifiers = "stable", mode } = options;
    if (mode === "none") return;
    // Every shard makes the same addresses of the same secret; those that are drawn would differ.
    const isTemporary = (options.isTemporary ?? true) && this.#parts.shard === null;
    const duplicates = { linkLocalDuplicates: 0, prefixDuplicates: 0 };
    this.#configured.set(link.index, { link, mode, identifiers, isTemporary, ...duplicates });
  }

  /** An interface came up: makes its address of the link, and looks for routers. */
  begin(link: LinkInterface): void {
    const configured = this.#configured.get(link.index);
    if (configured === undefined) return;
    const isThere = this.#parts.addresses.list(link.index).some(({ address }) =>
      typeof address !== "number" && isIpv6LinkLocal(address)
    );
    configured.linkLocalDuplicates = 0;
    configured.prefixDuplicates = 0;
    if (!isThere) this.#slaac.addLinkLocal(link, configured, 0);
    if (configured.mode === "full") this.#solicitor.begin(link);
  }

  /** An interface went down. */
  end(link: LinkInterface): void {
    this.#solicitor.end(link.index);
  }

  /** Forgets all that was found out about an interface. */
  remove(link: LinkInterface): void {
    const { index } = link;
    this.#configured.delete(index);
    this.advertiser.remove(link);
    this.#solicitor.end(index);
    this.routers.removeInterface(index);
    this.#prefixes.removeInterface(index);
    this.dnsServers.removeInterface(index);
    this.#slaac.removeInterface(index);
  }

  /** See {@linkcode RouterMessages.onAdvertisement}. */
  onAdvertisement(link: LinkInterface, router: Ipv6Address, message: NdpMessage): void {
    const { counters, times } = this.#parts;
    const configured = this.#configured.get(link.index);
    if (message.message !== "router-advertisement") return;
    if (configured?.mode !== "full") {
      return counters.add(NdpCounter.DROPPED_ROUTER_ADVERTISEMENT);
    }
    // RFC 4861 section 6.3.4 (SHOULD): what the router does not say, 0, leaves things as they are.
    if (message.hopLimit !== 0) link.hopLimit = message.hopLimit;
    times.advertise(link.index, message.reachableTime, message.retransmitTimer);
    this.routers.advertise(link, router, message.routerLifetime, message.preference);
    // RFC 7559 section 2.1 (SHOULD): only a router that is a default router ends the search.
    if (message.routerLifetime > 0) this.#solicitor.end(link.index);
    for (const option of message.options) this.#onOption(configured, router, option);
  }

  #onOption(configured: Configured, router: Ipv6Address, option: NdpOption): void {
    const { link } = configured;
    switch (option.option) {
      case "prefix-information":
        // RFC 4861 section 6.3.4 (SHOULD): the prefix of the link is on the link anyway.
        if (option.isOnLink && !isIpv6LinkLocal(option.prefix) && isPrefix(option)) {
          const { prefix, prefixLength, validLifetime } = option;
          this.#prefixes.advertise(link, prefix, prefixLength, validLifetime);
        }
        // RFC 4862 section 5.5.3 (MUST): (a) only autonomous prefixes make addresses.
        if (option.isAutonomous) this.#slaac.advertise(link, router, option, configured);
        return;
      case "mtu":
        // RFC 4861 section 6.3.4 (SHOULD): not below 1280, nor above what the link has.
        if (option.mtu >= MIN_MTU && option.mtu <= link.mtu) link.setIpv6Mtu(option.mtu);
        else this.#parts.counters.add(NdpCounter.OPTIONS_IGNORED);
        return;
      case "route-information": {
        const { prefix, prefixLength, lifetime, preference } = option;
        this.routers.advertiseRoute(link, router, prefix, prefixLength, lifetime, preference);
        return;
      }
      case "dns-servers":
        this.dnsServers.advertise(link, option.servers, option.lifetime);
        return;
      case "source-link-layer":
        return;
      default:
        this.#parts.counters.add(NdpCounter.OPTIONS_IGNORED);
    }
  }

  /** See {@linkcode RouterMessages.onSolicitation}. */
  onSolicitation(link: LinkInterface): void {
    this.advertiser.onSolicitation(link);
  }

  /** See {@linkcode RouterMessages.onRedirect}. */
  onRedirect(link: LinkInterface, router: Ipv6Address, message: NdpMessage): boolean {
    if (message.message !== "redirect") return false;
    const { destination, target } = message;
    return this.#parts.routes.redirect(destination, target, router, link.index);
  }

  /** See {@linkcode DetectionWatcher.onUnique}. */
  onUnique(_link: LinkInterface, _address: Ipv6Address): void {}

  /** See {@linkcode DetectionWatcher.onDuplicate}: another identifier is tried. */
  onDuplicate(link: LinkInterface, address: Ipv6Address): void {
    const { addresses } = this.#parts;
    const configured = this.#configured.get(link.index);
    const duplicate = addresses.find(address, link.index);
    if (configured === undefined || duplicate === undefined) return;
    if (duplicate.origin === "static") return;
    const isOfLink = duplicate.origin === "link-local";
    const counter = isOfLink ? ++configured.linkLocalDuplicates : ++configured.prefixDuplicates;
    addresses.remove(link.index, address);
    this.#slaac.replace(link, duplicate, configured, counter);
  }
}

function isPrefix(
  option: { readonly prefix: Ipv6Address; readonly prefixLength: number },
): boolean {
  return option.prefixLength <= 128 && !isIpv6Multicast(option.prefix);
}
