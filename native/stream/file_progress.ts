/**
 * How far a file has come on its way into a stream.
 *
 * @module
 */

import { completionError } from "../errors.ts";
import type { Network } from "../network.ts";
import type { Socket } from "../socket.ts";
import { Counter } from "../../ring/counters.ts";
import { Errno } from "../../ring/abi/errno.ts";

/** Moves a file's bytes, one piece after the other. */
export interface FileCarrier {
  /** Whether nothing that was read waits to leave. */
  readonly isEmpty: boolean;
  /** Moves a piece, or waits for what that needs. @returns when nothing of it is in flight */
  step(): Promise<void>;
  /** Ends the step under way. */
  cancel(): void;
  /** Gives back what it holds; no step is under way. */
  close(): Promise<void>;
}

/** What carriers and the sender share. */
export class FileProgress {
  readonly socket: Socket;
  readonly network: Network;
  /** The file. */
  fd = -1;
  /** The next byte of the file to be read. */
  offset: number;
  /** Bytes still to be read; Infinity for as many as there are. */
  left: number;
  /** Bytes that the system has accepted. */
  sent = 0;
  /** Whether the file has no more. */
  isAtEnd = false;
  /** Why it ends, null while it goes on. */
  failure: Error | null = null;

  constructor(socket: Socket, offset: number, length: number) {
    this.socket = socket;
    this.network = socket.network;
    this.offset = offset;
    this.left = length;
  }

  /** Whether all that is wanted was read. */
  get isRead(): boolean {
    return this.left === 0 || this.isAtEnd;
  }

  /** Notes bytes that were read. */
  read(bytes: number): void {
    this.offset += bytes;
    this.left -= bytes;
    if (bytes === 0) this.isAtEnd = true;
  }

  /** Notes what a send came to. */
  moved(result: number): void {
    if (result <= 0) return this.failed(result);
    const { counters } = this.network.reactor;
    counters.add(Counter.sends, 1);
    counters.add(Counter.bytesSent, result);
    this.socket.meter?.addSent(result);
    this.sent += result;
  }

  /** Notes a failure, unless it only says that something must be tried again. */
  failed(result: number): void {
    if (result >= 0 || result === -Errno.ECANCELED) return;
    if (result === -Errno.EINTR || result === -Errno.EAGAIN) return;
    const names = this.network.namesOf(this.socket);
    this.failure ??= completionError(result, { operation: "sendFile", ...names });
  }
}
