/**
 * CRC32C (Castagnoli), the checksum of every datagram: eight bytes a step, because a receiver that
 * is busy with one byte after the other receives nothing meanwhile.
 *
 * @module
 */

/** The polynomial, its bits reversed. Source: RFC 3720, appendix B.4. */
const POLYNOMIAL = 0x82f63b78;
/** What a table of 256 words takes. */
const TABLE = 256;
const TABLES = 8;

/** Table `n` continues the checksum of a byte over `n` zero bytes that follow it. */
const tables = makeTables();

function makeTables(): Int32Array {
  const made = new Int32Array(TABLES * TABLE);
  for (let byte = 0; byte < TABLE; byte++) {
    let remainder = byte;
    for (let bit = 0; bit < 8; bit++) {
      remainder = (remainder & 1) !== 0 ? (remainder >>> 1) ^ POLYNOMIAL : remainder >>> 1;
    }
    made[byte] = remainder;
  }
  for (let at = TABLE; at < made.length; at++) {
    const before = made[at - TABLE];
    made[at] = made[before & 0xff] ^ (before >>> 8);
  }
  return made;
}

/**
 * Checksums bytes as if those of one 32-bit field, the checksum itself, were zeros.
 *
 * @param bytes At least `field + 4` of them.
 * @param field Where the field begins.
 * @returns 0 to 2^32 - 1.
 */
export function crc32cExcept(bytes: Uint8Array, field: number): number {
  let remainder = update(-1, bytes, 0, field);
  for (let zero = 0; zero < 4; zero++) remainder = (remainder >>> 8) ^ tables[remainder & 0xff];
  return ~update(remainder, bytes, field + 4, bytes.length) >>> 0;
}

function update(begun: number, bytes: Uint8Array, from: number, to: number): number {
  let remainder = begun;
  let at = from;
  for (; at + 8 <= to; at += 8) {
    const low = remainder ^
      (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24));
    remainder = tables[7 * TABLE + (low & 0xff)] ^
      tables[6 * TABLE + ((low >>> 8) & 0xff)] ^
      tables[5 * TABLE + ((low >>> 16) & 0xff)] ^
      tables[4 * TABLE + (low >>> 24)] ^
      tables[3 * TABLE + bytes[at + 4]] ^
      tables[2 * TABLE + bytes[at + 5]] ^
      tables[TABLE + bytes[at + 6]] ^
      tables[bytes[at + 7]];
  }
  for (; at < to; at++) remainder = (remainder >>> 8) ^ tables[(remainder ^ bytes[at]) & 0xff];
  return remainder;
}
