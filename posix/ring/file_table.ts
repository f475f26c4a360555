/**
 * Handles: small numbers, each of which names an open file. Several may name the same.
 *
 * @module
 */

import type { OpenFile } from "./open_file.ts";
import { Errno } from "../../ring/abi/errno.ts";

/** Handles of one engine, at most. */
export const HANDLES_MAX = 16384;

/** The table of handles. */
export class FileTable {
  readonly #files: (OpenFile | undefined)[] = [];
  readonly #free: number[] = [];

  /** The file that a handle names. */
  get(handle: number): OpenFile | undefined {
    return this.#files[handle];
  }

  /** Whether another handle could not be had. */
  get isFull(): boolean {
    return this.#free.length === 0 && this.#files.length >= HANDLES_MAX;
  }

  /** Names a file, whose reference is the handle's now. @returns the handle, or `-EMFILE` */
  add(file: OpenFile): number {
    if (this.isFull) return -Errno.EMFILE;
    const handle = this.#free.pop() ?? this.#files.length;
    this.#files[handle] = file;
    return handle;
  }

  /** Frees a handle. @returns the file that it named, whose reference is the caller's to drop */
  remove(handle: number): OpenFile | undefined {
    const file = this.#files[handle];
    if (file === undefined) return undefined;
    this.#files[handle] = undefined;
    this.#free.push(handle);
    return file;
  }
}
