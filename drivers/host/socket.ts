/**
 * One virtual descriptor of the host backend.
 *
 * ```text
 *            bind           listen
 *   CREATED ------> BOUND ----------> LISTENING ---+
 *      |              |                            | close
 *      |   connect    |                            v
 *      +--------------+--> CONNECTING ----------> CLOSED
 *      ^                    |    | connected       ^
 *      +--------------------+    v                 |
 *        failed, cancelled      CONNECTED ---------+
 * ```
 *
 * A CONNECT without a family leads from anywhere back to CREATED, or to BOUND where it was bound.
 *
 * @module
 */

import type { SocketAddress } from "../../ring/abi/address.ts";
import type { Acceptor } from "./acceptor.ts";
import type { Machine, ReadinessListener } from "./machine.ts";
import type { Operation } from "../machine/operation.ts";
import { Polls } from "../machine/polls.ts";
import { Reader } from "./reader.ts";
import { Writer } from "./writer.ts";
import { Poll } from "../../ring/abi/opcodes.ts";

/** Where a socket is in its life. */
export const SocketState = {
  CREATED: 0,
  BOUND: 1,
  LISTENING: 2,
  CONNECTING: 3,
  CONNECTED: 4,
  CLOSED: 5,
} as const;

/** One of {@linkcode SocketState}. */
export type SocketState = typeof SocketState[keyof typeof SocketState];

const NEXT: readonly (readonly SocketState[])[] = [
  [SocketState.BOUND, SocketState.LISTENING, SocketState.CONNECTING, SocketState.CONNECTED],
  [SocketState.LISTENING, SocketState.CONNECTING],
  [],
  [SocketState.CREATED, SocketState.CONNECTED],
  [],
  [],
];

const READ_NORMAL = 0x40;
const WRITE_NORMAL = 0x100;
const READABLE = Poll.IN | READ_NORMAL;
const WRITABLE = Poll.OUT | WRITE_NORMAL;

/** A socket and what was asked of it. */
export class Socket implements ReadinessListener {
  readonly fd: number;
  /** `AF_INET`, `AF_INET6` or `AF_UNIX`. */
  readonly family: number;
  state: SocketState = SocketState.CREATED;
  /** What BIND gave it, the port among it. */
  bound: SocketAddress | null = null;
  /** Whether BIND asked for more than any address and any port. */
  isPinned = false;
  /** Keeps the port that BIND chose taken until LISTEN asks for it. */
  reserved: Deno.Listener | null = null;
  conn: Deno.Conn | null = null;
  reader: Reader | null = null;
  writer: Writer | null = null;
  acceptor: Acceptor | null = null;
  /** The CONNECT in flight. */
  connecting: Operation | null = null;
  noDelay = false;
  keepAlive = false;
  reuseAddress = false;
  reusePort = false;
  readonly #machine: Machine;
  #polls: Polls | null = null;

  /**
   * @param fd its virtual descriptor
   * @param family of its addresses
   */
  constructor(machine: Machine, fd: number, family: number) {
    this.#machine = machine;
    this.fd = fd;
    this.family = family;
  }

  /** Everything that polls this socket. */
  get polls(): Polls {
    return this.#polls ??= new Polls(this.#machine, this, this.#machine.rounds);
  }

  /** Takes the step to another state. */
  become(state: SocketState): void {
    if (state !== SocketState.CLOSED && !NEXT[this.state].includes(state)) {
      throw new Error(`a socket in state ${this.state} cannot become ${state}`);
    }
    if (state !== SocketState.BOUND) this.unreserve();
    this.state = state;
    this.onReadiness();
  }

  /** Goes back to the state before it connected or listened. */
  reset(): void {
    this.conn = null;
    this.reader = null;
    this.writer = null;
    this.acceptor = null;
    this.state = this.bound === null ? SocketState.CREATED : SocketState.BOUND;
    this.onReadiness();
  }

  /** Lets go of the port that BIND chose. */
  unreserve(): void {
    this.reserved?.close();
    this.reserved = null;
  }

  /** Takes a connection that was accepted or connected. */
  attach(conn: Deno.Conn): void {
    this.#machine.hold(conn);
    this.conn = conn;
    this.reader = new Reader(this.#machine, conn, this);
    this.writer = new Writer(this.#machine, conn, this);
    if (this.noDelay) setNoDelay(conn, true);
    if (this.keepAlive) setKeepAlive(conn, true);
    this.become(SocketState.CONNECTED);
  }

  /** Completes every poll as cancelled; the socket is being closed. */
  endPolls(): void {
    this.#polls?.close();
  }

  /** {@inheritDoc ReadinessListener.onReadiness} */
  onReadiness(): void {
    this.#polls?.check();
  }

  /** The `poll(2)` events that hold now. */
  events(): number {
    switch (this.state) {
      case SocketState.CREATED:
      case SocketState.BOUND:
        return WRITABLE | Poll.HUP;
      case SocketState.LISTENING:
        return this.acceptor!.hasWaiting ? READABLE : 0;
      case SocketState.CONNECTED:
        return this.#connectedEvents();
      case SocketState.CONNECTING:
        return 0;
      case SocketState.CLOSED:
        return Poll.NVAL;
    }
  }

  /** {@inheritDoc ReadinessListener.onMore} */
  onMore(): void {
    this.#polls?.onMore();
  }

  /** {@inheritDoc Pollable.wantReadable} */
  wantReadable(isMore: boolean): void {
    if (this.state === SocketState.LISTENING) this.acceptor!.want(isMore);
    else if (this.state === SocketState.CONNECTED) this.reader!.want(isMore);
  }

  #connectedEvents(): number {
    const reader = this.reader!;
    const writer = this.writer!;
    let events = 0;
    if (reader.isReadable) events |= READABLE;
    if (!writer.isWriting || writer.isShut || reader.isBroken) events |= WRITABLE;
    if (reader.hasFailed) events |= Poll.ERR;
    const isOver = writer.isShut || reader.isBroken;
    if (reader.hasEnded) events |= Poll.RDHUP | (isOver ? Poll.HUP : 0);
    return events;
  }
}

/** Sets TCP_NODELAY. @returns false where the connection is none of TCP */
export function setNoDelay(conn: Deno.Conn, on: boolean): boolean {
  if (!("setNoDelay" in conn)) return false;
  (conn as Deno.TcpConn).setNoDelay(on);
  return true;
}

/** Sets SO_KEEPALIVE. @returns false where the connection is none of TCP */
export function setKeepAlive(conn: Deno.Conn, on: boolean): boolean {
  if (!("setKeepAlive" in conn)) return false;
  (conn as Deno.TcpConn).setKeepAlive(on);
  return true;
}
