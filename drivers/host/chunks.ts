/**
 * Private memory between Deno and the ring. A read or write that Deno has begun cannot be taken
 * back, while an operation's own memory must be free at its completion, cancelled or not: so Deno
 * only ever sees these chunks.
 *
 * @module
 */

/** The smallest chunk, in bytes: what an idle connection with a receive armed holds. */
const SMALLEST_CHUNK_BYTES = 4096;
/** Sizes double from class to class. */
export const CHUNK_CLASSES = 5;
/** The largest chunk, in bytes. */
export const LARGEST_CHUNK_BYTES: number = SMALLEST_CHUNK_BYTES << (CHUNK_CLASSES - 1);

/** Bytes of unused chunks that are kept for the next one who needs some. */
const KEPT_BYTES = 4 << 20;

/** A piece of private memory. */
export class Chunk {
  /** Its size class: it has `SMALLEST_CHUNK_BYTES << sizeClass` bytes. */
  readonly sizeClass: number;
  /** All of it. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The same, as 32-bit words. */
  readonly words: Int32Array<ArrayBuffer>;
  #view: Uint8Array<ArrayBuffer>;

  /** @param sizeClass 0 to 4 */
  constructor(sizeClass: number) {
    this.sizeClass = sizeClass;
    this.bytes = new Uint8Array(SMALLEST_CHUNK_BYTES << sizeClass);
    this.words = new Int32Array(this.bytes.buffer);
    this.#view = this.bytes;
  }

  /** A view of a part; the last one is kept, because messages tend to be of one length. */
  view(start: number, end: number): Uint8Array<ArrayBuffer> {
    const view = this.#view;
    if (view.byteOffset === start && view.length === end - start) return view;
    return this.#view = this.bytes.subarray(start, end);
  }
}

/** Unused chunks by size class. */
export class ChunkPool {
  readonly #free: Chunk[][] = Array.from({ length: CHUNK_CLASSES }, () => []);
  #keptBytes = 0;

  /** Takes a chunk of a size class. */
  take(sizeClass: number): Chunk {
    const chunk = this.#free[sizeClass].pop();
    if (chunk === undefined) return new Chunk(sizeClass);
    this.#keptBytes -= chunk.bytes.length;
    return chunk;
  }

  /** Takes a chunk back. */
  give(chunk: Chunk): void {
    if (this.#keptBytes + chunk.bytes.length > KEPT_BYTES) return;
    this.#keptBytes += chunk.bytes.length;
    this.#free[chunk.sizeClass].push(chunk);
  }
}

/** The smallest size class that holds `bytes`, or the largest there is. */
export function sizeClassFor(bytes: number): number {
  let sizeClass = 0;
  while (sizeClass < CHUNK_CLASSES - 1 && SMALLEST_CHUNK_BYTES << sizeClass < bytes) sizeClass++;
  return sizeClass;
}
