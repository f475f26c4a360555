/**
 * Several buffers as one run of bytes.
 *
 * @module
 */

import type { Bytes } from "./open_file.ts";

/** A place in a vector, which moves on as bytes are taken or put. */
export class Cursor {
  /** Bytes from the place on. */
  left: number;
  readonly #iov: readonly Bytes[];
  #index = 0;
  #offset = 0;

  /** @param iov the buffers, in order */
  constructor(iov: readonly Bytes[]) {
    this.#iov = iov;
    this.left = bytesOf(iov);
  }

  /** Copies the next bytes to `into`. */
  take(into: Bytes, at: number, count: number): void {
    this.#walk(count, (buffer, from, bytes) => {
      into.set(buffer.subarray(from, from + bytes), at);
      at += bytes;
    });
  }

  /** Copies bytes of `from` to where the place is. */
  put(from: Bytes, at: number, count: number): void {
    this.#walk(count, (buffer, to, bytes) => {
      buffer.set(from.subarray(at, at + bytes), to);
      at += bytes;
    });
  }

  /** Passes bytes over. */
  skip(count: number): void {
    this.#walk(count, () => {});
  }

  #walk(count: number, visit: (buffer: Bytes, from: number, bytes: number) => void): void {
    this.left -= count;
    while (count > 0) {
      const buffer = this.#iov[this.#index];
      const bytes = Math.min(count, buffer.byteLength - this.#offset);
      if (bytes > 0) visit(buffer, this.#offset, bytes);
      count -= bytes;
      this.#offset += bytes;
      if (this.#offset < buffer.byteLength) continue;
      this.#index++;
      this.#offset = 0;
    }
  }
}

/** Bytes of a vector. */
export function bytesOf(iov: readonly Bytes[]): number {
  let bytes = 0;
  for (const buffer of iov) bytes += buffer.byteLength;
  return bytes;
}

/** Whether a vector has nothing to write: one empty buffer is a write(2) of nothing, which counts. */
export function isNothing(iov: readonly Bytes[]): boolean {
  return iov.length !== 1 && bytesOf(iov) === 0;
}

/** A message without a name and control data. */
export function plainMessage(iov: readonly Bytes[]): {
  name: null;
  iov: readonly Bytes[];
  control: null;
  controlLength: number;
  flags: number;
} {
  return { name: null, iov, control: null, controlLength: 0, flags: 0 };
}
