/**
 * The life of a socket once it is made: BIND, LISTEN, ACCEPT, SHUTDOWN, CLOSE.
 *
 * @module
 */

import type { SocketAddress } from "../../ring/abi/address.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { IoPrio, Shut, Sock } from "../../ring/abi/opcodes.ts";
import { AF_UNIX } from "../../ring/abi/sockaddr.ts";
import { Acceptor } from "./acceptor.ts";
import { mayShare } from "./bound_ports.ts";
import { DatagramSocket } from "./datagram_socket.ts";
import { errnoOf } from "../machine/errors.ts";
import type { Host } from "./host.ts";
import { addressOf, readAddress, unixPathOf, wildcard, writeAddress } from "./names.ts";
import { uncancellable } from "../machine/machine.ts";
import type { Operation } from "../machine/operation.ts";
import { isWithin } from "../machine/segments.ts";
import { Socket, SocketState } from "./socket.ts";

const TYPE_FLAGS = Sock.CLOEXEC | Sock.NONBLOCK;
const ACCEPT_PRIORITY = IoPrio.ACCEPT_MULTISHOT | IoPrio.ACCEPT_DONTWAIT | IoPrio.POLL_FIRST;
const BACKLOG_MAXIMUM = 4096;
/** How long a closed socket may take to send its last bytes, as Linux's orphaned ones. */
const ORPHAN_LIMIT_MS = 60_000;

/**
 * BIND: sockaddr at `addr`, its length in `off`.
 *
 * Deno binds and listens in one step. It is asked to do so and undone at once: so an address that
 * cannot be had is known here, and a port that is left open is chosen here, as on Linux.
 */
export function bind(host: Host, operation: Operation): void {
  host.complete(operation, bindSocket(host, operation), 0);
}

function bindSocket(host: Host, operation: Operation): number {
  const socket = host.files.get(operation.fd);
  if (socket === undefined) return -Errno.EBADF;
  if (socket instanceof DatagramSocket) return socket.bind(operation);
  if (socket.state !== SocketState.CREATED) return -Errno.EINVAL;
  const { address, offset } = operation;
  const wanted = readAddress(host.memory, address, offset, socket.family);
  if (typeof wanted === "number") return wanted;
  if (socket.family === AF_UNIX) return bindTo(host, socket, wanted);
  const others = host.ports.at(wanted);
  if (wanted.port === 0 || others.length === 0) return bindTo(host, socket, wanted);
  if (others.some((other) => !mayShare(socket, other))) return -Errno.EADDRINUSE;
  // Who has it holds it from the system, too: that would say that it is taken.
  socket.isPinned = true;
  noteBound(host, socket, wanted);
  return 0;
}

function bindTo(host: Host, socket: Socket, wanted: SocketAddress): number {
  const listener = openListener(host, socket, wanted, 1);
  if (typeof listener === "number") return listener;
  socket.isPinned = wanted.port !== 0 || !wanted.isUnspecified;
  // A port that is chosen here stays taken: else another socket could be given the same one. So
  // does the name of a Unix socket, which a listener that is closed takes with it.
  if (wanted.port === 0 || socket.family === AF_UNIX) socket.reserved = listener;
  else listener.close();
  noteBound(host, socket, addressOf(listener.addr, socket.family));
  return 0;
}

function noteBound(host: Host, socket: Socket, bound: SocketAddress): void {
  socket.bound = bound;
  host.ports.add(socket);
  socket.become(SocketState.BOUND);
}

/** LISTEN: backlog in `len`. */
export function listen(host: Host, operation: Operation): void {
  const socket = host.files.get(operation.fd);
  if (socket === undefined) return host.complete(operation, -Errno.EBADF, 0);
  if (socket instanceof DatagramSocket) return host.complete(operation, -Errno.EOPNOTSUPP, 0);
  if (socket.state === SocketState.LISTENING) return host.complete(operation, 0, 0);
  if (socket.state > SocketState.BOUND) return host.complete(operation, -Errno.EINVAL, 0);
  // unix(7): a socket without a name has nothing to listen on; one of the internet gets a port.
  if (socket.bound === null && socket.family === AF_UNIX) {
    return host.complete(operation, -Errno.EINVAL, 0);
  }
  host.complete(operation, startListening(host, socket, operation.length), 0);
}

