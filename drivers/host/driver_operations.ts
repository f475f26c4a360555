/**
 * Driver operations: NAMES, SETSOCKOPT, GETSOCKOPT, RESOLVE.
 *
 * @module
 */

import { Scratch, SCRATCH_BYTES } from "../../ring/slots.ts";
import { SocketAddress } from "../../ring/abi/address.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { Sock, SockOpt } from "../../ring/abi/opcodes.ts";
import { AF_UNIX } from "../../ring/abi/sockaddr.ts";
import {
  readName,
  resolveName,
  type ResolveOutput,
  reverseName,
  writeResolved,
} from "../resolve.ts";
import { DatagramSocket } from "./datagram_socket.ts";
import type { Host } from "./host.ts";
import { addressOf, wildcard, writeAddress } from "./names.ts";
import type { Operation, OperationOwner } from "../machine/operation.ts";
import { isWithin } from "../machine/segments.ts";
import { setKeepAlive, setNoDelay, type Socket, SocketState } from "./socket.ts";

const WANT_LOCAL = 1;
const WANT_PEER = 2;
const OPTION_BYTES = 4;
const IPV4_BYTES = 4;
const IPV6_BYTES = 16;

/** Names and numbers of options that only tell what a socket is. */
const SO_TYPE = 3;
const SO_ACCEPTCONN = 30;
const SO_PROTOCOL = 38;
const SO_DOMAIN = 39;
/** What the buffers of a socket hold, and how much was dropped: `sock_diag(7)`'s SKMEMINFO. */
const SO_MEMINFO = 55;

/** NAMES: the local name in bit 0 of the flags, the peer's in bit 1, into scratch at `addr`. */
export function names(host: Host, operation: Operation): void {
  host.complete(operation, writeNames(host, operation), 0);
}

function writeNames(host: Host, operation: Operation): number {
  const { memory } = host;
  const { address: scratch, operationFlags: wanted } = operation;
  const socket = host.files.get(operation.fd);
  if (socket === undefined) return -Errno.EBADF;
  if (scratch % 4 !== 0 || !isWithin(memory, scratch, SCRATCH_BYTES)) return -Errno.EFAULT;
  const wantsPeer = (wanted & WANT_PEER) !== 0;
  const peer = wantsPeer ? peerName(socket) : null;
  if (wantsPeer && peer === null) return -Errno.ENOTCONN;
  const capacity = Scratch.PEER - Scratch.SOCKADDR;
  if ((wanted & WANT_LOCAL) !== 0) {
    const length = writeAddress(memory, localName(socket), scratch + Scratch.SOCKADDR, capacity);
    memory.words[(scratch + Scratch.SOCKADDR_LENGTH) >> 2] = length;
  }
  if (peer !== null) {
    const length = writeAddress(memory, peer, scratch + Scratch.PEER, capacity);
    memory.words[(scratch + Scratch.PEER_LENGTH) >> 2] = length;
  }
  return 0;
}

function peerName(socket: Socket | DatagramSocket): SocketAddress | null {
  if (socket instanceof DatagramSocket) return socket.peerName;
  if (socket.state !== SocketState.CONNECTED) return null;
  return addressOf(socket.conn!.remoteAddr, socket.family);
}

function localName(socket: Socket | DatagramSocket): SocketAddress {
  if (socket instanceof DatagramSocket) return socket.localName;
  if (socket.conn !== null) return addressOf(socket.conn.localAddr, socket.family);
  if (socket.acceptor !== null) return addressOf(socket.acceptor.listener.addr, socket.family);
  return socket.bound ?? wildcard(socket.family);
}

/** SETSOCKOPT: level and name in the words of `addr`, an int at `optval`. */
export function setOption(host: Host, operation: Operation): void {
  host.complete(operation, writeOption(host, operation), 0);
}

function writeOption(host: Host, operation: Operation): number {
  const socket = host.files.get(operation.fd);
  if (socket === undefined) return -Errno.EBADF;
  const { addressLow: level, addressHigh: name, fileIndex: length, address3: at } = operation;
  if (socket instanceof DatagramSocket) {
    if (at % 4 !== 0 || !isWithin(host.memory, at, length)) return -Errno.EFAULT;
    return socket.options.set(socket.port, level, name, host.memory, at, length);
  }
  if (!isOption(level, name)) return -Errno.ENOTSUP;
  if (length < OPTION_BYTES) return -Errno.EINVAL;
  if (at % 4 !== 0 || !isWithin(host.memory, at, OPTION_BYTES)) return -Errno.EFAULT;
  const on = host.memory.words[at >> 2] !== 0;
  if (level === SockOpt.IPPROTO_TCP) return setNoDelayOption(socket, on);
  switch (name) {
    case SockOpt.SO_KEEPALIVE:
      if (socket.conn !== null && socket.family !== AF_UNIX) setKeepAlive(socket.conn, on);
      socket.keepAlive = on;
      return 0;
    case SockOpt.SO_REUSEADDR:
      // Deno sets it on every listener itself; it means nothing anywhere else.
      socket.reuseAddress = on;
      return 0;
    case SockOpt.SO_REUSEPORT:
      if (on && !mayReusePort()) return -Errno.ENOTSUP;
      socket.reusePort = on;
      return 0;
    default:
      return -Errno.ENOTSUP;
  }
}

function setNoDelayOption(socket: Socket, on: boolean): number {
  if (socket.family === AF_UNIX) return -Errno.ENOTSUP;
  if (socket.conn !== null) setNoDelay(socket.conn, on);
  socket.noDelay = on;
  return 0;
}

/** Deno ends a process that asks for a shared port without `--unstable-net`. */
function mayReusePort(): boolean {
  return "listenDatagram" in Deno;
}

