/**
 * What RECV and its vector and message forms ask of a datagram socket, checked and noted in the
 * operation.
 *
 * @module
 */

import { BUFFER_GROUP, DATAGRAM_GROUP } from "../../ring/buffers.ts";
import type { RingMemory } from "../../ring/memory.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { IOVEC, MSGHDR, RECVMSG_OUT } from "../../ring/abi/layout.ts";
import { IoPrio, Msg, Op, SqeFlag } from "../../ring/abi/opcodes.ts";
import type { Operation } from "./operation.ts";
import { isWithin, locate, readLong } from "./segments.ts";
import { isMultishotReceive } from "./transfers.ts";

/** `MSG_CONFIRM`, `MSG_CMSG_CLOEXEC`: hints that change no result. */
const HINTS = 0x800 | 0x40000000;
const KNOWN_RECEIVE_FLAGS = Msg.PEEK | Msg.DONTWAIT | Msg.WAITALL | Msg.TRUNC | Msg.NOSIGNAL |
  HINTS;

/**
 * Prepares a receive: where its bytes go in all; of a RECVMSG, its header in `offset`; of one that
 * goes on, the room for names in `room` and that for control messages in `vector`.
 *
 * @param flags of recv(2)
 * @returns 0 or `-errno`
 */
export function prepareReceive(memory: RingMemory, operation: Operation, flags: number): number {
  if ((flags & Msg.OOB) !== 0) return -Errno.EINVAL;
  if ((flags & ~KNOWN_RECEIVE_FLAGS) !== 0) return -Errno.EINVAL;
  const selects = (operation.flags & SqeFlag.BUFFER_SELECT) !== 0;
  const isMultishot = isMultishotReceive(operation);
  if (isMultishot && (!selects || (flags & (Msg.WAITALL | Msg.PEEK)) !== 0)) return -Errno.EINVAL;
  const priority = IoPrio.POLL_FIRST | (isMultishot ? IoPrio.RECV_MULTISHOT : 0);
  if ((operation.ioprio & ~priority) !== 0) return -Errno.EINVAL;
  if (selects) return prepareSelection(memory, operation, isMultishot);
  const header = operation.address;
  const fault = locate(memory, operation);
  // Where the message's name and flags go; `addr` walks through its vector.
  if (operation.opcode === Op.RECVMSG) operation.offset = header;
  return fault;
}

function prepareSelection(memory: RingMemory, operation: Operation, isMultishot: boolean): number {
  const { opcode, bufferGroup } = operation;
  // Vectors of selected buffers are not worth their code.
  if (opcode === Op.READV || opcode === Op.READ_FIXED) return -Errno.EINVAL;
  if (bufferGroup !== BUFFER_GROUP && bufferGroup !== DATAGRAM_GROUP) return -Errno.ENOBUFS;
  operation.total = operation.length >>> 0;
  return opcode === Op.RECVMSG ? prepareMessage(memory, operation, isMultishot) : 0;
}

/** Reads a `msghdr` that says how much of a selected buffer is for what. */
function prepareMessage(memory: RingMemory, operation: Operation, isMultishot: boolean): number {
  const header = operation.address;
  if (header % 4 !== 0 || !isWithin(memory, header, MSGHDR.SIZE)) return -Errno.EFAULT;
  const vectors = readLong(memory, header + MSGHDR.IOV_LENGTH);
  if (vectors > 1) return -Errno.EINVAL;
  const vector = readLong(memory, header + MSGHDR.IOV);
  if (vectors === 1 && (vector % 4 !== 0 || !isWithin(memory, vector, IOVEC.SIZE))) {
    return -Errno.EFAULT;
  }
  operation.total = vectors === 0 ? 0 : readLong(memory, vector + IOVEC.LENGTH);
  operation.offset = header;
  if (!isMultishot) return 0;
  const { plan } = memory;
  const bytes = operation.bufferGroup === BUFFER_GROUP ? plan.bufferBytes : plan.datagramBytes;
  const capacity = operation.total > 0 ? Math.min(operation.total, bytes) : bytes;
  // The room for name and control messages: the program may change its `msghdr` at once.
  operation.room = memory.words[(header + MSGHDR.NAME_LENGTH) >> 2];
  operation.vector = readLong(memory, header + MSGHDR.CONTROL_LENGTH);
  if (operation.room < 0) return -Errno.EINVAL;
  const before = RECVMSG_OUT.SIZE + operation.room + operation.vector;
  return before > capacity ? -Errno.EFAULT : 0;
}
