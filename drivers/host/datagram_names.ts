/**
 * The addresses of datagrams, between ring memory and Node: every datagram has one, so those that
 * come again are not taken apart again.
 *
 * @module
 */

import type { RingMemory } from "../../ring/memory.ts";
import { SocketAddress } from "../../ring/abi/address.ts";
import { Errno } from "../../ring/abi/errno.ts";
import {
  AF_INET,
  AF_INET6,
  encodeSockaddr,
  SOCKADDR_IN6_SIZE,
  SOCKADDR_IN_SIZE,
} from "../../ring/abi/sockaddr.ts";
import { readAddress } from "./names.ts";
import { isWithin } from "../machine/segments.ts";

/** Senders whose address is kept as bytes; beyond, all are forgotten. */
const MAXIMUM_ORIGINS = 1024;
const PORT_HIGH = 2;
const PORT_LOW = 3;

/** Sockaddrs of those who send here, by the text of their address, without a port. */
export class Origins {
  readonly #known = new Map<string, Uint8Array>();
  #host = "";
  #last: Uint8Array = new Uint8Array(0);
  #zone = "";

  /** The zone of link-local senders, where the socket can hear one interface only, else `""`. */
  get zone(): string {
    return this.#zone;
  }

  set zone(zone: string) {
    this.#zone = zone;
    this.#known.clear();
    this.#host = "";
  }

  /** The sockaddr of a numeric address, with 0 for the port. */
  of(host: string): Uint8Array {
    if (host === this.#host) return this.#last;
    let origin = this.#known.get(host);
    if (origin === undefined) {
      if (this.#known.size === MAXIMUM_ORIGINS) this.#known.clear();
      origin = sockaddrOf(host, this.#zone);
      this.#known.set(host, origin);
    }
    this.#host = host;
    return this.#last = origin;
  }
}

function sockaddrOf(host: string, zone: string): Uint8Array {
  const isIPv6 = host.includes(":");
  const sockaddr = new Uint8Array(isIPv6 ? SOCKADDR_IN6_SIZE : SOCKADDR_IN_SIZE);
  encodeSockaddr(
    zoned(SocketAddress.parse(isIPv6 ? `[${host}]:0` : `${host}:0`), zone),
    sockaddr,
    0,
  );
  return sockaddr;
}

/** Adds the zone that Deno leaves out; one by name could not be looked up. */
export function zoned(address: SocketAddress, zone: string): SocketAddress {
  if (!address.isLinkLocal || address.family !== "IPv6" || !/^\d+$/.test(zone)) return address;
  return SocketAddress.ipv6(address.bytes, address.port, zone);
}

/** Writes a sender's sockaddr, cut off at `room` bytes. */
export function writeOrigin(
  memory: RingMemory,
  origin: Uint8Array,
  port: number,
  offset: number,
  room: number,
): void {
  const { bytes } = memory;
  const count = Math.min(room, origin.length);
  for (let index = 0; index < count; index++) bytes[offset + index] = origin[index];
  if (count > PORT_HIGH) bytes[offset + PORT_HIGH] = port >> 8;
  if (count > PORT_LOW) bytes[offset + PORT_LOW] = port & 0xff;
}

/** Where a datagram goes, as Node takes it. */
export interface Destination {
  readonly host: string;
  readonly port: number;
}

/** Reads destinations; the last one is kept, because the next datagram tends to go there, too. */
export class Destinations {
  readonly #family: number;
  readonly #key = new Uint8Array(SOCKADDR_IN6_SIZE);
  #keyLength = -1;
  #last: Destination = { host: "", port: 0 };

  /** @param family of the socket: `AF_INET` or `AF_INET6` */
  constructor(family: number) {
    this.#family = family;
  }

  /** Reads the sockaddr at `offset`. @returns where it leads, or `-errno` */
  read(memory: RingMemory, offset: number, length: number): Destination | number {
    if (this.#isLast(memory, offset, length)) return this.#last;
    const address = readDestination(memory, offset, length, this.#family);
    if (typeof address === "number") return address;
    this.#last = destinationOf(address, this.#family);
    this.#keyLength = -1;
    if (length > this.#key.length) return this.#last;
    for (let index = 0; index < length; index++) this.#key[index] = memory.bytes[offset + index];
    this.#keyLength = length;
    return this.#last;
  }

  #isLast(memory: RingMemory, offset: number, length: number): boolean {
    if (length !== this.#keyLength || !isWithin(memory, offset, length)) return false;
    const { bytes } = memory;
    for (let index = 0; index < length; index++) {
      if (bytes[offset + index] !== this.#key[index]) return false;
    }
    return true;
  }
}

/**
 * Reads the sockaddr of a datagram's destination; ipv6(7) lets IPv6 sockets have an IPv4 one.
 *
 * @returns the address, or `-errno`
 */
export function readDestination(
  memory: RingMemory,
  offset: number,
  length: number,
  family: number,
): SocketAddress | number {
  const isFound = length >= 2 && isWithin(memory, offset, length);
  const found = isFound ? memory.bytes[offset] | (memory.bytes[offset + 1] << 8) : family;
  const isMapped = family === AF_INET6 && found === AF_INET;
  const address = readAddress(memory, offset, length, isMapped ? AF_INET : family);
  if (typeof address !== "number" && address.family === "unix") return -Errno.EAFNOSUPPORT;
  return address;
}

/** An address as Node takes it, from a socket of a family. */
export function destinationOf(address: SocketAddress, family: number): Destination {
  const { host, scope, port } = address;
  if (family === AF_INET6 && address.family === "IPv4") return { host: `::ffff:${host}`, port };
  return { host: scope === "" ? host : `${host}%${scope}`, port };
}
