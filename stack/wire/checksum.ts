/**
 * The Internet checksum: RFC 1071, its incremental update (RFC 1624), and the pseudo headers of
 * IPv4 (RFC 9293 section 3.1, RFC 768) and IPv6 (RFC 8200 section 8.1).
 *
 * A _sum_ is the ones' complement sum of 16-bit words in network order, folded to 16 bits; a
 * _checksum_ is its complement, as a header carries it. Words are counted from the first byte that
 * is summed up, wherever that lies; a last byte alone is the high half of a word.
 *
 * @module
 */

import type { Ipv4Address, Ipv6Address } from "./addresses.ts";
import type { PacketBytes } from "./packet_bytes.ts";

/** Sums up bytes of one memory: here in TypeScript, elsewhere by SIMD. */
export interface Checksummer {
  /**
   * Sums up a range.
   *
   * @param at The first byte, at any alignment.
   * @param length How many bytes.
   * @returns The sum, 0 to 0xffff; 0 only where every byte is 0.
   */
  sum(at: number, length: number): number;
}

/**
 * So many words of 16 bits add up to less than 2^31: they are summed up without a carry. It is no
 * quotient, because V8 would then count words in floating point, and take half as long again.
 */
const CHUNK_WORDS = 32768;

/** Sums up by words of 16 bits, eight in a turn. */
export class PlainChecksummer implements Checksummer {
  readonly #words: Uint16Array;
  readonly #bytes: Uint8Array;

  /**
   * Sums up one memory.
   *
   * @param packets The memory.
   */
  constructor(packets: PacketBytes) {
    this.#words = packets.words;
    this.#bytes = packets.bytes;
  }

  /**
   * Sums up a range.
   *
   * @param at The first byte, at any alignment.
   * @param length How many bytes.
   * @returns The sum, 0 to 0xffff.
   */
  sum(at: number, length: number): number {
    if (length <= 0) return 0;
    const end = at + length;
    const bytes = this.#bytes;
    if ((at & 1) === 0) {
      const evenEnd = end & ~1;
      let sum = this.#sumWords(at >> 1, evenEnd >> 1);
      // The machine is little-endian, and so the last byte alone is a low one to it: RFC 1071
      // section 2 (B) proves that one swap at the end makes up for all of them.
      if (evenEnd !== end) sum = fold(sum + bytes[evenEnd]);
      return (sum & 0xff) << 8 | sum >> 8;
    }
    // Words that start at the next byte have their halves swapped already.
    const evenEnd = end & ~1;
    const sum = this.#sumWords((at + 1) >> 1, evenEnd >> 1) + (bytes[at] << 8);
    return fold(evenEnd === end ? sum : sum + bytes[evenEnd]);
  }

  #sumWords(from: number, to: number): number {
    let sum = 0;
    for (let start = from; start < to; start += CHUNK_WORDS) {
      sum = fold(sum + this.#sumChunk(start, Math.min(to, start + CHUNK_WORDS)));
    }
    return sum;
  }

  #sumChunk(from: number, to: number): number {
    const words = this.#words;
    let one = 0;
    let other = 0;
    let i = from;
    for (const last = to - 7; i < last; i += 8) {
      one = (one + words[i] + words[i + 1] + words[i + 2] + words[i + 3]) | 0;
      other = (other + words[i + 4] + words[i + 5] + words[i + 6] + words[i + 7]) | 0;
    }
    for (; i < to; i++) one = (one + words[i]) | 0;
    return fold((one & 0xffff) + (one >>> 16) + (other & 0xffff) + (other >>> 16));
  }
}

/**
 * Brings a sum back to 16 bits.
 *
 * @param sum Any number of 32 bits that is not negative.
 * @returns The same in ones' complement, 0 to 0xffff; 0 only for 0.
 */
export function fold(sum: number): number {
  const once = (sum & 0xffff) + (sum >>> 16);
  return (once & 0xffff) + (once >>> 16);
}

