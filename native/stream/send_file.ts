/**
 * Files on their way into a stream: the first piece by a copy; what is larger, where the backend
 * can, by `sendfile(2)` as far as it is in memory, and by splicing where it has to be read.
 *
 * All were measured (bench/compare, row "file"): for files of some hundred kilobytes a copy is the
 * fastest. Splicing takes a third of its time beyond, but wakes the program with every piece;
 * `sendfile` wakes nobody, and would wait for the disk.
 *
 * @module
 */

import { openToSend, pathOf } from "./file.ts";
import { CachedFile } from "./file_cached.ts";
import { CHUNK_BYTES, FileCopier } from "./file_copy.ts";
import { type FileCarrier, FileProgress } from "./file_progress.ts";
import { FileSplicer } from "./file_splice.ts";
import { netError, partialSend, timedOut } from "../errors.ts";
import type { TurnTaker } from "./send_queue.ts";
import type { Socket } from "../socket.ts";
import type { SendSide } from "./stream_send.ts";
import type { OpOptions } from "../operation.ts";
import type { DeadlineTarget } from "../../ring/deadlines.ts";
import { Fcntl, Open } from "../../ring/abi/opcodes.ts";

/** What `sendFile` takes. */
export interface SendFileOptions extends OpOptions {
  /** The first byte to send, 0 unless said otherwise. */
  readonly offset?: number;
  /** The most bytes to send; to the end of the file unless said otherwise. */
  readonly length?: number;
}

/** The keys of {@linkcode SendFileOptions}. */
export const SEND_FILE_KEYS: readonly string[] = ["offset", "length", "signal", "timeoutMs"];

/** Why it ends before the file does. */
interface Interruption {
  readonly reason: unknown;
}

/** One file on its way. */
class FileSender implements DeadlineTarget, TurnTaker {
  readonly #socket: Socket;
  readonly #sending: SendSide;
  readonly #progress: FileProgress;
  #carrier: FileCarrier | null = null;
  #interruption: Interruption | null = null;

  constructor(socket: Socket, sending: SendSide, options: SendFileOptions) {
    this.#socket = socket;
    this.#sending = sending;
    this.#progress = new FileProgress(socket, options.offset ?? 0, options.length ?? Infinity);
  }

  /**
   * Sends the file when its turn among the stream's sends comes.
   *
   * @returns bytes sent: fewer than asked for where the file ends before
   */
  async run(path: string, options: SendFileOptions): Promise<number> {
    const refusal = this.#socket.admit("sendFile");
    if (refusal !== null) throw refusal;
    this.#socket.beginWait();
    const { signal, timeoutMs } = options;
    const { reactor } = this.#socket.network;
    const deadline = timeoutMs === undefined ? null : reactor.armDeadline(timeoutMs, this, 0);
    const onAbort = () => this.#interrupt(signal!.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      await this.#sending.enterTurn(this, options);
      return await this.#sendInTurn(path);
    } finally {
      if (deadline !== null) reactor.disarmDeadline(deadline);
      signal?.removeEventListener("abort", onAbort);
      this.#socket.endWait();
    }
  }

  /** {@inheritDoc TurnTaker.stop} */
  stop(reason: Error): void {
    this.#interrupt(reason);
  }

  /** {@inheritDoc DeadlineTarget.onDeadline} */
  onDeadline(): void {
    this.#interrupt(timedOut("sendFile", this.#names()));
  }

  async #sendInTurn(path: string): Promise<number> {
    const progress = this.#progress;
    let error: Error | null = null;
    try {
      progress.fd = await openToSend(progress.network, this.#socket.owner.authority, path);
      const { owner: { sendGate } } = this.#socket;
      const isCopied = sendGate !== null || !FileSplicer.isSupported(progress);
      await this.#copy(isCopied ? Infinity : CHUNK_BYTES);
      if (this.#goesOn) await this.#carry();
      // What cannot be carried.
      if (this.#goesOn) await this.#copy(Infinity);
      if (this.#interruption !== null) throw this.#interrupted();
      if (progress.failure !== null) throw progress.failure;
      return progress.sent;
    } catch (reason) {
      // The peer would take later bytes for the rest of the file.
      if (progress.sent > 0) error = reason as Error;
      throw reason;
    } finally {
      if (progress.fd >= 0) await progress.network.close(progress.fd);
      this.#sending.leaveTurn(error);
    }
  }

  get #goesOn(): boolean {
    const { failure, isRead } = this.#progress;
    return this.#interruption === null && failure === null && !isRead;
  }

  /** Copies so many bytes at least, as far as there are any. */
  async #copy(bytes: number): Promise<void> {
    const progress = this.#progress;
    const copier = new FileCopier(progress);
    try {
      await this.#run(copier, () => progress.sent >= bytes);
    } finally {
      await copier.close();
    }
  }

  /** Carries the rest without copies, if it can, with a socket that does not block meanwhile. */
  async #carry(): Promise<void> {
    const { network, socket: { descriptor } } = this.#progress;
    const flags = await network.control(descriptor, Fcntl.GETFL, 0, "sendFile");
    if (flags < 0) throw netError(flags, { operation: "sendFile", ...this.#names() });
    await network.control(descriptor, Fcntl.SETFL, flags | Open.NONBLOCK, "sendFile");
    const cached = new CachedFile(this.#progress);
    let splicer: FileSplicer | null = null;
    try {
      while (this.#goesOn) {
        cached.isCold = !CachedFile.isSupported(this.#progress);
        await this.#run(cached, () => cached.isCold);
        if (!this.#goesOn) break;
        splicer ??= await FileSplicer.open(this.#progress);
        // What the system has read ahead by then is in memory.
        const before = this.#progress.sent;
        await this.#run(splicer, () => splicer!.isRefused || this.#progress.sent > before);
        if (splicer.isRefused) break;
      }
    } finally {
      await splicer?.close();
      await cached.close();
      await network.control(descriptor, Fcntl.SETFL, flags, "sendFile");
    }
  }

  /** Has a carrier move pieces until all is read, or it holds nothing and `isDone` says so. */
  async #run(carrier: FileCarrier, isDone: () => boolean): Promise<void> {
    const progress = this.#progress;
    this.#carrier = carrier;
    try {
      while (this.#interruption === null && progress.failure === null) {
        if (carrier.isEmpty && (progress.isRead || isDone())) break;
        await carrier.step();
      }
    } finally {
      this.#carrier = null;
    }
  }

  #interrupt(reason: unknown): void {
    this.#interruption ??= { reason };
    this.#carrier?.cancel();
  }

  /** What to reject with: the reason, or how far it came. */
  #interrupted(): unknown {
    const { reason } = this.#interruption!;
    const { sent } = this.#progress;
    if (sent === 0) return reason;
    return partialSend(sent, reason, this.#names());
  }

  #names(): { local: string; remote: string } {
    return this.#socket.network.namesOf(this.#socket);
  }
}

/** Proves that the options of `sendFile` and the like are in range. */
export function checkRange(operation: string, name: string, value: number | undefined): void {
  if (value === undefined || (Number.isSafeInteger(value) && value >= 0)) return;
  throw new RangeError(`${operation}: ${name} must be a whole number from 0 on, not ${value}`);
}

/** Sends a file: see `StreamSocket.sendFile`. */
export function sendFile(
  socket: Socket,
  sending: SendSide,
  file: string | URL,
  options: SendFileOptions,
): Promise<number> {
  const path = pathOf("sendFile", file);
  checkRange("sendFile", "offset", options.offset);
  checkRange("sendFile", "length", options.length);
  return new FileSender(socket, sending, options).run(path, options);
}
