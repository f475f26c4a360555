/**
 * Bytes in and out: SEND, WRITE, RECV, READ and their vector, message and fixed-buffer forms.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import { IoPrio, Msg, Op, SqeFlag } from "../../ring/abi/opcodes.ts";
import { AF_UNIX } from "../../ring/abi/sockaddr.ts";
import { DatagramSocket } from "./datagram_socket.ts";
import type { Host } from "./host.ts";
import type { Operation } from "../machine/operation.ts";
import { locate } from "../machine/segments.ts";
import { hasControl, prepareStreamReceive } from "../machine/stream_transfers.ts";
import { messageFlags } from "../machine/transfers.ts";
import { type Socket, SocketState } from "./socket.ts";

/** `MSG_MORE`, `MSG_CMSG_CLOEXEC`: hints that change no result. */
const HINTS = 0x8000 | 0x40000000;
const KNOWN_SEND_FLAGS = Msg.NOSIGNAL | Msg.DONTWAIT | Msg.WAITALL | HINTS;
const KNOWN_RECEIVE_FLAGS = Msg.PEEK | Msg.DONTWAIT | Msg.WAITALL | Msg.NOSIGNAL | HINTS;

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
  if (operation.opcode === Op.SENDMSG && hasControl(host.memory, header)) {
    return host.complete(operation, -Errno.ENOTSUP, 0);
  }
  if (socket.state !== SocketState.CONNECTED) {
    return host.complete(operation, notConnected(socket, true), 0);
  }
  socket.writer!.send(operation);
}

/** RECV, RECVMSG, READ, READV, READ_FIXED, READ_MULTISHOT. */
export function receive(host: Host, operation: Operation): void {
  const socket = host.files.get(operation.fd);
  if (socket === undefined) return host.complete(operation, -Errno.EBADF, 0);
  const flags = messageFlags(operation);
  operation.operationFlags = flags;
  if (socket instanceof DatagramSocket) return socket.receive(operation, flags);
  if ((flags & Msg.OOB) !== 0) return host.complete(operation, -Errno.EINVAL, 0);
  const fault = prepareStreamReceive(host.memory, operation, flags, KNOWN_RECEIVE_FLAGS);
  if (fault < 0) return host.complete(operation, fault, 0);
  if (socket.state !== SocketState.CONNECTED) {
    return host.complete(operation, notConnected(socket, false), 0);
  }
  socket.reader!.receive(operation);
}
