/**
 * Which opcodes there are, and what becomes of those that nobody executes.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import { DriverOp, Op } from "../../ring/abi/opcodes.ts";

/** Every opcode fits into a byte. */
export const OPCODES = 256;

const KNOWN: ReadonlySet<number> = new Set([...Object.values(Op), ...Object.values(DriverOp)]);

/** What an opcode without a handler completes with: the kernel knows it, or nobody does. */
export function unknownOpcode(opcode: number): number {
  return KNOWN.has(opcode) ? Errno.ENOTSUP : Errno.EINVAL;
}

/** Per opcode: 1 where it is one of `opcodes` and not to be done without. */
export function supportedOpcodes(
  opcodes: readonly number[],
  without: readonly number[] = [],
): Uint8Array {
  const supported = new Uint8Array(OPCODES);
  for (const opcode of opcodes) supported[opcode] = 1;
  for (const opcode of without) supported[opcode] = 0;
  return supported;
}
