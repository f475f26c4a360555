/**
 * Addresses between ring memory and Deno.
 *
 * @module
 */

import type { RingMemory } from "../../ring/memory.ts";
import { SocketAddress } from "../../ring/abi/address.ts";
import { Errno } from "../../ring/abi/errno.ts";
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  decodeSockaddr,
  encodeSockaddr,
  SOCKADDR_MAX,
} from "../../ring/abi/sockaddr.ts";
import { isWithin } from "../machine/segments.ts";

const FAMILY_BYTES = 2;
const scratch = new Uint8Array(SOCKADDR_MAX);

/**
 * Reads a sockaddr that an operation points at.
 *
 * @param family the family that it must have
 * @returns the address, or `-errno`
 */
export function readAddress(
  memory: RingMemory,
  offset: number,
  length: number,
  family: number,
): SocketAddress | number {
  if (!isWithin(memory, offset, length)) return -Errno.EFAULT;
  if (length < FAMILY_BYTES || length > SOCKADDR_MAX * 2) return -Errno.EINVAL;
  if ((memory.bytes[offset] | (memory.bytes[offset + 1] << 8)) !== family) {
    return -Errno.EAFNOSUPPORT;
  }
  try {
    // A copy: the checks must hold for the bytes that are used.
    return decodeSockaddr(memory.bytes.slice(offset, offset + length), 0, length);
  } catch {
    return -Errno.EINVAL;
  }
}

/**
 * Writes a sockaddr, cut off at `capacity` bytes.
 *
 * @returns its whole length in bytes
 */
export function writeAddress(
  memory: RingMemory,
  address: SocketAddress,
  offset: number,
  capacity: number,
): number {
  // A zone by name cannot be looked up without permissions: better no zone than a wrong one.
  const length = encodeSockaddr(withoutNamedZone(address), scratch, 0);
  memory.bytes.set(scratch.subarray(0, Math.min(length, capacity)), offset);
  return length;
}

/** An address of Deno's as one of ours. */
export function addressOf(address: Deno.Addr, family: number): SocketAddress {
  if (address.transport === "unix") return unixAddress(address.path);
  if (!("hostname" in address)) return wildcard(family);
  const { hostname, port } = address;
  const literal = hostname.includes(":") ? `[${hostname}]` : hostname;
  return SocketAddress.parse(`${literal}:${port}`);
}

/** What Deno is to be asked for. @returns a path; abstract names begin with a NUL */
export function unixPathOf(address: SocketAddress): string {
  return address.isAbstract ? `\0${address.host.slice(1)}` : address.host;
}

/** The address of a socket that has none: 0.0.0.0:0, [::]:0 or the unnamed one. */
export function wildcard(family: number): SocketAddress {
  switch (family) {
    case AF_INET:
      return SocketAddress.ipv4(new Uint8Array(4), 0);
    case AF_INET6:
      return SocketAddress.ipv6(new Uint8Array(16), 0);
    case AF_UNIX:
      return SocketAddress.unix("");
    default:
      throw new Error(`no socket has the family ${family}`);
  }
}

function unixAddress(path: string | null): SocketAddress {
  if (path === null || path === "") return SocketAddress.unix("");
  return SocketAddress.unixFromBytes(new TextEncoder().encode(path));
}

function withoutNamedZone(address: SocketAddress): SocketAddress {
  if (address.scope === "" || /^\d+$/.test(address.scope)) return address;
  return SocketAddress.ipv6(address.bytes, address.port);
}
