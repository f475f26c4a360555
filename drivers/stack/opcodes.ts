/**
 * What the stack backend has: a module of its own, so that who only starts a Worker does not load
 * what executes entries.
 *
 * @module
 */

import { DriverOp } from "../../ring/abi/opcodes.ts";
import { SOFTWARE_OPCODES } from "../machine/opcodes.ts";

/** The opcodes that have a handler. */
export const STACK_OPCODES: readonly number[] = [
  ...SOFTWARE_OPCODES,
  DriverOp.INTERFACE,
  DriverOp.CONTROL,
  DriverOp.EVENTS,
  DriverOp.PING,
  DriverOp.IOCTL,
];
