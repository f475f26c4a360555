/**
 * Addresses between ring memory and the stack: sockaddrs there, numbers and words here.
 *
 * An address of IPv4 that is written as one of IPv6 (`::ffff:192.0.2.1`) is one of IPv4 to the
 * stack; towards a socket of IPv6 it is written like that again. RFC 4291 section 2.5.5.2.
 *
 * @module
 */

import type { RingMemory } from "../../ring/memory.ts";
import { Errno } from "../../ring/abi/errno.ts";
import {
  AF_INET,
  AF_INET6,
  IN6_ADDRESS,
  IN6_FLOW,
  IN6_PORT,
  IN6_SCOPE,
  IN_ADDRESS,
  IN_PORT,
  SOCKADDR_IN6_SIZE,
  SOCKADDR_IN_SIZE,
} from "../../ring/abi/sockaddr.ts";
import type { IpAddress } from "../../stack/ip/types.ts";
import { IPV4_ANY, IPV6_ANY } from "../../stack/wire/addresses.ts";
import type { SocketFamily } from "../../stack/types.ts";
import { isWithin } from "../machine/segments.ts";

/** `::ffff:0:0/96`, in its third word. */
const MAPPED_WORD = 0xffff;
const FAMILY_BYTES = 2;
/** `SIN6_LEN_RFC2133`: without a scope. */
const IN6_LEAST = 24;
const SOCKADDR_STORAGE_BYTES = 128;
const LOOPBACK_IPV4 = 0x7f00_0001;
const LOOPBACK_IPV6: IpAddress = [0, 0, 0, 1];

/** One end of a conversation. */
export class Endpoint {
  address: IpAddress = 0;
  port = 0;
  /** The index of an interface, 0 for none. */
  scope = 0;
}

/** The stack's name of a family. */
export function familyOf(domain: number): SocketFamily {
  return domain === AF_INET6 ? "ipv6" : "ipv4";
}

/** The family that a sockaddr names, or -1 where there is none. */
export function familyAt(memory: RingMemory, offset: number, length: number): number {
  if (length < FAMILY_BYTES || !isWithin(memory, offset, length)) return -1;
  return memory.bytes[offset] | (memory.bytes[offset + 1] << 8);
}

/**
 * Reads a sockaddr that an operation points at.
 *
 * @param family of the socket
 * @param allowsIpv4 whether a socket of IPv6 takes a sockaddr of IPv4, as those of UDP do
 * @param into is filled in
 * @returns 0, or `-errno`
 */
export function readSockaddr(
  memory: RingMemory,
  offset: number,
  length: number,
  family: number,
  allowsIpv4: boolean,
  into: Endpoint,
): number {
  if (!isWithin(memory, offset, Math.max(0, length))) return -Errno.EFAULT;
  if (length < FAMILY_BYTES || length > SOCKADDR_STORAGE_BYTES) return -Errno.EINVAL;
  const found = familyAt(memory, offset, length);
  if (found === AF_INET && (family === AF_INET || allowsIpv4)) {
    if (length < SOCKADDR_IN_SIZE) return -Errno.EINVAL;
    return readIpv4(memory, offset, into);
  }
  if (family === AF_INET6 && length < IN6_LEAST) return -Errno.EINVAL;
  if (family === AF_INET && length < SOCKADDR_IN_SIZE) return -Errno.EINVAL;
  if (found !== family) return -Errno.EAFNOSUPPORT;
  return readIpv6(memory, offset, length, into);
}

function readIpv4({ bytes }: RingMemory, offset: number, into: Endpoint): number {
  into.port = (bytes[offset + IN_PORT] << 8) | bytes[offset + IN_PORT + 1];
  into.address = wordAt(bytes, offset + IN_ADDRESS);
  into.scope = 0;
  return 0;
}

function readIpv6({ bytes }: RingMemory, offset: number, length: number, into: Endpoint): number {
  into.port = (bytes[offset + IN6_PORT] << 8) | bytes[offset + IN6_PORT + 1];
  into.address = ipv6At(bytes, offset + IN6_ADDRESS);
  into.scope = length < SOCKADDR_IN6_SIZE ? 0 : littleAt(bytes, offset + IN6_SCOPE);
  return 0;
}

