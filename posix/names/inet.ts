/**
 * Internet addresses as text and as bytes, exactly as glibc reads and prints them, and byte order.
 *
 * @module
 */

import { AF_INET, AF_INET6 } from "../../ring/abi/sockaddr.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { formatIpv4, formatIpv6 } from "../../ring/abi/ip_text.ts";
import { INADDR_NONE } from "../constants/names.ts";
import { PosixError } from "../errors.ts";

const IPV4_BYTES = 4;
const IPV6_BYTES = 16;
const ZERO = 48;
const DOT = 46;
const COLON = 58;

/** The largest last part of one, two, three and four parts. Source: inet(3). */
const LAST_PART_MAX: readonly number[] = [0xffff_ffff, 0xff_ffff, 0xffff, 0xff];

/**
 * Reads an address in its presentation format. Source: inet_pton(3).
 *
 * @param family `AF_INET` (four decimal numbers, without leading zeros) or `AF_INET6`
 * @param text the address
 * @returns its 4 or 16 bytes in network order, or null for text that is no such address
 * @throws {PosixError} EAFNOSUPPORT for another family
 *
 * @example
 * ```ts
 * import { inet_pton } from "./inet.ts";
 * const bytes = inet_pton(2, "127.0.0.1");
 * if (bytes?.join() !== "127,0,0,1") throw new Error("unreachable");
 * if (inet_pton(2, "127.1") !== null) throw new Error("unreachable");
 * ```
 */
export function inet_pton(family: number, text: string): Uint8Array<ArrayBuffer> | null {
  if (family === AF_INET) {
    const bytes = new Uint8Array(IPV4_BYTES);
    return readDotted(text, 0, text.length, bytes, 0) ? bytes : null;
  }
  if (family === AF_INET6) {
    const bytes = new Uint8Array(IPV6_BYTES);
    return readGroups(text, text.length, bytes, 0) ? bytes : null;
  }
  throw new PosixError(Errno.EAFNOSUPPORT, "inet_pton");
}

/**
 * Prints an address in its presentation format. Source: inet_ntop(3).
 *
 * @param family `AF_INET` or `AF_INET6`
 * @param bytes the address in network order: its first 4 or 16 bytes
 * @returns the text, such as `"::1"`, `"::ffff:1.2.3.4"` or, as glibc has it, `"::1.2.3.4"`
 * @throws {PosixError} EAFNOSUPPORT for another family, EFAULT when there are too few bytes
 *
 * @example
 * ```ts
 * import { inet_ntop } from "./inet.ts";
 * if (inet_ntop(2, new Uint8Array([10, 0, 0, 1])) !== "10.0.0.1") throw new Error("unreachable");
 * ```
 */
export function inet_ntop(family: number, bytes: ArrayLike<number>): string {
  if (family !== AF_INET && family !== AF_INET6) {
    throw new PosixError(Errno.EAFNOSUPPORT, "inet_ntop");
  }
  if (bytes.length < (family === AF_INET ? IPV4_BYTES : IPV6_BYTES)) {
    throw new PosixError(Errno.EFAULT, "inet_ntop");
  }
  return family === AF_INET ? formatIpv4(bytes, 0) : printIpv6(bytes);
}

/** The text of 16 bytes: RFC 5952's, but for the deprecated `::a.b.c.d` that glibc still prints. */
export function printIpv6(bytes: ArrayLike<number>): string {
  let zeros = 0;
  while (zeros < 12 && bytes[zeros] === 0) zeros++;
  if (zeros === 12 && (bytes[12] !== 0 || bytes[13] !== 0)) return `::${formatIpv4(bytes, 12)}`;
  return formatIpv6(bytes);
}

