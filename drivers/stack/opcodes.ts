/**
 * What the stack backend has: a module of its own, so that who only starts a Worker does not load
 * what executes entries.
 *
 * @module
 */

import type { DriverFeatures } from "../../ring/driver.ts";
import { DriverOp, Op } from "../../ring/abi/opcodes.ts";
import { supportedOpcodes } from "../machine/opcodes.ts";
import type { FeatureMask } from "../options.ts";

/** The opcodes that have a handler. */
export const STACK_OPCODES: readonly number[] = [
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
  DriverOp.INTERFACE,
  DriverOp.RESOLVE,
  DriverOp.REVERSE,
  DriverOp.CONTROL,
  DriverOp.EVENTS,
  DriverOp.PING,
  DriverOp.IOCTL,
];

/** What this backend has. */
export function stackFeatures(without: FeatureMask): DriverFeatures {
  return {
    multishotAccept: without.multishotAccept !== true,
    multishotReceive: without.multishotReceive !== true,
    bufferRing: true,
  };
}

/** Per opcode: 1 where this backend can do it and is not to do without. */
export function stackOpcodes(without: FeatureMask): Uint8Array {
  return supportedOpcodes(STACK_OPCODES, without.opcodes);
}
