/**
 * Addresses of either family.
 *
 * @module
 */

import { isIpv4Multicast, isIpv6Any, isIpv6LinkLocal, isIpv6Multicast } from "../wire/addresses.ts";
import { type Ipv6Address, isSameIpv6 } from "../wire/addresses.ts";
import type { PacketBytes } from "../wire/packet_bytes.ts";
import type { IpAddress } from "./types.ts";

/** 127.0.0.0/8. RFC 1122 section 3.2.1.3 (g). */
const LOOPBACK_NETWORK = 127;
/** 169.254.0.0/16. RFC 3927. */
const LINK_LOCAL_NETWORK = 0xa9fe;
/** Addresses from here on belonged to class E, and are for nobody. RFC 1112 section 4. */
const RESERVED = 0xf;

/** Whether an address is one of IPv4. */
export function isIpv4(address: IpAddress): address is number {
  return typeof address === "number";
}

/** Whether two addresses are the same. */
export function isSame(one: IpAddress, other: IpAddress): boolean {
  if (typeof one === "number" || typeof other === "number") return one === other;
  return one === other || isSameIpv6(one, other);
}

/** Whether an address is its family's any-address. */
export function isAny(address: IpAddress): boolean {
  return typeof address === "number" ? address === 0 : isIpv6Any(address);
}

/** Whether an address is a group. */
export function isMulticast(address: IpAddress): boolean {
  return typeof address === "number" ? isIpv4Multicast(address) : isIpv6Multicast(address);
}

/** Whether an address is of the link only. */
export function isLinkLocal(address: IpAddress): boolean {
  return typeof address === "number" ? isIpv4LinkLocal(address) : isIpv6LinkLocal(address);
}

/** Whether an address of IPv4 is of the link only. RFC 3927. */
export function isIpv4LinkLocal(address: number): boolean {
  return address >>> 16 === LINK_LOCAL_NETWORK;
}

/** Whether an address of IPv4 is of the loopback network. */
export function isIpv4Loopback(address: number): boolean {
  return address >>> 24 === LOOPBACK_NETWORK;
}

/** Whether an address of IPv6 is `::1`. */
export function isIpv6Loopback(address: Ipv6Address): boolean {
  return address[3] === 1 && (address[0] | address[1] | address[2]) === 0;
}

/** Whether an address means this very stack wherever it is. */
export function isLoopback(address: IpAddress): boolean {
  return typeof address === "number" ? isIpv4Loopback(address) : isIpv6Loopback(address);
}

/** Whether an address of IPv4 is nobody's: "this network", or what was class E. */
export function isIpv4Reserved(address: number): boolean {
  return address >>> 24 === 0 || address >>> 28 === RESERVED;
}

/**
 * How far a group reaches: RFC 4291 section 2.7; those of IPv4 that never leave their link
 * (224.0.0.0/24) count as that, others as global.
 */
export function groupScope(group: IpAddress): number {
  if (typeof group !== "number") return group[0] >>> 16 & 0xf;
  return group >>> 8 === 0xe00000 ? GroupScope.LINK : GroupScope.GLOBAL;
}

/** Some scopes of groups. */
export const GroupScope = { INTERFACE: 1, LINK: 2, GLOBAL: 14 } as const;

/** How many addresses are remembered. */
const REMEMBERED = 256;

/**
 * Addresses of IPv6 as objects, without a new one for each packet: those that were seen last are
 * remembered.
 */
export class Ipv6Addresses {
  readonly #seen: (Ipv6Address | null)[] = new Array(REMEMBERED).fill(null);

  /** The address at an offset. */
  at(packets: PacketBytes, offset: number): Ipv6Address {
    const { view } = packets;
    const word0 = view.getInt32(offset);
    const word1 = view.getInt32(offset + 4);
    const word2 = view.getInt32(offset + 8);
    const word3 = view.getInt32(offset + 12);
    const mixed = Math.imul(word0 ^ word1 ^ word2, 0x9e3779b1) ^ word3 ^ word3 >>> 8;
    const place = mixed & REMEMBERED - 1;
    const seen = this.#seen[place];
    if (
      seen !== null && seen[3] === word3 && seen[2] === word2 && seen[1] === word1 &&
      seen[0] === word0
    ) return seen;
    const address: Ipv6Address = [word0, word1, word2, word3];
    this.#seen[place] = address;
    return address;
  }
}
