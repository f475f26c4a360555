/**
 * The Toeplitz hash, by which network cards spread flows over queues: receive-side scaling.
 *
 * Bit by bit, each bit of the input that is set adds 32 bits of the key, from that bit on. Here the
 * input is taken by bytes, each of which has a table of its 256 sums.
 *
 * Source: Microsoft, "RSS Hashing Types" and "Verifying the RSS Hash Calculation".
 *
 * @module
 */

import type { RandomSource } from "../random.ts";

/** Bytes of the longest input: two addresses of IPv6 and two ports. */
const MAXIMUM_INPUT_BYTES = 36;
/** Bytes of a key for that: the input's, and four more. */
export const KEY_BYTES = 40;
/** Words of the longest input. */
export const MAXIMUM_INPUT_WORDS = 9;

const BYTE_VALUES = 256;

/** The key that Microsoft verifies implementations with. Whoever knows the key can choose flows. */
export const VERIFICATION_KEY: Uint8Array = Uint8Array.of(
  ...[0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67],
  ...[0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb],
  ...[0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30],
  ...[0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa],
);

/** A Toeplitz hash with a key. */
export class ToeplitzHash {
  readonly #sums = new Int32Array(MAXIMUM_INPUT_BYTES * BYTE_VALUES);

  /**
   * Makes a hash.
   *
   * @param key {@linkcode KEY_BYTES} bytes
   * @throws {RangeError} when it has another length
   */
  constructor(key: Uint8Array) {
    if (key.length !== KEY_BYTES) {
      throw new RangeError(`a key has ${KEY_BYTES} bytes, not ${key.length}`);
    }
    for (let byte = 0; byte < MAXIMUM_INPUT_BYTES; byte++) this.#fill(key, byte);
  }

  /** Makes a hash with a key that is drawn. */
  static random(random: RandomSource): ToeplitzHash {
    return new ToeplitzHash(Uint8Array.from({ length: KEY_BYTES }, () => random.uint32() >>> 24));
  }

  /** The sums of one byte of the input: each is that of its lowest bit, and of the rest. */
  #fill(key: Uint8Array, byte: number): void {
    const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
    const high = view.getInt32(byte);
    const next = key[byte + 4];
    const base = byte * BYTE_VALUES;
    for (let bit = 0; bit < 8; bit++) {
      // The bit that comes first is the highest one of the byte.
      const window = bit === 0 ? high : high << bit | next >> 8 - bit;
      const value = 0x80 >> bit;
      this.#sums[base + value] = window;
    }
    for (let value = 1; value < BYTE_VALUES; value++) {
      const lowest = value & -value;
      this.#sums[base + value] = this.#sums[base + lowest] ^ this.#sums[base + value - lowest];
    }
  }

  /**
   * Hashes words, in network order.
   *
   * @param words where they are
   * @param count how many, up to {@linkcode MAXIMUM_INPUT_WORDS}
   * @returns 32 bits, as a signed integer
   */
  hash(words: Int32Array, count: number): number {
    const sums = this.#sums;
    let sum = 0;
    for (let at = 0; at < count; at++) {
      const word = words[at];
      const base = at << 10;
      sum ^= sums[base + (word >>> 24)] ^ sums[base + 256 + (word >>> 16 & 255)] ^
        sums[base + 512 + (word >>> 8 & 255)] ^ sums[base + 768 + (word & 255)];
    }
    return sum;
  }
}
