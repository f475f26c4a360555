/**
 * The whole module: what it imports, and what it exports.
 *
 * @module
 */

import { COPY_AND_SUM, SUM } from "./checksum.ts";
import { COPY } from "./copy.ts";
import { assemble, type MemoryImport } from "../../wasm/assembler.ts";

/** The memory that the module works on: any shared one fits. */
export const MEMORY_IMPORT: MemoryImport = {
  module: "stack",
  name: "memory",
  minimumPages: 1,
  maximumPages: 65536,
};

/** Makes the bytes of the module. */
export function assembleModule(): Uint8Array<ArrayBuffer> {
  return assemble(MEMORY_IMPORT, [SUM, COPY, COPY_AND_SUM]);
}
