/**
 * Files on their way into a stream: the first piece by a copy, and what is larger by splicing where
 * the backend can.
 *
 * Both were measured, as was `sendfile(2)` (bench/compare, row "file"): for files of some hundred
 * kilobytes a copy is the fastest, and splicing takes a third of its time beyond.
 *
 * @module
 */

import { openToSend, pathOf } from "./file.ts";
import { CHUNK_BYTES, FileCopier } from "./file_copy.ts";
import { type FileCarrier, FileProgress } from "./file_progress.ts";
import { FileSplicer } from "./file_splice.ts";
import { partialSend, timedOut } from "../errors.ts";
import type { TurnTaker } from "./send_queue.ts";
import type { Socket } from "../socket.ts";
import type { SendSide } from "./stream_send.ts";
import type { OpOptions } from "../operation.ts";
import type { DeadlineTarget } from "../../ring/deadlines.ts";

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
      await this.#copyFirst();
      if (this.#goesOn) await this.#carryRest();
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

  /** The first piece; all of it where nothing but copying can be done. */
  async #copyFirst(): Promise<void> {
    const progress = this.#progress;
    const isAll = this.#socket.owner.sendGate !== null || !FileSplicer.isSupported(progress);
    const most = isAll ? Infinity : CHUNK_BYTES;
    await this.#carry(new FileCopier(progress), most);
  }

  async #carryRest(): Promise<void> {
    await this.#carry(await FileSplicer.open(this.#progress), Infinity);
  }

  /** Has a carrier move up to `most` bytes, or more where a piece is larger. */
  async #carry(carrier: FileCarrier & { readonly isEmpty: boolean }, most: number): Promise<void> {
    const progress = this.#progress;
    this.#carrier = carrier;
    try {
      while (this.#interruption === null && progress.failure === null) {
        if (carrier.isEmpty && (progress.isRead || progress.sent >= most)) break;
        await carrier.step();
      }
    } finally {
      this.#carrier = null;
      await carrier.close();
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
