/**
 * Neighbour discovery for hosts, and what routers have of it: RFC 4861. Router advertisements and
 * redirects are passed on to whoever keeps routers.
 *
 * @module
 */

import type { Environment } from "../environment.ts";
import type { IpAddress } from "../ip/types.ts";
import type { Counters } from "../statistics.ts";
import type { StackShard } from "../steering/stack_shard.ts";
import { TokenBucket } from "../token_bucket.ts";
import {
  IPV6_ALL_NODES,
  type Ipv6Address,
  ipv6At,
  isGroupMac,
  isIpv6Any,
  isIpv6Multicast,
  isSameIpv6,
  macHigh,
  macLow,
  solicitedNodeOf,
} from "../wire/addresses.ts";
import { Fault } from "../wire/fault.ts";
import { Type, type as typeOf } from "../wire/icmpv6.ts";
import * as ipv6 from "../wire/ipv6.ts";
import * as ndp from "../wire/ndp.ts";
import { findOption, linkLayerAddress, type NdpOption, OptionType } from "../wire/ndp_options.ts";
import { copyBytes } from "../wire/packet_bytes.ts";
import type { Addresses } from "./address_table.ts";
import { NdpCounter } from "./counters.ts";
import type { DuplicateDetection } from "./duplicate_detection.ts";
import type { StackEvents } from "./events.ts";
import type { LinkInterface } from "./link_interface.ts";
import { sendNdp, sendNdpTo } from "./link_messages.ts";
import type { NeighbourCache } from "./neighbour_cache.ts";
import type { Solicitor } from "./neighbour_states.ts";
import type { LinkOptions } from "./options.ts";
import { AddressState, type LinkProtocol } from "./types.ts";

/** Bytes of an option before its data. */
const OPTION_HEADER_BYTES = 2;

/** What neighbour discovery is made of. */
export interface NdpParts {
  readonly environment: Environment;
  readonly options: LinkOptions;
  readonly counters: Counters<typeof NdpCounter>;
  readonly faults: Counters<typeof Fault>;
  readonly addresses: Addresses;
  readonly events: StackEvents;
  /** Which of several shards of a host it is of; null where there is one only. */
  readonly shard: StackShard | null;
}

/** Takes messages of routers, which are checked. */
export interface RouterMessages {
  /** Takes an advertisement. */
  onAdvertisement(link: LinkInterface, router: Ipv6Address, message: ndp.NdpMessage): void;
  /** Takes a solicitation of a host. */
  onSolicitation(link: LinkInterface): void;
  /** Takes a redirect. @returns false when it was not believed */
  onRedirect(link: LinkInterface, router: Ipv6Address, message: ndp.NdpMessage): boolean;
}