/** Whether an option can be set here. */
function isOption(level: number, name: number): boolean {
  if (level === SockOpt.IPPROTO_TCP) return name === SockOpt.TCP_NODELAY;
  return level === SockOpt.SOL_SOCKET &&
    (name === SockOpt.SO_KEEPALIVE || name === SockOpt.SO_REUSEADDR ||
      name === SockOpt.SO_REUSEPORT);
}

/** GETSOCKOPT: the fields of SETSOCKOPT; the result is the length written. */
export function getOption(host: Host, operation: Operation): void {
  host.complete(operation, readOption(host, operation), 0);
}

function readOption(host: Host, operation: Operation): number {
  const socket = host.files.get(operation.fd);
  if (socket === undefined) return -Errno.EBADF;
  const { addressLow: level, addressHigh: name, fileIndex: length, address3: at } = operation;
  if (length < OPTION_BYTES) return -Errno.EINVAL;
  if (at % 4 !== 0 || !isWithin(host.memory, at, length)) return -Errno.EFAULT;
  if (socket instanceof DatagramSocket) return readDatagramOption(host, socket, operation);
  const value = optionOf(socket, level, name);
  if (value < 0) return -Errno.ENOTSUP;
  host.memory.words[at >> 2] = value;
  return OPTION_BYTES;
}

function readDatagramOption(host: Host, socket: DatagramSocket, operation: Operation): number {
  const { addressLow: level, addressHigh: name, fileIndex: length, address3: at } = operation;
  const { words } = host.memory;
  if (level === SockOpt.SOL_SOCKET && name === SO_MEMINFO) {
    const found = socket.memoryInfo();
    const count = Math.min(found.length, length >> 2);
    for (let index = 0; index < count; index++) words[(at >> 2) + index] = found[index];
    return count * 4;
  }
  const value = socket.option(level, name);
  if (value === undefined) return -Errno.ENOTSUP;
  words[at >> 2] = value;
  return OPTION_BYTES;
}

/** The value of an option, or -1 where Deno has none. */
function optionOf(socket: Socket, level: number, name: number): number {
  if (level === SockOpt.IPPROTO_TCP && socket.family !== AF_UNIX) {
    return name === SockOpt.TCP_NODELAY ? Number(socket.noDelay) : -1;
  }
  if (level !== SockOpt.SOL_SOCKET) return -1;
  switch (name) {
    case SockOpt.SO_KEEPALIVE:
      return Number(socket.keepAlive);
    case SockOpt.SO_REUSEADDR:
      return Number(socket.reuseAddress);
    case SockOpt.SO_REUSEPORT:
      return Number(socket.reusePort);
    case SockOpt.SO_ERROR:
      return takeError(socket);
    case SO_TYPE:
      return Sock.STREAM;
    case SO_DOMAIN:
      return socket.family;
    case SO_PROTOCOL:
      return socket.family === AF_UNIX ? 0 : SockOpt.IPPROTO_TCP;
    case SO_ACCEPTCONN:
      return Number(socket.state === SocketState.LISTENING);
    default:
      return -1;
  }
}

/** The error of a socket is told once. */
function takeError(socket: Socket): number {
  return socket.reader?.takeFailure() ?? 0;
}

/** A lookup in flight: it cannot be ended, only abandoned. */
class Lookup implements OperationOwner {
  readonly #host: Host;
  #operation: Operation | null;

  constructor(host: Host, operation: Operation) {
    this.#host = host;
    this.#operation = operation;
    host.park(operation, this);
  }

  /** Completes with what `written` makes of the answer, while anybody waits for it. */
  async run<Answer>(answer: Promise<Answer>, written: (answer: Answer) => number): Promise<void> {
    this.#host.outstanding++;
    const found = await answer;
    this.#host.outstanding--;
    const operation = this.#operation;
    if (operation !== null) this.#host.complete(operation, written(found), 0);
  }

  cancel(operation: Operation): number {
    this.#operation = null;
    this.#host.complete(operation, -Errno.ECANCELED, 0);
    return 0;
  }
}

/** RESOLVE: a name at `addr` with `len` bytes, room for the answer at `off`. */
export function resolve(host: Host, operation: Operation): void {
  const { address, length, offset, fileIndex: capacityBytes, operationFlags } = operation;
  const { memory } = host;
  if (!isWithin(memory, offset, capacityBytes)) return host.complete(operation, -Errno.EFAULT, 0);
  const name = readName(memory, address, length);
  if (typeof name === "number") return host.complete(operation, name, 0);
  const output: ResolveOutput = { offset, capacityBytes };
  new Lookup(host, operation).run(
    resolveName(name, operationFlags),
    (outcome) => writeResolved(memory, output, outcome),
  );
}

/** REVERSE: an address of `len` bytes at `addr`, room for its name at `off`. */
export function reverse(host: Host, operation: Operation): void {
  const { address, length, offset, fileIndex: room } = operation;
  const { memory } = host;
  const isPlaced = isWithin(memory, address, length) && isWithin(memory, offset, room);
  if (!isPlaced) return host.complete(operation, -Errno.EFAULT, 0);
  if (length !== IPV4_BYTES && length !== IPV6_BYTES) {
    return host.complete(operation, -Errno.EINVAL, 0);
  }
  const bytes = memory.bytes.slice(address, address + length);
  const { host: text } = length === IPV4_BYTES
    ? SocketAddress.ipv4(bytes, 0)
    : SocketAddress.ipv6(bytes, 0);
  const output: ResolveOutput = { offset, capacityBytes: room };
  new Lookup(host, operation).run(
    reverseName(text),
    (name) => writeResolved(memory, output, typeof name === "number" ? { errno: name } : { name }),
  );
}
