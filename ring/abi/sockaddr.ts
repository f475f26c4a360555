/**
 * `sockaddr_in`, `sockaddr_in6` and `sockaddr_un` as Linux lays them out.
 *
 * The family is in host byte order (little-endian on x86-64 and aarch64, the only machines that
 * rings are shared with), port and address are in network order, the scope is in host order.
 * Source: ip(7), ipv6(7), unix(7).
 *
 * @module
 */

import { SocketAddress } from "./address.ts";

/** The family of no address. Source: socket(2). */
export const AF_UNSPEC = 0;
/** The family of unix sockets. Source: unix(7). */
export const AF_UNIX = 1;
/** The family of IPv4. Source: ip(7). */
export const AF_INET = 2;
/** The family of IPv6. Source: ipv6(7). */
export const AF_INET6 = 10;

// Each layout is a chain: a field starts where the one before it ends.
const FAMILY = 0;
const AFTER_FAMILY = FAMILY + 2;

/** Where `sin_port` starts: big-endian. Source: ip(7). */
export const IN_PORT: number = AFTER_FAMILY;
/** Where `sin_addr` starts. Source: ip(7). */
export const IN_ADDRESS: number = IN_PORT + 2;
/** Where `sin_zero` starts: as far as a sockaddr_in is read. Source: ip(7). */
export const IN_ZERO: number = IN_ADDRESS + 4;
/** The size of `struct sockaddr_in` in bytes. Source: ip(7). */
export const SOCKADDR_IN_SIZE: number = IN_ZERO + 8;

/** Where `sin6_port` starts: big-endian. Source: ipv6(7). */
export const IN6_PORT: number = AFTER_FAMILY;
/** Where `sin6_flowinfo` starts: big-endian. Source: ipv6(7). */
export const IN6_FLOW: number = IN6_PORT + 2;
/** Where `sin6_addr` starts. Source: ipv6(7). */
export const IN6_ADDRESS: number = IN6_FLOW + 4;
/** Where `sin6_scope_id` starts: in host byte order. Source: ipv6(7). */
export const IN6_SCOPE: number = IN6_ADDRESS + 16;
/** The size of `struct sockaddr_in6` in bytes. Source: ipv6(7). */
export const SOCKADDR_IN6_SIZE: number = IN6_SCOPE + 4;

/** Where `sun_path` starts. Source: unix(7). */
export const UN_PATH: number = AFTER_FAMILY;
/** Bytes of `sun_path`; a path that fills them has no NUL. Source: unix(7). */
export const UN_PATH_SIZE = 108;
/** The size of `struct sockaddr_un` in bytes. Source: unix(7). */
export const SOCKADDR_UN_SIZE: number = UN_PATH + UN_PATH_SIZE;

/** The size of `struct sockaddr`, which stands for any of them. Source: sockaddr(3type). */
export const SOCKADDR_SIZE: number = AFTER_FAMILY + 14;

/** Room for any address that this module writes, in bytes: the largest, rounded up to 8. */
export const SOCKADDR_MAX = 112;

/** The sizes that the kernel's headers give; a wrong chain must not start to run. */
if (SOCKADDR_IN_SIZE !== 16 || SOCKADDR_IN6_SIZE !== 28 || SOCKADDR_UN_SIZE !== 110) {
  throw new Error("the layout of a sockaddr does not have the size of the kernel's");
}

/**
 * Writes an address as the kernel reads it.
 *
 * A path is written with its NUL and the length counts it; an abstract name has none, because
 * there its length is part of the name; an unnamed address is the family alone. Source: unix(7).
 *
 * @param address The address.
 * @param into Where to write; {@linkcode SOCKADDR_MAX} bytes are always enough.
 * @param offset The first byte to write to.
 * @param scopeIndex Gives the number of an interface by its name, 0 when there is none.
 * @returns How many bytes were written: what the kernel is told as the length.
 * @throws {RangeError} When it does not fit, or a zone is no interface of this machine.
 *
 * @example
 * ```ts
 * import { SocketAddress } from "./address.ts";
 * import { decodeSockaddr, encodeSockaddr, SOCKADDR_MAX } from "./sockaddr.ts";
 * const bytes = new Uint8Array(SOCKADDR_MAX);
 * const length = encodeSockaddr(SocketAddress.parse("[::1]:80"), bytes, 0);
 * if (length !== 28) throw new Error("unreachable");
 * if (decodeSockaddr(bytes, 0, length).toString() !== "[::1]:80") throw new Error("unreachable");
 * ```
 */
export function encodeSockaddr(
  address: SocketAddress,
  into: Uint8Array,
  offset: number,
  scopeIndex?: (zone: string) => number,
): number {
  if (address.family === "IPv4") {
    assertRoom(into, offset, SOCKADDR_IN_SIZE);
    writeFamily(into, offset, AF_INET);
    writePort(into, offset + IN_PORT, address.port);
    address.copyBytes(into, offset + IN_ADDRESS);
    into.fill(0, offset + IN_ZERO, offset + SOCKADDR_IN_SIZE);
    return SOCKADDR_IN_SIZE;
  }
  if (address.family === "IPv6") {
    assertRoom(into, offset, SOCKADDR_IN6_SIZE);
    // Looked up before anything is written: a failure leaves no half of an address behind.
    const scope = address.scope === "" ? 0 : numberOfZone(address.scope, scopeIndex);
    writeFamily(into, offset, AF_INET6);
    writePort(into, offset + IN6_PORT, address.port);
    into.fill(0, offset + IN6_FLOW, offset + IN6_ADDRESS);
    address.copyBytes(into, offset + IN6_ADDRESS);
    writeUint32(into, offset + IN6_SCOPE, scope);
    return SOCKADDR_IN6_SIZE;
  }
  return encodeUnix(address, into, offset);
}

