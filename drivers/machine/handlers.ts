/**
 * Who executes which opcode, as far as all software consumers have it alike.
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
} from "./control.ts";
import type { ControlMachine } from "./machine.ts";
import { OPCODES } from "./opcodes.ts";
import type { Operation } from "./operation.ts";
import { FIRST_REGULAR, type RegularFiles } from "./regular_files.ts";

/** Begins one operation: it completes, or somebody parks it. */
export type Handler<Whole> = (machine: Whole, operation: Operation) => void;

/** What a backend does with entries for its sockets. */
export interface SocketHandlers<Whole> {
  readonly socket: Handler<Whole>;
  readonly bind: Handler<Whole>;
  readonly listen: Handler<Whole>;
  readonly accept: Handler<Whole>;
  readonly connect: Handler<Whole>;
  /** SEND, SENDMSG, WRITE, WRITEV, WRITE_FIXED. */
  readonly send: Handler<Whole>;
  /** RECV, RECVMSG, READ, READV, READ_FIXED, READ_MULTISHOT. */
  readonly receive: Handler<Whole>;
  readonly shutdown: Handler<Whole>;
  readonly close: Handler<Whole>;
  readonly names: Handler<Whole>;
  readonly setOption: Handler<Whole>;
  readonly getOption: Handler<Whole>;
  readonly resolve: Handler<Whole>;
  readonly reverse: Handler<Whole>;
  /** Where it is more than to poll. */
  readonly pollAdd?: Handler<Whole>;
}

interface FileMachine extends ControlMachine {
  readonly regularFiles: RegularFiles;
}

/** What is asked of a file is not asked of a socket. */
function forFiles<Whole>(onFile: Handler<Whole>, onSocket: Handler<Whole>): Handler<Whole> {
  return (machine, operation) =>
    operation.fd >= FIRST_REGULAR ? onFile(machine, operation) : onSocket(machine, operation);
}

/** What of a ring's entries is for its regular files, or for both kinds. */
function fileEntries<Whole extends FileMachine>(
  { receive, send, close }: SocketHandlers<Whole>,
): readonly (readonly [number, Handler<Whole>])[] {
  const transfer: Handler<Whole> = (machine, operation) => machine.regularFiles.transfer(operation);
  const closeFile: Handler<Whole> = (machine, operation) => machine.regularFiles.close(operation);
  return [
    [Op.CLOSE, forFiles(closeFile, close)],
    [Op.OPENAT, (machine, operation) => machine.regularFiles.openAt(operation)],
    [Op.READ, forFiles(transfer, receive)],
    [Op.WRITE, forFiles(transfer, send)],
    [DriverOp.FILE_PATH, (machine, operation) => machine.regularFiles.path(operation)],
  ];
}

function socketEntries<Whole extends FileMachine>(
  sockets: SocketHandlers<Whole>,
): readonly (readonly [number, Handler<Whole>])[] {
  const { receive, send } = sockets;
  return [
    [Op.READV, receive],
    [Op.WRITEV, send],
    [Op.READ_FIXED, receive],
    [Op.WRITE_FIXED, send],
    [Op.SENDMSG, send],
    [Op.RECVMSG, receive],
    [Op.SEND, send],
    [Op.RECV, receive],
    [Op.READ_MULTISHOT, receive],
    [Op.ACCEPT, sockets.accept],
    [Op.CONNECT, sockets.connect],
    [Op.SHUTDOWN, sockets.shutdown],
    [Op.SOCKET, sockets.socket],
    [Op.BIND, sockets.bind],
    [Op.LISTEN, sockets.listen],
    [Op.POLL_ADD, sockets.pollAdd ?? pollAdd],
    [DriverOp.NAMES, sockets.names],
    [DriverOp.SETSOCKOPT, sockets.setOption],
    [DriverOp.GETSOCKOPT, sockets.getOption],
    [DriverOp.RESOLVE, sockets.resolve],
    [DriverOp.REVERSE, sockets.reverse],
  ];
}

const CONTROL_ENTRIES: readonly (readonly [number, Handler<ControlMachine>])[] = [
  [Op.NOP, nop],
  [Op.POLL_REMOVE, pollRemove],
  [Op.TIMEOUT, timeout],
  [Op.TIMEOUT_REMOVE, timeoutRemove],
  [Op.ASYNC_CANCEL, asyncCancel],
  [Op.LINK_TIMEOUT, strayLinkTimeout],
];

/**
 * The handlers by opcode; null where there is none.
 *
 * @param opcodes those that there are to be handlers for
 * @param more handlers of a backend's own
 */
export function handlerTable<Whole extends FileMachine>(
  opcodes: readonly number[],
  sockets: SocketHandlers<Whole>,
  more: readonly (readonly [number, Handler<Whole>])[] = [],
): readonly (Handler<Whole> | null)[] {
  const table: (Handler<Whole> | null)[] = new Array(OPCODES).fill(null);
  const entries = [...CONTROL_ENTRIES, ...fileEntries(sockets), ...socketEntries(sockets), ...more];
  for (const [opcode, handler] of entries) table[opcode] = handler;
  // What programs are told of is what is executed.
  for (let opcode = 0; opcode < OPCODES; opcode++) {
    if (opcodes.includes(opcode) === (table[opcode] !== null)) continue;
    throw new Error(`opcode ${opcode} has a handler and is not told of, or the other way round`);
  }
  return table;
}
