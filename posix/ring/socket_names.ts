/**
 * Names of sockets between calls and ring memory, and what Linux says of those that it does not take.
 *
 * @module
 */

import type { Name } from "../engine.ts";
import type { BlockingRing } from "./blocking_ring.ts";
import { AF_INET, AF_INET6, AF_UNIX, AF_UNSPEC } from "../constants/mod.ts";
import { Scratch } from "../../ring/slots.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { SOCKADDR_IN_SIZE, SOCKADDR_MAX, SOCKADDR_UN_SIZE } from "../../ring/abi/sockaddr.ts";

const FAMILY_BYTES = 2;
/** `SIN6_LEN_RFC2133`: without the scope. */
const IN6_LEAST = 24;
const IN_ADDRESS = 4;
const IN6_ADDRESS = 8;

/** The family of a name, -1 where it is too short to have one. */
export function familyOf({ bytes, length }: Name): number {
  return length < FAMILY_BYTES ? -1 : bytes[0] | (bytes[1] << 8);
}

/** Why a name cannot be bound to. @returns 0 or `-errno` */
export function bindRefusal(domain: number, name: Name): number {
  const family = familyOf(name);
  if (domain === AF_UNIX) return unixRefusal(name, family);
  const least = domain === AF_INET ? SOCKADDR_IN_SIZE : IN6_LEAST;
  if (name.length < least) return -Errno.EINVAL;
  if (family === domain) return 0;
  // ip(7), for programs of old: no family and any address.
  const isAny = name.bytes.subarray(IN_ADDRESS, IN_ADDRESS + 4).every((byte) => byte === 0);
  return domain === AF_INET && family === AF_UNSPEC && isAny ? 0 : -Errno.EAFNOSUPPORT;
}

/** Why a name cannot be connected to. @returns 0 or `-errno` */
export function connectRefusal(domain: number, name: Name): number {
  const family = familyOf(name);
  if (domain === AF_UNIX) return unixRefusal(name, family);
  const least = domain === AF_INET ? SOCKADDR_IN_SIZE : IN6_LEAST;
  if (name.length < least) return -Errno.EINVAL;
  return family === domain ? 0 : -Errno.EAFNOSUPPORT;
}

/** Why a name is none of a Unix socket. @returns 0 or `-errno` */
export function unixRefusal(name: Name, family: number): number {
  const isRoom = name.length > FAMILY_BYTES && name.length <= SOCKADDR_UN_SIZE;
  return isRoom && family === AF_UNIX ? 0 : -Errno.EINVAL;
}

/** Why a datagram cannot be sent to a name. @returns 0 or `-errno` */
export function destinationRefusal(domain: number, name: Name): number {
  const family = familyOf(name);
  if (domain === AF_INET) {
    if (name.length < SOCKADDR_IN_SIZE) return -Errno.EINVAL;
    return family === AF_INET || family === AF_UNSPEC ? 0 : -Errno.EAFNOSUPPORT;
  }
  if (family === AF_INET6) return name.length < IN6_LEAST ? -Errno.EINVAL : 0;
  if (family === AF_INET) return name.length < SOCKADDR_IN_SIZE ? -Errno.EINVAL : 0;
  return family === AF_UNSPEC ? 0 : -Errno.EINVAL;
}

/** Whether a name is one of IPv6 alone: neither any address nor one of IPv4. */
export function isIpv6Alone({ bytes, length }: Name): boolean {
  if (length < IN6_LEAST || bytes[0] !== AF_INET6) return false;
  const address = bytes.subarray(IN6_ADDRESS, IN6_ADDRESS + 16);
  return address.some((byte) => byte !== 0) && !isMapped(address);
}

/** Whether a name is an address of IPv4, in either form. */
export function isIpv4(name: Name): boolean {
  if (familyOf(name) === AF_INET) return true;
  return familyOf(name) === AF_INET6 &&
    isMapped(name.bytes.subarray(IN6_ADDRESS, IN6_ADDRESS + 16));
}

function isMapped(address: Uint8Array): boolean {
  return address.subarray(0, 10).every((byte) => byte === 0) && address[10] === 0xff &&
    address[11] === 0xff;
}

/** Puts a name into a slot's scratch bytes. @returns its offset in ring memory */
export function putName(ring: BlockingRing, slot: number, name: Name, family: number): number {
  const { memory } = ring.reactor;
  const offset = ring.reactor.scratchOf(slot) + Scratch.SOCKADDR;
  memory.bytes.set(name.bytes.subarray(0, Math.min(name.length, SOCKADDR_MAX)), offset);
  memory.bytes[offset] = family & 0xff;
  memory.bytes[offset + 1] = family >> 8;
  return offset;
}

/** Takes a name out of ring memory. @param length its whole length */
export function takeName(ring: BlockingRing, offset: number, length: number, into: Name): void {
  const count = Math.min(length, into.bytes.length, SOCKADDR_MAX);
  for (let index = 0; index < count; index++) {
    into.bytes[index] = ring.reactor.memory.bytes[offset + index];
  }
  into.length = length;
}

/** unix(7), "Autobind feature": a NUL and five characters out of [0-9a-f]. */
export function autobindName(): Name {
  const digits = Math.floor(Math.random() * 0x100000).toString(16).padStart(5, "0");
  const bytes = new Uint8Array(new ArrayBuffer(16));
  bytes[0] = AF_UNIX;
  new TextEncoder().encodeInto(digits, bytes.subarray(3));
  return { bytes, length: 8 };
}
