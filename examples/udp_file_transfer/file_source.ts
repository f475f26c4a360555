/**
 * A file that is read ahead into the send window, as datagrams whose headers are still to be
 * written.
 *
 * @module
 */

import { createHash } from "node:crypto";
import {
  BLOCK_BYTES,
  blocksOf,
  bytesOfBlock,
  DATA_HEADER_BYTES,
  TransferError,
  WINDOW_BLOCKS,
} from "./protocol.ts";

const DATAGRAM_BYTES = DATA_HEADER_BYTES + BLOCK_BYTES;
/** Blocks that are read at a time. */
const READ_BLOCKS = 256;

/**
 * The blocks of a file, as many at a time as the window has.
 *
 * A block that has arrived may still wait to leave once more when the next one takes its memory.
 * What leaves then is neither of both, and its checksum says so.
 */
export class FileSource {
  /** Blocks of the file. */
  readonly blocks: number;
  /** Bytes of the file. */
  readonly size: number;
  /** Blocks that were read so far. */
  loaded = 0;
  readonly #file: Deno.FsFile;
  readonly #memory: Uint8Array<ArrayBuffer>;
  readonly #datagrams: Uint8Array<ArrayBuffer>[] = [];
  readonly #chunk: Uint8Array<ArrayBuffer>;
  readonly #hash = createHash("sha256");
  #digest: Uint8Array | null = null;

  /** @param size Bytes that it had when it was offered. */
  constructor(file: Deno.FsFile, size: number) {
    this.#file = file;
    this.size = size;
    this.blocks = blocksOf(size);
    const places = Math.min(this.blocks, WINDOW_BLOCKS);
    this.#memory = new Uint8Array(places * DATAGRAM_BYTES);
    for (let place = 0; place < places; place++) {
      const from = place * DATAGRAM_BYTES;
      this.#datagrams.push(this.#memory.subarray(from, from + DATAGRAM_BYTES));
    }
    this.#chunk = new Uint8Array(Math.min(places, READ_BLOCKS) * BLOCK_BYTES);
  }

  /** SHA-256 of all of it; there is one once everything was read. */
  get digest(): Uint8Array {
    return this.#digest ??= this.#hash.digest();
  }

  /** The datagram of a block that was read and is in the window. */
  datagram(block: number): Uint8Array<ArrayBuffer> {
    const whole = this.#datagrams[block % WINDOW_BLOCKS];
    const bytes = bytesOfBlock(block, this.size);
    return bytes === BLOCK_BYTES ? whole : whole.subarray(0, DATA_HEADER_BYTES + bytes);
  }

  /**
   * Reads the next blocks.
   *
   * @param end Behind the last block that there is room for.
   * @throws {TransferError} When the file cannot be read, or has become shorter.
   */
  async load(end: number): Promise<void> {
    const blocks = Math.min(end, this.blocks, this.loaded + READ_BLOCKS) - this.loaded;
    const from = this.loaded * BLOCK_BYTES;
    const chunk = this.#chunk.subarray(0, Math.min(blocks * BLOCK_BYTES, this.size - from));
    for (let filled = 0; filled < chunk.length;) {
      const count = await this.#read(chunk.subarray(filled));
      if (count === null) {
        const text = `the file ended after ${from + filled} of ${this.size} bytes`;
        throw new TransferError("file", text);
      }
      filled += count;
    }
    this.#hash.update(chunk);
    for (let at = 0; at < chunk.length; at += BLOCK_BYTES) {
      const whole = this.#datagrams[this.loaded++ % WINDOW_BLOCKS];
      whole.set(chunk.subarray(at, Math.min(at + BLOCK_BYTES, chunk.length)), DATA_HEADER_BYTES);
    }
  }

  async #read(into: Uint8Array<ArrayBuffer>): Promise<number | null> {
    try {
      return await this.#file.read(into);
    } catch (error) {
      throw new TransferError(
        "file",
        `the file cannot be read: ${(error as Error).message}`,
        error,
      );
    }
  }
}
