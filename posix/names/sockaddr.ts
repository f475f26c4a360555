/**
 * Socket addresses as objects and as the bytes that the kernel reads and writes.
 *
 * Both directions run on each `sendto` and `recvfrom`: text is read and written by hand, and the
 * text of an address that came before is not made again.
 *
 * @module
 */

import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  IN6_ADDRESS,
  IN6_FLOW,
  IN6_PORT,
  IN6_SCOPE,
  IN_ADDRESS,
  IN_PORT,
  IN_ZERO,
  SOCKADDR_IN6_SIZE,
  SOCKADDR_IN_SIZE,
  SOCKADDR_SIZE,
  UN_PATH,
  UN_PATH_SIZE,
} from "../../ring/abi/sockaddr.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { formatIpv4 } from "../../ring/abi/ip_text.ts";
import { PosixError } from "../errors.ts";
import type { Sockaddr } from "../types.ts";
import { printIpv6, readDotted, readGroups } from "./inet.ts";

/** Bytes of `sa_family`; what follows them depends on it. */
const FAMILY_BYTES = UN_PATH;
const PORT_MAX = 0xffff;
const WORD_MAX = 0xffff_ffff;

/** IPv4 texts that are remembered, by a few bits of the address. */
const REMEMBERED = 64;
const ipv4Words = new Int32Array(REMEMBERED);
const ipv4Texts: string[] = new Array(REMEMBERED).fill("0.0.0.0");
/** The IPv6 address whose text is remembered. */
const ipv6Bytes = new Uint8Array(16);
let ipv6Text = "::";
/** The texts that were read last, and their bytes: most programs send to the same peer again. */
const readIpv4Bytes = new Uint8Array(4);
let readIpv4Text: string | null = "0.0.0.0";
const readIpv6Bytes = new Uint8Array(16);
let readIpv6Text: string | null = "::";

const encoder = new TextEncoder();
// A byte order mark is part of a path.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Writes an address as C's program lays it out.
 *
 * What is missing is zero, as in a struct that was cleared first. An abstract name counts every
 * byte, a path has its NUL unless it fills `sun_path`, an unnamed address is the family alone.
 * Where `data` is there it is what follows the family, whatever the family. Source: ip(7),
 * ipv6(7), unix(7).
 *
 * @param into where to write: room for `sockaddr_storage`
 * @param call the call that an error is to name
 * @returns how many bytes the address has
 * @throws {PosixError} EINVAL for text that is no address of the family, a port or another number
 * that does not fit its field, and a path longer than `sun_path`
 *
 * @example
 * ```ts
 * import { decodeName, encodeName } from "./sockaddr.ts";
 * const bytes = new Uint8Array(128);
 * const length = encodeName({ family: 2, address: "127.0.0.1", port: 80 }, bytes);
 * if (length !== 16) throw new Error("unreachable");
 * if (decodeName(bytes, length)?.address !== "127.0.0.1") throw new Error("unreachable");
 * ```
 */
export function encodeName(
  address: Sockaddr,
  into: Uint8Array<ArrayBufferLike>,
  call: string = "sockaddr",
): number {
  const { family } = address;
  if (!isWhole(family, 0xffff)) throw new PosixError(Errno.EINVAL, call);
  if (address.data === undefined) {
    switch (family) {
      case AF_INET:
        return encodeIpv4(address, into, call);
      case AF_INET6:
        return encodeIpv6(address, into, call);
      case AF_UNIX:
        return encodeUnix(address.path ?? "", into, call);
    }
  }
  const data = address.data ?? new Uint8Array(SOCKADDR_SIZE - FAMILY_BYTES);
  // Linux takes no address that is longer than sockaddr_storage, which is the room there is.
  if (FAMILY_BYTES + data.length > into.length) throw new PosixError(Errno.EINVAL, call);
  writeFamily(into, family);
  into.set(data, FAMILY_BYTES);
  return FAMILY_BYTES + data.length;
}

function encodeIpv4(address: Sockaddr, into: Uint8Array<ArrayBufferLike>, call: string): number {
  const port = address.port ?? 0;
  const text = address.address ?? "0.0.0.0";
  if (
    typeof text !== "string" || !isWhole(port, PORT_MAX) || !writeIpv4(text, into)
  ) throw new PosixError(Errno.EINVAL, call);
  writeFamily(into, AF_INET);
  writeBig16(into, IN_PORT, port);
  for (let index = IN_ZERO; index < SOCKADDR_IN_SIZE; index++) into[index] = 0;
  return SOCKADDR_IN_SIZE;
}

function encodeIpv6(address: Sockaddr, into: Uint8Array<ArrayBufferLike>, call: string): number {
  const port = address.port ?? 0;
  const flow = address.flowinfo ?? 0;
  const scope = address.scopeId ?? 0;
  const text = address.address ?? "::";
  if (
    typeof text !== "string" || !isWhole(port, PORT_MAX) || !isWhole(flow, WORD_MAX) ||
    !isWhole(scope, WORD_MAX) || !writeIpv6(text, into)
  ) throw new PosixError(Errno.EINVAL, call);
  writeFamily(into, AF_INET6);
  writeBig16(into, IN6_PORT, port);
  writeBig16(into, IN6_FLOW, flow >>> 16);
  writeBig16(into, IN6_FLOW + 2, flow & 0xffff);
  into[IN6_SCOPE] = scope & 0xff;
  into[IN6_SCOPE + 1] = scope >>> 8 & 0xff;
  into[IN6_SCOPE + 2] = scope >>> 16 & 0xff;
  into[IN6_SCOPE + 3] = scope >>> 24;
  return SOCKADDR_IN6_SIZE;
}

