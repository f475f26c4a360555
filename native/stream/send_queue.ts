/**
 * What one stream has still to send: segments in the order in which they leave, each with the
 * memory its bytes are in.
 *
 * Bytes leave from where they are when that is safe (a lease's provided buffer, a program's ring
 * buffer: both are pinned), else from a copy made before `send` returns: in the arena or, where
 * that is full or the data is large, on the heap until its turn comes.
 *
 * @module
 */

import { BufferLease, type Lease } from "../lease.ts";
import type { RingBuffer } from "../ring_buffer.ts";
import type { SendHold, SendMemory } from "./send_hold.ts";
import type { SocketOwner } from "../socket.ts";
import { ARENA_BLOCK_BYTES } from "../../ring/arena.ts";
import type { ProvidedBuffers } from "../../ring/buffers.ts";
import type { Deadline } from "../../ring/deadlines.ts";
import type { Reactor } from "../../ring/reactor.ts";

/** The most bytes of one copy in the arena; more goes out piece by piece. */
const CHUNK_BYTES = 256 * 1024;
/** The same while the arena is short: peers that do not read must not hold all of it. */
const CHUNK_BYTES_SCARCE = 4096;
/** While fewer bytes wait, a copy goes to the arena at once: the next one is there in time. */
const DIRECT_BYTES: number = 2 * CHUNK_BYTES;
/** The share of the arena that may be taken before it counts as short. */
const SCARCE_SHARE = 0.75;
const NOWHERE = -1;
/** Calls kept for reuse. */
const SPARE_CALLS = 1024;

/** What can be sent. */
export type Sendable = Uint8Array | Lease | readonly (Uint8Array | Lease)[];

/** Bytes that leave in one piece. */
export class Segment implements SendMemory {
  next: Segment | null = null;
  /** Byte offset in ring memory, -1 while the bytes are on the heap. */
  offset = NOWHERE;
  length = 0;
  /** The provided buffer they are pinned in, else -1. */
  bufferId = NOWHERE;
  /** The arena block they were copied to, else -1. */
  block = NOWHERE;
  /** Bytes of copies that count against a limit. */
  charged = 0;
  /** The program's own buffer they are pinned in. */
  ringBuffer: RingBuffer | null = null;
  /** The copy on the heap. */
  heap: Uint8Array | null = null;
  /** Keeps the memory where the system sends from it without a copy. */
  hold: SendHold | null = null;
  /** The call they belong to. */
  call: SendCall;

  /** @param call null for the call itself, which is its own first segment */
  constructor(call: SendCall | null) {
    this.call = call ?? (this as unknown as SendCall);
  }
}

/** Whoever needs the write side for more than one operation, such as a file's way out. */
export interface TurnTaker {
  /** Ends what it does with the write side: the stream is being closed. */
  stop(reason: Error): void;
}

/** What settles the promise of a send; {@linkcode parked} sets both. */
export interface Resolvers {
  /** Tells how many bytes were accepted; null while nobody waits. */
  resolve: ((bytes: number) => void) | null;
  /** Tells why they were not. */
  reject: ((reason: unknown) => void) | null;
}

// The resolvers go from a promise's executor to where they are kept, without a closure.
let parking: Resolvers;
function park(resolve: (bytes: number) => void, reject: (reason: unknown) => void): void {
  parking.resolve = resolve;
  parking.reject = reject;
}

/** A promise that these resolvers settle. */
export function parked(resolvers: Resolvers): Promise<number> {
  parking = resolvers;
  return new Promise<number>(park);
}

/** One call of `send`, and its first segment: most calls have no other. */
export class SendCall extends Segment implements Resolvers {
  /** Bytes of the call. */
  total = 0;
  /** Bytes of it that are gone. */
  moved = 0;
  resolve: ((bytes: number) => void) | null = null;
  reject: ((reason: unknown) => void) | null = null;
  /** Why it was withdrawn, where `hasReason` says that it was. */
  reason: unknown = undefined;
  hasReason = false;
  deadline: Deadline | null = null;
  cleanUp: (() => void) | null = null;
  /** Who is to have the write side alone when the call's turn comes; such a call has no bytes. */
  taker: TurnTaker | null = null;

  private constructor() {
    super(null);
  }

  /** A call, an old one where there is one: every message of every stream needs one. */
  static begin(): SendCall {
    return spare.pop() ?? new SendCall();
  }

