/**
 * What SEND, RECV and their vector and message forms ask of a stream, checked and noted in the
 * operation.
 *
 * @module
 */

import { BUFFER_GROUP } from "../../ring/buffers.ts";
import type { RingMemory } from "../../ring/memory.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { MSGHDR } from "../../ring/abi/layout.ts";
import { IoPrio, Msg, Op, SqeFlag } from "../../ring/abi/opcodes.ts";
import type { Operation } from "./operation.ts";
import { locate, readLong } from "./segments.ts";
import { isMultishotReceive } from "./transfers.ts";

const MULTISHOT_PRIORITY = IoPrio.POLL_FIRST | IoPrio.RECV_MULTISHOT;

/**
 * Prepares a receive: where its bytes go in all, or how many go into a provided buffer.
 *
 * @param flags of recv(2)
 * @param knownFlags those of them that the backend has
 * @returns 0 or `-errno`
 */
export function prepareStreamReceive(
  memory: RingMemory,
  operation: Operation,
  flags: number,
  knownFlags: number,
): number {
  const isMessage = operation.opcode === Op.RECVMSG;
  // A stream's messages have nothing to put into the header of a provided buffer.
  if (isMessage && isMultishotReceive(operation)) return -Errno.ENOTSUP;
  if ((flags & ~knownFlags) !== 0 || !isValidShape(operation, flags)) return -Errno.EINVAL;
  if ((operation.flags & SqeFlag.BUFFER_SELECT) !== 0) {
    // The ring's own group is all there is.
    if (operation.bufferGroup !== BUFFER_GROUP) return -Errno.ENOBUFS;
    // The length only limits how much of a buffer is filled; its place comes with the buffer.
    operation.total = operation.length >>> 0;
    return 0;
  }
  const header = operation.address;
  const fault = locate(memory, operation);
  if (fault === 0 && isMessage) clearMessage(memory, header);
  return fault;
}

/** Whether multishot and buffer selection are asked for where Linux has them. */
function isValidShape(operation: Operation, flags: number): boolean {
  const selects = (operation.flags & SqeFlag.BUFFER_SELECT) !== 0;
  if (isMultishotReceive(operation)) {
    return selects && (flags & (Msg.WAITALL | Msg.PEEK)) === 0 &&
      (operation.ioprio & ~MULTISHOT_PRIORITY) === 0;
  }
  if ((operation.ioprio & ~IoPrio.POLL_FIRST) !== 0) return false;
  // Vectors of selected buffers are not worth their code.
  return !selects || operation.opcode === Op.RECV || operation.opcode === Op.READ;
}

/** Says in a `msghdr` that a stream's message comes with neither a name nor control data. */
function clearMessage({ words }: RingMemory, header: number): void {
  words[(header + MSGHDR.NAME_LENGTH) >> 2] = 0;
  words[(header + MSGHDR.CONTROL_LENGTH) >> 2] = 0;
  words[((header + MSGHDR.CONTROL_LENGTH) >> 2) + 1] = 0;
  words[(header + MSGHDR.FLAGS) >> 2] = 0;
}

/** Whether a message that is to be sent has control data. @param header where its `msghdr` is */
export function hasControl(memory: RingMemory, header: number): boolean {
  return readLong(memory, header + MSGHDR.CONTROL_LENGTH) !== 0;
}
