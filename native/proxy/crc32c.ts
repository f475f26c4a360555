/**
 * CRC32c, the checksum of PROXY protocol headers. Source: RFC 4960, appendix B.
 *
 * @module
 */

/** The Castagnoli polynomial, its bits reversed. */
const POLYNOMIAL = 0x82f63b78;
const BYTES = 256;

let table: Int32Array | null = null;

function makeTable(): Int32Array {
  const made = new Int32Array(BYTES);
  for (let byte = 0; byte < BYTES; byte++) {
    let remainder = byte;
    for (let bit = 0; bit < 8; bit++) {
      remainder = (remainder & 1) !== 0 ? (remainder >>> 1) ^ POLYNOMIAL : remainder >>> 1;
    }
    made[byte] = remainder;
  }
  return made;
}

/**
 * Checksums `bytes[0, length)`.
 *
 * @param hole where four bytes lie that count as zeros, such as those of the checksum itself; -1
 * for none
 * @returns 0 to 2^32 - 1
 */
export function crc32c(bytes: Uint8Array, length: number = bytes.length, hole = -1): number {
  table ??= makeTable();
  let remainder = -1;
  for (let index = 0; index < length; index++) {
    const isHole = hole >= 0 && index >= hole && index < hole + 4;
    const byte = isHole ? 0 : bytes[index];
    remainder = (remainder >>> 8) ^ table[(remainder ^ byte) & 0xff];
  }
  return ~remainder >>> 0;
}
