/**
 * Buffers of a program's own in ring memory, for receives and sends without a copy.
 *
 * @module
 */

import { netError } from "./errors.ts";
import type { Socket } from "./socket.ts";
import { Errno } from "../ring/abi/errno.ts";
import type { RingMemory } from "../ring/memory.ts";

/** Where a buffer's memory goes back to. */
export interface BufferHome {
  readonly memory: RingMemory;
  /** Takes a block back. @param offset its first byte */
  giveArena(offset: number): void;
}

/** What every view of one arena block shares. */
interface Block {
  readonly home: BufferHome;
  readonly offset: number;
  holders: number;
  /** Operations that ended although the system still sends from it. */
  locks: number;
  /** Whether the program gave it back, and every slice of it with it. */
  isReleased: boolean;
}

/**
 * Memory inside the ring. It belongs to the program, except while an operation uses it; release it
 * when it is no longer needed, or leave that to `using`.
 *
 * @example
 * ```ts
 * import type { TcpStream } from "./tcp/tcp_stream.ts";
 * async function echoOnce(stream: TcpStream): Promise<void> {
 *   using buffer = stream.allocBuffer(64 * 1024);
 *   const count = await stream.recvZeroCopy(buffer);
 *   if (count > 0) await stream.sendZeroCopy(buffer.slice(0, count));
 * }
 * ```
 */
export class RingBuffer implements Disposable {
  /** Byte offset in ring memory. */
  readonly offset: number;
  /** Length in bytes. */
  readonly length: number;
  /** Its place among the registered buffers of an `IoUring`; -1 when it is none of them. */
  readonly index: number;
  readonly #block: Block;
  readonly #isWhole: boolean;
  #isHeld = true;
  #view: Uint8Array<ArrayBufferLike> | null = null;

  private constructor(
    block: Block,
    offset: number,
    length: number,
    index: number,
    isWhole: boolean,
  ) {
    this.#block = block;
    this.#isWhole = isWhole;
    this.offset = offset;
    this.length = length;
    this.index = index;
  }

  /** @ignore Makes a buffer of a block that was taken already. */
  static at(home: BufferHome, offset: number, length: number, index: number): RingBuffer {
    const block: Block = { home, offset, holders: 1, locks: 0, isReleased: false };
    return new RingBuffer(block, offset, length, index, true);
  }

  /** @ignore Takes a block for a socket's operations, counted against its capability's limit. */
  static allocate(socket: Socket, bytes: number): RingBuffer {
    const { network, owner } = socket;
    const { reactor } = network;
    const most = reactor.arena.largestBytes;
    if (!Number.isInteger(bytes) || bytes < 1 || bytes > most) {
      throw new RangeError(`allocBuffer: bytes must be 1 to ${most}, not ${bytes}`);
    }
    const reached = owner.isCounted ? owner.acquire("bufferBytes", bytes, "allocBuffer") : null;
    if (reached !== null) throw reached;
    const offset = reactor.arena.take(bytes);
    if (offset < 0) {
      if (owner.isCounted) owner.release("bufferBytes", bytes);
      throw netError(Errno.ENOBUFS, { operation: "allocBuffer", ...network.namesOf(socket) });
    }
    if (!owner.isCounted) return RingBuffer.at(reactor, offset, bytes, -1);
    const home = {
      memory: reactor.memory,
      giveArena(block: number): void {
        reactor.giveArena(block);
        owner.release("bufferBytes", bytes);
      },
    };
    return RingBuffer.at(home, offset, bytes, -1);
  }

  /**
   * The bytes, in shared memory.
   *
   * @throws {TypeError} after release, and while {@linkcode RingBuffer.isSending}
   */
  get bytes(): Uint8Array<ArrayBufferLike> {
    if (!this.isHeld) throw new TypeError("bytes: the buffer was released");
    if (this.isSending) throw new TypeError("bytes: the system still sends from the buffer");
    this.#view ??= new Uint8Array(this.#block.home.memory.buffer, this.offset, this.length);
    return this.#view;
  }

  /** Whether neither it nor what it is a slice of was released. */
  get isHeld(): boolean {
    return this.#isHeld && !this.#block.isReleased;
  }

  /**
   * Whether the system still sends from it although its `sendZeroCopy()` was given up: by a signal
   * or a deadline that came when all was sent but not acknowledged, or by closing the stream.
   * Until then its bytes must not change.
   */
  get isSending(): boolean {
    return this.#block.locks > 0;
  }

  /** @ignore Whether its memory is in this ring. */
  isOf(ring: { readonly memory: RingMemory }): boolean {
    return this.#block.home.memory === ring.memory;
  }

  /**
   * A part of it that shares the memory and is released by its parent's release.
   *
   * @param start first byte, 0 to `length`
   * @param end byte after the last, `start` to `length`
   * @throws {RangeError} when the part is not inside
   */
  slice(start: number, end: number = this.length): RingBuffer {
    const isInside = Number.isInteger(start) && Number.isInteger(end) && start >= 0 &&
      start <= end && end <= this.length;
    if (!isInside) {
      throw new RangeError(`slice: ${start} to ${end} is not inside 0 to ${this.length}`);
    }
    if (!this.isHeld) throw new TypeError("slice: the buffer was released");
    return new RingBuffer(this.#block, this.offset + start, end - start, this.index, false);
  }

  /** @ignore Whether one pin keeps the memory of both. */
  sharesBlock(other: RingBuffer): boolean {
    return this.#block === other.#block;
  }

  /** @ignore Whether it is held, given that another one is whose memory it shares. */
  isHeldWith(other: RingBuffer): boolean {
    return this.#isHeld && this.#block === other.#block;
  }

  /** @ignore Keeps the memory for an operation in flight, whatever the program releases. */
  pin(): void {
    this.#block.holders++;
  }

  /** @ignore Ends a {@linkcode RingBuffer.pin}. */
  unpin(): void {
    if (--this.#block.holders === 0) this.#block.home.giveArena(this.#block.offset);
  }

  /** @ignore Keeps the program from the bytes. */
  lock(): void {
    this.#block.locks++;
  }

  /** @ignore Ends a {@linkcode RingBuffer.lock}. */
  unlock(): void {
    this.#block.locks--;
  }

  /** Gives the memory back once no operation uses it; once more is a no-op. */
  release(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    // A slice shares its parent's hold.
    if (!this.#isWhole) return;
    this.#block.isReleased = true;
    this.unpin();
  }

  /** Releases it. */
  [Symbol.dispose](): void {
    this.release();
  }
}
