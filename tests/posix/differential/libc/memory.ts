/**
 * Memory for the arguments of one call: everything a call is told to read or write lies here, so
 * that no wrong length can reach the memory of anything else.
 *
 * @module
 */

const CHUNK_BYTES = 1 << 20;

/** No pointer. */
export const NULL = 0n;

/** An address that no process has mapped: the kernel answers EFAULT where it touches it. */
export const FAULTING = 8n;

/** Room that a call writes into. */
export interface Room {
  /** Its address. */
  readonly address: bigint;
  /** Its bytes. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The same as numbers. */
  readonly view: DataView<ArrayBuffer>;
}

class Chunk {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly address: bigint;
  used = 0;

  constructor(size: number) {
    this.bytes = new Uint8Array(new ArrayBuffer(size));
    this.address = BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(this.bytes)));
  }
}

/** Hands out memory until {@linkcode Memory.reset}. */
export class Memory {
  readonly #main = new Chunk(CHUNK_BYTES);
  /** Chunks for what is too large; they live until the next reset. */
  #large: Chunk[] = [];

  /** Takes everything back: called before each call. */
  reset(): void {
    this.#main.used = 0;
    this.#large = [];
  }

  /** Zeroed room, aligned to 16 bytes. */
  room(size: number): Room {
    const padded = (size + 31) & ~15;
    let chunk = this.#main;
    if (chunk.used + padded > CHUNK_BYTES) this.#large.push(chunk = new Chunk(padded));
    const start = chunk.used;
    chunk.used += padded;
    const bytes = chunk.bytes.subarray(start, start + size);
    bytes.fill(0);
    return {
      address: chunk.address + BigInt(start),
      bytes,
      view: new DataView(bytes.buffer, bytes.byteOffset, size),
    };
  }

  /** A copy of bytes. @returns its address */
  put(bytes: Uint8Array): bigint {
    const room = this.room(bytes.length);
    room.bytes.set(bytes);
    return room.address;
  }

  /** A string of C. @returns its address, NULL for null */
  text(text: string | null): bigint {
    return text === null ? NULL : this.put(new TextEncoder().encode(text + "\0"));
  }

  /** An int. */
  int(value: number): Room {
    const room = this.room(4);
    room.view.setInt32(0, value, true);
    return room;
  }
}
