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
import { OPCODES } from "../machine/opcodes.ts";
import { FIRST_REGULAR } from "../machine/regular_files.ts";
import { control, events } from "./control_operations.ts";
import { interfaceIndex, ioctl, names } from "./driver_operations.ts";
import type { Handler } from "./machine.ts";
import { resolve, reverse } from "./name_operations.ts";
import { STACK_OPCODES } from "./opcodes.ts";
import { getOption, setOption } from "./option_operations.ts";
import { ping } from "./ping.ts";
import { accept, bind, close, connect, listen, receive, send, shutdown } from "./sockets.ts";
import { socket } from "./socket_creation.ts";

/** What is asked of a file is not asked of a socket. */
function forFiles(onFile: Handler, onSocket: Handler): Handler {
  return (machine, operation) =>
    operation.fd >= FIRST_REGULAR ? onFile(machine, operation) : onSocket(machine, operation);
}

/**
 * What a stack sends to itself is there at once on Linux. Here it comes with the next step, which is
 * taken first where that makes a difference: for who does not wait, and who changes what is heard.
 */
function delivered(handler: Handler): Handler {
  return (machine, operation) => {
    machine.deliver();
    handler(machine, operation);
  };
}

const transfer: Handler = (machine, operation) => machine.regularFiles.transfer(operation);

const BY_OPCODE: readonly (readonly [number, Handler])[] = [
  [Op.NOP, nop],
  [Op.READV, receive],
  [Op.WRITEV, send],
  [Op.READ_FIXED, receive],
  [Op.WRITE_FIXED, send],
  [Op.POLL_ADD, delivered(pollAdd)],
  [Op.POLL_REMOVE, pollRemove],
  [Op.SENDMSG, send],
  [Op.RECVMSG, receive],
  [Op.TIMEOUT, timeout],
  [Op.TIMEOUT_REMOVE, timeoutRemove],
  [Op.ACCEPT, accept],
  [Op.ASYNC_CANCEL, asyncCancel],
  [Op.LINK_TIMEOUT, strayLinkTimeout],
  [Op.CONNECT, delivered(connect)],
  [
    Op.CLOSE,
    forFiles((machine, operation) => machine.regularFiles.close(operation), close),
  ],
  [Op.OPENAT, (machine, operation) => machine.regularFiles.openAt(operation)],
  [Op.READ, forFiles(transfer, receive)],
  [Op.WRITE, forFiles(transfer, send)],
  [Op.SEND, send],
  [Op.RECV, receive],
  [Op.SHUTDOWN, shutdown],
  [Op.SOCKET, socket],
  [Op.READ_MULTISHOT, receive],
  [Op.BIND, delivered(bind)],
  [Op.LISTEN, delivered(listen)],
  [DriverOp.NAMES, delivered(names)],
  [DriverOp.SETSOCKOPT, delivered(setOption)],
  [DriverOp.GETSOCKOPT, delivered(getOption)],
  [DriverOp.FILE_PATH, (machine, operation) => machine.regularFiles.path(operation)],
  [DriverOp.INTERFACE, interfaceIndex],
  [DriverOp.RESOLVE, resolve],
  [DriverOp.REVERSE, reverse],
  [DriverOp.CONTROL, control],
  [DriverOp.EVENTS, events],
  [DriverOp.PING, ping],
  [DriverOp.IOCTL, delivered(ioctl)],
];

if (BY_OPCODE.length !== STACK_OPCODES.length) {
  throw new Error("stack: handlers and opcodes differ");
}

/** The handlers by opcode; null where there is none. */
export function handlerTable(): (Handler | null)[] {
  const table: (Handler | null)[] = new Array(OPCODES).fill(null);
  for (const [opcode, handler] of BY_OPCODE) table[opcode] = handler;
  return table;
}
