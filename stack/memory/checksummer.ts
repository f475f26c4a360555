/**
 * What there is to do with every byte of a packet: sums and copies over the memory that packets
 * lie in.
 *
 * @module
 */

import type { Checksummer } from "../wire/checksum.ts";
import { MAXIMUM_SUM_BYTES } from "./wasm_text/checksum.ts";

export { MAXIMUM_SUM_BYTES };

/**
 * A {@linkcode Checksummer} that copies, too, at any alignment.
 *
 * A range that is not inside the memory, or is summed and longer than
 * {@linkcode MAXIMUM_SUM_BYTES}, is a mistake of the caller's: by vectors it throws, in plain
 * TypeScript its sum means nothing.
 */
export interface BulkChecksummer extends Checksummer {
  /**
   * Copies a range; the two may overlap.
   *
   * @param to The first byte of the target.
   * @param from The first byte of the source.
   * @param length How many bytes.
   */
  copy(to: number, from: number, length: number): void;
  /**
   * Copies a range and sums it up, in one pass. The two must not overlap.
   *
   * @param to The first byte of the target.
   * @param from The first byte of the source.
   * @param length How many bytes, at most {@linkcode MAXIMUM_SUM_BYTES}.
   * @returns The sum, as of {@linkcode Checksummer.sum}.
   */
  copyAndSum(to: number, from: number, length: number): number;
}
