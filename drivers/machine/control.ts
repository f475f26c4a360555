/**
 * Operations on operations: NOP, POLL_ADD, POLL_REMOVE, TIMEOUT, TIMEOUT_REMOVE, ASYNC_CANCEL.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import { CancelFlag, Op, PollFlag, TimeoutFlag } from "../../ring/abi/opcodes.ts";
import type { ControlMachine } from "./machine.ts";
import type { Operation } from "./operation.ts";
import type { PollOwner } from "./polls.ts";

/** `IORING_NOP_INJECT_RESULT`. */
const NOP_INJECT_RESULT = 1 << 0;
/** `IORING_ASYNC_CANCEL_USERDATA`, `IORING_ASYNC_CANCEL_OP`. */
const CANCEL_USER_DATA = 1 << 4;
const CANCEL_OPCODE = 1 << 5;
const KNOWN_CANCEL_FLAGS = CancelFlag.ALL | CancelFlag.FD | CancelFlag.ANY | CANCEL_USER_DATA |
  CANCEL_OPCODE;
const HIGH = 4294967296;

/** NOP: completes with 0, or with `len` where that is asked for. */
export function nop(machine: ControlMachine, operation: Operation): void {
  const injects = (operation.operationFlags & NOP_INJECT_RESULT) !== 0;
  machine.complete(operation, injects ? operation.length : 0, 0);
}

/** TIMEOUT: a timespec at `addr`, a count of completions in `off`. */
export function timeout(machine: ControlMachine, operation: Operation): void {
  machine.timeouts.start(operation);
}

/** LINK_TIMEOUT that follows nothing it could guard. */
export function strayLinkTimeout(machine: ControlMachine, operation: Operation): void {
  machine.complete(operation, -Errno.EINVAL, 0);
}

/** TIMEOUT_REMOVE: ends the timeout of the user data in `addr`, or gives it another time. */
export function timeoutRemove(machine: ControlMachine, operation: Operation): void {
  const { operationFlags: flags } = operation;
  const isUpdate = (flags & (TimeoutFlag.UPDATE | TimeoutFlag.LINK_TIMEOUT_UPDATE)) !== 0;
  const opcode = (flags & TimeoutFlag.LINK_TIMEOUT_UPDATE) !== 0 ? Op.LINK_TIMEOUT : Op.TIMEOUT;
  const target = findTarget(machine, operation, opcode);
  if (target === null) return machine.complete(operation, -Errno.ENOENT, 0);
  const result = isUpdate
    ? machine.timeouts.update(target, operation.offset, flags)
    : target.owner!.cancel(target);
  machine.complete(operation, result, 0);
}

/** POLL_ADD: events in `poll32_events`, `IORING_POLL_ADD_MULTI` in `len`. */
export function pollAdd(machine: ControlMachine, operation: Operation): void {
  const polls = machine.pollsOf(operation.fd);
  if (polls === null) return machine.complete(operation, -Errno.EBADF, 0);
  if ((operation.length & ~PollFlag.ADD_MULTI) !== 0) {
    return machine.complete(operation, -Errno.EINVAL, 0);
  }
  polls.add(operation);
}

/** POLL_REMOVE: ends the poll of the user data in `addr`, or changes its events or user data. */
export function pollRemove(machine: ControlMachine, operation: Operation): void {
  const { length: flags } = operation;
  const target = findTarget(machine, operation, Op.POLL_ADD);
  if (target === null) return machine.complete(operation, -Errno.ENOENT, 0);
  const changes = flags & (PollFlag.UPDATE_EVENTS | PollFlag.UPDATE_USER_DATA);
  if (changes === 0) return machine.complete(operation, target.owner!.cancel(target), 0);
  if ((changes & PollFlag.UPDATE_USER_DATA) !== 0) {
    const { owner } = target;
    machine.index.remove(target);
    target.userHigh = Math.floor(operation.offset / HIGH) | 0;
    target.userLow = operation.offset | 0;
    machine.index.add(target);
    target.owner = owner;
  }
  machine.complete(operation, 0, 0);
  if ((changes & PollFlag.UPDATE_EVENTS) === 0) return;
  if ((flags & PollFlag.ADD_MULTI) !== 0) target.length |= PollFlag.ADD_MULTI;
  // Only polls are found under POLL_ADD, and such owners have them.
  (target.owner as PollOwner).update(target, operation.operationFlags);
}