function startListening(host: Host, socket: Socket, backlog: number): number {
  const listener = takeListener(host, socket, backlog);
  if (typeof listener === "number") return listener;
  const adopt = (operation: Operation, conn: Deno.Conn) => adoptFor(host, socket, operation, conn);
  socket.acceptor = new Acceptor(host, listener, adopt, socket);
  if (socket.bound === null && socket.family !== AF_UNIX) {
    socket.bound = addressOf(listener.addr, socket.family);
    host.ports.add(socket);
  }
  socket.become(SocketState.LISTENING);
  return 0;
}

function takeListener(host: Host, socket: Socket, backlog: number): Deno.Listener | number {
  const { reserved } = socket;
  // A Unix socket's has no backlog that could be set: the one that holds its name will do.
  if (reserved !== null && socket.family === AF_UNIX) {
    socket.reserved = null;
    return reserved;
  }
  socket.unreserve();
  return openListener(host, socket, socket.bound ?? wildcard(socket.family), backlog);
}

/** Has Deno bind and listen. @returns the listener, or `-errno` */
function openListener(
  host: Host,
  socket: Socket,
  address: SocketAddress,
  backlog: number,
): Deno.Listener | number {
  try {
    if (address.family === "unix") {
      const path = unixPathOf(address);
      if (!host.permissions.mayUseUnix(path, true)) return -Errno.EACCES;
      return Deno.listen({ transport: "unix", path }) as Deno.Listener;
    }
    const { hostname, port } = address.toDenoAddr() as Deno.NetAddr;
    if (!host.permissions.mayUse(hostname, port)) return -Errno.EACCES;
    // Linux takes a negative backlog as the largest.
    const tcpBacklog = backlog < 0 ? BACKLOG_MAXIMUM : Math.min(backlog, BACKLOG_MAXIMUM);
    const options = { hostname, port, tcpBacklog };
    // Merely naming `reusePort` ends a process without `--unstable-net`.
    return Deno.listen(socket.reusePort ? { ...options, reusePort: true } : options);
  } catch (error) {
    return -errnoOf(error);
  }
}

/** Makes a descriptor of an accepted connection. @returns it, or `-errno` */
function adoptFor(host: Host, listener: Socket, operation: Operation, conn: Deno.Conn): number {
  const fd = host.files.lowest();
  if (fd < 0) return -Errno.EMFILE;
  const socket = new Socket(host, fd, listener.family);
  // Linux passes these options on from the listener.
  socket.noDelay = listener.noDelay;
  socket.keepAlive = listener.keepAlive;
  socket.attach(conn);
  host.files.set(fd, socket);
  const { address, offset: lengthAt } = operation;
  if (address !== 0 && lengthAt !== 0) {
    const words = host.memory.words;
    const peer = addressOf(conn.remoteAddr, socket.family);
    words[lengthAt >> 2] = writeAddress(host.memory, peer, address, words[lengthAt >> 2]);
  }
  return fd;
}

/** ACCEPT: sockaddr out at `addr`, the word with its room and then its length at `addr2`. */
export function accept(host: Host, operation: Operation): void {
  const socket = host.files.get(operation.fd);
  if (socket === undefined) return host.complete(operation, -Errno.EBADF, 0);
  if (socket instanceof DatagramSocket) return host.complete(operation, -Errno.EOPNOTSUPP, 0);
  const { address, offset: lengthAt, operationFlags, ioprio } = operation;
  const hasUnknownFlags = (operationFlags & ~TYPE_FLAGS) !== 0 ||
    (ioprio & ~ACCEPT_PRIORITY) !== 0;
  if (hasUnknownFlags || socket.state !== SocketState.LISTENING) {
    return host.complete(operation, -Errno.EINVAL, 0);
  }
  if (operation.fileIndex !== 0) return host.complete(operation, -Errno.ENXIO, 0);
  if (address !== 0) {
    const { words } = host.memory;
    const isPlaced = lengthAt % 4 === 0 && isWithin(host.memory, lengthAt, 4) &&
      isWithin(host.memory, address, words[lengthAt >> 2]);
    if (!isPlaced) return host.complete(operation, -Errno.EFAULT, 0);
  }
  socket.acceptor!.accept(operation);
}