/**
 * Reads an IPv4 address in any of its legal forms: one to four parts, of which the last fills what
 * is left, each decimal, octal after `0` or hexadecimal after `0x`. Source: inet_aton(3).
 *
 * @param text the address; what follows a blank after it is passed over, as C does
 * @returns the 4 bytes of a `struct in_addr`, or null for text that is no address
 *
 * @example
 * ```ts
 * import { inet_aton } from "./inet.ts";
 * for (const text of ["127.1", "0x7f.1", "0177.0.0.1", "2130706433"]) {
 *   if (inet_aton(text)?.join() !== "127,0,0,1") throw new Error("unreachable");
 * }
 * ```
 */
export function inet_aton(text: string): Uint8Array<ArrayBuffer> | null {
  const bytes = new Uint8Array(IPV4_BYTES);
  const end = readParts(text, bytes);
  return end < 0 || end < text.length && !isBlank(text.charCodeAt(end)) ? null : bytes;
}

/** The same for text that has to be an address to its end, as getaddrinfo(3) asks for. */
export function readWholeIpv4(text: string): Uint8Array<ArrayBuffer> | null {
  const bytes = new Uint8Array(IPV4_BYTES);
  return readParts(text, bytes) === text.length ? bytes : null;
}

/**
 * Reads an IPv4 address like {@linkcode inet_aton}. Source: inet_addr(3).
 *
 * @param text the address
 * @returns an `in_addr_t`: the address in network byte order, `INADDR_NONE` for text that is none
 * (and for `255.255.255.255`, which is why `inet_aton` is there)
 */
export function inet_addr(text: string): number {
  const bytes = inet_aton(text);
  return bytes === null ? INADDR_NONE : wordOf(bytes);
}

/**
 * Prints an IPv4 address. Source: inet_ntoa(3).
 *
 * @param address a `struct in_addr`: 4 bytes, or the number that `inet_addr` gives
 * @throws {PosixError} EFAULT when there are too few bytes
 */
export function inet_ntoa(address: Uint8Array | number): string {
  if (typeof address !== "number") return inet_ntop(AF_INET, address);
  const word = address >>> 0;
  return `${word & 0xff}.${word >>> 8 & 0xff}.${word >>> 16 & 0xff}.${word >>> 24}`;
}

/** Host to network byte order, 16 bits: Linux on x86-64 swaps. Source: byteorder(3). */
export function htons(value: number): number {
  return (value & 0xff) << 8 | value >>> 8 & 0xff;
}

/** Network to host byte order, 16 bits. Source: byteorder(3). */
export function ntohs(value: number): number {
  return htons(value);
}

/** Host to network byte order, 32 bits. Source: byteorder(3). */
export function htonl(value: number): number {
  return ((value & 0xff) << 24 | (value & 0xff00) << 8 | value >>> 8 & 0xff00 | value >>> 24) >>> 0;
}

/** Network to host byte order, 32 bits. Source: byteorder(3). */
export function ntohl(value: number): number {
  return htonl(value);
}

function wordOf(bytes: Uint8Array): number {
  return (bytes[0] | bytes[1] << 8 | bytes[2] << 16 | bytes[3] << 24) >>> 0;
}

/**
 * Reads four decimal numbers from text[from, to), by hand: sends to an address as text come here.
 *
 * @param at the first of the 4 bytes to write, which are spoilt when this fails
 * @returns whether the text is an address
 */
export function readDotted(
  text: string,
  from: number,
  to: number,
  into: Uint8Array,
  at: number,
): boolean {
  let value = -1;
  let part = 0;
  for (let index = from; index < to; index++) {
    const code = text.charCodeAt(index);
    if (code >= ZERO && code <= ZERO + 9) {
      // A leading zero is refused: inet_aton(3) would take what follows for octal.
      if (value === 0) return false;
      value = value < 0 ? code - ZERO : value * 10 + code - ZERO;
      if (value > 255) return false;
    } else if (code === DOT && value >= 0 && part < 3) {
      into[at + part++] = value;
      value = -1;
    } else {
      return false;
    }
  }
  if (part !== 3 || value < 0) return false;
  into[at + 3] = value;
  return true;
}

