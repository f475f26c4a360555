/**
 * What a socket may do with an address, by its family.
 *
 * @module
 */

import { Errno } from "../ring/abi/errno.ts";
import type { AddressTable } from "./iface/types.ts";
import { GroupScope, groupScope, isAny, isMulticast } from "./ip/addresses.ts";
import type { IpAddress } from "./ip/types.ts";
import type { SocketFamily } from "./types.ts";
import { isIpv6LinkLocal, isIpv6Multicast } from "./wire/addresses.ts";

/** The any-address of IPv6. */
export const ANY_6: IpAddress = [0, 0, 0, 0];

const MAPPED = 0xffff;
const LOOPBACK: IpAddress = 0x7f00_0001;
const LOOPBACK_6: IpAddress = [0, 0, 0, 1];

/** An address as the stack has it: one of IPv4 that is mapped into IPv6 as the number it is. */
export function canonical(address: IpAddress): IpAddress {
  if (typeof address === "number") return address;
  return address[0] === 0 && address[1] === 0 && address[2] === MAPPED ? address[3] : address;
}

/** Whether an address means something on one link only, so that it needs a scope. RFC 4007. */
export function needsScope(address: IpAddress): boolean {
  if (typeof address === "number") return false;
  if (isIpv6LinkLocal(address)) return true;
  return isIpv6Multicast(address) && groupScope(address) <= GroupScope.LINK;
}

/**
 * Whether an address has the scope that it needs, and no other one than the socket's.
 *
 * @param scope what was given with the address, 0 for none
 * @param device the interface that the socket is bound to, 0 for none
 */
export function isScopeGood(address: IpAddress, scope: number, device: number): boolean {
  if (!needsScope(address)) return true;
  return scope === 0 ? device !== 0 : device === 0 || scope === device;
}

/** Where packets go that are for the any-address: to this very host, as on Linux. */
export function destinationOf(address: IpAddress): IpAddress {
  if (!isAny(address)) return address;
  return typeof address === "number" ? LOOPBACK : LOOPBACK_6;
}

/**
 * Judges an address that a socket is to talk to.
 *
 * @param address a canonical one
 * @param isIpv6Only whether the socket leaves IPv4 alone
 * @returns 0 or `-errno`
 */
export function judgeFamily(family: SocketFamily, address: IpAddress, isIpv6Only: boolean): number {
  if (family === "ipv4") return typeof address === "number" ? 0 : -Errno.EAFNOSUPPORT;
  return typeof address === "number" && isIpv6Only ? -Errno.ENETUNREACH : 0;
}

/**
 * Judges an address that a socket is to be bound to.
 *
 * @param scope the interface, 0 for any
 * @returns 0 or `-errno`
 */
export function judgeLocal(addresses: AddressTable, address: IpAddress, scope: number): number {
  if (isAny(address) || isMulticast(address) || addresses.isLocal(address, scope)) return 0;
  const isEverybody = typeof address === "number" && addresses.isBroadcast(address, 0);
  return isEverybody ? 0 : -Errno.EADDRNOTAVAIL;
}