/** The address of 16 bytes: a number where it is a mapped one. */
export function ipv6At(bytes: Uint8Array, at: number): IpAddress {
  const words = [wordAt(bytes, at), wordAt(bytes, at + 4), wordAt(bytes, at + 8)] as const;
  const last = wordAt(bytes, at + 12);
  if ((words[0] | words[1]) === 0 && words[2] === MAPPED_WORD) return last;
  return [words[0], words[1], words[2], last];
}

/** A word in network order. */
export function wordAt(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
}

function littleAt(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}

/** Writes a word in network order. */
export function putWord(bytes: Uint8Array, at: number, word: number): void {
  bytes[at] = word >>> 24;
  bytes[at + 1] = (word >>> 16) & 0xff;
  bytes[at + 2] = (word >>> 8) & 0xff;
  bytes[at + 3] = word & 0xff;
}

const scratch = new Uint8Array(SOCKADDR_IN6_SIZE);

/**
 * Writes a sockaddr, cut off at `capacity` bytes.
 *
 * @param family of the socket that it is told of
 * @returns its whole length in bytes
 */
export function writeSockaddr(
  bytes: Uint8Array,
  offset: number,
  capacity: number,
  family: number,
  address: IpAddress,
  port: number,
  scope: number,
): number {
  const length = layOutSockaddr(family, address, port, scope);
  const count = Math.min(length, capacity);
  for (let index = 0; index < count; index++) bytes[offset + index] = scratch[index];
  return length;
}

function layOutSockaddr(family: number, address: IpAddress, port: number, scope: number): number {
  scratch[0] = family;
  scratch[1] = 0;
  scratch[IN_PORT] = port >>> 8;
  scratch[IN_PORT + 1] = port & 0xff;
  if (family === AF_INET) {
    putWord(scratch, IN_ADDRESS, typeof address === "number" ? address : IPV4_ANY);
    scratch.fill(0, IN_ADDRESS + 4, SOCKADDR_IN_SIZE);
    return SOCKADDR_IN_SIZE;
  }
  putWord(scratch, IN6_FLOW, 0);
  putIpv6(scratch, IN6_ADDRESS, address);
  scratch[IN6_SCOPE] = scope & 0xff;
  scratch[IN6_SCOPE + 1] = (scope >>> 8) & 0xff;
  scratch[IN6_SCOPE + 2] = (scope >>> 16) & 0xff;
  scratch[IN6_SCOPE + 3] = scope >>> 24;
  return SOCKADDR_IN6_SIZE;
}

/** Writes the 16 bytes of an address, one of IPv4 as a mapped one. */
export function putIpv6(bytes: Uint8Array, at: number, address: IpAddress): void {
  const isMapped = typeof address === "number";
  putWord(bytes, at, isMapped ? 0 : address[0]);
  putWord(bytes, at + 4, isMapped ? 0 : address[1]);
  putWord(bytes, at + 8, isMapped ? MAPPED_WORD : address[2]);
  putWord(bytes, at + 12, isMapped ? address : address[3]);
}

/** Whether an address is the one of nobody: 0.0.0.0 or `::`. */
export function isAnyAddress(address: IpAddress): boolean {
  if (typeof address === "number") return address === IPV4_ANY;
  return (address[0] | address[1] | address[2] | address[3]) === 0;
}

/** Whether an address is of its link only, so that its scope says which. RFC 4007. */
export function isScoped(address: IpAddress): boolean {
  if (typeof address === "number") return false;
  const first = address[0] >>> 16;
  // fe80::/10, and groups of the interface or the link.
  return (first & 0xffc0) === 0xfe80 || (first & 0xff0f) === 0xff01 || (first & 0xff0f) === 0xff02;
}

/**
 * Whom a destination means: as in Linux, the address of nobody means this very stack.
 *
 * @param address what was asked for
 */
export function destinationOf(address: IpAddress): IpAddress {
  if (!isAnyAddress(address)) return address;
  return typeof address === "number" ? LOOPBACK_IPV4 : LOOPBACK_IPV6;
}

/** The address of a socket that has none, by its family. */
export function anyAddress(family: number): IpAddress {
  return family === AF_INET6 ? IPV6_ANY : IPV4_ANY;
}
