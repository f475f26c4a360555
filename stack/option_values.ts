/**
 * How the values of socket options lie in memory, and what those mean that every kind of socket has.
 *
 * @module
 */

import { Errno } from "../ring/abi/errno.ts";
import type { InterfaceTable } from "./iface/types.ts";

/** Bytes of an int. */
export const INT_BYTES = 4;
/** Bytes of a `struct linger`: two ints. */
export const LINGER_BYTES = 8;
/** Linux' `IFNAMSIZ` and `TCP_CA_NAME_MAX`: bytes of a name, the 0 behind it among them. */
export const NAME_BYTES = 16;

/** Linux' `SOCK_MIN_RCVBUF` and `SOCK_MIN_SNDBUF`, without what Linux adds for itself. */
export const MINIMUM_RECEIVE_BUFFER = 1152;
/** See {@linkcode MINIMUM_RECEIVE_BUFFER}. */
export const MINIMUM_SEND_BUFFER = 2304;
/** `SO_RCVBUFFORCE` and its like are bounded by what an int can hold when it is doubled. */
const FORCED_MAXIMUM = 2 ** 30 - 1;

/** An int as it lies in memory: little-endian, as all machines here are. */
export function intBytes(value: number): Uint8Array {
  return Uint8Array.of(value, value >> 8, value >> 16, value >> 24);
}

/** The int that an option's value begins with. */
export function intOf(value: Uint8Array, at: number = 0): number {
  return value[at] | value[at + 1] << 8 | value[at + 2] << 16 | value[at + 3] << 24;
}

/** `SO_COOKIE`: a number of 64 bits, of which fewer are in use. */
export function cookieBytes(cookie: number): Uint8Array {
  const bytes = new Uint8Array(2 * INT_BYTES);
  bytes.set(intBytes(cookie));
  return bytes;
}

/** A name as it lies in memory: a byte for each letter. */
export function nameBytes(name: string): Uint8Array {
  return Uint8Array.from(name, (letter) => letter.charCodeAt(0));
}

/** The name that an option's value is, as far as it counts. */
export function nameOf(value: Uint8Array): string {
  const end = value.indexOf(0);
  return String.fromCharCode(...value.subarray(0, end < 0 ? NAME_BYTES - 1 : end));
}

/** The interface that `SO_BINDTODEVICE` names. @returns its index, 0 for none, or `-ENODEV` */
export function deviceNamed(interfaces: InterfaceTable, value: Uint8Array): number {
  const name = nameOf(value);
  return name === "" ? 0 : interfaces.named(name)?.index ?? -Errno.ENODEV;
}

/** `SO_BINDTODEVICE` as it is read: nothing where a socket is bound to no interface. */
export function deviceBytes(interfaces: InterfaceTable, index: number): Uint8Array {
  const device = interfaces.get(index);
  return device === undefined ? new Uint8Array(0) : nameBytes(`${device.name}\0`);
}

/**
 * What `SO_SNDBUF` and its like ask for, in bytes of payload; Linux shows it doubled, so that its
 * own share is in it.
 */
export function bufferAsked(asked: number, minimum: number, maximum: number): number {
  // What is negative is as large as can be: Linux compares without a sign.
  return Math.max(asked < 0 ? maximum : Math.min(asked, maximum), minimum);
}

/** The same of `SO_SNDBUFFORCE` and its like, of which negative ones ask for nothing. */
export function bufferForced(asked: number, minimum: number): number {
  return bufferAsked(Math.max(0, asked), minimum, FORCED_MAXIMUM);
}
