/**
 * Leases: received bytes, viewed in place in the ring's provided buffers until they are released.
 *
 * @module
 */

import type { ProvidedBuffers } from "../ring/buffers.ts";
import type { RingMemory } from "../ring/memory.ts";

/**
 * Received bytes that are borrowed from the ring.
 *
 * A lease ends by `using`, by {@linkcode Lease.release}, or, in `receiveMany()`, when the next one
 * is asked for; keep it longer with {@linkcode Lease.retain}. After its end `bytes`, `length` and
 * `copy()` throw. A view taken from `bytes` must not be used after the end: its memory is reused.
 *
 * @example
 * ```ts
 * import type { Lease } from "./lease.ts";
 * function firstByte(lease: Lease): number {
 *   using held = lease;
 *   return held.bytes[0];
 * }
 * ```
 */
export interface Lease extends Disposable {
  /** The bytes, in shared memory: copy them for Web APIs that refuse shared views. */
  readonly bytes: Uint8Array<ArrayBufferLike>;
  /** How many bytes there are: at least 1, but a message may have none. */
  readonly length: number;
  /** Copies the bytes out. @returns memory of the caller's own */
  copy(): Uint8Array<ArrayBuffer>;
  /** Borrows the same bytes once more. @returns a handle that lives on its own */
  retain(): Lease;
  /** Gives the bytes back; once more is a no-op. */
  release(): void;
}

/** Whoever counts the leases it gave out. */
export interface LeaseIssuer {
  /** Counts one lease more. */
  leaseTaken(): void;
  /** Counts one lease less. */
  leaseReturned(): void;
}

const HEAP = -1;

/** A lease on a provided buffer, or on a copy made while buffers were short. */
export class BufferLease implements Lease {
  /** The provided buffer, -1 for a copy of its own. */
  readonly id: number;
  /** Where the bytes start in ring memory, or in the copy. */
  start: number;
  /** Bytes left. */
  size: number;
  /** The next one in the line that this one waits in. */
  next: BufferLease | null = null;
  readonly #memory: RingMemory;
  readonly #buffers: ProvidedBuffers;
  readonly #heap: Uint8Array<ArrayBuffer> | null;
  #issuer: LeaseIssuer | null = null;
  #isHeld = true;

  private constructor(
    memory: RingMemory,
    buffers: ProvidedBuffers,
    id: number,
    start: number,
    size: number,
    heap: Uint8Array<ArrayBuffer> | null,
  ) {
    this.#memory = memory;
    this.#buffers = buffers;
    this.id = id;
    this.start = start;
    this.size = size;
    this.#heap = heap;
  }

  /** A lease on `size` bytes of a provided buffer; it is that buffer's first holder. */
  static view(
    memory: RingMemory,
    buffers: ProvidedBuffers,
    id: number,
    size: number,
  ): BufferLease {
    return new BufferLease(memory, buffers, id, buffers.offsetOf(id), size, null);
  }

  /** A lease on a copy of a provided buffer, which goes back at once. */
  static copied(
    memory: RingMemory,
    buffers: ProvidedBuffers,
    id: number,
    size: number,
  ): BufferLease {
    const from = buffers.offsetOf(id);
    const heap = new Uint8Array(size);
    heap.set(memory.bytes.subarray(from, from + size));
    buffers.release(id);
    return new BufferLease(memory, buffers, HEAP, 0, size, heap);
  }

  /** A lease on a message without bytes. */
  static empty(memory: RingMemory, buffers: ProvidedBuffers): BufferLease {
    return new BufferLease(memory, buffers, HEAP, 0, 0, new Uint8Array(0));
  }

  /** Whether the bytes are in ring memory, so that a send can use them in place. */
  get isInPlace(): boolean {
    return this.id !== HEAP;
  }

  /** Whether the bytes are in one of these buffers: a lease may come from another ring. */
  isIn(buffers: ProvidedBuffers): boolean {
    return this.id !== HEAP && this.#buffers === buffers;
  }

  /** Whether it was not released. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** Counts the lease with whoever hands it to a program. */
  issue(issuer: LeaseIssuer): void {
    this.#issuer = issuer;
    issuer.leaseTaken();
  }

  /** {@inheritDoc Lease.bytes} */
  get bytes(): Uint8Array<ArrayBufferLike> {
    this.#requireHeld("bytes");
    if (this.#heap !== null) return this.#heap.subarray(this.start, this.start + this.size);
    return new Uint8Array(this.#memory.buffer, this.start, this.size);
  }

  /** {@inheritDoc Lease.length} */
  get length(): number {
    this.#requireHeld("length");
    return this.size;
  }

  /** {@inheritDoc Lease.copy} */
  copy(): Uint8Array<ArrayBuffer> {
    this.#requireHeld("copy()");
    const bytes = new Uint8Array(this.size);
    this.copyTo(bytes, 0, this.size);
    return bytes;
  }

  /** Copies the first `count` bytes into `target`. */
  copyTo(target: Uint8Array, offset: number, count: number): void {
    const source = this.#heap ?? this.#memory.bytes;
    target.set(source.subarray(this.start, this.start + count), offset);
  }

  /** Drops the first `count` bytes. */
  advance(count: number): void {
    this.start += count;
    this.size -= count;
  }

  /** {@inheritDoc Lease.retain} */
  retain(): Lease {
    this.#requireHeld("retain()");
    if (this.id !== HEAP) this.#buffers.retain(this.id);
    const lease = new BufferLease(
      this.#memory,
      this.#buffers,
      this.id,
      this.start,
      this.size,
      this.#heap,
    );
    if (this.#issuer !== null) lease.issue(this.#issuer);
    return lease;
  }

  /** {@inheritDoc Lease.release} */
  release(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    if (this.#issuer !== null) this.#issuer.leaseReturned();
    if (this.id !== HEAP) this.#buffers.release(this.id);
  }

  /** {@inheritDoc Lease.release} */
  [Symbol.dispose](): void {
    this.release();
  }

  #requireHeld(what: string): void {
    if (!this.#isHeld) {
      throw new TypeError(`${what}: the lease was released; retain() it to keep its bytes longer`);
    }
  }
}
