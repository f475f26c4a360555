/**
 * What IGMPv3 (RFC 3376) and MLDv2 (RFC 3810) have in common: the kinds of records in a report, and
 * times written as small floating-point numbers.
 *
 * @module
 */

/** What a record of a report says of a group. RFC 3376 section 4.2.12, RFC 3810 section 5.2.12. */
export const RecordType = {
  /** The filter is: only these sources. */
  MODE_IS_INCLUDE: 1,
  /** The filter is: all but these sources. */
  MODE_IS_EXCLUDE: 2,
  CHANGE_TO_INCLUDE: 3,
  CHANGE_TO_EXCLUDE: 4,
  ALLOW_NEW_SOURCES: 5,
  BLOCK_OLD_SOURCES: 6,
} as const;

/** A record of a report. */
export interface GroupRecord<Address> {
  /** One of {@linkcode RecordType}; receivers ignore records of other types. */
  readonly type: number;
  /** The group that it is about. */
  readonly group: Address;
  /** The sources that it names. */
  readonly sources: readonly Address[];
  /** What no version so far has, a multiple of 4 bytes. */
  readonly auxiliary: Uint8Array;
}

/** The most records of a report that are looked at. */
export const MAX_RECORDS = 1024;

/**
 * Reads a number of 8 bits: itself below 128, else four bits of mantissa and three of exponent.
 *
 * @param byte The byte.
 * @returns What it means, 0 to 31744.
 */
export function readFloat8(byte: number): number {
  return byte < 0x80 ? byte : (byte & 0xf | 0x10) << (byte >> 4 & 7) + 3;
}

/** The byte of the largest number that {@linkcode readFloat8} knows and is not above `value`. */
export function writeFloat8(value: number): number {
  if (value < 0x80) return Math.max(0, Math.floor(value));
  const capped = Math.min(value, readFloat8(0xff));
  const exponent = 31 - Math.clz32(capped) - 7;
  return 0x80 | exponent << 4 | capped >> exponent + 3 & 0xf;
}

/**
 * Reads a number of 16 bits: itself below 32768, else 12 bits of mantissa and three of exponent.
 *
 * @param word The word.
 * @returns What it means, 0 to 8387584.
 */
export function readFloat16(word: number): number {
  return word < 0x8000 ? word : (word & 0xfff | 0x1000) << (word >> 12 & 7) + 3;
}

/** The word of the largest number that {@linkcode readFloat16} knows and is not above `value`. */
export function writeFloat16(value: number): number {
  if (value < 0x8000) return Math.max(0, Math.floor(value));
  const capped = Math.min(value, readFloat16(0xffff));
  const exponent = 31 - Math.clz32(capped) - 15;
  return 0x8000 | exponent << 12 | capped >> exponent + 3 & 0xfff;
}
