/**
 * Who executes which opcode.
 *
 * @module
 */

import { DriverOp, Op } from "../../ring/abi/opcodes.ts";
import {
  asyncCancel,
  nop,
  pollAdd,
  pollRemove,
  strayLinkTimeout,
  timeout,
  timeoutRemove,
} from "../machine/control.ts";
import { connect } from "./connect.ts";
import { getOption, names, resolve, reverse, setOption } from "./driver_operations.ts";
import type { Handler } from "./host.ts";
import { HOST_OPCODES } from "./opcodes.ts";
import { OPCODES } from "../machine/opcodes.ts";
import { FIRST_REGULAR } from "../machine/regular_files.ts";
import { socket } from "./socket_creation.ts";
import { accept, bind, close, listen, shutdown } from "./sockets.ts";
import { receive, send } from "./streams.ts";

/** What is asked of a file is not asked of a socket. */
function forFiles(onFile: Handler, onSocket: Handler): Handler {
  return (host, operation) =>
    operation.fd >= FIRST_REGULAR ? onFile(host, operation) : onSocket(host, operation);
}

const transfer: Handler = (host, operation) => host.regularFiles.transfer(operation);

const BY_OPCODE: readonly (readonly [number, Handler])[] = [
  [Op.NOP, nop],
  [Op.READV, receive],
  [Op.WRITEV, send],
  [Op.READ_FIXED, receive],
  [Op.WRITE_FIXED, send],
  [Op.POLL_ADD, pollAdd],
  [Op.POLL_REMOVE, pollRemove],
  [Op.SENDMSG, send],
  [Op.RECVMSG, receive],
  [Op.TIMEOUT, timeout],
  [Op.TIMEOUT_REMOVE, timeoutRemove],
  [Op.ACCEPT, accept],
  [Op.ASYNC_CANCEL, asyncCancel],
  [Op.LINK_TIMEOUT, strayLinkTimeout],
  [Op.CONNECT, connect],
  [Op.CLOSE, forFiles((host, operation) => host.regularFiles.close(operation), close)],
  [Op.OPENAT, (host, operation) => host.regularFiles.openAt(operation)],
  [Op.READ, forFiles(transfer, receive)],
  [Op.WRITE, forFiles(transfer, send)],
  [Op.SEND, send],
  [Op.RECV, receive],
  [Op.SHUTDOWN, shutdown],
  [Op.SOCKET, socket],
  [Op.READ_MULTISHOT, receive],
  [Op.BIND, bind],
  [Op.LISTEN, listen],
  [DriverOp.NAMES, names],
  [DriverOp.SETSOCKOPT, setOption],
  [DriverOp.GETSOCKOPT, getOption],
  [DriverOp.FILE_PATH, (host, operation) => host.regularFiles.path(operation)],
  [DriverOp.RESOLVE, resolve],
  [DriverOp.REVERSE, reverse],
];

if (BY_OPCODE.length !== HOST_OPCODES.length) throw new Error("host: handlers and opcodes differ");

/** The handlers by opcode; null where there is none. */
export function handlerTable(): (Handler | null)[] {
  const table: (Handler | null)[] = new Array(OPCODES).fill(null);
  for (const [opcode, handler] of BY_OPCODE) table[opcode] = handler;
  return table;
}
