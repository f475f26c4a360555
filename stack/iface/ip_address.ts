/**
 * Prefixes of addresses of both families, their text, and their words in keys.
 *
 * @module
 */

import type { IpAddress } from "../ip/types.ts";
import { formatIpv4, formatIpv6, IPV4_ANY, IPV6_ANY, type Ipv6Address } from "../wire/addresses.ts";

/** The any-address of the family of an address. */
export function anyAddressLike(address: IpAddress): IpAddress {
  return typeof address === "number" ? IPV4_ANY : IPV6_ANY;
}

/** Bits of an address. */
export function addressBits(address: IpAddress): number {
  return typeof address === "number" ? 32 : 128;
}

/** The text of an address. */
export function formatAddress(address: IpAddress): string {
  return typeof address === "number" ? formatIpv4(address) : formatIpv6(address);
}

/** Writes the words of an address. @returns how many there are */
export function putWords(words: Int32Array, at: number, address: IpAddress): number {
  if (typeof address === "number") {
    words[at] = address;
    return 1;
  }
  words[at] = address[0];
  words[at + 1] = address[1];
  words[at + 2] = address[2];
  words[at + 3] = address[3];
  return 4;
}

/** The highest bits of a word that a prefix covers, where 32 or more cover it whole. */
function maskOf(bits: number): number {
  // A shift by 32 shifts by nothing.
  return bits <= 0 ? 0 : bits >= 32 ? -1 : -1 << 32 - bits;
}

/** How many of their highest bits two addresses of a family have in common. */
export function commonBits(one: IpAddress, other: IpAddress): number {
  if (typeof one === "number" || typeof other === "number") {
    if (typeof one !== "number" || typeof other !== "number") return 0;
    return Math.clz32(one ^ other);
  }
  for (let word = 0; word < 4; word++) {
    const difference = one[word] ^ other[word];
    if (difference !== 0) return word * 32 + Math.clz32(difference);
  }
  return 128;
}

/** Whether an address is of a prefix of its family. */
export function isInPrefix(address: IpAddress, prefix: IpAddress, length: number): boolean {
  if (typeof address !== typeof prefix) return false;
  return commonBits(address, prefix) >= length;
}

/** The address with the bits behind a prefix cleared. */
export function prefixOf(address: IpAddress, length: number): IpAddress {
  if (typeof address === "number") return address & maskOf(length);
  return [
    address[0] & maskOf(length),
    address[1] & maskOf(length - 32),
    address[2] & maskOf(length - 64),
    address[3] & maskOf(length - 96),
  ];
}

/** The address of IPv6 that has a prefix of 64 bits, and 64 bits of an identifier. */
export function joinIdentifier(prefix: Ipv6Address, high: number, low: number): Ipv6Address {
  return [prefix[0], prefix[1], high | 0, low | 0];
}

/** The last address of a prefix of IPv4: everybody of it. RFC 922. */
export function broadcastOf(address: number, length: number): number {
  return address | ~maskOf(length);
}
