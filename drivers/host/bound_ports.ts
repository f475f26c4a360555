/**
 * Which sockets of one ring are bound to which ports.
 *
 * Deno binds and listens in one step. A port that a socket is only bound to is therefore either free
 * as far as the system goes, or held by a listener that nobody asked for; what Linux would say of
 * such ports is said here, as far as the sockets of this ring go.
 *
 * @module
 */

import type { SocketAddress } from "../../ring/abi/address.ts";
import { type Socket, SocketState } from "./socket.ts";

/** The bound stream sockets of one ring, by port or, those of Unix, by name. */
export class BoundPorts {
  readonly #sockets: Map<number | string, Set<Socket>> = new Map();

  /** Notes that a socket is bound. */
  add(socket: Socket): void {
    const key = keyOf(socket.bound!);
    const others = this.#sockets.get(key) ?? new Set();
    this.#sockets.set(key, others.add(socket));
  }

  /** Forgets one, if it was bound at all. */
  delete(socket: Socket): void {
    if (socket.bound === null) return;
    const key = keyOf(socket.bound);
    const others = this.#sockets.get(key);
    if (others?.delete(socket) === true && others.size === 0) this.#sockets.delete(key);
  }

  /** Those whose name covers an address, or the other way round. */
  at(address: SocketAddress): Socket[] {
    const all = this.#sockets.get(keyOf(address));
    return all === undefined ? [] : [...all].filter(({ bound }) => overlaps(bound!, address));
  }

  /** Whether a port is taken by sockets here, none of which listens. */
  isSilent(address: SocketAddress): boolean {
    const sockets = this.at(address);
    return sockets.length > 0 && sockets.every(({ state }) => state === SocketState.BOUND);
  }
}

/** Whether Linux lets two sockets be bound to one name. Source: socket(7). */
export function mayShare(one: Socket, other: Socket): boolean {
  if (one.reusePort && other.reusePort) return true;
  return one.reuseAddress && other.reuseAddress && other.state !== SocketState.LISTENING;
}

function keyOf(address: SocketAddress): number | string {
  return address.family === "unix" ? address.host : address.port;
}

function overlaps(one: SocketAddress, other: SocketAddress): boolean {
  return one.isUnspecified || other.isUnspecified || one.host === other.host;
}
