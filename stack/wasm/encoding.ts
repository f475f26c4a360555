/**
 * How WebAssembly writes numbers, names and lists.
 *
 * Source: WebAssembly Core Specification 2.0, 5.1.3 "Vectors" to 5.2.4 "Names".
 *
 * @module
 */

/** Bits of a number in each byte; the highest one says that more follow. */
const GROUP = 128;
const SIGN = 64;

/**
 * Writes an unsigned number in LEB128.
 *
 * @param value an integer from 0 to 2^53 - 1
 * @returns its bytes
 */
export function unsigned(value: number): number[] {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(`${value} is not an integer from 0 to 2^53 - 1`);
  }
  const bytes: number[] = [];
  let rest = value;
  while (rest >= GROUP) {
    bytes.push((rest % GROUP) + GROUP);
    rest = Math.floor(rest / GROUP);
  }
  bytes.push(rest);
  return bytes;
}

/**
 * Writes a signed number in LEB128.
 *
 * @param value an integer whose magnitude is at most 2^53 - 1
 * @returns its bytes
 */
export function signed(value: number): number[] {
  if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is not a safe integer`);
  const bytes: number[] = [];
  let rest = value;
  while (rest < -SIGN || rest >= SIGN) {
    const low = ((rest % GROUP) + GROUP) % GROUP;
    bytes.push(low + GROUP);
    rest = (rest - low) / GROUP;
  }
  bytes.push(rest < 0 ? rest + GROUP : rest);
  return bytes;
}

/** Writes a list: how many items there are, then each of them. */
export function list(items: readonly (readonly number[])[]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

/** Writes a name: how many bytes it has in UTF-8, then the bytes. */
export function name(text: string): number[] {
  const bytes = new TextEncoder().encode(text);
  return [...unsigned(bytes.length), ...bytes];
}

/** Writes something behind its length in bytes. */
export function sized(bytes: readonly number[]): number[] {
  return [...unsigned(bytes.length), ...bytes];
}
