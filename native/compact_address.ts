/**
 * IPv4 addresses as numbers: ten thousand idle connections keep their peers' addresses, and few
 * are ever asked for them.
 *
 * @module
 */

import { SocketAddress } from "../ring/abi/address.ts";
import { AF_INET, decodeSockaddr, SOCKADDR_IN_SIZE } from "../ring/abi/sockaddr.ts";

/** An address, or an IPv4 address and port as one number. */
export type CompactAddress = SocketAddress | number;

const PORTS = 65536;

/** Reads a sockaddr: as a number where it is an IPv4 one. */
export function readCompact(bytes: Uint8Array, offset: number, length: number): CompactAddress {
  const family = bytes[offset] | (bytes[offset + 1] << 8);
  if (family !== AF_INET || length < SOCKADDR_IN_SIZE) return decodeSockaddr(bytes, offset, length);
  const port = (bytes[offset + 2] << 8) | bytes[offset + 3];
  const host = (bytes[offset + 4] << 24) | (bytes[offset + 5] << 16) | (bytes[offset + 6] << 8) |
    bytes[offset + 7];
  return (host >>> 0) * PORTS + port;
}

/** The address itself. */
export function expand(address: CompactAddress): SocketAddress {
  if (typeof address !== "number") return address;
  const port = address % PORTS;
  const host = (address - port) / PORTS;
  const bytes = [host >>> 24, (host >>> 16) & 0xff, (host >>> 8) & 0xff, host & 0xff];
  return SocketAddress.ipv4(bytes, port);
}
