/**
 * Datagrams in and out: what SEND, RECV and their vector and message forms ask of a datagram socket.
 *
 * @module
 */

import type { RingMemory } from "../../ring/memory.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { CMSGHDR, MSGHDR } from "../../ring/abi/layout.ts";
import { IoPrio, Msg, Op, SockOpt, SqeFlag } from "../../ring/abi/opcodes.ts";
import { controlSpace } from "../../ring/abi/control.ts";
import type { Host } from "./host.ts";
import type { Operation } from "../machine/operation.ts";
import { isWithin, locate, readLong } from "../machine/segments.ts";

/** `MSG_CONFIRM`, `MSG_CMSG_CLOEXEC`: hints that change no result. */
const HINTS = 0x800 | 0x40000000;
/** `MSG_MORE`, `MSG_ERRQUEUE`, `MSG_DONTROUTE`: Linux has them, Node has not. */
export const LACKING = 0x8000 | 0x2000 | 0x4;
const KNOWN_SEND_FLAGS = Msg.NOSIGNAL | Msg.DONTWAIT | Msg.WAITALL | HINTS;

const SEGMENT_BYTES = 2;
/** `UDP_MAX_SEGMENTS`. */
const MAXIMUM_SEGMENTS = 128;
/** What the length field of UDP can say. RFC 768. */
const MAXIMUM_DATAGRAM_BYTES = 0xffff;

/** Where the name of a message is, and how long it is; a length of 0 for none. */
export interface SendPlan {
  /** Offset of a sockaddr, 0 for none. */
  name: number;
  nameLength: number;
  /** Bytes of each datagram; the last one may be shorter. */
  segmentBytes: number;
}

/**
 * Prepares a send: the operation's bytes, and what `plan` is about.
 *
 * @param flags of send(2)
 * @returns 0 or `-errno`
 */
export function prepareSend(
  host: Host,
  operation: Operation,
  flags: number,
  plan: SendPlan,
): number {
  if ((flags & Msg.OOB) !== 0) return -Errno.EOPNOTSUPP;
  if ((flags & LACKING) !== 0) return -Errno.ENOTSUP;
  const isUnknown = (flags & ~KNOWN_SEND_FLAGS) !== 0 ||
    (operation.ioprio & ~IoPrio.POLL_FIRST) !== 0 ||
    (operation.flags & SqeFlag.BUFFER_SELECT) !== 0;
  if (isUnknown) return -Errno.EINVAL;
  const { memory } = host;
  const header = operation.address;
  const fault = locate(host.memory, operation);
  if (fault < 0) return fault;
  plan.segmentBytes = 0;
  plan.name = 0;
  if (operation.opcode === Op.SENDMSG) {
    plan.name = readLong(memory, header + MSGHDR.NAME);
    plan.nameLength = memory.words[(header + MSGHDR.NAME_LENGTH) >> 2];
    const refusal = readSegmentBytes(memory, header, plan);
    if (refusal < 0) return refusal;
  } else if (operation.opcode === Op.SEND) {
    // io_uring_prep_send_set_addr(3): `addr2`, and its length in the low half of `file_index`.
    plan.name = operation.offset;
    plan.nameLength = operation.fileIndex & 0xffff;
  }
  return checkSize(operation.total, plan);
}

function checkSize(total: number, plan: SendPlan): number {
  if (total > MAXIMUM_DATAGRAM_BYTES) return -Errno.EMSGSIZE;
  const { segmentBytes } = plan;
  if (segmentBytes > 0 && total > segmentBytes * MAXIMUM_SEGMENTS) return -Errno.EINVAL;
  if (segmentBytes === 0) plan.segmentBytes = total;
  return 0;
}

/** Reads UDP_SEGMENT out of the control messages: there is no other that Node could obey. */
function readSegmentBytes(memory: RingMemory, header: number, plan: SendPlan): number {
  const length = readLong(memory, header + MSGHDR.CONTROL_LENGTH);
  if (length === 0) return 0;
  const control = readLong(memory, header + MSGHDR.CONTROL);
  if (control % 4 !== 0 || !isWithin(memory, control, length)) return -Errno.EFAULT;
  const { words, bytes } = memory;
  for (let at = control; at + CMSGHDR.SIZE <= control + length;) {
    const messageBytes = readLong(memory, at + CMSGHDR.LENGTH);
    if (messageBytes < CMSGHDR.SIZE || at + messageBytes > control + length) return -Errno.EINVAL;
    const level = words[(at + CMSGHDR.LEVEL) >> 2];
    const type = words[(at + CMSGHDR.TYPE) >> 2];
    if (level !== SockOpt.IPPROTO_UDP || type !== SockOpt.UDP_SEGMENT) return -Errno.ENOTSUP;
    if (messageBytes !== CMSGHDR.SIZE + SEGMENT_BYTES) return -Errno.EINVAL;
    plan.segmentBytes = bytes[at + CMSGHDR.SIZE] | (bytes[at + CMSGHDR.SIZE + 1] << 8);
    at += controlSpace(messageBytes - CMSGHDR.SIZE);
  }
  return 0;
}