/** The checksum that belongs to a sum; any sum of up to 32 bits will do. */
export function complement(sum: number): number {
  return ~fold(sum) & 0xffff;
}

/**
 * Appends the sum of more bytes to that of the bytes before them.
 *
 * @param sum The sum of the bytes before.
 * @param length How many those are: behind an odd number the halves of words change places.
 * @param next The sum of the bytes that follow.
 * @returns The sum of all of them.
 */
export function append(sum: number, length: number, next: number): number {
  return fold(sum + ((length & 1) === 0 ? next : (next & 0xff) << 8 | next >> 8));
}

/**
 * The checksum after one word of 16 bits changed. RFC 1624 section 3, equation 3.
 *
 * @param checksum The checksum before.
 * @param before The word before.
 * @param after The word after.
 * @returns The checksum after.
 */
export function update16(checksum: number, before: number, after: number): number {
  return complement((~checksum & 0xffff) + (~before & 0xffff) + after);
}

/** The checksum after a word of 32 bits changed that starts at an even offset. RFC 1624. */
export function update32(checksum: number, before: number, after: number): number {
  const removed = (~before & 0xffff) + (~before >>> 16);
  return complement((~checksum & 0xffff) + removed + (after & 0xffff) + (after >>> 16));
}

/**
 * The sum of the pseudo header of IPv4.
 *
 * @param source The source address.
 * @param destination The destination address.
 * @param protocol The protocol number.
 * @param length The bytes of transport header and payload, up to 65535.
 * @returns A sum.
 */
export function pseudoIpv4(
  source: Ipv4Address,
  destination: Ipv4Address,
  protocol: number,
  length: number,
): number {
  return fold(
    (source >>> 16) + (source & 0xffff) + (destination >>> 16) + (destination & 0xffff) +
      protocol + length,
  );
}

/** The sum of the pseudo header of IPv6; the arguments are those of {@linkcode pseudoIpv4}. */
export function pseudoIpv6(
  source: Ipv6Address,
  destination: Ipv6Address,
  protocol: number,
  length: number,
): number {
  let sum = protocol + (length & 0xffff) + (length >>> 16);
  for (let i = 0; i < 4; i++) {
    sum += (source[i] >>> 16) + (source[i] & 0xffff);
    sum += (destination[i] >>> 16) + (destination[i] & 0xffff);
  }
  return fold(sum);
}

/** Where an IPv4 header has its addresses, source before destination. */
const IPV4_ADDRESSES = 12;
/** Where an IPv6 header has its addresses, source before destination. */
const IPV6_ADDRESSES = 8;

/**
 * The sum of the pseudo header that an IPv4 header in memory makes.
 *
 * @param packets The memory.
 * @param ipAt The offset of the IPv4 header.
 * @param protocol The protocol number.
 * @param length The bytes of transport header and payload.
 * @returns A sum.
 */
export function pseudoIpv4At(
  packets: PacketBytes,
  ipAt: number,
  protocol: number,
  length: number,
): number {
  const { view } = packets;
  const at = ipAt + IPV4_ADDRESSES;
  return fold(
    view.getUint16(at) + view.getUint16(at + 2) + view.getUint16(at + 4) + view.getUint16(at + 6) +
      protocol + length,
  );
}

/** The sum of the pseudo header that an IPv6 header makes; see {@linkcode pseudoIpv4At}. */
export function pseudoIpv6At(
  packets: PacketBytes,
  ipAt: number,
  protocol: number,
  length: number,
): number {
  const { view } = packets;
  let sum = protocol + (length & 0xffff) + (length >>> 16);
  const end = ipAt + IPV6_ADDRESSES + 32;
  for (let at = ipAt + IPV6_ADDRESSES; at < end; at += 4) {
    sum += view.getUint16(at) + view.getUint16(at + 2);
  }
  return fold(sum);
}
