/**
 * Whom packets are for: this stack, a group or everybody with it, somebody else, or nobody. RFC
 * 1122 sections 3.2.1.3 and 3.3.6, RFC 4291, RFC 1812 section 5.3.7 (martians).
 *
 * @module
 */

import type { Interface } from "../iface/types.ts";
import { PacketFlag } from "../packet_table.ts";
import {
  type Ipv6Address,
  isIpv4Multicast,
  isIpv6Any,
  isIpv6Multicast,
} from "../wire/addresses.ts";
import { GroupScope, groupScope, isIpv4Loopback, isIpv6Loopback } from "./addresses.ts";
import { isLinkLocal } from "./addresses.ts";
import type { IpContext } from "./context.ts";
import type { IpAddress } from "./types.ts";

/** Whom a packet is for. */
export const Whose = {
  /** It is for this stack. */
  OURS: 0,
  /** It is for somebody else: a router may forward it. */
  OTHERS: 1,
  /** It is for one host, but came in a frame for many. */
  LINK_CAST: 2,
  /** It cannot come from where it says. */
  MARTIAN: 3,
  /** It is for a group that nobody here listens to. */
  GROUP: 4,
  /** Nobody may have its destination. */
  NOBODYS: 5,
} as const;

/** One of {@linkcode Whose}. */
export type Whose = typeof Whose[keyof typeof Whose];

const LINK_CAST = PacketFlag.LINK_BROADCAST | PacketFlag.LINK_MULTICAST;

/** Answers that are remembered, as long as no address changes. */
const REMEMBERED = 64;
const UNKNOWN = 0;
const LOCAL = 1;
const BROADCAST = 2;
const FOREIGN = 3;
const SHARED = 4;

/** Knows whom packets are for. */
export class Receivers {
  readonly #context: IpContext;
  readonly #addresses: Int32Array = new Int32Array(REMEMBERED);
  readonly #interfaces: Int32Array = new Int32Array(REMEMBERED);
  readonly #answers: Uint8Array = new Uint8Array(REMEMBERED);
  readonly #ipv6: (Ipv6Address | null)[] = new Array(REMEMBERED).fill(null);
  readonly #ipv6Interfaces: Int32Array = new Int32Array(REMEMBERED);
  readonly #ipv6Answers: Uint8Array = new Uint8Array(REMEMBERED);
  #generation = -1;

  /** Remembers nothing yet. */
  constructor(context: IpContext) {
    this.#context = context;
  }

  /** Whom a packet of IPv4 is for. */
  ofIpv4(source: number, destination: number, link: Interface, flags: number): Whose {
    const isLooped = (flags & PacketFlag.LOOPED) !== 0;
    if (isIpv4Multicast(destination)) {
      if (!isLooped && this.#isMartianIpv4(source, link, true)) return Whose.MARTIAN;
      return this.#ofGroup(source, destination, link);
    }
    const what = this.#whatIpv4(destination, link.index, isLooped);
    if (!isLooped && this.#isMartianIpv4(source, link, destination === -1)) return Whose.MARTIAN;
    if (what === BROADCAST) return Whose.OURS;
    // RFC 1122 section 3.3.6 (SHOULD): a datagram for one host that came as a link-layer broadcast
    // is silently discarded.
    // RFC 1812 section 5.3.4 (MUST): nor is it forwarded.
    if ((flags & LINK_CAST) !== 0) return Whose.LINK_CAST;
    if (what === LOCAL) return Whose.OURS;
    // RFC 1122 section 3.2.1.3 (MUST): (g) the loopback network is nowhere but in a host.
    if (isIpv4Loopback(destination)) return isLooped ? Whose.OURS : Whose.NOBODYS;
    return destination >>> 24 === 0 ? Whose.NOBODYS : Whose.OTHERS;
  }

  /**
   * Whether nobody outside can have a source.
   *
   * @param mayBeNobody whether the any-address may be it: who has no address yet asks for one
   */
  #isMartianIpv4(source: number, link: Interface, mayBeNobody: boolean): boolean {
    // RFC 1122 section 3.2.1.3 (MUST): (a) 0.0.0.0 is a source only while one has no address.
    if (source === 0) return !mayBeNobody;
    // RFC 1122 section 3.2.1.3 (MUST): (g) from loopback, or from network 0, never comes anything.
    if (source >>> 24 === 0 || isIpv4Loopback(source) && link.kind !== "loopback") return true;
    const what = this.#whatIpv4(source, link.index, true);
    // What has our own address was not sent by us; what is everybody's address is nobody's source.
    return what === BROADCAST || what === LOCAL || what === SHARED;
  }

  /** What an address is, for an interface. */
  #whatIpv4(address: number, interfaceIndex: number, isAnywhere: boolean): number {
    const { links } = this.#context;
    if (links.topology.generation !== this.#generation) this.#forget(links.topology.generation);
    const place = (address ^ address >>> 6 ^ interfaceIndex) & REMEMBERED - 1;
    let what: number = UNKNOWN;
    if (this.#addresses[place] === address && this.#interfaces[place] === interfaceIndex) {
      what = this.#answers[place];
    }
    if (what === UNKNOWN) {
      what = this.#askIpv4(address, interfaceIndex);
      this.#addresses[place] = address;
      this.#interfaces[place] = interfaceIndex;
      this.#answers[place] = what;
    }
    if (what !== SHARED) return what;
    // It is ours, but at another interface.
    return isAnywhere || this.#context.options.hostModel === "weak" ? LOCAL : FOREIGN;
  }

  #askIpv4(address: number, interfaceIndex: number): number {
    const { addresses } = this.#context.links;
    if (addresses.isLocal(address, interfaceIndex)) return LOCAL;
    // RFC 1122 section 3.3.6 (MUST): all forms of broadcast addresses are recognized.
    if (addresses.isBroadcast(address, interfaceIndex)) return BROADCAST;
    if (!addresses.isLocal(address, 0)) return FOREIGN;
    return isLinkLocal(address) ? FOREIGN : SHARED;
  }

