/**
 * The one memory that everything of a stack lies in whose bytes travel: packets, and the buffers
 * that sockets send from and receive into. One is enough for any number of stacks of an isolate.
 *
 * It is a `WebAssembly.Memory`, so that sums and copies work in place; a shared one, so that other
 * threads can be given it; and of a fixed length, so that no view of it ever goes stale.
 *
 * @module
 */

import { PacketBytes } from "../wire/packet_bytes.ts";
import type { BulkChecksummer } from "./checksummer.ts";
import { createChecksummer } from "./simd.ts";

/** The longest memory, in bytes: offsets and ends of ranges are positive 32-bit integers. */
export const MAXIMUM_MEMORY_BYTES = 2 ** 31 - 2 ** 16;

/** Regions start at multiples of a cache line. */
export const REGION_ALIGNMENT_BYTES = 64;

const PAGE_BYTES = 65536;

/** A shared memory of a fixed length, and how much of it is taken. */
export class PacketMemory extends PacketBytes {
  /** What to hand to another thread, or to what registers memory with a device. */
  readonly memory: WebAssembly.Memory;
  /** Sums and copies in it. */
  readonly checksummer: BulkChecksummer;
  #reserved = 0;

  /**
   * Makes a memory. The system fills in its pages as they are touched.
   *
   * @param bytes How long it is, and stays: 1 to {@linkcode MAXIMUM_MEMORY_BYTES}, rounded up to
   * pages of 64 KiB.
   * @param checksummerOf Makes what sums and copies; by vectors, where the engine has them.
   * @throws {RangeError} When that is too long.
   *
   * @example
   * ```ts
   * const memory = new PacketMemory(1 << 20);
   * const at = memory.reserve(1500);
   * memory.bytes.set([0x45, 0x00], at);
   * const sum = memory.checksummer.sum(at, 2); // 0x4500
   * ```
   */
  constructor(
    bytes: number,
    checksummerOf: (memory: WebAssembly.Memory, packets: PacketBytes) => BulkChecksummer =
      createChecksummer,
  ) {
    if (!(bytes > 0 && bytes <= MAXIMUM_MEMORY_BYTES)) {
      throw new RangeError(`a packet memory has 1 to ${MAXIMUM_MEMORY_BYTES} bytes, not ${bytes}`);
    }
    const pages = Math.ceil(bytes / PAGE_BYTES);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    super(memory.buffer);
    this.memory = memory;
    this.checksummer = checksummerOf(memory, this);
  }

  /** Bytes that {@linkcode reserve} can still give, if none are lost to alignment. */
  get freeBytes(): number {
    return this.length - this.#reserved;
  }

  /**
   * Sets a region aside for good.
   *
   * @param bytes How long it is.
   * @param alignmentBytes What its offset is a multiple of.
   * @returns Its offset.
   * @throws {RangeError} When there is not that much left.
   */
  reserve(bytes: number, alignmentBytes: number = REGION_ALIGNMENT_BYTES): number {
    const start = Math.ceil(this.#reserved / alignmentBytes) * alignmentBytes;
    if (!(bytes >= 0 && start + bytes <= this.length)) {
      throw new RangeError(
        `no region of ${bytes} bytes is left: ${this.#reserved} of ${this.length} are taken`,
      );
    }
    this.#reserved = start + bytes;
    return start;
  }
}
