/**
 * Which types of ICMP a raw socket does not want: `ICMP_FILTER` of raw(7), `ICMP6_FILTER` of RFC
 * 3542 section 3.2. A bit that is set blocks its type.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";

/** Bytes of `struct icmp_filter`. */
export const ICMP_FILTER_BYTES = 4;
/** Bytes of `struct icmp6_filter`. */
export const ICMP6_FILTER_BYTES = 32;

/** The filter of one socket. */
export class IcmpFilter {
  readonly #bytes: Uint8Array;

  /**
   * Blocks nothing.
   *
   * @param length {@linkcode ICMP_FILTER_BYTES} or {@linkcode ICMP6_FILTER_BYTES}
   */
  constructor(length: number) {
    this.#bytes = new Uint8Array(length);
  }

  /** Sets it, as far as the value goes. @returns 0 or `-errno` */
  set(value: Uint8Array): number {
    if (value.length < this.#bytes.length && this.#bytes.length === ICMP_FILTER_BYTES) {
      return -Errno.EINVAL;
    }
    this.#bytes.set(value.subarray(0, this.#bytes.length));
    return 0;
  }

  /** The filter as it was set. */
  get(): Uint8Array {
    return this.#bytes.slice();
  }

  /** Whether a type is not wanted. */
  blocks(type: number): boolean {
    // Linux: types that the filter of ICMPv4 has no bit for always pass.
    if (type >= 8 * this.#bytes.length) return false;
    return (this.#bytes[type >> 3] >> (type & 7) & 1) === 1;
  }
}
