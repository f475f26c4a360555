/**
 * Driver operations about names of sockets and interfaces, and about queues: NAMES,
 * INTERFACE, IOCTL.
 *
 * @module
 */

import { Scratch, SCRATCH_BYTES } from "../../ring/slots.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { SockOpt } from "../../ring/abi/opcodes.ts";
import type { Operation } from "../machine/operation.ts";
import { isWithin } from "../machine/segments.ts";
import type { StackFile } from "./file.ts";
import type { StackMachine } from "./machine.ts";
import { anyAddress, isAnyAddress, isScoped, writeSockaddr } from "./names.ts";
import { StreamFile, StreamState } from "./stream.ts";

/** Requests of ioctl(2). Source: `asm-generic/ioctls.h`, `sockios.h`. */
const FIONREAD = 0x541b;
const SIOCOUTQ = 0x5411;
const SIOCATMARK = 0x8905;
/** The state of TCP_INFO where there is no connection. Source: Linux, `net/tcp_states.h`. */
const TCP_CLOSE = 7;
const WANT_LOCAL = 1;
const WANT_PEER = 2;
/** `IFNAMSIZ`. */
const INTERFACE_NAME_BYTES = 16;

/** NAMES: the local name in bit 0 of the flags, the peer's in bit 1, into scratch at `addr`. */
export function names(machine: StackMachine, operation: Operation): void {
  machine.complete(operation, writeNames(machine, operation), 0);
}

function writeNames(machine: StackMachine, operation: Operation): number {
  const { memory } = machine;
  const { address: scratch, operationFlags: wanted } = operation;
  const file = machine.files.get(operation.fd);
  if (file === undefined) return -Errno.EBADF;
  if (scratch % 4 !== 0 || !isWithin(memory, scratch, SCRATCH_BYTES)) return -Errno.EFAULT;
  const wantsPeer = (wanted & WANT_PEER) !== 0;
  if (wantsPeer && !hasPeer(file)) return -Errno.ENOTCONN;
  const { local, localPort, remote, remotePort, scope } = file.socket.flow;
  const room = Scratch.PEER - Scratch.SOCKADDR;
  const { bytes, words } = memory;
  if ((wanted & WANT_LOCAL) !== 0) {
    // A socket of IPv6 that is bound to nothing has the address of nobody in its own family.
    const isBare = isAnyAddress(local);
    const address = isBare ? anyAddress(file.family) : local;
    const zone = isScoped(address) ? scope : 0;
    const at = scratch + Scratch.SOCKADDR;
    const length = writeSockaddr(bytes, at, room, file.family, address, localPort, zone);
    words[(scratch + Scratch.SOCKADDR_LENGTH) >> 2] = length;
  }
  if (wantsPeer) {
    const zone = isScoped(remote) ? scope : 0;
    const at = scratch + Scratch.PEER;
    const length = writeSockaddr(bytes, at, room, file.family, remote, remotePort, zone);
    words[(scratch + Scratch.PEER_LENGTH) >> 2] = length;
  }
  return 0;
}

function hasPeer(file: StackFile): boolean {
  if (file instanceof StreamFile) return file.state === StreamState.CONNECTED && !isOver(file);
  return !isAnyAddress(file.socket.flow.remote);
}

/** Whether what was a connection is none any more. */
function isOver({ socket }: StreamFile): boolean {
  const info = socket.getOption(SockOpt.IPPROTO_TCP, SockOpt.TCP_INFO);
  return typeof info !== "number" && info[0] === TCP_CLOSE;
}

/** INTERFACE: the name of an interface at `addr`, `len` bytes of it. */
export function interfaceIndex(machine: StackMachine, operation: Operation): void {
  const { address, length } = operation;
  const { memory } = machine;
  if (!isWithin(memory, address, length)) return machine.complete(operation, -Errno.EFAULT, 0);
  if (length < 1 || length >= INTERFACE_NAME_BYTES) {
    return machine.complete(operation, -Errno.ENODEV, 0);
  }
  const name = new TextDecoder().decode(memory.bytes.slice(address, address + length));
  const index = machine.service.interfaceIndex(name);
  machine.complete(operation, index > 0 ? index : -Errno.ENODEV, 0);
}

/** IOCTL: tcp(7) and udp(7). */
export function ioctl(machine: StackMachine, operation: Operation): void {
  const file = machine.files.get(operation.fd);
  const result = file === undefined ? -Errno.EBADF : answer(file, operation.operationFlags);
  machine.complete(operation, result, 0);
}

function answer(file: StackFile, request: number): number {
  const { socket } = file;
  if (request === FIONREAD) return "available" in socket ? socket.available as number : 0;
  if (!(file instanceof StreamFile)) return request === SIOCOUTQ ? 0 : -Errno.ENOTTY;
  if (request === SIOCATMARK) return Number(file.socket.isAtMark);
  return request === SIOCOUTQ ? file.socket.unacknowledged : -Errno.ENOTTY;
}
