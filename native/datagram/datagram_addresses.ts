/**
 * The senders of datagrams, from sockaddr to object: few endpoints have many peers at a time, and
 * an address that is asked for again is the same object again.
 *
 * @module
 */

import type { SocketAddress } from "../../ring/abi/address.ts";
import { decodeSockaddr } from "../../ring/abi/sockaddr.ts";

/** An address in every form that programs ask for. */
export interface CachedAddress {
  readonly address: SocketAddress;
  readonly object: Deno.Addr;
  readonly text: string;
}

interface Entry extends CachedAddress {
  /** The sockaddr it was made of, as far as it counts. */
  readonly key: readonly number[];
}

const ENTRIES = 1024;
/** `sockaddr_in` as far as it counts: family, port and address; the rest is zero. */
const IPV4_KEY_BYTES = 8;
const IPV4_BYTES = 16;
const AF_INET = 2;

/** A bounded cache of addresses, without any order: a new one takes the place of an old one. */
export class AddressCache {
  readonly #entries: (Entry | undefined)[] = new Array(ENTRIES).fill(undefined);

  /** The address whose sockaddr is at `offset`. */
  at(bytes: Uint8Array, offset: number, length: number): CachedAddress {
    const isIpv4 = length === IPV4_BYTES && bytes[offset] === AF_INET;
    const keyBytes = isIpv4 ? IPV4_KEY_BYTES : length;
    let hash = keyBytes;
    for (let index = 2; index < keyBytes; index++) {
      hash = (Math.imul(hash, 31) + bytes[offset + index]) | 0;
    }
    const place = (hash ^ (hash >>> 10) ^ (hash >>> 20)) & (ENTRIES - 1);
    const known = this.#entries[place];
    if (known !== undefined && isSame(known.key, bytes, offset, keyBytes)) return known;
    const address = decodeSockaddr(bytes, offset, length);
    const entry: Entry = {
      address,
      object: Object.freeze(address.toDenoAddr("udp")) as Deno.Addr,
      text: address.toString(),
      key: [...bytes.subarray(offset, offset + keyBytes)],
    };
    this.#entries[place] = entry;
    return entry;
  }
}

function isSame(
  key: readonly number[],
  bytes: Uint8Array,
  offset: number,
  length: number,
): boolean {
  if (key.length !== length) return false;
  for (let index = 0; index < length; index++) {
    if (key[index] !== bytes[offset + index]) return false;
  }
  return true;
}
