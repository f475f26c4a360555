/**
 * The life of a socket once it is made: BIND, LISTEN, ACCEPT, CONNECT, SHUTDOWN, CLOSE.
 *
 * @module
 */

import type { SocketAddress } from "../../ring/abi/address.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { IoPrio, Shut, Sock } from "../../ring/abi/opcodes.ts";
import { AF_UNIX, AF_UNSPEC } from "../../ring/abi/sockaddr.ts";
import { Acceptor } from "./acceptor.ts";
import { mayShare } from "./bound_ports.ts";
import { DatagramSocket } from "./datagram_socket.ts";
import { errnoOf } from "./errors.ts";
import type { Host } from "./host.ts";
import { addressOf, readAddress, unixPathOf, wildcard, writeAddress } from "./names.ts";
import type { Operation, OperationOwner } from "./operation.ts";
import { isWithin } from "./segments.ts";
import { Socket, SocketState } from "./socket.ts";

const FAMILY_BYTES = 2;
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

/**
 * How long a connection may still come after its CONNECT was cancelled, to be closed then. Deno
 * 2.9.6 leaks the socket when `connect()` is aborted in the moment in which it succeeds.
 */
const ABORT_DELAY_MS = 100;

/** One CONNECT in flight, and what becomes of its outcome. */
class Attempt implements OperationOwner {
  readonly #host: Host;
  readonly #socket: Socket;
  readonly #abort = new AbortController();
  #patience: ReturnType<typeof setTimeout> | undefined;
  #operation: Operation | null;

  constructor(host: Host, socket: Socket, operation: Operation) {
    this.#host = host;
    this.#socket = socket;
    this.#operation = operation;
  }

  start(address: SocketAddress): void {
    this.#host.outstanding++;
    this.#connect(address).then((conn) => this.#arrive(conn), (error) => this.#fail(error));
  }

  #connect(address: SocketAddress): Promise<Deno.Conn> {
    // Nobody is where nobody listens.
    const isSilent = this.#host.ports.isSilent(address);
    if (address.family === "unix" && !isSilent) {
      return Deno.connect({ transport: "unix", path: unixPathOf(address) });
    }
    // Nor at port 0, where Deno would not ask.
    if (isSilent || address.port === 0) {
      return Promise.reject(new Deno.errors.ConnectionRefused());
    }
    return Deno.connect({
      ...(address.toDenoAddr() as { hostname: string; port: number }),
      transport: "tcp",
      autoSelectFamily: false,
      signal: this.#abort.signal,
    });
  }

  cancel(operation: Operation): number {
    this.#operation = null;
    this.#socket.connecting = null;
    this.#socket.become(SocketState.CREATED);
    this.#host.complete(operation, -Errno.ECANCELED, 0);
    this.#patience = setTimeout(() => this.#abort.abort(), ABORT_DELAY_MS);
    Deno.unrefTimer(this.#patience);
    return 0;
  }

  #arrive(conn: Deno.Conn): void {
    clearTimeout(this.#patience);
    this.#host.outstanding--;
    const operation = this.#operation;
    // Cancelled too late for Deno: nobody would ever close it.
    if (operation === null) return conn.close();
    this.#socket.connecting = null;
    this.#socket.attach(conn);
    this.#host.complete(operation, 0, 0);
  }

  #fail(error: unknown): void {
    clearTimeout(this.#patience);
    this.#host.outstanding--;
    const operation = this.#operation;
    if (operation === null) return;
    this.#socket.connecting = null;
    this.#socket.become(SocketState.CREATED);
    this.#host.complete(operation, -errnoOf(error), 0);
  }
}

/** CONNECT: sockaddr at `addr`, its length in `off`. */
export function connect(host: Host, operation: Operation): void {
  const socket = host.files.get(operation.fd);
  if (socket === undefined) return host.complete(operation, -Errno.EBADF, 0);
  if (socket instanceof DatagramSocket) {
    return host.complete(operation, socket.connect(operation), 0);
  }
  if (socket.family !== AF_UNIX && isUnspecific(host, operation)) {
    disconnect(host, socket);
    return host.complete(operation, 0, 0);
  }
  const address = readAddress(host.memory, operation.address, operation.offset, socket.family);
  if (typeof address === "number") return host.complete(operation, address, 0);
  const refusal = connectRefusal(host, socket, address);
  if (refusal !== 0) return host.complete(operation, refusal, 0);
  const attempt = new Attempt(host, socket, operation);
  socket.connecting = operation;
  // Deno chooses another port than the one that was held.
  host.ports.delete(socket);
  socket.become(SocketState.CONNECTING);
  host.park(operation, attempt);
  attempt.start(address);
}

/** Whether a CONNECT names no family, which asks for the end of what there is. connect(2) */
function isUnspecific({ memory }: Host, { address, offset: length }: Operation): boolean {
  if (length < FAMILY_BYTES || !isWithin(memory, address, length)) return false;
  return (memory.bytes[address] | (memory.bytes[address + 1] << 8)) === AF_UNSPEC;
}

/** Leaves a socket as if it had never connected or listened; its name stays, if it was given one. */
function disconnect(host: Host, socket: Socket): void {
  const { connecting, conn, acceptor } = socket;
  if (connecting !== null) connecting.owner!.cancel(connecting);
  acceptor?.close(-Errno.EINVAL);
  socket.reader?.close();
  socket.writer?.close();
  if (conn !== null) host.release(conn);
  socket.reset();
}

function connectRefusal(host: Host, socket: Socket, address: SocketAddress): number {
  switch (socket.state) {
    case SocketState.CONNECTING:
      return -Errno.EALREADY;
    case SocketState.CONNECTED:
    case SocketState.LISTENING:
      return -Errno.EISCONN;
    case SocketState.BOUND:
      // Deno chooses the local end itself.
      if (socket.isPinned) return -Errno.ENOTSUP;
  }
  if (address.family === "unix") {
    if (address.byteLength === 0) return -Errno.EINVAL;
    return host.permissions.mayUseUnix(unixPathOf(address), true) ? 0 : -Errno.EACCES;
  }
  return host.permissions.mayUse(address.host, address.port) ? 0 : -Errno.EACCES;
}

/** A shutdown or close that waits for Deno: nothing can take it back. */
const uncancellable: OperationOwner = {
  cancel(): number {
    return -Errno.EALREADY;
  },
};

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
