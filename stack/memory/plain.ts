/**
 * The {@linkcode BulkChecksummer} in plain TypeScript: for where WebAssembly has no vectors, and
 * for tests to compare with.
 *
 * @module
 */

import { PlainChecksummer } from "../wire/checksum.ts";
import type { PacketBytes } from "../wire/packet_bytes.ts";
import type { BulkChecksummer } from "./checksummer.ts";

/** Sums and copies by typed arrays. */
export class PlainBulkChecksummer extends PlainChecksummer implements BulkChecksummer {
  readonly #bytes: Uint8Array;

  /**
   * Sums and copies in a memory.
   *
   * @param packets The memory.
   */
  constructor(packets: PacketBytes) {
    super(packets);
    this.#bytes = packets.bytes;
  }

  /** See {@linkcode BulkChecksummer.copy}. */
  copy(to: number, from: number, length: number): void {
    this.#bytes.copyWithin(to, from, from + length);
  }

  /** See {@linkcode BulkChecksummer.copyAndSum}. */
  copyAndSum(to: number, from: number, length: number): number {
    this.copy(to, from, length);
    return this.sum(to, length);
  }
}