/** The operation in flight with the user data in `addr`, if it has this opcode. */
function findTarget(
  machine: ControlMachine,
  operation: Operation,
  opcode: number,
): Operation | null {
  const target = machine.index.find(operation.addressLow, operation.addressHigh);
  if (target !== null && target.opcode === opcode) return target;
  if (target === null) return null;
  return newest(
    machine,
    (other) =>
      other.opcode === opcode && other.userLow === operation.addressLow &&
      other.userHigh === operation.addressHigh,
  );
}

function newest(machine: ControlMachine, matches: (other: Operation) => boolean): Operation | null {
  let other = machine.index.newest;
  while (other !== null && !matches(other)) other = other.older;
  return other;
}

/** ASYNC_CANCEL: by user data in `addr`, by descriptor, by opcode in `len`, or everything. */
export function asyncCancel(machine: ControlMachine, operation: Operation): void {
  const { operationFlags: flags } = operation;
  if ((flags & CancelFlag.FD_FIXED) !== 0) return machine.complete(operation, -Errno.EBADF, 0);
  if ((flags & ~KNOWN_CANCEL_FLAGS) !== 0) return machine.complete(operation, -Errno.EINVAL, 0);
  const isByData = (flags & ~CancelFlag.ALL) === 0;
  if (isByData && (flags & CancelFlag.ALL) === 0) {
    const target = machine.index.find(operation.addressLow, operation.addressHigh);
    const result = target === null ? -Errno.ENOENT : target.owner!.cancel(target);
    return machine.complete(operation, result, 0);
  }
  machine.complete(operation, cancelMatching(machine, operation, flags), 0);
}

function cancelMatching(machine: ControlMachine, operation: Operation, flags: number): number {
  const isAll = (flags & (CancelFlag.ALL | CancelFlag.ANY)) !== 0;
  // Found first and cancelled then: ending one can end others, or start what is linked to it.
  const found: Operation[] = [];
  const serials: number[] = [];
  for (let other = machine.index.oldest; other !== null; other = other.newer) {
    if (!isMatch(operation, other, flags)) continue;
    found.push(other);
    serials.push(other.serial);
    if (!isAll) break;
  }
  let result: number = isAll ? 0 : -Errno.ENOENT;
  for (let index = 0; index < found.length; index++) {
    const other = found[index];
    if (other.serial !== serials[index] || other.owner === null) continue;
    const outcome = other.owner.cancel(other);
    result = isAll ? result + 1 : outcome;
  }
  return result;
}

function isMatch(operation: Operation, other: Operation, flags: number): boolean {
  if ((flags & CancelFlag.ANY) !== 0) return true;
  if ((flags & CancelFlag.FD) !== 0 && (other.fd !== operation.fd || !hasFile(other))) return false;
  if ((flags & CANCEL_OPCODE) !== 0 && other.opcode !== operation.length) return false;
  const isByData = (flags & CANCEL_USER_DATA) !== 0 ||
    (flags & (CancelFlag.FD | CANCEL_OPCODE)) === 0;
  return !isByData ||
    (other.userLow === operation.addressLow && other.userHigh === operation.addressHigh);
}

function hasFile(operation: Operation): boolean {
  const { opcode } = operation;
  // The descriptor of a SOCKET is a family.
  return opcode !== Op.TIMEOUT && opcode !== Op.LINK_TIMEOUT && opcode !== Op.SOCKET;
}
