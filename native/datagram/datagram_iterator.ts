/**
 * The iterator of `receiveMany()` on datagram endpoints.
 *
 * @module
 */

import type { Datagram } from "./datagram.ts";
import type { Frame } from "./datagram_frames.ts";
import type { BatchReader, DatagramReceiver } from "./datagram_receive.ts";
import type { OpOptions } from "../operation.ts";

/** Whoever knows whether another reader is in the way. */
export interface DatagramGate {
  /** @throws {NetError} EBUSY beside another reader */
  enterReader(operation: string, options: OpOptions | undefined): void;
}

/** Iterates over what an endpoint receives; each batch ends when the next one is asked for. */
export class DatagramIterator implements AsyncIterableIterator<readonly Datagram[]>, BatchReader {
  readonly #receiver: DatagramReceiver;
  readonly #gate: DatagramGate;
  readonly #options: OpOptions | undefined;
  #current: Frame | null = null;
  #isReading = false;
  #isDone = false;

  constructor(
    receiver: DatagramReceiver,
    gate: DatagramGate,
    options: OpOptions | undefined,
  ) {
    this.#receiver = receiver;
    this.#gate = gate;
    this.#options = options;
  }

  /** The iterator itself. */
  [Symbol.asyncIterator](): AsyncIterableIterator<readonly Datagram[]> {
    return this;
  }

  /** Releases the last batch and waits for the next. */
  next(): Promise<IteratorResult<readonly Datagram[]>> {
    if (this.#current !== null) this.#releaseCurrent();
    if (this.#isDone) return Promise.resolve({ done: true, value: undefined });
    if (!this.#isReading) {
      try {
        this.#gate.enterReader("receiveMany", this.#options);
      } catch (error) {
        this.#isDone = true;
        return Promise.reject(error);
      }
      this.#isReading = true;
    }
    return this.#receiver.nextFor(this, this.#options);
  }

  /** Stops receiving. @returns when no receive is armed any more */
  async return(): Promise<IteratorResult<readonly Datagram[]>> {
    if (this.#current !== null) this.#releaseCurrent();
    this.#isDone = true;
    if (this.#isReading) {
      await this.#receiver.stop();
      this.#leave();
    }
    return { done: true, value: undefined };
  }

  /** {@inheritDoc BatchReader.accept} */
  accept(frame: Frame | null): IteratorResult<readonly Datagram[]> {
    if (frame === null) {
      this.#isDone = true;
      this.#leave();
      return { done: true, value: undefined };
    }
    this.#current = frame;
    return { done: false, value: frame.batch() };
  }

  /** {@inheritDoc BatchReader.fail} */
  fail(): void {
    this.#leave();
    this.#receiver.stop();
  }

  #leave(): void {
    if (!this.#isReading) return;
    this.#isReading = false;
    this.#receiver.hasReader = false;
  }

  #releaseCurrent(): void {
    this.#receiver.inbox.giveBack(this.#current!);
    this.#current = null;
  }
}