  /** Gives back a call that resolved: nobody refers to it, and it has no segment left. */
  end(): void {
    if (spare.length === SPARE_CALLS) return;
    this.next = null;
    this.offset = NOWHERE;
    this.bufferId = NOWHERE;
    this.block = NOWHERE;
    this.charged = 0;
    this.ringBuffer = null;
    this.heap = null;
    this.hold = null;
    this.total = 0;
    this.moved = 0;
    this.reason = undefined;
    this.hasReason = false;
    this.cleanUp = null;
    this.taker = null;
    spare.push(this);
  }
}

const spare: SendCall[] = [];

/**
 * Bytes of a send that will be copied; proves, before anything is queued, that it can be sent.
 *
 * @param buffers that can be sent from in place: a lease of another ring is copied
 * @throws {TypeError} naming the part that is neither bytes nor a lease, or was released
 */
export function copiedBytes(
  data: unknown,
  buffers: ProvidedBuffers,
  what = "the data",
): number {
  if (data instanceof BufferLease) {
    if (!data.isHeld) throw new TypeError(`send: ${what}: the lease was released`);
    return data.isIn(buffers) ? 0 : data.size;
  }
  if (data instanceof Uint8Array) return data.length;
  if (!Array.isArray(data) || what !== "the data") {
    throw new TypeError(`send: ${what} is neither bytes nor a lease`);
  }
  return data.reduce(
    (bytes, part, index) => bytes + copiedBytes(part, buffers, `part ${index}`),
    0,
  );
}

/** The segments of one stream. */
export class SendQueue {
  head: Segment | null = null;
  /** Bytes that wait or are in flight. */
  bytes = 0;
  readonly #reactor: Reactor;
  readonly #owner: SocketOwner;
  #tail: Segment | null = null;

  /** @param owner whose limits copies count against */
  constructor(reactor: Reactor, owner: SocketOwner) {
    this.#reactor = reactor;
    this.#owner = owner;
  }

