/**
 * Prefixes and addresses as text: `"192.168.1.10/24"`, `"::/0"`.
 *
 * @module
 */

import { formatAddress } from "../../stack/iface/ip_address.ts";
import type { IpAddress } from "../../stack/ip/types.ts";
import { parseAddress } from "./directory.ts";

/** An address and the length of its prefix. */
export interface Prefix {
  readonly address: IpAddress;
  readonly length: number;
}

/**
 * Reads an address with the length of its prefix; without one, it is all of its bits.
 *
 * @throws {TypeError} naming what is wrong
 */
export function parsePrefix(text: string): Prefix {
  const [host, bits, ...rest] = String(text).split("/");
  const address = requireAddress(host);
  const most = typeof address === "number" ? 32 : 128;
  const length = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : -1;
  if (rest.length > 0 || length < 0 || length > most) {
    throw new TypeError(`${JSON.stringify(text)} is no address with the length of a prefix`);
  }
  return { address, length };
}

/** Reads an address. @throws {TypeError} naming what is none */
export function requireAddress(text: string): IpAddress {
  const address = parseAddress(String(text));
  if (address === null) throw new TypeError(`${JSON.stringify(text)} is no address`);
  return address;
}

/** The text of a prefix. */
export function formatPrefix(address: IpAddress, length: number): string {
  return `${formatAddress(address)}/${length}`;
}
