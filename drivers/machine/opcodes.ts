/**
 * What software consumers have, and what becomes of opcodes that nobody executes. Who only starts a
 * driver Worker loads this, and not what executes entries.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import { DriverOp, Op } from "../../ring/abi/opcodes.ts";
import type { DriverFeatures } from "../../ring/driver.ts";
import type { FeatureMask } from "../options.ts";

/** Every opcode fits into a byte. */
export const OPCODES = 256;

const KNOWN: ReadonlySet<number> = new Set([...Object.values(Op), ...Object.values(DriverOp)]);

/** The opcodes that every software consumer has a handler for. */
export const SOFTWARE_OPCODES: readonly number[] = [
  Op.NOP,
  Op.READV,
  Op.WRITEV,
  Op.READ_FIXED,
  Op.WRITE_FIXED,
  Op.POLL_ADD,
  Op.POLL_REMOVE,
  Op.SENDMSG,
  Op.RECVMSG,
  Op.TIMEOUT,
  Op.TIMEOUT_REMOVE,
  Op.ACCEPT,
  Op.ASYNC_CANCEL,
  Op.LINK_TIMEOUT,
  Op.CONNECT,
  Op.CLOSE,
  Op.OPENAT,
  Op.READ,
  Op.WRITE,
  Op.SEND,
  Op.RECV,
  Op.SHUTDOWN,
  Op.SOCKET,
  Op.READ_MULTISHOT,
  Op.BIND,
  Op.LISTEN,
  DriverOp.NAMES,
  DriverOp.SETSOCKOPT,
  DriverOp.GETSOCKOPT,
  DriverOp.FILE_PATH,
  DriverOp.RESOLVE,
  DriverOp.REVERSE,
];

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

/** What a software consumer has beside opcodes. */
export function softwareFeatures(without: FeatureMask): DriverFeatures {
  return {
    multishotAccept: without.multishotAccept !== true,
    multishotReceive: without.multishotReceive !== true,
    bufferRing: true,
  };
}