  #forget(generation: number): void {
    this.#generation = generation;
    this.#answers.fill(UNKNOWN);
    this.#ipv6Answers.fill(UNKNOWN);
  }

  #ofGroup(source: IpAddress, group: IpAddress, link: Interface): Whose {
    // RFC 1112 section 7.2, RFC 4291 section 2.7: what is for a group is taken by its members.
    return this.#context.links.groups.isMember(link.index, group, source)
      ? Whose.OURS
      : Whose.GROUP;
  }

  /** Whom a packet of IPv6 is for. */
  ofIpv6(source: Ipv6Address, destination: Ipv6Address, link: Interface, flags: number): Whose {
    const isLooped = (flags & PacketFlag.LOOPED) !== 0;
    if (!isLooped) {
      // RFC 4291 section 2.5.3 (MUST): the loopback address is never seen outside a node.
      if (isIpv6Loopback(source) && link.kind !== "loopback") return Whose.MARTIAN;
      if (isMapped(source) || isMapped(destination)) return Whose.MARTIAN;
    }
    if (isIpv6Multicast(destination)) {
      const scope = groupScope(destination);
      // RFC 4291 section 2.7 (MUST): groups of scope 0 are nobody's, those of scope 1 stay here.
      if (scope < GroupScope.INTERFACE) return Whose.NOBODYS;
      if (scope === GroupScope.INTERFACE && !isLooped) return Whose.NOBODYS;
      return this.#ofGroup(source, destination, link);
    }
    const what = this.#whatIpv6(destination, link.index, isLooped);
    if ((flags & LINK_CAST) !== 0) return Whose.LINK_CAST;
    if (what === LOCAL) return Whose.OURS;
    if (isIpv6Loopback(destination)) return isLooped ? Whose.OURS : Whose.NOBODYS;
    return isIpv6Any(destination) ? Whose.NOBODYS : Whose.OTHERS;
  }

  #whatIpv6(address: Ipv6Address, interfaceIndex: number, isAnywhere: boolean): number {
    const { links } = this.#context;
    if (links.topology.generation !== this.#generation) this.#forget(links.topology.generation);
    const place = (address[3] ^ address[3] >>> 6 ^ address[1] ^ interfaceIndex) & REMEMBERED - 1;
    let what: number = UNKNOWN;
    // Addresses of packets are remembered as objects: the same one has the same object, mostly.
    if (this.#ipv6[place] === address && this.#ipv6Interfaces[place] === interfaceIndex) {
      what = this.#ipv6Answers[place];
    }
    if (what === UNKNOWN) {
      what = this.#askIpv6(address, interfaceIndex);
      this.#ipv6[place] = address;
      this.#ipv6Interfaces[place] = interfaceIndex;
      this.#ipv6Answers[place] = what;
    }
    if (what !== SHARED) return what;
    return isAnywhere || this.#context.options.hostModel === "weak" ? LOCAL : FOREIGN;
  }

  #askIpv6(address: Ipv6Address, interfaceIndex: number): number {
    const { addresses } = this.#context.links;
    if (addresses.isLocal(address, interfaceIndex)) return LOCAL;
    if (!addresses.isLocal(address, 0)) return FOREIGN;
    // RFC 4007 section 6: an address of the link means something on its own link only.
    return isLinkLocal(address) ? FOREIGN : SHARED;
  }
}

/** ::ffff:0:0/96, addresses of IPv4 that must not be seen on a link. RFC 4038 section 4.2. */
function isMapped(address: Ipv6Address): boolean {
  return address[2] === 0xffff && (address[0] | address[1]) === 0;
}