/** SHUTDOWN: `how` in `len`. */
export function shutdown(host: Host, operation: Operation): void {
  const socket = host.files.get(operation.fd);
  if (socket === undefined) return host.complete(operation, -Errno.EBADF, 0);
  if (socket instanceof DatagramSocket) {
    return host.complete(operation, socket.shutdown(operation), 0);
  }
  const how = operation.length;
  if (how < Shut.RD || how > Shut.RDWR) return host.complete(operation, -Errno.EINVAL, 0);
  if (socket.state === SocketState.LISTENING) {
    // As in Linux, a listener does not send anyway, and one that hears no more is none.
    if (how !== Shut.WR) {
      socket.acceptor!.close(-Errno.EINVAL);
      socket.reset();
    }
    return host.complete(operation, 0, 0);
  }
  if (socket.state !== SocketState.CONNECTED) {
    return host.complete(operation, socket.family === AF_UNIX ? 0 : -Errno.ENOTCONN, 0);
  }
  if (how !== Shut.WR) socket.reader!.shutDown();
  if (how === Shut.RD) return host.complete(operation, 0, 0);
  socket.writer!.shutDown();
  shutDownSending(host, socket, operation);
}

function shutDownSending(host: Host, socket: Socket, operation: Operation): void {
  // The end of the stream goes out after what is still being written, and Linux would not wait.
  const isBehind = socket.writer!.isWriting;
  host.outstanding++;
  const settle = (result: number) => {
    host.outstanding--;
    if (!isBehind) host.complete(operation, result, 0);
  };
  if (!isBehind) host.park(operation, uncancellable);
  socket.conn!.closeWrite().then(() => settle(0), (error) => settle(-errnoOf(error)));
  if (isBehind) host.complete(operation, 0, 0);
}

/** CLOSE: what is in flight on the descriptor completes as cancelled, then it is free. */
export function close(host: Host, operation: Operation): void {
  const socket = host.files.get(operation.fd);
  if (socket === undefined || operation.fileIndex !== 0) {
    return host.complete(operation, -Errno.EBADF, 0);
  }
  host.files.delete(operation.fd);
  if (socket instanceof DatagramSocket) {
    host.park(operation, uncancellable);
    return socket.close(() => host.complete(operation, 0, 0));
  }
  closeSocket(host, socket);
  const { acceptor } = socket;
  if (acceptor === null) return host.complete(operation, 0, 0);
  // Deno frees the address only when its own accept has ended; who closes means to bind it again.
  host.park(operation, uncancellable);
  acceptor.whenReleased(() => host.complete(operation, 0, 0));
}

/** Ends everything on a socket; bytes that Deno has accepted still go out. */
function closeSocket(host: Host, socket: Socket): void {
  const { connecting, conn, writer } = socket;
  if (connecting !== null) connecting.owner!.cancel(connecting);
  socket.acceptor?.close(-Errno.ECANCELED);
  host.ports.delete(socket);
  socket.reader?.close();
  writer?.close();
  socket.endPolls();
  socket.become(SocketState.CLOSED);
  if (conn === null) return;
  if (writer!.isWriting) linger(host, socket);
  else host.release(conn);
}

/** Closes a connection once its last bytes are out, or have been waiting for too long. */
function linger(host: Host, socket: Socket): void {
  const end = () => {
    clearTimeout(timer);
    if (host.lingering.delete(socket)) host.release(socket.conn!);
  };
  const timer = setTimeout(end, ORPHAN_LIMIT_MS);
  Deno.unrefTimer(timer);
  host.lingering.add(socket);
  socket.writer!.onDrained = end;
}

/** Closes every socket at once, whatever it still has to send. */
export function closeEverything(host: Host): void {
  host.files.forEach((socket) => {
    host.files.delete(socket.fd);
    if (socket instanceof DatagramSocket) socket.close(() => {});
    else closeSocket(host, socket);
  });
  for (const socket of host.lingering) {
    host.lingering.delete(socket);
    host.release(socket.conn!);
  }
}
