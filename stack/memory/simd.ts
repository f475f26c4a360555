/**
 * The {@linkcode BulkChecksummer} in WebAssembly, with vectors of 16 bytes.
 *
 * Its functions are those of the module themselves: a method around them would be a second call.
 *
 * @module
 */

import type { PacketBytes } from "../wire/packet_bytes.ts";
import type { BulkChecksummer } from "./checksummer.ts";
import { PlainBulkChecksummer } from "./plain.ts";
import { assembleModule, MEMORY_IMPORT } from "./wasm_text/module.ts";

/** The same for every memory, and made when the first one needs it. */
let compiled: WebAssembly.Module | null | undefined;

/** The module, or null where WebAssembly has no vectors or no shared memory. */
function compile(): WebAssembly.Module | null {
  if (compiled === undefined) {
    const bytes = assembleModule();
    compiled = WebAssembly.validate(bytes) ? new WebAssembly.Module(bytes) : null;
  }
  return compiled;
}

/**
 * Makes a checksummer that uses vectors.
 *
 * @param memory A shared memory.
 * @returns Null where the engine has no such instructions.
 */
export function createSimdChecksummer(memory: WebAssembly.Memory): BulkChecksummer | null {
  const module = compile();
  if (module === null) return null;
  const { exports } = new WebAssembly.Instance(module, {
    [MEMORY_IMPORT.module]: { [MEMORY_IMPORT.name]: memory },
  });
  const { sum, copy, copyAndSum } = exports as unknown as BulkChecksummer;
  return { sum, copy, copyAndSum };
}

/**
 * Makes the fastest checksummer that there is.
 *
 * @param memory A shared memory.
 * @param packets The same memory.
 * @returns One by {@linkcode createSimdChecksummer}, else a plain one.
 */
export function createChecksummer(
  memory: WebAssembly.Memory,
  packets: PacketBytes,
): BulkChecksummer {
  return createSimdChecksummer(memory) ?? new PlainBulkChecksummer(packets);
}