function encodeUnix(address: SocketAddress, into: Uint8Array, offset: number): number {
  const bytes = address.byteLength;
  // A path that fills sun_path has no room for its NUL, and Linux asks for none.
  const terminator = bytes > 0 && bytes < UN_PATH_SIZE && !address.isAbstract ? 1 : 0;
  const length = UN_PATH + bytes + terminator;
  assertRoom(into, offset, length);
  writeFamily(into, offset, AF_UNIX);
  address.copyBytes(into, offset + UN_PATH);
  if (terminator === 1) into[offset + length - 1] = 0;
  return length;
}

/**
 * Reads an address as the kernel wrote it.
 *
 * The number of an interface becomes the zone. A path ends at its first NUL or at the length; a
 * length of 2, or 0 as an unbound unix peer reports it, is an unnamed unix address.
 *
 * @param from Where to read.
 * @param offset The first byte to read.
 * @param length How many bytes the kernel said it wrote.
 * @returns The address.
 * @throws {RangeError} When the length is shorter than the family needs or reaches past the array.
 * @throws {TypeError} When the family is none of AF_INET, AF_INET6 and AF_UNIX.
 */
export function decodeSockaddr(from: Uint8Array, offset: number, length: number): SocketAddress {
  if (!Number.isInteger(offset) || !Number.isInteger(length) || offset < 0 || length < 0) {
    throw new RangeError(`a sockaddr cannot be at offset ${offset} with ${length} bytes`);
  }
  if (offset + length > from.length) {
    throw new RangeError(
      `a sockaddr of ${length} bytes at offset ${offset} reaches past ${from.length} bytes`,
    );
  }
  if (length === 0) return SocketAddress.unix("");
  assertLength(length, AFTER_FAMILY, "any");
  const family = from[offset + FAMILY] | from[offset + FAMILY + 1] << 8;
  switch (family) {
    case AF_INET:
      assertLength(length, IN_ZERO, "an IPv4");
      return SocketAddress.ipv4(
        from.subarray(offset + IN_ADDRESS, offset + IN_ZERO),
        readPort(from, offset + IN_PORT),
      );
    case AF_INET6: {
      assertLength(length, IN6_SCOPE, "an IPv6");
      // RFC 2133's shorter struct ends before the scope; Linux still takes it, SIN6_LEN_RFC2133.
      const scope = length < SOCKADDR_IN6_SIZE ? 0 : readUint32(from, offset + IN6_SCOPE);
      return SocketAddress.ipv6(
        from.subarray(offset + IN6_ADDRESS, offset + IN6_SCOPE),
        readPort(from, offset + IN6_PORT),
        scope === 0 ? "" : String(scope),
      );
    }
    case AF_UNIX:
      return decodeUnix(from, offset, Math.min(length, SOCKADDR_UN_SIZE));
    default:
      throw new TypeError(`a sockaddr has the unknown family ${family}`);
  }
}

function decodeUnix(from: Uint8Array, offset: number, length: number): SocketAddress {
  const path = from.subarray(offset + UN_PATH, offset + length);
  // A leading NUL marks an abstract name, in which every further byte counts.
  if (path.length === 0 || path[0] === 0) return SocketAddress.unixFromBytes(path);
  const nul = path.indexOf(0);
  return SocketAddress.unixFromBytes(nul < 0 ? path : path.subarray(0, nul));
}

function numberOfZone(zone: string, scopeIndex?: (zone: string) => number): number {
  if (/^[0-9]+$/.test(zone)) return Number(zone);
  if (scopeIndex === undefined) {
    throw new RangeError(`the zone "${zone}" is a name and nobody is here to look it up`);
  }
  const index = scopeIndex(zone);
  if (!Number.isInteger(index) || index <= 0 || index > 0xffff_ffff) {
    throw new RangeError(`the zone "${zone}" is no interface of this machine`);
  }
  return index;
}

function assertRoom(into: Uint8Array, offset: number, length: number): void {
  if (!Number.isInteger(offset) || offset < 0 || offset + length > into.length) {
    throw new RangeError(
      `a sockaddr of ${length} bytes does not fit at offset ${offset} of ${into.length} bytes`,
    );
  }
}

function assertLength(length: number, least: number, what: string): void {
  if (length < least) {
    throw new RangeError(`${what} sockaddr has at least ${least} bytes, not ${length}`);
  }
}

function writeFamily(into: Uint8Array, at: number, family: number): void {
  into[at] = family & 0xff;
  into[at + 1] = family >> 8;
}

function writePort(into: Uint8Array, at: number, port: number): void {
  into[at] = port >> 8;
  into[at + 1] = port & 0xff;
}

function readPort(from: Uint8Array, at: number): number {
  return from[at] << 8 | from[at + 1];
}

function writeUint32(into: Uint8Array, at: number, value: number): void {
  into[at] = value & 0xff;
  into[at + 1] = value >>> 8 & 0xff;
  into[at + 2] = value >>> 16 & 0xff;
  into[at + 3] = value >>> 24 & 0xff;
}

function readUint32(from: Uint8Array, at: number): number {
  return (from[at] | from[at + 1] << 8 | from[at + 2] << 16 | from[at + 3] << 24) >>> 0;
}
