/**
 * A lease that is in flight with nothing in line, as most replies are: it needs no place in the
 * queue of its stream, and gets one only when something comes behind it or it does not leave whole.
 *
 * @module
 */

import type { BufferLease } from "../lease.ts";
import { parked, type Resolvers, SendCall, type SendQueue } from "./send_queue.ts";
import type { ProvidedBuffers } from "../../ring/buffers.ts";

const NONE = -1;

/** The lone lease of one stream. */
export class LoneSend implements Resolvers {
  /** {@inheritDoc Resolvers.resolve} */
  resolve: ((bytes: number) => void) | null = null;
  /** {@inheritDoc Resolvers.reject} */
  reject: ((reason: unknown) => void) | null = null;
  /** Its bytes, 0 while there is none. */
  length = 0;
  #bufferId = NONE;
  #offset = 0;

  /** Whether there is one. */
  get isInFlight(): boolean {
    return this.#bufferId !== NONE;
  }

  /** Pins a lease. @returns what its sender awaits */
  begin(lease: BufferLease, buffers: ProvidedBuffers): Promise<number> {
    buffers.retain(lease.id);
    this.#bufferId = lease.id;
    this.#offset = lease.start;
    this.length = lease.size;
    return parked(this);
  }

  /** All of it was accepted: its buffer goes back, and its sender is told. */
  end(buffers: ProvidedBuffers): void {
    const { resolve, length } = this;
    buffers.release(this.#bufferId);
    this.#forget();
    resolve!(length);
  }

  /** Goes to the head of an empty queue, pinned as it is. */
  lineUp(queue: SendQueue): void {
    const call = SendCall.begin();
    call.resolve = this.resolve;
    call.reject = this.reject;
    queue.addPinned(call, this.#bufferId, this.#offset, this.length);
    this.#forget();
  }

  #forget(): void {
    this.#bufferId = NONE;
    this.length = 0;
    this.resolve = null;
    this.reject = null;
  }
}