  /** Queues what {@linkcode copiedBytes} has admitted. @param direct use the arena at once */
  add(call: SendCall, data: Sendable, direct: boolean): void {
    if (data instanceof BufferLease) {
      if (data.isIn(this.#reactor.buffers)) this.#addLease(call, data);
      else this.#addBytes(call, data.bytes, direct);
    } else if (data instanceof Uint8Array) {
      this.#addBytes(call, data, direct);
    } else {
      for (const part of data as readonly (Uint8Array | Lease)[]) this.add(call, part, direct);
    }
  }

  /** Queues a program's own ring buffer, in place. */
  addBuffer(call: SendCall, buffer: RingBuffer): void {
    if (buffer.length === 0) return;
    const segment = this.#append(call, buffer.length);
    buffer.pin();
    segment.ringBuffer = buffer;
    segment.offset = buffer.offset;
  }

  /** Queues a place in line for a taker. */
  addTurn(call: SendCall, taker: TurnTaker): void {
    call.taker = taker;
    this.#append(call, 0);
  }

  /** Queues bytes of a provided buffer that is pinned already. */
  addPinned(call: SendCall, bufferId: number, offset: number, length: number): void {
    const segment = this.#append(call, length);
    segment.bufferId = bufferId;
    segment.offset = offset;
  }

  /** Makes sure that a segment's bytes are in ring memory. @returns false when there is no room */
  settle(segment: Segment): boolean {
    const { heap } = segment;
    if (heap === null) return true;
    const { arena, memory } = this.#reactor;
    let count = Math.min(heap.length, this.#chunkBytes);
    let block = arena.take(count);
    // Short of memory, the first in line makes do with less: a block as large may never be free.
    while (block < 0 && this.head === segment && count > ARENA_BLOCK_BYTES) {
      count >>= 1;
      block = arena.take(count);
    }
    if (block < 0) return false;
    memory.bytes.set(heap.subarray(0, count), block);
    if (count < heap.length) this.#split(segment, count);
    segment.heap = null;
    segment.block = block;
    segment.offset = block;
    return true;
  }

  /**
   * Takes bytes off the front.
   *
   * @returns the part of `bytes` that is left once a call is complete, else 0; the complete call
   * is then {@linkcode SendQueue.finished}
   */
  take(bytes: number): number {
    this.finished = null;
    let left = bytes;
    while (left > 0) {
      const segment = this.head!;
      const count = Math.min(left, segment.length);
      left -= count;
      segment.call.moved += count;
      segment.length -= count;
      segment.offset += count;
      this.bytes -= count;
      if (segment.length > 0) break;
      this.#removeHead();
      if (segment.call.moved === segment.call.total) {
        this.finished = segment.call;
        return left;
      }
    }
    return 0;
  }

  /** The call that the last {@linkcode SendQueue.take} completed. */
  finished: SendCall | null = null;

  /** Removes the segments of a call, which are not in flight. */
  dropCall(call: SendCall): void {
    this.#drop((segment) => segment.call === call);
  }

  /** Removes all but the first `inFlight` segments. */
  dropBehind(inFlight: number): void {
    let index = 0;
    this.#drop(() => index++ >= inFlight);
  }

  /** The calls that still have segments, in order. */
  calls(): SendCall[] {
    const calls = new Set<SendCall>();
    for (let segment = this.head; segment !== null; segment = segment.next) {
      calls.add(segment.call);
    }
    return [...calls];
  }

  get #chunkBytes(): number {
    const { arena, memory } = this.#reactor;
    const isScarce = arena.usedBytes > memory.plan.arenaBytes * SCARCE_SHARE;
    return isScarce ? CHUNK_BYTES_SCARCE : CHUNK_BYTES;
  }

  #append(call: SendCall, length: number): Segment {
    const segment = call.total === 0 ? call : new Segment(call);
    segment.length = length;
    call.total += length;
    this.bytes += length;
    if (this.#tail === null) this.head = segment;
    else this.#tail.next = segment;
    this.#tail = segment;
    return segment;
  }

  #addLease(call: SendCall, lease: BufferLease): void {
    this.#reactor.buffers.retain(lease.id);
    this.addPinned(call, lease.id, lease.start, lease.size);
  }

  #addBytes(call: SendCall, bytes: Uint8Array, direct: boolean): void {
    if (bytes.length === 0) return;
    const { arena, memory } = this.#reactor;
    let start = 0;
    // The head of the data goes straight to the arena; what is left of it is copied once more.
    const count = Math.min(bytes.length, this.#chunkBytes);
    const block = direct && this.bytes < DIRECT_BYTES ? arena.take(count) : NOWHERE;
    if (block >= 0) {
      memory.bytes.set(count === bytes.length ? bytes : bytes.subarray(0, count), block);
      const segment = this.#append(call, count);
      segment.block = block;
      segment.offset = block;
      segment.charged = count;
      start = count;
    }
    if (start === bytes.length) return;
    const segment = this.#append(call, bytes.length - start);
    segment.heap = bytes.slice(start);
    segment.charged = segment.length;
  }

  /** Leaves the first `count` bytes of a heap segment in it and queues the rest behind it. */
  #split(segment: Segment, count: number): void {
    const rest = new Segment(segment.call);
    rest.heap = segment.heap!.subarray(count);
    rest.length = segment.length - count;
    rest.charged = rest.length;
    rest.next = segment.next;
    segment.next = rest;
    segment.length = count;
    segment.charged = count;
    if (this.#tail === segment) this.#tail = rest;
  }

  #drop(isDropped: (segment: Segment) => boolean): void {
    let last: Segment | null = null;
    let segment = this.head;
    this.head = null;
    while (segment !== null) {
      const next: Segment | null = segment.next;
      if (isDropped(segment)) {
        this.bytes -= segment.length;
        this.#free(segment);
      } else {
        segment.next = null;
        if (last === null) this.head = segment;
        else last.next = segment;
        last = segment;
      }
      segment = next;
    }
    this.#tail = last;
  }

  #removeHead(): void {
    const segment = this.head!;
    this.head = segment.next;
    if (this.head === null) this.#tail = null;
    this.#free(segment);
  }

  #free(segment: Segment): void {
    const { hold } = segment;
    if (hold !== null && hold.pending > 0) hold.inherit(segment);
    else this.free(segment);
  }

  /** Gives memory back that nothing is sent from any more. */
  free(memory: SendMemory): void {
    const { buffers } = this.#reactor;
    if (memory.bufferId >= 0) buffers.release(memory.bufferId);
    if (memory.block >= 0) this.#reactor.giveArena(memory.block);
    if (memory.ringBuffer !== null) memory.ringBuffer.unpin();
    if (memory.charged === 0 || !this.#owner.isCounted) return;
    this.#owner.release("bufferBytes", memory.charged);
  }
}
