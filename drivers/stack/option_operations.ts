/**
 * SETSOCKOPT and GETSOCKOPT: what a socket is, is known here; all else is the socket's own matter.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import { Sock, SockOpt } from "../../ring/abi/opcodes.ts";
import type { Operation } from "../machine/operation.ts";
import { isWithin } from "../machine/segments.ts";
import { besideOf } from "./control_messages.ts";
import { DatagramFile } from "./datagram.ts";
import type { StackFile } from "./file.ts";
import type { StackMachine } from "./machine.ts";
import { StreamFile, StreamState } from "./stream.ts";

const { SOL_SOCKET, SOL_IP } = SockOpt;
/** The longest value: `struct group_source_req` is 264 bytes. */
const LONGEST_VALUE = 4096;
const INT_BYTES = 4;
/** `IFNAMSIZ`. */
const DEVICE_BYTES = 16;
const LONG_BYTES = 8;
const SO_MAX_PACING_RATE = 47;
const SO_COOKIE = 57;
const IP_OPTIONS = 4;

/** SETSOCKOPT: level and name in the words of `addr`, the value at `optval`. */
export function setOption(machine: StackMachine, operation: Operation): void {
  machine.complete(operation, writeOption(machine, operation), 0);
}

function writeOption(machine: StackMachine, operation: Operation): number {
  const file = machine.files.get(operation.fd);
  if (file === undefined) return -Errno.EBADF;
  const { addressLow: level, addressHigh: name, fileIndex: length, address3: at } = operation;
  if (length < 0 || length > LONGEST_VALUE) return -Errno.EINVAL;
  if (!isWithin(machine.memory, at, length)) return -Errno.EFAULT;
  // A copy: the value must not change under who reads it.
  const value = new Uint8Array(machine.memory.bytes.slice(at, at + length));
  const result = file.socket.setOption(level, name, value);
  if (result === 0) {
    if (file instanceof DatagramFile) noteBeside(file, level, name, value);
    machine.optionSet(file, { level, name, value });
  }
  // What this library's callers know as an option that a backend lacks.
  return result === -Errno.ENOPROTOOPT ? -Errno.ENOTSUP : result;
}

/** Keeps in mind what a socket is to tell beside its datagrams. */
function noteBeside(file: DatagramFile, level: number, name: number, value: Uint8Array): void {
  const bit = besideOf(level, name);
  const isOn = value.some((byte) => byte !== 0);
  file.beside = isOn ? file.beside | bit : file.beside & ~bit;
}

/** GETSOCKOPT: the fields of SETSOCKOPT; the result is the length written. */
export function getOption(machine: StackMachine, operation: Operation): void {
  machine.complete(operation, readOption(machine, operation), 0);
}

function readOption(machine: StackMachine, operation: Operation): number {
  const file = machine.files.get(operation.fd);
  if (file === undefined) return -Errno.EBADF;
  const { addressLow: level, addressHigh: name, fileIndex: length, address3: at } = operation;
  if (length < 0) return -Errno.EINVAL;
  if (!isWithin(machine.memory, at, length)) return -Errno.EFAULT;
  const known = level === SOL_SOCKET ? ownOption(file, name) : -1;
  const value = known >= 0 ? intOf(known) : file.socket.getOption(level, name, length);
  if (typeof value === "number") return value === -Errno.ENOPROTOOPT ? -Errno.ENOTSUP : value;
  if (level === SOL_SOCKET && name === SO_MAX_PACING_RATE && length >= LONG_BYTES) {
    const isEndless = value.every((byte) => byte === 0xff);
    machine.memory.bytes.fill(isEndless ? 0xff : 0, at, at + LONG_BYTES);
    machine.memory.bytes.set(value, at);
    return LONG_BYTES;
  }
  const count = lengthOf(level, name, value, length);
  if (count < 0) return count;
  machine.memory.bytes.set(value.subarray(0, count), at);
  return count;
}

/** Bytes of a value that are told, or `-errno`. Source: `net/core/sock.c`, `ip_sockglue.c`. */
function lengthOf(level: number, name: number, value: Uint8Array, room: number): number {
  const isText = name === SockOpt.SO_BINDTODEVICE && value.length > 0;
  if (level === SOL_SOCKET && isText && room < DEVICE_BYTES) return -Errno.EINVAL;
  if (level === SOL_SOCKET && name === SO_COOKIE && room < value.length) return -Errno.EINVAL;
  const isInt = level === SOL_IP && value.length === INT_BYTES && room > 0 && room < INT_BYTES &&
    name !== SockOpt.IP_MULTICAST_IF && name !== IP_OPTIONS;
  // ip(7): where there is no room for an int, a small one is told as a byte.
  if (isInt && (value[1] | value[2] | value[3]) === 0) return 1;
  return Math.min(room, value.length);
}

/** Options that only tell what a socket is; -1 for others. */
function ownOption(file: StackFile, name: number): number {
  const isStream = file instanceof StreamFile;
  switch (name) {
    case SockOpt.SO_TYPE:
      return isStream ? Sock.STREAM : (file as DatagramFile).type;
    case SockOpt.SO_DOMAIN:
      return file.family;
    case SockOpt.SO_PROTOCOL:
      return isStream ? SockOpt.IPPROTO_TCP : (file as DatagramFile).protocol;
    case SockOpt.SO_ACCEPTCONN:
      return Number(isStream && file.state === StreamState.LISTENING);
    case SockOpt.SO_ERROR:
      return file.socket.takeError();
    default:
      return -1;
  }
}

function intOf(value: number): Uint8Array {
  return new Uint8Array(Int32Array.of(value).buffer);
}
