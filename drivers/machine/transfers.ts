/**
 * What entries that move bytes have in common: SEND, WRITE, RECV, READ and their vector, message
 * and fixed-buffer forms.
 *
 * @module
 */

import { IoPrio, Msg, Op } from "../../ring/abi/opcodes.ts";
import type { Operation } from "./operation.ts";

/** The flags of `send(2)` and `recv(2)`; reads and writes have flags of another kind. */
export function messageFlags(operation: Operation): number {
  switch (operation.opcode) {
    case Op.SEND:
    case Op.SENDMSG:
    case Op.RECV:
    case Op.RECVMSG:
      return operation.operationFlags;
    default:
      return 0;
  }
}

/** Whether a receive goes on after its first completion. */
export function isMultishotReceive(operation: Operation): boolean {
  const { opcode } = operation;
  return opcode === Op.READ_MULTISHOT ||
    ((opcode === Op.RECV || opcode === Op.RECVMSG) &&
      (operation.ioprio & IoPrio.RECV_MULTISHOT) !== 0);
}

/** Whether an operation's result breaks the chain that it is linked into. */
export function isFailure(operation: Operation, result: number): boolean {
  if (result < 0) return true;
  switch (operation.opcode) {
    case Op.READ:
    case Op.READV:
    case Op.READ_FIXED:
    case Op.WRITE:
    case Op.WRITEV:
    case Op.WRITE_FIXED:
      return result !== operation.total;
    case Op.SEND:
    case Op.SENDMSG:
    case Op.RECV:
    case Op.RECVMSG:
      return (operation.operationFlags & Msg.WAITALL) !== 0 && result < operation.total;
    default:
      return false;
  }
}
