/**
 * Addresses as values: MAC addresses as 48-bit numbers, those of IPv4 as signed 32-bit words, those
 * of IPv6 as four such words.
 *
 * @module
 */

import { formatIpv4 as formatBytes4, formatIpv6 as formatBytes6 } from "../../ring/abi/ip_text.ts";
import { readIpv4, readIpv6 } from "../../ring/abi/ip_text.ts";
import type { PacketBytes } from "./packet_bytes.ts";

/** A MAC address: 48 bits, the first byte the highest. */
export type MacAddress = number;

/** An address of IPv4: a signed 32-bit word. */
export type Ipv4Address = number;

/** An address of IPv6: four signed 32-bit words. */
export type Ipv6Address = readonly [number, number, number, number];

/** The frame is for everybody. */
export const MAC_BROADCAST: MacAddress = 0xffff_ffff_ffff;
/** 0.0.0.0 */
export const IPV4_ANY: Ipv4Address = 0;
/** 255.255.255.255, RFC 919. */
export const IPV4_BROADCAST: Ipv4Address = -1;
/** 224.0.0.1, every host of the link. */
export const IPV4_ALL_HOSTS: Ipv4Address = 0xe000_0001 | 0;
/** 224.0.0.2, every router of the link. */
export const IPV4_ALL_ROUTERS: Ipv4Address = 0xe000_0002 | 0;
/** 224.0.0.22, every router that knows IGMPv3. */
export const IPV4_IGMP_ROUTERS: Ipv4Address = 0xe000_0016 | 0;
/** :: */
export const IPV6_ANY: Ipv6Address = [0, 0, 0, 0];
/** ff02::1, every node of the link. */
export const IPV6_ALL_NODES: Ipv6Address = [0xff02_0000 | 0, 0, 0, 1];
/** ff02::2, every router of the link. */
export const IPV6_ALL_ROUTERS: Ipv6Address = [0xff02_0000 | 0, 0, 0, 2];
/** ff02::16, every router that knows MLDv2. */
export const IPV6_MLD_ROUTERS: Ipv6Address = [0xff02_0000 | 0, 0, 0, 0x16];

/** The bytes of an address of IPv6. */
export const IPV6_BYTES = 16;

/** A group of IPv4 as Ethernet carries it has this prefix of 25 bits, RFC 1112 section 6.4. */
const MAC_OF_IPV4_GROUPS = 0x0100_5e00_0000;
/** And one of IPv6 this prefix of 16 bits, RFC 2464 section 7. */
const MAC_OF_IPV6_GROUPS = 0x3333_0000_0000;

const MAC_TEXT = /^[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}$/i;

/** The first two bytes of a MAC address. */
export function macHigh(mac: MacAddress): number {
  return Math.floor(mac / 2 ** 32);
}

/** The last four bytes of a MAC address, as a signed word. */
export function macLow(mac: MacAddress): number {
  return mac | 0;
}

/** Whether a frame to this address is for a group, or for everybody: the first bit on the wire. */
export function isGroupMac(mac: MacAddress): boolean {
  return (macHigh(mac) & 0x100) !== 0;
}

/** The MAC address of a multicast group of IPv4. RFC 1112 section 6.4. */
export function macOfIpv4Group(group: Ipv4Address): MacAddress {
  return MAC_OF_IPV4_GROUPS + (group & 0x7f_ffff);
}

/** The MAC address of a multicast group of IPv6. RFC 2464 section 7. */
export function macOfIpv6Group(group: Ipv6Address): MacAddress {
  return MAC_OF_IPV6_GROUPS + (group[3] >>> 0);
}

/** The text of a MAC address: `02:00:5e:10:00:01`. */
export function formatMac(mac: MacAddress): string {
  return mac.toString(16).padStart(12, "0").replace(/..(?!$)/g, "$&:");
}

/**
 * Reads the text of a MAC address.
 *
 * @param text Six bytes in hexadecimal with colons or hyphens between them.
 * @returns The address.
 * @throws {TypeError} When the text is no such address.
 */
export function macOf(text: string): MacAddress {
  if (!MAC_TEXT.test(text)) throw new TypeError(`${JSON.stringify(text)} is no MAC address`);
  return parseInt(text.replaceAll(/[:-]/g, ""), 16);
}

/** Whether an address of IPv4 is a multicast group. RFC 5771. */
export function isIpv4Multicast(address: Ipv4Address): boolean {
  return address >>> 28 === 0xe;
}

/** The text of an address of IPv4. */
export function formatIpv4(address: Ipv4Address): string {
  return formatBytes4(
    [address >>> 24, address >>> 16 & 255, address >>> 8 & 255, address & 255],
    0,
  );
}

