/**
 * Bytes that grow as they are written, in the byte order of pcapng sections of ours: little endian.
 *
 * @module
 */

const INITIAL_BYTES = 4096;

/** Memory for one block at a time. */
export class ByteWriter {
  #bytes = new Uint8Array(INITIAL_BYTES);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  /** How many bytes were written. */
  get length(): number {
    return this.#length;
  }

  /** Starts over. */
  clear(): void {
    this.#length = 0;
  }

  /** What was written, until something else is. */
  written(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Writes a number of 16 bits. */
  uint16(value: number): void {
    const at = this.#extend(2);
    this.#view.setUint16(at, value, true);
  }

  /** Writes a number of 32 bits. */
  uint32(value: number): void {
    const at = this.#extend(4);
    this.#view.setUint32(at, value, true);
  }

  /** Writes bytes, and zeros up to a multiple of 4. */
  padded(bytes: Uint8Array): void {
    const length = bytes.length;
    const at = this.#extend((length + 3) & ~3);
    this.#bytes.set(bytes, at);
    this.#bytes.fill(0, at + length, this.#length);
  }

  /** Overwrites a number of 32 bits. */
  patch(at: number, value: number): void {
    this.#view.setUint32(at, value, true);
  }

  #extend(bytes: number): number {
    const at = this.#length;
    this.#length += bytes;
    if (this.#length > this.#bytes.length) this.#grow();
    return at;
  }

  #grow(): void {
    let capacity = this.#bytes.length;
    while (capacity < this.#length) capacity *= 2;
    const bytes = new Uint8Array(capacity);
    bytes.set(this.#bytes);
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}
