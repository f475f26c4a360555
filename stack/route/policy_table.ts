/**
 * The policy table of RFC 6724: precedence and label of addresses, by their longest prefix; and
 * the scopes of RFC 4007 and RFC 6724 section 3.
 *
 * @module
 */

import { isInPrefix } from "../iface/ip_address.ts";
import type { IpAddress } from "../ip/types.ts";
import {
  IPV6_ANY,
  type Ipv6Address,
  ipv6Of,
  isIpv6LinkLocal,
  isIpv6Multicast,
} from "../wire/addresses.ts";

/** A row of the table. */
export interface Policy {
  readonly prefix: Ipv6Address;
  readonly length: number;
  readonly precedence: number;
  readonly label: number;
}

// RFC 6724 section 2.1 (SHOULD): without another one, the default policy table is used.
/** The default policy table, the longest prefixes first. */
export const DEFAULT_POLICIES: readonly Policy[] = [
  { prefix: ipv6Of("::1"), length: 128, precedence: 50, label: 0 },
  { prefix: ipv6Of("::ffff:0:0"), length: 96, precedence: 35, label: 4 },
  { prefix: IPV6_ANY, length: 96, precedence: 1, label: 3 },
  { prefix: ipv6Of("2001::"), length: 32, precedence: 5, label: 5 },
  { prefix: ipv6Of("2002::"), length: 16, precedence: 30, label: 2 },
  { prefix: ipv6Of("3ffe::"), length: 16, precedence: 1, label: 12 },
  { prefix: ipv6Of("fec0::"), length: 10, precedence: 1, label: 11 },
  { prefix: ipv6Of("fc00::"), length: 7, precedence: 3, label: 13 },
  { prefix: IPV6_ANY, length: 0, precedence: 40, label: 1 },
];

/** How far addresses mean the same. RFC 4291 section 2.7. */
export const Scope = { INTERFACE: 1, LINK: 2, ADMIN: 4, SITE: 5, ORGANIZATION: 8, GLOBAL: 14 };

/** An address of IPv4 as RFC 6724 writes it: RFC 4291 section 2.5.5.2. */
function mapped(address: IpAddress): Ipv6Address {
  return typeof address === "number" ? [0, 0, 0xffff, address] : address;
}

/** The row that an address is of. */
export function policyOf(
  address: IpAddress,
  policies: readonly Policy[] = DEFAULT_POLICIES,
): Policy {
  const words = mapped(address);
  const found = policies.find(({ prefix, length }) => isInPrefix(words, prefix, length));
  return found ?? policies[policies.length - 1];
}

/** How far an address means the same. RFC 6724 sections 3.1 and 3.2. */
export function scopeOf(address: IpAddress): number {
  if (typeof address === "number") return scopeOfIpv4(address);
  if (isIpv6Multicast(address)) return address[0] >>> 16 & 0xf;
  if (isIpv6LinkLocal(address)) return Scope.LINK;
  const isLoopback = (address[0] | address[1] | address[2]) === 0 && address[3] === 1;
  // RFC 6724 section 3.4: loopback is treated as having link-local scope.
  if (isLoopback) return Scope.LINK;
  if (address[0] >>> 22 === 0xfec0 >>> 6) return Scope.SITE;
  // RFC 6724 section 3.2: mapped addresses have the scope of what they map.
  const isMapped = (address[0] | address[1]) === 0 && address[2] === 0xffff;
  return isMapped ? scopeOfIpv4(address[3]) : Scope.GLOBAL;
}

function scopeOfIpv4(address: number): number {
  const first = address >>> 24;
  // RFC 6724 section 3.2: auto-configured and loopback addresses have link-local scope, all
  // others, private ones included, global scope.
  if (first === 127 || address >>> 16 === 0xa9fe) return Scope.LINK;
  // RFC 2365: what groups of IPv4 have instead of scopes.
  if (address >>> 8 === 0xe00000) return Scope.LINK;
  if (address >>> 16 === 0xefff) return Scope.SITE;
  if (address >>> 18 === 0xefc0 >>> 2) return Scope.ORGANIZATION;
  return Scope.GLOBAL;
}
