/**
 * Buffers of equal size in ring memory, registered with the kernel where it allows that.
 *
 * @module
 */

import { busy, netError } from "../errors.ts";
import { type BufferHome, RingBuffer } from "../ring_buffer.ts";
import { Arena } from "../../ring/arena.ts";
import type { RingDriver } from "../../ring/driver.ts";
import type { RingMemory } from "../../ring/memory.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { Op } from "../../ring/abi/opcodes.ts";

/** Why a kernel may refuse to keep buffers mapped: plain reads and writes do as well. */
const UNREGISTERED: ReadonlySet<number> = new Set<number>([
  -Errno.ENOMEM,
  -Errno.EPERM,
  -Errno.EACCES,
  -Errno.ENOTSUP,
]);

/**
 * Equal buffers that reads and writes of an `IoUring` use; `IoUring.registerBuffers` makes it.
 * Whoever takes one owns it until it is given back or released, and gives it back only when no
 * operation uses it any more: the ring does not look.
 *
 * @example
 * ```ts
 * import { IoUring, NetworkCapability } from "../../mod.ts";
 * await using capability = await NetworkCapability.request({ rights: { ring: true } });
 * await using ring = await IoUring.create(8, { capability });
 * const pool = ring.registerBuffers(4, 4096);
 * using buffer = pool.take()!;
 * console.log(buffer.length, pool.available); // 4096 3
 * ```
 */
export class BufferPool {
  /** How many buffers there are. */
  readonly count: number;
  /** Bytes of each. */
  readonly bufferBytes: number;
  /**
   * Whether the kernel keeps them mapped (`IORING_REGISTER_BUFFERS`). It does not on other
   * backends, nor beyond the locked memory that the user may have; reads and writes are plain ones then.
   */
  readonly isRegistered: boolean;
  /** @ignore The ring memory they are in. */
  readonly memory: RingMemory;
  readonly #first: number;
  /** Places of buffers that nobody has; taken from the end. */
  readonly #free: Int32Array;
  #available: number;

  /** @ignore `IoUring.registerBuffers` makes pools. */
  constructor(
    memory: RingMemory,
    first: number,
    count: number,
    bytes: number,
    isRegistered: boolean,
  ) {
    this.memory = memory;
    this.#first = first;
    this.count = count;
    this.bufferBytes = bytes;
    this.isRegistered = isRegistered;
    this.#free = Int32Array.from({ length: count }, (_, place) => count - 1 - place);
    this.#available = count;
  }

  /** Buffers that nobody has. */
  get available(): number {
    return this.#available;
  }

  /** Takes a buffer. @returns undefined when all are taken */
  take(): RingBuffer | undefined {
    if (this.#available === 0) return undefined;
    const index = this.#free[--this.#available];
    return RingBuffer.at(this, this.#first + index * this.bufferBytes, this.bufferBytes, index);
  }

  /**
   * Gives a buffer back: the same as its `release()`.
   *
   * @throws {TypeError} when it is not one of this pool's, or was given back before
   */
  give(buffer: RingBuffer): void {
    const isOwn = buffer.isOf(this) && buffer.index >= 0 &&
      buffer.offset === this.#first + buffer.index * this.bufferBytes;
    if (!isOwn) throw new TypeError("give: the buffer is not one of this pool's");
    if (!buffer.isHeld) throw new TypeError(`give: buffer ${buffer.index} was given back before`);
    buffer.release();
  }

  /** @ignore Takes the memory of a released buffer back. */
  giveArena(offset: number): void {
    this.#free[this.#available++] = (offset - this.#first) / this.bufferBytes;
  }
}

/** The buffers of one ring: those of its pool, and those taken one by one. */
export class RingBuffers implements BufferHome {
  readonly memory: RingMemory;
  /** The ring's pool, null while it has none. */
  pool: BufferPool | null = null;
  readonly #driver: RingDriver;
  readonly #arena: Arena;

  /** @param driver whose memory they are in */
  constructor(driver: RingDriver) {
    this.#driver = driver;
    this.memory = driver.memory;
    this.#arena = new Arena(driver.memory.at.arena, driver.memory.plan.arenaBytes);
  }

  /** Makes the ring's pool, registered where the consumer allows that. */
  register(count: number, bytes: number): BufferPool {
    if (this.pool !== null) throw busy("registerBuffers", "the ring has its buffers already");
    const first = this.#take("registerBuffers", count * bytes);
    const { registrar, supported } = this.#driver;
    const result = registrar === undefined || supported[Op.READ_FIXED] === 0
      ? -Errno.ENOTSUP
      : registrar.registerBuffers(first, count, bytes);
    if (result < 0 && !UNREGISTERED.has(result)) {
      this.#arena.give(first);
      throw netError(result, { operation: "registerBuffers" });
    }
    this.pool = new BufferPool(this.memory, first, count, bytes, result >= 0);
    return this.pool;
  }

  /** Takes one buffer, zeroed. */
  alloc(bytes: number): RingBuffer {
    const buffer = RingBuffer.at(this, this.#take("allocBuffer", bytes), bytes, -1);
    buffer.bytes.fill(0);
    return buffer;
  }

  /** Proves that a buffer is of this ring and was not released. */
  requireOwn(operation: string, buffer: RingBuffer): void {
    if (!(buffer instanceof RingBuffer) || !buffer.isOf(this)) {
      throw new TypeError(`${operation}: the buffer is not one of this ring's`);
    }
    if (!buffer.isHeld) throw new TypeError(`${operation}: the buffer was released`);
  }

  /** {@inheritDoc BufferHome.giveArena} */
  giveArena(offset: number): void {
    this.#arena.give(offset);
  }

  #take(operation: string, bytes: number): number {
    const offset = this.#arena.take(bytes);
    if (offset >= 0) return offset;
    const { arenaBytes } = this.memory.plan;
    const detail = `no ${bytes} bytes in a row are left of arenaBytes (${arenaBytes})`;
    throw netError(Errno.ENOBUFS, { operation, detail });
  }
}
