/**
 * CONNECT of streams, also to no address.
 *
 * @module
 */

import type { SocketAddress } from "../../ring/abi/address.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { AF_UNIX, AF_UNSPEC } from "../../ring/abi/sockaddr.ts";
import { DatagramSocket } from "./datagram_socket.ts";
import { errnoOf } from "../machine/errors.ts";
import type { Host } from "./host.ts";
import { readAddress, unixPathOf } from "./names.ts";
import type { Operation, OperationOwner } from "../machine/operation.ts";
import { isWithin } from "../machine/segments.ts";
import { type Socket, SocketState } from "./socket.ts";

const FAMILY_BYTES = 2;
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
    // Before the polls that it ends: whoever hears of those knows then why.
    this.#host.complete(operation, -errnoOf(error), 0);
    this.#socket.become(SocketState.CREATED);
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
