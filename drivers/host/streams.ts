/**
 * Bytes in and out: SEND, WRITE, RECV, READ and their vector, message and fixed-buffer forms.
 *
 * @module
 */

import { BUFFER_GROUP } from "../../ring/buffers.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { MSGHDR } from "../../ring/abi/layout.ts";
import { IoPrio, Msg, Op, SqeFlag } from "../../ring/abi/opcodes.ts";
import { AF_UNIX } from "../../ring/abi/sockaddr.ts";
import { DatagramSocket } from "./datagram_socket.ts";
import type { Host } from "./host.ts";
import type { Operation } from "../machine/operation.ts";
import { isMultishotReceive, messageFlags } from "../machine/transfers.ts";
import { locate, readLong } from "../machine/segments.ts";
import { type Socket, SocketState } from "./socket.ts";

/** `MSG_MORE`, `MSG_CMSG_CLOEXEC`: hints that change no result. */
const HINTS = 0x8000 | 0x40000000;
const KNOWN_SEND_FLAGS = Msg.NOSIGNAL | Msg.DONTWAIT | Msg.WAITALL | HINTS;
const KNOWN_RECEIVE_FLAGS = Msg.PEEK | Msg.DONTWAIT | Msg.WAITALL | Msg.NOSIGNAL | HINTS;
const KNOWN_RECEIVE_PRIORITY = IoPrio.POLL_FIRST | IoPrio.RECV_MULTISHOT;

function notConnected(socket: Socket, isSend: boolean): number {
  if (socket.family === AF_UNIX) return isSend ? -Errno.ENOTCONN : -Errno.EINVAL;
  // tcp(7): sending before connecting is a broken pipe, as after the end.
  if (isSend && socket.state !== SocketState.CONNECTING) return -Errno.EPIPE;
  return -Errno.ENOTCONN;
}

/** SEND, SENDMSG, WRITE, WRITEV, WRITE_FIXED. */
export function send(host: Host, operation: Operation): void {
  const socket = host.files.get(operation.fd);
  if (socket === undefined) return host.complete(operation, -Errno.EBADF, 0);
  const flags = messageFlags(operation);
  operation.operationFlags = flags;
  if (socket instanceof DatagramSocket) return socket.send(operation, flags);
  if ((flags & Msg.OOB) !== 0) return host.complete(operation, -Errno.EOPNOTSUPP, 0);
  const isUnknown = (flags & ~KNOWN_SEND_FLAGS) !== 0 ||
    (operation.ioprio & ~IoPrio.POLL_FIRST) !== 0 ||
    (operation.flags & SqeFlag.BUFFER_SELECT) !== 0;
  if (isUnknown) return host.complete(operation, -Errno.EINVAL, 0);
  const header = operation.address;
  const fault = locate(host.memory, operation);
  if (fault < 0) return host.complete(operation, fault, 0);
  // Deno passes no descriptors on.
  if (operation.opcode === Op.SENDMSG && hasControl(host, header)) {
    return host.complete(operation, -Errno.ENOTSUP, 0);
  }
  if (socket.state !== SocketState.CONNECTED) {
    return host.complete(operation, notConnected(socket, true), 0);
  }
  socket.writer!.send(operation);
}

function hasControl(host: Host, header: number): boolean {
  return readLong(host.memory, header + MSGHDR.CONTROL_LENGTH) !== 0;
}

/** RECV, RECVMSG, READ, READV, READ_FIXED, READ_MULTISHOT. */
export function receive(host: Host, operation: Operation): void {
  const socket = host.files.get(operation.fd);
  if (socket === undefined) return host.complete(operation, -Errno.EBADF, 0);
  const flags = messageFlags(operation);
  operation.operationFlags = flags;
  if (socket instanceof DatagramSocket) return socket.receive(operation, flags);
  if ((flags & Msg.OOB) !== 0) return host.complete(operation, -Errno.EINVAL, 0);
  // A stream's messages have nothing to put into a header.
  if (operation.opcode === Op.RECVMSG && isMultishotReceive(operation)) {
    return host.complete(operation, -Errno.ENOTSUP, 0);
  }
  const isUnknown = (flags & ~KNOWN_RECEIVE_FLAGS) !== 0 || !isValidShape(operation, flags);
  if (isUnknown) return host.complete(operation, -Errno.EINVAL, 0);
  const fault = locateReceive(host, operation);
  if (fault < 0) return host.complete(operation, fault, 0);
  if (socket.state !== SocketState.CONNECTED) {
    return host.complete(operation, notConnected(socket, false), 0);
  }
  socket.reader!.receive(operation);
}

/** Whether multishot and buffer selection are asked for where Linux has them. */
function isValidShape(operation: Operation, flags: number): boolean {
  const selects = (operation.flags & SqeFlag.BUFFER_SELECT) !== 0;
  if (isMultishotReceive(operation)) {
    return selects && (flags & (Msg.WAITALL | Msg.PEEK)) === 0 &&
      (operation.ioprio & ~KNOWN_RECEIVE_PRIORITY) === 0;
  }
  if ((operation.ioprio & ~IoPrio.POLL_FIRST) !== 0) return false;
  // Vectors of selected buffers are not worth their code.
  return !selects || operation.opcode === Op.RECV || operation.opcode === Op.READ;
}

function locateReceive(host: Host, operation: Operation): number {
  if ((operation.flags & SqeFlag.BUFFER_SELECT) !== 0) {
    // The ring's own group is all there is.
    if (operation.bufferGroup !== BUFFER_GROUP) return -Errno.ENOBUFS;
    // The length only limits how much of a buffer is filled; its place comes with the buffer.
    operation.total = operation.length >>> 0;
    return 0;
  }
  const header = operation.address;
  const fault = locate(host.memory, operation);
  if (fault === 0 && operation.opcode === Op.RECVMSG) clearMessage(host, header);
  return fault;
}

/** A stream's messages come with neither a name nor control data. */
function clearMessage(host: Host, header: number): void {
  const { words } = host.memory;
  words[(header + MSGHDR.NAME_LENGTH) >> 2] = 0;
  words[(header + MSGHDR.CONTROL_LENGTH) >> 2] = 0;
  words[((header + MSGHDR.CONTROL_LENGTH) >> 2) + 1] = 0;
  words[(header + MSGHDR.FLAGS) >> 2] = 0;
}
