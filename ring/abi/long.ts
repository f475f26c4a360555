/**
 * 64-bit numbers in two words of memory, the lower one first.
 *
 * @module
 */

const HIGH = 4294967296;

/** Writes an address, a length or an offset at the index of a word. */
export function setLong(words: Int32Array<ArrayBufferLike>, at: number, value: number): void {
  words[at] = value | 0;
  words[at + 1] = Math.floor(value / HIGH);
}

/** Writes one at a byte offset that is a multiple of 4. */
export function putLong(words: Int32Array<ArrayBufferLike>, offset: number, value: number): void {
  setLong(words, offset >> 2, value);
}

/** Reads one at the index of a word. */
export function getLong(words: Int32Array<ArrayBufferLike>, at: number): number {
  return longOf(words[at], words[at + 1]);
}

/** The number of two words. */
export function longOf(low: number, high: number): number {
  // Small ones stay small integers, which V8 has no need to allocate.
  return high === 0 && low >= 0 ? low : high * HIGH + (low >>> 0);
}
