/**
 * Copying as WebAssembly.
 *
 * @module
 */

import type { FunctionText } from "../../wasm/assembler.ts";

/** `copy(to, from, bytes)`: see `BulkChecksummer`. */
export const COPY: FunctionText = {
  name: "copy",
  parameters: [["to", "i32"], ["from", "i32"], ["bytes", "i32"]],
  locals: [],
  body: [
    ["local.get", "to"],
    ["local.get", "from"],
    ["local.get", "bytes"],
    ["memory.copy"],
  ],
};
