/**
 * The bytes that tests send, which tell where they belong: a lost, doubled or moved one shows.
 *
 * @module
 */

/** Byte `index` of the sequence that tests send: long, and without short repetitions. */
export function sequenceByte(index: number): number {
  return (index ^ (index >>> 8) * 7 ^ (index >>> 16) * 13) & 0xff;
}

/** A piece of that sequence. */
export function sequence(start: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index++) bytes[index] = sequenceByte(start + index);
  return bytes;
}
