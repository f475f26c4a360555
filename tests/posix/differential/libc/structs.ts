/**
 * C's structs from and to the shapes of `posix/types.ts`, for Linux on 64-bit machines. Written
 * apart from the library's own, so that one mistake is not made on both sides.
 *
 * @module
 */

import { AF_INET, AF_INET6, AF_UNIX } from "../../../../posix/constants/mod.ts";
import type { OptionValue, Sockaddr } from "../../../../posix/types.ts";

/** Bytes of `struct sockaddr_storage`. */
export const STORAGE_BYTES = 128;

const IPV4_BYTES = 16;
const IPV6_BYTES = 28;
/** As much of them as says everything: the rest is padding, and a field that came later. */
const IPV4_CUT_BYTES = 8;
const IPV6_CUT_BYTES = 24;
const PATH_AT = 2;

/** A sockaddr as bytes, with its own length. */
export function sockaddrBytes(address: Sockaddr): Uint8Array<ArrayBuffer> {
  const { family } = address;
  if (address.data === undefined) {
    if (family === AF_INET) return inetBytes(address);
    if (family === AF_INET6) return inet6Bytes(address);
    if (family === AF_UNIX) return unixBytes(address.path ?? "");
  }
  const data = address.data ?? new Uint8Array(14);
  const bytes = new Uint8Array(2 + data.length);
  new DataView(bytes.buffer).setUint16(0, family, true);
  bytes.set(data, 2);
  return bytes;
}

function inetBytes(address: Sockaddr): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(IPV4_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_INET, true);
  view.setUint16(2, address.port ?? 0, false);
  bytes.set((address.address ?? "0.0.0.0").split(".").map(Number), 4);
  return bytes;
}

function inet6Bytes(address: Sockaddr): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(IPV6_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_INET6, true);
  view.setUint16(2, address.port ?? 0, false);
  view.setUint32(4, address.flowinfo ?? 0, false);
  bytes.set(ipv6Bytes(address.address ?? "::"), 8);
  view.setUint32(24, address.scopeId ?? 0, true);
  return bytes;
}

/** Sixteen bytes from text such as `fe80::1` and `::ffff:1.2.3.4`. */
function ipv6Bytes(text: string): Uint8Array {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  if (dotted) {
    const [a, b, c, d] = dotted.slice(2).map(Number);
    return ipv6Bytes(`${dotted[1]}${(a << 8 | b).toString(16)}:${(c << 8 | d).toString(16)}`);
  }
  const [head, tail] = text.split("::").map((half) => half === "" ? [] : half.split(":"));
  const missing = tail === undefined ? 0 : 8 - head.length - tail.length;
  const groups = [...head, ...Array(missing).fill("0"), ...tail ?? []];
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  groups.forEach((group, index) => view.setUint16(index * 2, parseInt(group, 16), false));
  return bytes;
}

function unixBytes(path: string): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(path);
  // A path in the file system carries its NUL where there is room; an abstract name has none.
  const end = path !== "" && text[0] !== 0 && text.length < 108 ? 1 : 0;
  const bytes = new Uint8Array(PATH_AT + text.length + end);
  new DataView(bytes.buffer).setUint16(0, AF_UNIX, true);
  bytes.set(text, PATH_AT);
  return bytes;
}

/** What the kernel wrote, null where it wrote nothing. */
export function readSockaddr(storage: Uint8Array, length: number): Sockaddr | null {
  if (length <= 0) return null;
  const bytes = storage.slice(0, Math.min(length, storage.length));
  const view = new DataView(bytes.buffer);
  const family = bytes.length < 2 ? bytes[0] : view.getUint16(0, true);
  if (family === AF_INET && bytes.length >= IPV4_CUT_BYTES) {
    return { family, address: bytes.slice(4, 8).join("."), port: view.getUint16(2, false) };
  }
  if (family === AF_INET6 && bytes.length >= IPV6_CUT_BYTES) {
    return {
      family,
      address: ipv6Text(bytes.subarray(8, 24)),
      port: view.getUint16(2, false),
      flowinfo: view.getUint32(4, false),
      scopeId: bytes.length < IPV6_BYTES ? 0 : view.getUint32(24, true),
    };
  }
  if (family === AF_UNIX) return { family, path: unixPath(bytes.subarray(PATH_AT)) };
  return { family, data: bytes.slice(2) };
}

function unixPath(bytes: Uint8Array): string {
  if (bytes.length === 0) return "";
  if (bytes[0] === 0) return new TextDecoder().decode(bytes);
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

/** The text of RFC 5952. */
function ipv6Text(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 16);
  const groups = Array.from({ length: 8 }, (_, at) => view.getUint16(at * 2, false));
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return `::ffff:${bytes.slice(12).join(".")}`;
  }
  let best = { at: -1, length: 1 };
  for (let at = 0; at < 8; at++) {
    let length = 0;
    while (groups[at + length] === 0) length++;
    if (length > best.length) best = { at, length };
  }
  const text = (from: number, to: number) =>
    groups.slice(from, to).map((group) => group.toString(16)).join(":");
  return best.at < 0 ? text(0, 8) : `${text(0, best.at)}::${text(best.at + best.length, 8)}`;
}

/** An option's value as bytes: an int, a `struct timeval`, a `struct linger`, or bytes. */
export function optionBytes(value: OptionValue): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (typeof value === "object" && "sec" in value) {
    const bytes = new BigInt64Array([BigInt(value.sec), BigInt(value.usec)]);
    return new Uint8Array(bytes.buffer);
  }
  if (typeof value === "object") {
    return new Uint8Array(new Int32Array([value.onoff, value.linger]).buffer);
  }
  return new Uint8Array(new Int32Array([Number(value)]).buffer);
}
