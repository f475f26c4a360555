/**
 * What both sides of a packet ring have in common above the ring: options, deadlines and errors.
 *
 * @module
 */

import { badResource, netError, timedOut } from "../errors.ts";
import { checkKeys } from "../options/options.ts";
import type { OpOptions } from "../operation.ts";
import { Errno } from "../../ring/abi/errno.ts";

const OPERATION_KEYS: readonly string[] = ["signal", "timeoutMs"];
const TIMEOUT_MAX_MS = 2 ** 40;

/** Somebody who waits, and what ends the waiting from outside. */
export class PacketWait<T> {
  /** When it gives up, in milliseconds of `performance.now()`. */
  readonly dueAt: number;
  readonly promise: Promise<T>;
  readonly operation: string;
  readonly #timeoutMs: number | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort: () => void;
  #resolve!: (value: T) => void;
  #reject!: (reason: unknown) => void;

  /** @param withdraw takes it out of wherever it waits */
  constructor(operation: string, options: OpOptions | undefined, withdraw: () => void) {
    this.operation = operation;
    this.#timeoutMs = options?.timeoutMs;
    this.#signal = options?.signal;
    this.dueAt = this.#timeoutMs === undefined ? Infinity : performance.now() + this.#timeoutMs;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#onAbort = () => {
      withdraw();
      this.reject(this.#signal!.reason);
    };
    this.#signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** Ends it well. */
  resolve(value: T): void {
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#resolve(value);
  }

  /** Ends it with an error. */
  reject(reason: unknown): void {
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#reject(reason);
  }

  /** Ends it because its time ran out. */
  expire(): void {
    this.reject(timedOut(this.operation, { timeoutMs: this.#timeoutMs }));
  }
}

/**
 * Proves that operation options are what they should be.
 *
 * @throws {TypeError} for an unknown key
 * @throws {RangeError} for a time that is none
 * @throws the signal's reason when it is aborted already
 */
export function checkPacketOptions(operation: string, options: OpOptions | undefined): void {
  if (options === undefined) return;
  checkKeys(operation, options, OPERATION_KEYS);
  checkPacketTimeout(operation, options.timeoutMs);
  options.signal?.throwIfAborted();
}

/** Proves that a time is one. */
export function checkPacketTimeout(operation: string, timeoutMs: number | undefined): void {
  if (timeoutMs === undefined) return;
  if (typeof timeoutMs !== "number" || !(timeoutMs >= 0 && timeoutMs <= TIMEOUT_MAX_MS)) {
    throw new RangeError(`${operation}: timeoutMs must be 0 or more, not ${String(timeoutMs)}`);
  }
}

/** What an operation on a closed buffer rejects with. */
export function closedError(operation: string): Error {
  return badResource(operation, "the buffer is closed");
}

/** What pushing rejects with once the consumer has closed. */
export function refusedError(operation: string): Error {
  return netError(Errno.EPIPE, { operation, detail: "the consumer has closed the buffer" });
}

/** What an operation rejects with once the other side has broken the rules of the ring. */
export function faultError(operation: string, fault: string): Error {
  return netError(Errno.EBADMSG, { operation, detail: fault });
}
