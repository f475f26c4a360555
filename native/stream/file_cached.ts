/**
 * Files that the page cache has: `sendfile(2)` within the turn, a piece at a time, with neither a
 * copy nor another thread. The socket must not block meanwhile.
 *
 * @module
 */

import type { FileCarrier, FileProgress } from "./file_progress.ts";
import type { CompletionTarget } from "../../ring/slots.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { W_FILE_INDEX, W_LENGTH, W_OFFSET, W_OPERATION_FLAGS } from "../../ring/abi/layout.ts";
import { DriverOp, Op, Poll } from "../../ring/abi/opcodes.ts";

/** Bytes that files send in one turn, all together: what else waits for the turn waits for them. */
const TURN_BYTES = 1024 * 1024;
/** But no file fewer than these: the more of them there are, the longer a turn takes. */
const PIECE_BYTES_LEAST = 64 * 1024;
const TAG_SEND = 0;
const TAG_POLL = 1;
const NONE = -1;

/** Sends one file into one stream, as far as it is in memory. */
export class CachedFile implements FileCarrier, CompletionTarget {
  /** Whether the next bytes have to be read first: by others. */
  isCold = false;
  /** What it sends waits nowhere. */
  readonly isEmpty = true;
  readonly #progress: FileProgress;
  /** Whether the socket had no room. */
  #isFull = false;
  #slot = NONE;
  #wake: (() => void) | null = null;

  constructor(progress: FileProgress) {
    this.#progress = progress;
    progress.network.filesUnderWay++;
  }

  /** Whether the backend can. */
  static isSupported({ network }: FileProgress): boolean {
    return network.reactor.driver.supported[DriverOp.SENDFILE] === 1;
  }

  /** {@inheritDoc FileCarrier.step} */
  step(): Promise<void> {
    if (!this.#submit()) return Promise.resolve();
    return new Promise((resolve) => this.#wake = resolve);
  }

  /** {@inheritDoc FileCarrier.cancel} */
  cancel(): void {
    if (this.#slot >= 0) this.#progress.network.reactor.cancel(this.#slot);
  }

  /** {@inheritDoc FileCarrier.close} */
  close(): Promise<void> {
    this.#progress.network.filesUnderWay--;
    return Promise.resolve();
  }

  /** {@inheritDoc CompletionTarget.onCompletion} */
  onCompletion(tag: number, result: number): void {
    const progress = this.#progress;
    this.#slot = NONE;
    if (tag === TAG_POLL) {
      this.#isFull = false;
      progress.failed(result);
    } else if (result === -Errno.EAGAIN) {
      this.#isFull = true;
    } else if (result === -Errno.ENODATA) {
      this.isCold = true;
    } else if (result >= 0) {
      progress.read(result);
      if (result > 0) progress.moved(result);
    } else {
      progress.failed(result);
    }
    this.#wake?.();
  }

  #submit(): boolean {
    const progress = this.#progress;
    const { network, socket } = progress;
    const { reactor } = network;
    const tag = this.#isFull ? TAG_POLL : TAG_SEND;
    this.#slot = reactor.slots.takeBare(this, tag);
    if (this.#slot < 0) {
      progress.failure = network.inFlightExceeded("sendFile");
      return false;
    }
    if (tag === TAG_POLL) {
      const at = reactor.entry(Op.POLL_ADD, socket.descriptor, this.#slot);
      reactor.entries[at + W_OPERATION_FLAGS] = Poll.OUT;
      return true;
    }
    const share = Math.max(PIECE_BYTES_LEAST, Math.floor(TURN_BYTES / network.filesUnderWay));
    const at = reactor.entry(DriverOp.SENDFILE, socket.descriptor, this.#slot);
    reactor.entries[at + W_FILE_INDEX] = progress.fd;
    reactor.entries[at + W_LENGTH] = Math.min(progress.left, share);
    reactor.setLong(at + W_OFFSET, progress.offset);
    return true;
  }
}
