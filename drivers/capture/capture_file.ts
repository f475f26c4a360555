/**
 * Captures that go to a file, or to a pipe from which Wireshark reads them while they are made.
 *
 * @module
 */

import type { CaptureSink } from "../../stack/capture/mod.ts";

/** Bytes that are written at a time. */
const BUFFER_BYTES = 1 << 16;

/** Whether a path is that of a named pipe. */
export function isPipe(path: string): boolean {
  try {
    return Deno.statSync(path).isFifo === true;
  } catch {
    // It is made when it is opened.
    return false;
  }
}

/**
 * Writes a capture to a file or a named pipe. Permission: `--allow-write` for it.
 *
 * Blocks are gathered until the event loop comes round; a reader of a pipe thus sees what happened
 * up to then. A reader that is slow makes the program wait, which virtual time does not notice; one
 * that has gone away ends the capture, not the program.
 */
export class CaptureFile implements CaptureSink, Disposable {
  /** Whether the reader of the pipe has gone away. */
  isBroken = false;
  readonly #file: Deno.FsFile;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  #length = 0;
  #isScheduled = false;
  #isClosed = false;

  private constructor(file: Deno.FsFile) {
    this.#file = file;
  }

  /**
   * Opens a file or a named pipe; of a pipe it waits for the reader.
   *
   * @param path Where it is; a file is made, or overwritten.
   */
  static async open(path: string): Promise<CaptureFile> {
    if (!isPipe(path)) return CaptureFile.openFile(path);
    return new CaptureFile(await Deno.open(path, { write: true }));
  }

  /**
   * Opens a file, which is no pipe.
   *
   * @param path Where it is; it is made, or overwritten.
   */
  static openFile(path: string): CaptureFile {
    return new CaptureFile(Deno.openSync(path, { write: true, create: true, truncate: true }));
  }

  /** {@inheritDoc CaptureSink.write} */
  write(bytes: Uint8Array): void {
    if (this.#isClosed) return;
    if (this.#length + bytes.length > BUFFER_BYTES) this.flush();
    if (bytes.length > BUFFER_BYTES) return this.#put(bytes);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.flush();
    });
  }

  /** Writes what was gathered. */
  flush(): void {
    const length = this.#length;
    this.#length = 0;
    if (length > 0 && !this.#isClosed) this.#put(this.#buffer.subarray(0, length));
  }

  /** Writes what was gathered, and closes the file. */
  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.flush();
    this.#isClosed = true;
    this.#file.close();
  }

  #put(bytes: Uint8Array): void {
    if (this.isBroken) return;
    try {
      for (let at = 0; at < bytes.length;) at += this.#file.writeSync(bytes.subarray(at));
    } catch (error) {
      if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
      this.isBroken = true;
    }
  }
}
