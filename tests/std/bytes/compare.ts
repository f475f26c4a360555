function equalsAt(source: Uint8Array, start: number, part: Uint8Array): boolean {
  for (let i = 0; i < part.length; i++) if (source[start + i] !== part[i]) return false;
  return true;
}

/**
 * @param a Bytes.
 * @param b Other bytes.
 * @returns Whether they are the same.
 */
export function equals(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && equalsAt(a, 0, b);
}

/**
 * @param source Bytes.
 * @param prefix What they may start with.
 * @returns Whether they do.
 */
export function startsWith(source: Uint8Array, prefix: Uint8Array): boolean {
  return prefix.length <= source.length && equalsAt(source, 0, prefix);
}

/**
 * @param source Bytes.
 * @param suffix What they may end with.
 * @returns Whether they do.
 */
export function endsWith(source: Uint8Array, suffix: Uint8Array): boolean {
  return suffix.length <= source.length && equalsAt(source, source.length - suffix.length, suffix);
}

/**
 * Finds bytes among others.
 *
 * @param source Where to look.
 * @param needle What to look for, at least one byte.
 * @param start Where to begin, from the end if negative.
 * @returns The index of the first occurrence, or -1.
 */
export function indexOfNeedle(source: Uint8Array, needle: Uint8Array, start: number = 0): number {
  if (needle.length === 0) return -1;
  const last = source.length - needle.length;
  for (let i = start < 0 ? Math.max(0, source.length + start) : start; i <= last; i++) {
    if (equalsAt(source, i, needle)) return i;
  }
  return -1;
}
