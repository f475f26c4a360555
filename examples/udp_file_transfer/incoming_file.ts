/**
 * One file on its way in: blocks in any order, written to disk in theirs.
 *
 * ```text
 *   0 ......... written ......... next ......... highest ......... edge
 *      on disk             whole           with gaps        no room beyond
 * ```
 *
 * It is written under a name of its own, and gets the name that the sender gave it when its hash is
 * right and nothing else has that name.
 *
 * @module
 */

import { createHash } from "node:crypto";
import {
  type Acknowledgement,
  BLOCK_BYTES,
  blocksOf,
  bytesOfBlock,
  hex,
  isSameHash,
  type Offer,
  TransferError,
  WINDOW_BLOCKS,
} from "./protocol.ts";

/** Bytes that are written at a time. */
const WRITE_BYTES_MOST = 1024 * 1024;

/** A file that is being received. */
export class IncomingFile {
  /** What it will be called. */
  readonly path: string;
  readonly size: number;
  /** All blocks below it have arrived. */
  next = 0;
  /** Blocks that brought nothing new. */
  duplicates = 0;
  readonly #partPath: string;
  readonly #file: Deno.FsFile;
  readonly #blocks: number;
  /** The bytes of each block of the window, side by side. */
  readonly #memory: Uint8Array<ArrayBuffer>;
  readonly #places: number;
  readonly #hasArrived: Uint8Array;
  readonly #hash = createHash("sha256");
  #highest = 0;
  #reached = 0;
  /** Blocks that are on disk. */
  #written = 0;
  #writing: Promise<void> | null = null;
  #isClosed = false;

  private constructor(path: string, partPath: string, file: Deno.FsFile, size: number) {
    this.path = path;
    this.size = size;
    this.#partPath = partPath;
    this.#file = file;
    this.#blocks = blocksOf(size);
    this.#places = Math.min(this.#blocks, WINDOW_BLOCKS);
    this.#memory = new Uint8Array(this.#places * BLOCK_BYTES);
    this.#hasArrived = new Uint8Array(this.#places);
  }

  /**
   * Makes the file in which the bytes gather.
   *
   * @param folder Where; nothing outside of it is touched.
   * @throws {TransferError} When the name is no file's name, or is taken, or no file can be made.
   */
  static async create(folder: string, { key, size, name }: Offer): Promise<IncomingFile> {
    const path = `${folder}/${baseName(name)}`;
    if (await exists(path)) throw new TransferError("file", "there is a file of that name");
    // Nobody can have prepared a file, or a link, of a name that is not known beforehand.
    const own = crypto.getRandomValues(new Uint8Array(8));
    const partPath = `${folder}/.${hex(own)}${hex(key)}.part`;
    try {
      const file = await Deno.open(partPath, { write: true, createNew: true });
      return new IncomingFile(path, partPath, file, size);
    } catch (error) {
      throw new TransferError("file", "no file can be made there", error);
    }
  }

  /** Whether all blocks have arrived. */
  get isComplete(): boolean {
    return this.next === this.#blocks;
  }

  /** Blocks below it may be sent. */
  get edge(): number {
    return Math.min(this.#blocks, this.#written + WINDOW_BLOCKS);
  }

  /**
   * Takes a block.
   *
   * @param data What follows the header; it is copied.
   */
  take(block: number, transmission: number, data: Uint8Array): void {
    const isPossible = block < this.edge && data.length === bytesOfBlock(block, this.size);
    if (!isPossible) return;
    this.#reached = Math.max(this.#reached, transmission + 1);
    const place = block % this.#places;
    if (block < this.next || this.#hasArrived[place] === 1) {
      this.duplicates++;
      return;
    }
    this.#memory.set(data, place * BLOCK_BYTES);
    this.#hasArrived[place] = 1;
    this.#highest = Math.max(this.#highest, block + 1);
    while (this.next < this.#highest && this.#hasArrived[this.next % this.#places] === 1) {
      this.next++;
    }
  }

  /** What the sender is told. */
  acknowledgement(): Acknowledgement {
    const { next, edge, duplicates } = this;
    const bitmap = new Uint8Array(Math.ceil((this.#highest - next) / 8));
    for (let block = next; block < this.#highest; block++) {
      const bit = block - next;
      bitmap[bit >> 3] |= this.#hasArrived[block % this.#places] << (bit & 7);
    }
    return { next, edge, reached: this.#reached, duplicates, bitmap };
  }

  /**
   * Writes what is whole to disk, one write at a time.
   *
   * @returns When nothing is left to be written.
   * @throws {TransferError} When the disk is full, say.
   */
  flush(): Promise<void> {
    if (this.#written === this.next) return Promise.resolve();
    this.#writing ??= this.#write();
    return this.#writing;
  }

  async #write(): Promise<void> {
    try {
      while (this.#written < this.next && !this.#isClosed) await this.#writeSome();
    } catch (error) {
      throw new TransferError("file", `it cannot be written: ${(error as Error).message}`, error);
    } finally {
      this.#writing = null;
    }
  }

  async #writeSome(): Promise<void> {
    const place = this.#written % this.#places;
    const most = Math.floor(WRITE_BYTES_MOST / BLOCK_BYTES);
    const count = Math.min(this.next - this.#written, this.#places - place, most);
    const last = this.#written + count - 1;
    const length = (count - 1) * BLOCK_BYTES + bytesOfBlock(last, this.size);
    const bytes = this.#memory.subarray(place * BLOCK_BYTES, place * BLOCK_BYTES + length);
    this.#hash.update(bytes);
    for (let done = 0; done < length;) done += await this.#file.write(bytes.subarray(done));
    this.#hasArrived.fill(0, place, place + count);
    this.#written += count;
  }

  /**
   * Compares the hash, and gives the file its name.
   *
   * @returns The hash.
   * @throws {TransferError} When it is not the sender's, or the name was taken meanwhile.
   */
  async finish(expected: Uint8Array): Promise<Uint8Array> {
    await this.flush();
    const hash = new Uint8Array(this.#hash.digest());
    this.#close();
    if (!isSameHash(hash, expected)) {
      await this.#remove();
      throw new TransferError("damaged", "what arrived has another hash");
    }
    try {
      // Renaming would replace whatever has the name: making it proves that nothing had.
      (await Deno.open(this.path, { write: true, createNew: true })).close();
      await Deno.rename(this.#partPath, this.path);
    } catch (error) {
      await this.#remove();
      const isTaken = error instanceof Deno.errors.AlreadyExists;
      const why = isTaken ? "there is a file of that name" : "it cannot be given its name";
      throw new TransferError("file", why, error);
    }
    return hash;
  }

  /** Gives up: nothing is left of it. */
  async discard(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#writing?.catch(() => {});
    this.#file.close();
    await this.#remove();
  }

  #close(): void {
    this.#isClosed = true;
    this.#file.close();
  }

  async #remove(): Promise<void> {
    await Deno.remove(this.#partPath).catch(() => {});
  }
}

/**
 * The last part of a path, whatever system wrote it.
 *
 * @throws {TransferError} When that is no name of a file.
 */
export function baseName(path: string): string {
  const name = path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
  // Neither the folders themselves, nor hidden files, nor what plays with a terminal.
  const isGood = name !== "" && !name.startsWith(".") &&
    !/[\p{Cc}\p{Cf}\u2028\u2029:]/u.test(name) && name.trim() === name;
  if (!isGood) throw new TransferError("file", "that is no name for a file");
  return name;
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw new TransferError("file", "the folder cannot be read", error);
  }
}