function encodeUnix(path: string, into: Uint8Array<ArrayBufferLike>, call: string): number {
  if (typeof path !== "string" || !path.isWellFormed()) throw new PosixError(Errno.EINVAL, call);
  const isAbstract = path.startsWith("\0");
  // The kernel reads a path up to its first NUL, an abstract name to the end of the address.
  const end = isAbstract ? -1 : path.indexOf("\0");
  const bytes = encoder.encode(end < 0 ? path : path.slice(0, end));
  if (bytes.length > UN_PATH_SIZE) throw new PosixError(Errno.EINVAL, call);
  writeFamily(into, AF_UNIX);
  into.set(bytes, UN_PATH);
  const length = UN_PATH + bytes.length;
  if (bytes.length === 0 || isAbstract || bytes.length === UN_PATH_SIZE) return length;
  into[length] = 0;
  return length + 1;
}

/**
 * Reads an address that the kernel wrote.
 *
 * An `AF_UNIX` path or abstract name that is no UTF-8 shows U+FFFD in `path` and has its bytes in
 * `data`, so that it can be sent to all the same. So has an address that was cut off before its
 * fields end.
 *
 * @param length how many bytes the kernel says the address has, which may be more than there are
 * @returns the address, or null for a length of 0: nobody to tell
 */
export function decodeName(bytes: Uint8Array<ArrayBufferLike>, length: number): Sockaddr | null {
  const end = Math.min(length, bytes.length);
  if (end <= 0) return null;
  const family = end < FAMILY_BYTES ? bytes[0] : bytes[0] | bytes[1] << 8;
  if (family === AF_INET && end >= IN_ZERO) {
    return { family, address: ipv4TextAt(bytes, IN_ADDRESS), port: big16(bytes, IN_PORT) };
  }
  if (family === AF_INET6 && end >= IN6_SCOPE) {
    return {
      family,
      address: ipv6TextAt(bytes, IN6_ADDRESS),
      port: big16(bytes, IN6_PORT),
      flowinfo: (big16(bytes, IN6_FLOW) << 16 | big16(bytes, IN6_FLOW + 2)) >>> 0,
      // RFC 2133's shorter struct ends before the scope.
      scopeId: end < SOCKADDR_IN6_SIZE ? 0 : little32(bytes, IN6_SCOPE),
    };
  }
  if (family === AF_UNIX) return decodeUnix(bytes, end);
  return { family, data: bytes.slice(FAMILY_BYTES, Math.max(end, FAMILY_BYTES)) };
}

function decodeUnix(bytes: Uint8Array<ArrayBufferLike>, end: number): Sockaddr {
  // Of a path that fills sun_path Linux tells one byte more: the NUL that it added.
  const last = Math.min(end, UN_PATH + UN_PATH_SIZE);
  let name = bytes.slice(UN_PATH, Math.max(last, UN_PATH));
  if (name.length > 0 && name[0] !== 0) {
    const nul = name.indexOf(0);
    if (nul >= 0) name = name.subarray(0, nul);
  }
  const path = decoder.decode(name);
  if (path.includes("\ufffd") && !isSame(encoder.encode(path), name)) {
    return { family: AF_UNIX, path, data: name };
  }
  return { family: AF_UNIX, path };
}

function writeIpv4(text: string, into: Uint8Array<ArrayBufferLike>): boolean {
  if (text !== readIpv4Text) {
    const isAddress = readDotted(text, 0, text.length, readIpv4Bytes, 0);
    // Text that is none may have spoilt the bytes of the text before it.
    readIpv4Text = isAddress ? text : null;
    if (!isAddress) return false;
  }
  for (let index = 0; index < 4; index++) into[IN_ADDRESS + index] = readIpv4Bytes[index];
  return true;
}

function writeIpv6(text: string, into: Uint8Array<ArrayBufferLike>): boolean {
  if (text !== readIpv6Text) {
    const isAddress = readGroups(text, text.length, readIpv6Bytes, 0);
    readIpv6Text = isAddress ? text : null;
    if (!isAddress) return false;
  }
  for (let index = 0; index < 16; index++) into[IN6_ADDRESS + index] = readIpv6Bytes[index];
  return true;
}

function ipv4TextAt(bytes: Uint8Array<ArrayBufferLike>, at: number): string {
  const word = bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16 | bytes[at + 3] << 24;
  const place = (word >>> 24 ^ word >>> 16 ^ word >>> 8) & REMEMBERED - 1;
  if (ipv4Words[place] !== word) {
    ipv4Words[place] = word;
    ipv4Texts[place] = formatIpv4(bytes, at);
  }
  return ipv4Texts[place];
}

function ipv6TextAt(bytes: Uint8Array<ArrayBufferLike>, at: number): string {
  let same = 0;
  while (same < 16 && ipv6Bytes[same] === bytes[at + same]) same++;
  if (same < 16) {
    for (let index = 0; index < 16; index++) ipv6Bytes[index] = bytes[at + index];
    ipv6Text = printIpv6(ipv6Bytes);
  }
  return ipv6Text;
}

function isSame(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}

function isWhole(value: number, maximum: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= maximum;
}

function writeFamily(into: Uint8Array<ArrayBufferLike>, family: number): void {
  into[0] = family & 0xff;
  into[1] = family >> 8;
}

function writeBig16(into: Uint8Array<ArrayBufferLike>, at: number, value: number): void {
  into[at] = value >> 8;
  into[at + 1] = value & 0xff;
}

function big16(bytes: Uint8Array<ArrayBufferLike>, at: number): number {
  return bytes[at] << 8 | bytes[at + 1];
}

function little32(bytes: Uint8Array<ArrayBufferLike>, at: number): number {
  return (bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16 | bytes[at + 3] << 24) >>> 0;
}
