/**
 * The life of a socket once it is made: BIND, LISTEN, ACCEPT, CONNECT, transfers, SHUTDOWN, CLOSE.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import { IoPrio, Shut, Sock } from "../../ring/abi/opcodes.ts";
import { AF_UNSPEC } from "../../ring/abi/sockaddr.ts";
import type { Operation } from "../machine/operation.ts";
import { isWithin } from "../machine/segments.ts";
import type { DatagramFile } from "./datagram.ts";
import type { StackFile } from "./file.ts";
import type { StackMachine } from "./machine.ts";
import { destinationOf, Endpoint, familyAt, readSockaddr } from "./names.ts";
import { StreamFile, StreamState } from "./stream.ts";

const TYPE_FLAGS = Sock.CLOEXEC | Sock.NONBLOCK;
const ACCEPT_PRIORITY = IoPrio.ACCEPT_MULTISHOT | IoPrio.ACCEPT_DONTWAIT | IoPrio.POLL_FIRST;

/** Read into, one call at a time. */
const endpoint = new Endpoint();

/** BIND: sockaddr at `addr`, its length in `off`. */
export function bind(machine: StackMachine, operation: Operation): void {
  machine.complete(operation, bindSocket(machine, operation), 0);
}

function bindSocket(machine: StackMachine, operation: Operation): number {
  const file = machine.files.get(operation.fd);
  if (file === undefined) return -Errno.EBADF;
  const { address, offset } = operation;
  const fault = readSockaddr(machine.memory, address, offset, file.family, false, endpoint);
  if (fault !== 0) return fault;
  if (file instanceof StreamFile) return file.bind(endpoint);
  return file.socket.bind(endpoint.address, endpoint.port, endpoint.scope);
}

/** LISTEN: backlog in `len`. */
export function listen(machine: StackMachine, operation: Operation): void {
  const file = machine.files.get(operation.fd);
  if (file === undefined) return machine.complete(operation, -Errno.EBADF, 0);
  const isStream = file instanceof StreamFile;
  const result = isStream ? file.listen(operation.length) : -Errno.EOPNOTSUPP;
  machine.complete(operation, result, 0);
}

/** ACCEPT: sockaddr out at `addr`, the word with its room and then its length at `addr2`. */
export function accept(machine: StackMachine, operation: Operation): void {
  const file = machine.files.get(operation.fd);
  if (file === undefined) return machine.complete(operation, -Errno.EBADF, 0);
  if (!(file instanceof StreamFile)) return machine.complete(operation, -Errno.EOPNOTSUPP, 0);
  const { address, offset: lengthAt, operationFlags, ioprio } = operation;
  const hasUnknownFlags = (operationFlags & ~TYPE_FLAGS) !== 0 ||
    (ioprio & ~ACCEPT_PRIORITY) !== 0;
  if (hasUnknownFlags) return machine.complete(operation, -Errno.EINVAL, 0);
  if (operation.fileIndex !== 0) return machine.complete(operation, -Errno.ENXIO, 0);
  if (address !== 0) {
    const { memory } = machine;
    const isPlaced = lengthAt % 4 === 0 && isWithin(memory, lengthAt, 4) &&
      isWithin(memory, address, memory.words[lengthAt >> 2]);
    if (!isPlaced) return machine.complete(operation, -Errno.EFAULT, 0);
  }
  file.accept(operation);
}

/** CONNECT: sockaddr at `addr`, its length in `off`. */
export function connect(machine: StackMachine, operation: Operation): void {
  const file = machine.files.get(operation.fd);
  if (file === undefined) return machine.complete(operation, -Errno.EBADF, 0);
  const { memory } = machine;
  const { address, offset: length } = operation;
  if (familyAt(memory, address, length) === AF_UNSPEC) {
    return machine.complete(operation, disconnect(file), 0);
  }
  const isStream = file instanceof StreamFile;
  const fault = readSockaddr(memory, address, length, file.family, !isStream, endpoint);
  if (fault !== 0) return machine.complete(operation, fault, 0);
  endpoint.address = destinationOf(endpoint.address);
  if (isStream) return file.connect(operation, endpoint);
  const result = file.socket.connect(endpoint.address, endpoint.port, endpoint.scope);
  machine.complete(operation, result, 0);
}

/** Forgets the peer: connect(2) with AF_UNSPEC. */
function disconnect(file: StackFile): number {
  if (file instanceof StreamFile) return file.disconnect();
  return (file as DatagramFile).socket.disconnect();
}

/** SEND, SENDMSG, WRITE, WRITEV, WRITE_FIXED. */
export function send(machine: StackMachine, operation: Operation): void {
  const file = machine.files.get(operation.fd);
  if (file === undefined) machine.complete(operation, -Errno.EBADF, 0);
  else file.send(operation);
}

/** RECV, RECVMSG, READ, READV, READ_FIXED, READ_MULTISHOT. */
export function receive(machine: StackMachine, operation: Operation): void {
  const file = machine.files.get(operation.fd);
  if (file === undefined) machine.complete(operation, -Errno.EBADF, 0);
  else file.receive(operation);
}

/** SHUTDOWN: `how` in `len`. */
export function shutdown(machine: StackMachine, operation: Operation): void {
  const file = machine.files.get(operation.fd);
  if (file === undefined) return machine.complete(operation, -Errno.EBADF, 0);
  const how = operation.length;
  if (how < Shut.RD || how > Shut.RDWR) return machine.complete(operation, -Errno.EINVAL, 0);
  const result = file instanceof StreamFile ? file.shutdown(how) : file.socket.shutdown(how);
  machine.complete(operation, result, 0);
}

/** CLOSE: what is in flight on the descriptor completes as cancelled, then it is free. */
export function close(machine: StackMachine, operation: Operation): void {
  const file = machine.files.get(operation.fd);
  if (file === undefined || operation.fileIndex !== 0) {
    return machine.complete(operation, -Errno.EBADF, 0);
  }
  // Whoever is about to connect hears of a listener's end. The end of a connection comes with the
  // next step, like what was sent before: the other end's own entries may be in the same batch.
  if (!(file instanceof StreamFile) || file.state === StreamState.LISTENING) machine.deliver();
  machine.files.delete(operation.fd);
  file.close();
  machine.complete(operation, 0, 0);
}