/**
 * Reads the text of an address of IPv4.
 *
 * @param text Such as `"192.168.1.10"`; the odd forms of inet_aton(3) give the same value.
 * @returns The address.
 * @throws {TypeError} When the text is no such address.
 */
export function ipv4Of(text: string): Ipv4Address {
  const bytes = readIpv4(text);
  if ("reason" in bytes) throw new TypeError(`${JSON.stringify(text)}: ${bytes.reason}`);
  return bytes[0] << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3];
}

/** Whether two addresses of IPv6 are the same. */
export function isSameIpv6(one: Ipv6Address, other: Ipv6Address): boolean {
  return one[0] === other[0] && one[1] === other[1] && one[2] === other[2] && one[3] === other[3];
}

/** Whether an address of IPv6 is `::`. */
export function isIpv6Any(address: Ipv6Address): boolean {
  return (address[0] | address[1] | address[2] | address[3]) === 0;
}

/** Whether an address of IPv6 is a multicast group. RFC 4291 section 2.7. */
export function isIpv6Multicast(address: Ipv6Address): boolean {
  return address[0] >>> 24 === 0xff;
}

/** Whether an address of IPv6 is of the link only: fe80::/10. RFC 4291 section 2.5.6. */
export function isIpv6LinkLocal(address: Ipv6Address): boolean {
  return address[0] >>> 22 === 0xfe80 >>> 6;
}

/** The group that the neighbours of an address ask for it. RFC 4291 section 2.7.1. */
export function solicitedNodeOf(address: Ipv6Address): Ipv6Address {
  return [0xff02_0000 | 0, 0, 1, 0xff00_0000 | address[3] & 0xff_ffff];
}

/** The text of an address of IPv6. RFC 5952. */
export function formatIpv6(address: Ipv6Address): string {
  const bytes: number[] = [];
  for (const word of address) {
    bytes.push(word >>> 24, word >>> 16 & 255, word >>> 8 & 255, word & 255);
  }
  return formatBytes6(bytes);
}

/**
 * Reads the text of an address of IPv6.
 *
 * @param text Such as `"2001:db8::1"`, without a zone.
 * @returns The address.
 * @throws {TypeError} When the text is no such address.
 */
export function ipv6Of(text: string): Ipv6Address {
  const bytes = readIpv6(text);
  if ("reason" in bytes) throw new TypeError(`${JSON.stringify(text)}: ${bytes.reason}`);
  const view = new DataView(bytes.buffer);
  return [view.getInt32(0), view.getInt32(4), view.getInt32(8), view.getInt32(12)];
}

/** Reads the MAC address at an offset. */
export function macAt(packets: PacketBytes, at: number): MacAddress {
  return packets.view.getUint16(at) * 2 ** 32 + packets.view.getUint32(at + 2);
}

/** Writes a MAC address at an offset. */
export function putMac(packets: PacketBytes, at: number, mac: MacAddress): void {
  packets.view.setUint16(at, macHigh(mac));
  packets.view.setInt32(at + 2, macLow(mac));
}

/** Reads the address of IPv6 at an offset. */
export function ipv6At(packets: PacketBytes, at: number): Ipv6Address {
  const { view } = packets;
  return [view.getInt32(at), view.getInt32(at + 4), view.getInt32(at + 8), view.getInt32(at + 12)];
}

/** Writes an address of IPv6 at an offset. */
export function putIpv6(packets: PacketBytes, at: number, address: Ipv6Address): void {
  const { view } = packets;
  view.setInt32(at, address[0]);
  view.setInt32(at + 4, address[1]);
  view.setInt32(at + 8, address[2]);
  view.setInt32(at + 12, address[3]);
}

/** Whether the address of IPv6 at an offset is this one, without making an object of it. */
export function isIpv6At(packets: PacketBytes, at: number, address: Ipv6Address): boolean {
  const { view } = packets;
  return view.getInt32(at + 12) === address[3] && view.getInt32(at + 8) === address[2] &&
    view.getInt32(at + 4) === address[1] && view.getInt32(at) === address[0];
}

/** Whether the address of IPv6 at an offset is `::`. */
export function isIpv6AnyAt(packets: PacketBytes, at: number): boolean {
  const { view } = packets;
  return (view.getInt32(at) | view.getInt32(at + 4) | view.getInt32(at + 8) |
    view.getInt32(at + 12)) === 0;
}

/** Whether the address of IPv6 at an offset is of the link only. */
export function isIpv6LinkLocalAt(packets: PacketBytes, at: number): boolean {
  return packets.view.getUint16(at) >>> 6 === 0xfe80 >>> 6;
}