/** Neighbour discovery for all interfaces. */
export class NdpProtocol implements LinkProtocol, Solicitor {
  /** Set before the first packet. */
  neighbours!: NeighbourCache;
  /** Set before the first packet. */
  detection!: DuplicateDetection;
  /** Who takes messages of routers; null where they are ignored. */
  routers: RouterMessages | null = null;
  readonly #parts: NdpParts;
  readonly #answers: TokenBucket;
  readonly #said = {
    ...{ high: -1, low: 0, isSolicited: false, isOverride: false },
    isRouter: false as boolean | null,
  };

  /** Makes it; its neighbours are set then. */
  constructor(parts: NdpParts) {
    this.#parts = parts;
    const { environment, options: { answersPerSecond } } = parts;
    this.#answers = new TokenBucket(answersPerSecond, answersPerSecond, environment.now);
  }

  /** See {@linkcode LinkProtocol.receive}. */
  receive(packet: number, link: LinkInterface, source: IpAddress, destination: IpAddress): void {
    const { environment: { arena, packets }, counters } = this.#parts;
    counters.add(NdpCounter.RECEIVED);
    if (typeof source !== "number" && typeof destination !== "number") {
      const at = packets.transport[packet];
      const ipAt = arena.start(packet);
      const end = Math.min(
        ipAt + ipv6.HEADER_BYTES + ipv6.payloadLength(arena.memory, ipAt),
        ipAt + arena.length(packet),
      );
      const dropped = this.#take(ipAt, at, end - at, link, source, destination);
      if (dropped !== NdpCounter.RECEIVED) counters.add(dropped);
    }
    arena.release(packet);
  }

  /** Takes a message in memory. @returns why it is dropped, or `RECEIVED` */
  #take(
    ipAt: number,
    at: number,
    bytes: number,
    link: LinkInterface,
    source: Ipv6Address,
    destination: Ipv6Address,
  ): typeof NdpCounter[keyof typeof NdpCounter] {
    const { memory } = this.#parts.environment.arena;
    const fault = ndp.check(memory, at, bytes, ipAt);
    // RFC 4861 section 6.1 (MUST): messages that are not valid are dropped in silence; 7.1, 8.1.
    if (fault !== Fault.NONE) {
      this.#parts.faults.add(fault);
      return NdpCounter.DROPPED_MALFORMED;
    }
    switch (typeOf(memory, at)) {
      case Type.NEIGHBOR_SOLICITATION:
        return this.#onSolicitation(at, bytes, link, source);
      case Type.NEIGHBOR_ADVERTISEMENT:
        return this.#onAdvertisement(at, bytes, link, destination);
      case Type.ROUTER_SOLICITATION:
        return this.#onRouterSolicitation(at, bytes, link, source);
      case Type.ROUTER_ADVERTISEMENT:
        return this.#onRouterAdvertisement(at, bytes, link, source);
      default:
        return this.#onRedirect(at, bytes, link, source);
    }
  }

  /** The address of the link layer in an option; -1 where there is none that can be one. */
  #linkLayer(at: number, bytes: number, type: number): number {
    const { memory } = this.#parts.environment.arena;
    const option = findOption(memory, ndp.optionsAt(memory, at), at + bytes, type);
    const mac = linkLayerAddress(memory, option);
    return mac < 0 || isGroupMac(mac) ? -1 : mac;
  }

  #onSolicitation(
    at: number,
    bytes: number,
    link: LinkInterface,
    source: Ipv6Address,
  ): typeof NdpCounter[keyof typeof NdpCounter] {
    const { addresses, environment: { arena: { memory } } } = this.#parts;
    const target = ipv6At(memory, ndp.targetAt(at));
    const state = addresses.stateOf(target, link.index);
    const isNameless = isIpv6Any(source);
    if (state === AddressState.TENTATIVE) {
      // RFC 4862 section 5.4.3 (MUST): only who asks from :: wants the address for itself.
      if (isNameless) this.detection.onSolicitation(link, target, this.#nonce(at, bytes));
      return isNameless ? NdpCounter.RECEIVED : NdpCounter.DROPPED_NOT_FOR_US;
    }
    // RFC 4861 section 7.2.3 (MUST): what asks for what is not ours is dropped in silence.
    if (state === AddressState.NONE || state === AddressState.DUPLICATED) {
      return NdpCounter.DROPPED_NOT_FOR_US;
    }
    if (addresses.stateOf(source, link.index) !== AddressState.NONE) {
      return NdpCounter.DROPPED_LOOPED_BACK;
    }
    const mac = this.#linkLayer(at, bytes, OptionType.SOURCE_LINK_LAYER);
    // RFC 4861 section 7.2.3 (SHOULD): the sender's address is learnt; not from ::, which is
    // nobody.
    if (!isNameless && mac >= 0) {
      this.neighbours.learn(link.index, source, macHigh(mac), macLow(mac), null, true);
    }
    return this.#answer(link, target, source, isNameless);
  }

  #nonce(at: number, bytes: number): Uint8Array | null {
    const { memory } = this.#parts.environment.arena;
    const option = findOption(memory, ndp.optionsAt(memory, at), at + bytes, OptionType.NONCE);
    if (option < 0) return null;
    const length = memory.view.getUint8(option + 1) * 8 - OPTION_HEADER_BYTES;
    return copyBytes(memory, option + OPTION_HEADER_BYTES, length);
  }

  #answer(
    link: LinkInterface,
    target: Ipv6Address,
    source: Ipv6Address,
    isNameless: boolean,
  ): typeof NdpCounter[keyof typeof NdpCounter] {
    const { environment, shard } = this.#parts;
    if (shard !== null && shard.isSilent) return NdpCounter.RECEIVED;
    if (!this.#answers.takeOne(environment.now)) return NdpCounter.DROPPED_LIMITED;
    // RFC 4861 section 7.2.4 (MUST): who asks from :: is answered by all nodes' group, unsolicited.
    const to = isNameless ? IPV6_ALL_NODES : source;
    return this.#advertise(link, target, to, !isNameless);
  }

  #advertise(
    link: LinkInterface,
    target: Ipv6Address,
    to: Ipv6Address,
    isSolicited: boolean,
  ): typeof NdpCounter[keyof typeof NdpCounter] {
    const { environment, counters } = this.#parts;
    const isSent = sendNdp(environment, link, target, to, {
      message: "neighbor-advertisement",
      // RFC 4861 section 7.2.4 (MUST): a router says that it is one.
      isRouter: link.isForwarding,
      isSolicited,
      // RFC 4861 section 7.2.4 (SHOULD): the override flag is set, but for anycast and proxies.
      isOverride: true,
      target,
      // RFC 4861 section 7.2.4 (MUST): with the address on the link where a group was asked.
      options: this.#ownLinkLayer(link, "target-link-layer"),
    });
    if (!isSent) return NdpCounter.DROPPED_NO_PACKET;
    counters.add(NdpCounter.ADVERTISEMENTS_SENT);
    return NdpCounter.RECEIVED;
  }

  #ownLinkLayer(
    link: LinkInterface,
    option: "source-link-layer" | "target-link-layer",
  ): readonly NdpOption[] {
    return link.kind === "ethernet" ? [{ option, address: link.mac }] : [];
  }

  /** Tells everybody on a link of an address, unasked. RFC 4861 section 7.2.6. */
  announce(link: LinkInterface, address: Ipv6Address): void {
    const { shard } = this.#parts;
    if (shard !== null && shard.isSilent) return;
    this.#parts.counters.add(NdpCounter.UNSOLICITED_SENT);
    // RFC 4861 section 7.2.6 (MUST): it is not solicited.
    this.#advertise(link, address, IPV6_ALL_NODES, false);
  }

  #onAdvertisement(
    at: number,
    bytes: number,
    link: LinkInterface,
    destination: Ipv6Address,
  ): typeof NdpCounter[keyof typeof NdpCounter] {
    const { addresses, events, environment: { arena: { memory } } } = this.#parts;
    const target = ipv6At(memory, ndp.targetAt(at));
    const mac = this.#linkLayer(at, bytes, OptionType.TARGET_LINK_LAYER);
    const state = addresses.stateOf(target, link.index);
    if (state !== AddressState.NONE) {
      if (mac === link.mac) return NdpCounter.DROPPED_LOOPED_BACK;
      if (state === AddressState.TENTATIVE) {
        this.detection.onAdvertisement(link, target, mac);
        return NdpCounter.RECEIVED;
      }
      // RFC 4862 section 5.4.4: somebody else has an address that we use: people have to see to it.
      const duplicate = { address: target, mac: Math.max(0, mac) };
      events.onEvent({ event: "address-duplicated", interface: link.index, ...duplicate });
      return NdpCounter.DUPLICATES;
    }
    const said = this.#said;
    said.high = mac < 0 ? -1 : macHigh(mac);
    said.low = mac < 0 ? 0 : macLow(mac);
    said.isSolicited = ndp.isSolicited(memory, at) && !isIpv6Multicast(destination);
    said.isOverride = ndp.isOverride(memory, at);
    said.isRouter = ndp.isRouter(memory, at);
    const isKnown = this.neighbours.advertise(link.index, target, said);
    return isKnown ? NdpCounter.RECEIVED : NdpCounter.DROPPED_UNKNOWN_NEIGHBOUR;
  }

  #onRouterSolicitation(
    at: number,
    bytes: number,
    link: LinkInterface,
    source: Ipv6Address,
  ): typeof NdpCounter[keyof typeof NdpCounter] {
    // RFC 4861 section 6.2.6 (MUST): hosts ignore solicitations of hosts.
    if (!link.isForwarding) return NdpCounter.DROPPED_FOR_ROUTERS;
    const mac = this.#linkLayer(at, bytes, OptionType.SOURCE_LINK_LAYER);
    // RFC 4861 section 6.2.6 (MUST): who solicits routers is none.
    if (mac >= 0 && !isIpv6Any(source)) {
      this.neighbours.learn(link.index, source, macHigh(mac), macLow(mac), false, true);
    }
    this.routers?.onSolicitation(link);
    return NdpCounter.RECEIVED;
  }

  #onRouterAdvertisement(
    at: number,
    bytes: number,
    link: LinkInterface,
    source: Ipv6Address,
  ): typeof NdpCounter[keyof typeof NdpCounter] {
    const { environment: { arena: { memory } }, counters, addresses } = this.#parts;
    counters.add(NdpCounter.ROUTER_ADVERTISEMENTS_RECEIVED);
    // Our own, where we are the router.
    if (addresses.stateOf(source, link.index) !== AddressState.NONE) {
      return NdpCounter.DROPPED_LOOPED_BACK;
    }
    const mac = this.#linkLayer(at, bytes, OptionType.SOURCE_LINK_LAYER);
    // RFC 4861 section 6.3.4 (MUST): the router's address on the link is learnt, and that it is
    // one.
    if (mac >= 0) this.neighbours.learn(link.index, source, macHigh(mac), macLow(mac), true, true);
    else this.neighbours.setRouter(link.index, source, true);
    if (this.routers === null || link.isForwarding) return NdpCounter.DROPPED_ROUTER_ADVERTISEMENT;
    this.routers.onAdvertisement(link, source, ndp.parse(memory, at, bytes));
    return NdpCounter.RECEIVED;
  }

  #onRedirect(
    at: number,
    bytes: number,
    link: LinkInterface,
    source: Ipv6Address,
  ): typeof NdpCounter[keyof typeof NdpCounter] {
    const { memory } = this.#parts.environment.arena;
    // RFC 4861 section 8.3 (MUST): a router does not follow redirects.
    if (this.routers === null || link.isForwarding) return NdpCounter.DROPPED_REDIRECT;
    const message = ndp.parse(memory, at, bytes);
    if (!this.routers.onRedirect(link, source, message)) return NdpCounter.DROPPED_REDIRECT;
    const mac = this.#linkLayer(at, bytes, OptionType.TARGET_LINK_LAYER);
    if (mac >= 0 && message.message === "redirect") {
      // RFC 4861 section 8.3 (SHOULD): the target's address is learnt, as if it had been asked
      // from.
      const { target, destination } = message;
      const flag = isSameIpv6(target, destination) ? null : true;
      this.neighbours.learn(link.index, target, macHigh(mac), macLow(mac), flag, true);
    }
    return NdpCounter.REDIRECTED;
  }

  /** See {@linkcode Solicitor.solicit}. */
  solicit(
    link: LinkInterface,
    address: IpAddress,
    isUnicast: boolean,
    toHigh: number,
    toLow: number,
    prompt: number,
  ): void {
    const { environment, counters } = this.#parts;
    if (typeof address === "number") return;
    const source = this.#sourceFor(link, address, prompt);
    if (source === null) return;
    const message = {
      message: "neighbor-solicitation",
      target: address,
      // RFC 4861 section 7.2.2 (MUST): with our own address on the link, so that none has to ask
      // back.
      options: this.#ownLinkLayer(link, "source-link-layer"),
    } as const;
    const isSent = isUnicast
      ? sendNdpTo(environment, link, source, address, message, toHigh, toLow)
      : sendNdp(environment, link, source, solicitedNodeOf(address), message);
    counters.add(isSent ? NdpCounter.SOLICITATIONS_SENT : NdpCounter.DROPPED_NO_PACKET);
  }

  /** Which of our addresses asks. */
  #sourceFor(link: LinkInterface, address: Ipv6Address, prompt: number): Ipv6Address | null {
    const { addresses, environment: { arena } } = this.#parts;
    if (prompt >= 0 && arena.length(prompt) >= ipv6.HEADER_BYTES) {
      const source = ipv6At(arena.memory, ipv6.sourceAt(arena.start(prompt)));
      // RFC 4861 section 7.2.2 (SHOULD): the source of the packet that waits, where it is ours.
      if (addresses.isLocal(source, link.index)) return source;
    }
    const source = addresses.selectSource(address, link.index, null, "default");
    return source === null || typeof source === "number" ? null : source;
  }
}
