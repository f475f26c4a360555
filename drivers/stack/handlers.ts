/**
 * Who executes which opcode.
 *
 * @module
 */

import { DriverOp } from "../../ring/abi/opcodes.ts";
import { pollAdd } from "../machine/control.ts";
import { handlerTable } from "../machine/handlers.ts";
import { control, events } from "./control_operations.ts";
import { interfaceIndex, ioctl, names } from "./driver_operations.ts";
import type { Handler } from "./machine.ts";
import { resolve, reverse } from "./name_operations.ts";
import { STACK_OPCODES } from "./opcodes.ts";
import { getOption, setOption } from "./option_operations.ts";
import { ping } from "./ping.ts";
import { accept, bind, close, connect, listen, receive, send, shutdown } from "./sockets.ts";
import { socket } from "./socket_creation.ts";

/**
 * What a stack sends to itself is there at once on Linux. Here it comes with the next step, which is
 * taken first where that makes a difference: for who does not wait, and who changes what is heard.
 * Transfers and CLOSE know themselves when that is.
 */
function delivered(handler: Handler): Handler {
  return (machine, operation) => {
    machine.deliver();
    handler(machine, operation);
  };
}

/** The handlers by opcode; null where there is none. */
export const HANDLERS: readonly (Handler | null)[] = handlerTable(STACK_OPCODES, {
  socket,
  bind: delivered(bind),
  listen: delivered(listen),
  accept,
  connect: delivered(connect),
  send,
  receive,
  shutdown,
  close,
  names: delivered(names),
  setOption: delivered(setOption),
  getOption: delivered(getOption),
  resolve,
  reverse,
  pollAdd: delivered(pollAdd),
}, [
  [DriverOp.INTERFACE, interfaceIndex],
  [DriverOp.CONTROL, control],
  [DriverOp.EVENTS, events],
  [DriverOp.PING, ping],
  [DriverOp.IOCTL, delivered(ioctl)],
]);