/**
 * Reads an IPv6 address from text[0, to): eight groups, one `::`, an IPv4 address as the last two.
 *
 * @param at the first of the 16 bytes to write, which are spoilt when this fails
 * @returns whether the text is an address
 */
export function readGroups(text: string, to: number, into: Uint8Array, at: number): boolean {
  let gap = -1;
  let bytes = 0;
  let digits = 0;
  let value = 0;
  // One colon at the start is legal as the first half of "::" alone.
  let index = text.charCodeAt(0) === COLON ? 1 : 0;
  if (index === 1 && text.charCodeAt(1) !== COLON) return false;
  let start = index;
  while (index < to) {
    const code = text.charCodeAt(index++);
    const digit = hexadecimal(code);
    if (digit >= 0) {
      if (digits === 4) return false;
      value = value << 4 | digit;
      digits++;
    } else if (code === COLON && digits === 0) {
      if (gap >= 0) return false;
      gap = bytes;
      start = index;
    } else if (code === COLON) {
      if (index === to || bytes === IPV6_BYTES) return false;
      into[at + bytes++] = value >> 8;
      into[at + bytes++] = value & 0xff;
      digits = 0;
      value = 0;
      start = index;
    } else {
      if (code !== DOT || bytes + IPV4_BYTES > IPV6_BYTES) return false;
      if (!readDotted(text, start, to, into, at + bytes)) return false;
      bytes += IPV4_BYTES;
      digits = 0;
      break;
    }
  }
  if (digits > 0) {
    if (bytes === IPV6_BYTES) return false;
    into[at + bytes++] = value >> 8;
    into[at + bytes++] = value & 0xff;
  }
  return gap < 0 ? bytes === IPV6_BYTES : openGap(into, at, gap, bytes);
}

/** Moves what follows "::" to the end; "::" stands for one group at least. */
function openGap(into: Uint8Array, at: number, gap: number, bytes: number): boolean {
  if (bytes === IPV6_BYTES) return false;
  const tail = bytes - gap;
  for (let index = 1; index <= tail; index++) {
    into[at + IPV6_BYTES - index] = into[at + bytes - index];
  }
  for (let index = gap; index < IPV6_BYTES - tail; index++) into[at + index] = 0;
  return true;
}

/** @returns the index after the last part, or -1 */
function readParts(text: string, bytes: Uint8Array): number {
  let index = 0;
  for (let part = 0;; part++) {
    const code = text.charCodeAt(index);
    if (!(code >= ZERO && code <= ZERO + 9)) return -1;
    const base = code !== ZERO ? 10 : isHexadecimal(text, index) ? 16 : 8;
    if (base === 16) index += 2;
    let value = 0;
    for (;; index++) {
      const digit = hexadecimal(text.charCodeAt(index));
      if (digit < 0 || digit >= base) break;
      value = value * base + digit;
      if (value > 0xffff_ffff) return -1;
    }
    if (text.charCodeAt(index) !== DOT) {
      if (value > LAST_PART_MAX[part]) return -1;
      for (let at = IPV4_BYTES - 1; at >= part; at--) {
        bytes[at] = value & 0xff;
        value = Math.floor(value / 256);
      }
      return index;
    }
    if (part === 3 || value > 0xff) return -1;
    bytes[part] = value;
    index++;
  }
}

/** As strtoul(3) has it: "0x" without a digit after it is a zero and an "x". */
function isHexadecimal(text: string, index: number): boolean {
  return (text.charCodeAt(index + 1) | 0x20) === 0x78 &&
    hexadecimal(text.charCodeAt(index + 2)) >= 0;
}

/** The value of a hexadecimal digit, or -1; NaN, past the end, is none. */
function hexadecimal(code: number): number {
  if (code >= ZERO && code <= ZERO + 9) return code - ZERO;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : -1;
}

/** isspace(3) in the C locale. */
export function isBlank(code: number): boolean {
  return code === 0x20 || code >= 0x09 && code <= 0x0d;
}
