/**
 * The lower halves of addresses that an interface makes itself.
 *
 * @module
 */

import { KeyedHash } from "../keyed_hash.ts";
import type { RandomSource } from "../random.ts";
import { type Ipv6Address, type MacAddress, macHigh, macLow } from "../wire/addresses.ts";
import { joinIdentifier } from "./ip_address.ts";

/** How stable identifiers are made. */
export type IdentifierKind =
  /** By a keyed hash of the prefix: RFC 7217. */
  | "stable"
  /** From the address on the link: RFC 4291 appendix A. */
  | "eui64";

/** Makes identifiers. */
export class InterfaceIdentifiers {
  readonly #random: RandomSource;
  readonly #hash: KeyedHash;
  readonly #words = new Int32Array(6);

  /**
   * Makes a maker.
   *
   * @param secret what stable identifiers depend on, as many words as the key of a hash; with the
   * same one they are the same after each start
   */
  constructor(random: RandomSource, secret: readonly number[] | null) {
    this.#random = random;
    // RFC 7217 section 5 (MUST): the secret has 128 bits, and is drawn where nobody gives one.
    this.#hash = secret === null ? KeyedHash.random(random) : new KeyedHash(secret);
  }

  /**
   * An address that stays the same as long as prefix, interface and secret do.
   *
   * @param counter how many earlier ones were duplicates
   * @returns the address, or null when there is none: the one of EUI-64 was a duplicate
   */
  stable(
    kind: IdentifierKind,
    prefix: Ipv6Address,
    mac: MacAddress,
    interfaceIndex: number,
    counter: number,
  ): Ipv6Address | null {
    if (kind === "eui64") return counter > 0 ? null : eui64(prefix, mac);
    const words = this.#words;
    for (let tries = 0;; tries++) {
      // RFC 7217 section 5 (MUST): a pseudorandom function of prefix, interface, counter and
      // secret.
      words[0] = prefix[0];
      words[1] = prefix[1];
      words[2] = macHigh(mac) << 16 | interfaceIndex;
      words[3] = macLow(mac);
      words[4] = counter;
      words[5] = tries;
      const low = this.#hash.hash(words, words.length);
      const high = this.#hash.high;
      // RFC 7217 section 5 (SHOULD): reserved identifiers are passed over.
      if (!isReservedIdentifier(high, low)) return joinIdentifier(prefix, high, low);
    }
  }

  /** An address that is drawn. RFC 8981 section 3.3.1. */
  temporary(prefix: Ipv6Address): Ipv6Address {
    for (;;) {
      const high = this.#random.uint32() | 0;
      const low = this.#random.uint32() | 0;
      // RFC 8981 section 3.3.1 (MUST): reserved identifiers are not used.
      if (!isReservedIdentifier(high, low)) return joinIdentifier(prefix, high, low);
    }
  }
}

/** RFC 4291 appendix A, RFC 2464 section 4: ff:fe in the middle, and the universal bit inverted. */
function eui64(prefix: Ipv6Address, mac: MacAddress): Ipv6Address {
  const high = macHigh(mac) << 16 ^ 0x0200_0000 | macLow(mac) >>> 16 & 0xff00 | 0xff;
  const low = 0xfe00_0000 | macLow(mac) & 0xff_ffff;
  return joinIdentifier(prefix, high, low);
}

/** Whether an identifier is reserved: RFC 5453, IANA's "Reserved IPv6 Interface Identifiers". */
export function isReservedIdentifier(high: number, low: number): boolean {
  if ((high | low) === 0) return true;
  if (high === (0x0200_5eff | 0) && low >>> 24 === 0xfe) return true;
  return high === (0xfdff_ffff | 0) && low >>> 7 === 0xffff_ff80 >>> 7;
}
