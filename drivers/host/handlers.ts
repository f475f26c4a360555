/**
 * Who executes which opcode.
 *
 * @module
 */

import { handlerTable } from "../machine/handlers.ts";
import { SOFTWARE_OPCODES } from "../machine/opcodes.ts";
import { connect } from "./connect.ts";
import { getOption, names, resolve, reverse, setOption } from "./driver_operations.ts";
import type { Handler } from "./host.ts";
import { socket } from "./socket_creation.ts";
import { accept, bind, close, listen, shutdown } from "./sockets.ts";
import { receive, send } from "./streams.ts";

/** The handlers by opcode; null where there is none. */
export const HANDLERS: readonly (Handler | null)[] = handlerTable(SOFTWARE_OPCODES, {
  socket,
  bind,
  listen,
  accept,
  connect,
  send,
  receive,
  shutdown,
  close,
  names,
  setOption,
  getOption,
  resolve,
  reverse,
});
