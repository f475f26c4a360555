/**
 * Joins byte arrays.
 *
 * @param buffers The parts.
 * @returns A new array with the bytes of all of them, in order.
 */
export function concat(buffers: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(buffers.reduce((sum, buffer) => sum + buffer.length, 0));
  let offset = 0;
  for (const buffer of buffers) {
    joined.set(buffer, offset);
    offset += buffer.length;
  }
  return joined;
}

/**
 * Copies as many bytes as fit.
 *
 * @param src Where they come from.
 * @param dst Where they go.
 * @param offset Where in `dst` the first one goes.
 * @returns How many bytes were copied.
 */
export function copy(src: Uint8Array, dst: Uint8Array, offset: number = 0): number {
  const start = Math.max(0, Math.min(offset, dst.length));
  const part = src.subarray(0, dst.length - start);
  dst.set(part, start);
  return part.length;
}
