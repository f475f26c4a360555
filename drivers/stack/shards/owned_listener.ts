/**
 * A listening socket of a stack of shards, as the shard that owns it has it: connections come from
 * its own stack, and from the listeners that mirror it on other shards.
 *
 * @module
 */

import { Errno } from "../../../ring/abi/errno.ts";
import type { Flow, IpAddress } from "../../../stack/ip/types.ts";
import {
  Ready,
  type SocketOwner,
  type StreamStackSocket,
  type UserMemory,
} from "../../../stack/socket.ts";
import type { ListenerDescription } from "./messages.ts";
import type { RemoteSocket } from "./remote_socket.ts";

const SHUT_WR = 1;

/** Who has other shards listen as well, and no more. */
export interface Mirrors {
  /** A connection of another shard was accepted, or aborted: there may be another. */
  taken(listener: OwnedListener, home: number): void;
  /** Says that the backlog is another one. */
  changed(listener: OwnedListener, backlog: number): void;
  /** Has them listen no more. */
  end(listener: OwnedListener): void;
}

/** A listening socket, and the connections of other shards that nobody has accepted. */
export class OwnedListener implements StreamStackSocket {
  /** Its number. */
  readonly id: number;
  /** What it is, as other shards know it. */
  description: ListenerDescription | null = null;
  /** Whether other shards listen as well, or are about to. */
  isMirrored = false;
  /** The socket of its own stack. */
  readonly own: StreamStackSocket;
  readonly #mirrors: Mirrors;
  #waiting: RemoteSocket[] = [];
  /** Whether one of another shard is accepted next, where there are both. */
  #isRemoteNext = false;

  /**
   * @param own the socket of the shard's own stack
   * @param id its number
   */
  constructor(own: StreamStackSocket, mirrors: Mirrors, id: number) {
    this.own = own;
    this.#mirrors = mirrors;
    this.id = id;
  }

  /** {@inheritDoc StackSocket.owner} */
  get owner(): SocketOwner | null {
    return this.own.owner;
  }

  set owner(owner: SocketOwner | null) {
    this.own.owner = owner;
  }

  /** {@inheritDoc StackSocket.flow} */
  get flow(): Flow {
    return this.own.flow;
  }

  /** {@inheritDoc StreamStackSocket.available} */
  get available(): number {
    return this.own.available;
  }

  /** {@inheritDoc StreamStackSocket.isAtMark} */
  get isAtMark(): boolean {
    return this.own.isAtMark;
  }

  /** {@inheritDoc StreamStackSocket.unacknowledged} */
  get unacknowledged(): number {
    return this.own.unacknowledged;
  }

  /** Takes a connection that another shard has for it. */
  add(connection: RemoteSocket): void {
    if (!this.isMirrored) return connection.abort();
    this.#waiting.push(connection);
    this.own.owner?.onReady(Ready.IN);
  }

  /** Forgets the connections of a shard that does no more. */
  lose(home: number): void {
    this.#waiting = this.#waiting.filter((connection) => connection.home !== home);
  }

  /** {@inheritDoc StackSocket.readiness} */
  readiness(): number {
    return this.own.readiness() | (this.#waiting.length > 0 ? Ready.IN : 0);
  }

  /** {@inheritDoc StreamStackSocket.accept} */
  accept(): StreamStackSocket | number {
    this.#isRemoteNext = !this.#isRemoteNext;
    if (this.#isRemoteNext && this.#waiting.length > 0) return this.#take();
    const accepted = this.own.accept();
    if (accepted !== -Errno.EAGAIN || this.#waiting.length === 0) return accepted;
    return this.#take();
  }

  /** {@inheritDoc StreamStackSocket.listen} */
  listen(backlog: number): number {
    const result = this.own.listen(backlog);
    if (result === 0 && this.isMirrored) this.#mirrors.changed(this, backlog);
    return result;
  }

  /** {@inheritDoc StackSocket.shutdown} */
  shutdown(how: number): number {
    const result = this.own.shutdown(how);
    if (result === 0 && how !== SHUT_WR) this.#end();
    return result;
  }

  /** {@inheritDoc StackSocket.close} */
  close(): void {
    this.own.close();
    this.#end();
  }

  /** {@inheritDoc StreamStackSocket.abort} */
  abort(): void {
    this.own.abort();
    this.#end();
  }

  /** {@inheritDoc StackSocket.takeError} */
  takeError(): number {
    return this.own.takeError();
  }

  /** {@inheritDoc StackSocket.bind} */
  bind(address: IpAddress, port: number, scope: number): number {
    return this.own.bind(address, port, scope);
  }

  /** {@inheritDoc StackSocket.connect} */
  connect(address: IpAddress, port: number, scope: number): number {
    return this.own.connect(address, port, scope);
  }

  /** {@inheritDoc StackSocket.setOption} */
  setOption(level: number, name: number, value: Uint8Array): number {
    return this.own.setOption(level, name, value);
  }

  /** {@inheritDoc StackSocket.getOption} */
  getOption(level: number, name: number): Uint8Array | number {
    return this.own.getOption(level, name);
  }

  /** {@inheritDoc StreamStackSocket.send} */
  send(memory: UserMemory, at: number, bytes: number, flags: number): number {
    return this.own.send(memory, at, bytes, flags);
  }

  /** {@inheritDoc StreamStackSocket.receive} */
  receive(memory: UserMemory, at: number, bytes: number, flags: number): number {
    return this.own.receive(memory, at, bytes, flags);
  }

  #take(): RemoteSocket {
    const connection = this.#waiting.shift()!;
    this.#mirrors.taken(this, connection.home);
    return connection;
  }

  /** Other shards listen no more; what nobody accepted is reset. */
  #end(): void {
    if (!this.isMirrored) return;
    this.isMirrored = false;
    for (const connection of this.#waiting) connection.abort();
    this.#waiting = [];
    this.#mirrors.end(this);
  }
}
