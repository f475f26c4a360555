/**
 * What sockets of all protocols have in common: what a ring, or a program in the same isolate, does
 * with them. Nothing here waits: what cannot be done now is `-EAGAIN`, and the owner is told once
 * it can be.
 *
 * @module
 */

import type { Flow, IpAddress } from "./ip/types.ts";

/** What a socket can be ready for: the bits of poll(2). */
export const Ready = {
  /** There is something to receive, or a connection to accept. */
  IN: 0x001,
  /** There are urgent data. */
  PRIORITY: 0x002,
  /** There is room to send, or a connection has come about. */
  OUT: 0x004,
  /** An error waits to be taken. */
  ERROR: 0x008,
  /** Both directions are shut. */
  HANGUP: 0x010,
  /** The other end sends no more. */
  READ_HANGUP: 0x2000,
} as const;

/** Memory of whoever uses a socket, beside that of the packets. */
export interface UserMemory {
  /** Copies `bytes` from an offset of the user's memory to an offset of the packets'. */
  copyIn(packetAt: number, userAt: number, bytes: number): void;
  /** Copies `bytes` from an offset of the packets' memory to an offset of the user's. */
  copyOut(userAt: number, packetAt: number, bytes: number): void;
}

/** Whoever owns a socket. */
export interface SocketOwner {
  /**
   * Is told that something has become possible, or that there is more of it. It is called within a
   * step, or within a call to the very socket, and may call the socket.
   *
   * @param ready the bits of {@linkcode Ready} that were raised
   */
  onReady(ready: number): void;
}

/** A socket of any protocol. */
export interface StackSocket {
  /** Whom it tells; null for nobody. */
  owner: SocketOwner | null;
  /** Both ends, as far as they are known. */
  readonly flow: Flow;
  /** What it is ready for now. */
  readiness(): number;
  /** Takes the pending error, which is gone then. @returns a positive errno, or 0 */
  takeError(): number;
  /** Binds it to an address and port. @returns 0 or `-errno` */
  bind(address: IpAddress, port: number, scope: number): number;
  /** Connects it. @returns 0, `-EINPROGRESS`, or another `-errno` */
  connect(address: IpAddress, port: number, scope: number): number;
  /** Shuts directions: `SHUT_RD` 0, `SHUT_WR` 1, `SHUT_RDWR` 2. @returns 0 or `-errno` */
  shutdown(how: number): number;
  /**
   * Sets an option by its numbers on Linux.
   *
   * @param value as setsockopt(2) takes it
   * @returns 0 or `-errno`; ENOPROTOOPT for what it does not know
   */
  setOption(level: number, name: number, value: Uint8Array): number;
  /**
   * Reads an option.
   *
   * @param room how many bytes the caller can take, any number where it is missing: what is given
   * but once stays where it does not fit
   * @returns the value as getsockopt(2) gives it, or `-errno`
   */
  getOption(level: number, name: number, room?: number): Uint8Array | number;
  /** Closes it: the owner hears no more. What was sent is still delivered, as `linger` says. */
  close(): void;
}

/** A socket whose bytes have no boundaries. */
export interface StreamStackSocket extends StackSocket {
  /** Listens, or changes the backlog. @returns 0 or `-errno` */
  listen(backlog: number): number;
  /** Takes a connection that has come about. @returns it, or `-errno`; EAGAIN when there is none */
  accept(): StreamStackSocket | number;
  /**
   * Takes bytes to be sent.
   *
   * @param memory where they are
   * @param at where they start in it
   * @param bytes how many there are
   * @param flags `MSG_MORE`, `MSG_OOB`, `MSG_EOR`; others mean nothing here
   * @returns how many were taken, 1 or more; or `-errno`: EAGAIN, EPIPE, ENOTCONN, ECONNRESET ...
   */
  send(memory: UserMemory, at: number, bytes: number, flags: number): number;
  /**
   * Hands over bytes that were received.
   *
   * @param flags `MSG_PEEK`, `MSG_OOB`, `MSG_TRUNC`
   * @returns how many, 0 at the end of the stream; or `-errno`: EAGAIN, ENOTCONN, ECONNRESET ...
   */
  receive(memory: UserMemory, at: number, bytes: number, flags: number): number;
  /** Bytes that can be received now. */
  readonly available: number;
  /** Whether the next byte to receive is the urgent one, or the one behind it. */
  readonly isAtMark: boolean;
  /** Bytes that are not acknowledged yet. */
  readonly unacknowledged: number;
  /** Ends it at once: the other end is told by a reset. */
  abort(): void;
}

/** What is known of a datagram beside its bytes. */
export interface DatagramInfo {
  /** Who sent it. */
  source: IpAddress;
  /** Its port; the protocol's number for raw sockets. */
  port: number;
  /** Whom it was for. */
  destination: IpAddress;
  /** The index of the interface that it came in by. */
  interface: number;
  /** Hops left. */
  timeToLive: number;
  /** Differentiated services and ECN. */
  typeOfService: number;
  /** All of its bytes, more than were copied where it was truncated. */
  bytes: number;
  /** Bytes of each datagram where several were received as one (`UDP_GRO`), else 0. */
  segmentBytes: number;
}

/** What is filled in for the next datagram: nothing is known yet. */
export function unknownDatagram(): DatagramInfo {
  return {
    source: 0,
    port: 0,
    destination: 0,
    interface: 0,
    timeToLive: 0,
    typeOfService: 0,
    bytes: 0,
    segmentBytes: 0,
  };
}

/** Where an error comes from: `SO_EE_ORIGIN_*`. Source: Linux, `linux/errqueue.h`. */
export const ErrorOrigin = { LOCAL: 1, ICMP: 2, ICMP6: 3 } as const;

/** An error about a datagram that was sent: what `MSG_ERRQUEUE` is answered with. */
export interface ErrorReport {
  /** Such as ECONNREFUSED. */
  readonly errno: number;
  /** One of {@linkcode ErrorOrigin}. */
  readonly origin: number;
  /** Of ICMP, or 0. */
  readonly type: number;
  /** Of ICMP, or 0. */
  readonly code: number;
  /** The MTU, or where in the header something is wrong, or 0. */
  readonly info: number;
  /** Whom the datagram was for. */
  readonly address: IpAddress;
  /** Its port, 0 where it had none. */
  readonly port: number;
  /** What the packet that told of it says of itself; null for what was found here. */
  readonly packet: DatagramInfo | null;
  /** What was quoted of the datagram's payload. */
  readonly payload: Uint8Array;
}

/** What a sender says about one datagram, beyond what the socket's options say. */
export interface DatagramParameters {
  /** Whom it is for; null for whom the socket is connected to. */
  address: IpAddress | null;
  port: number;
  /** The interface it leaves by, or the scope of its address; 0 for none. */
  scope: number;
  /** Which of our addresses it is from; null lets the routes choose. */
  source: IpAddress | null;
  /** Hops; 0 for the option's value. */
  timeToLive: number;
  /** -1 for the option's value. */
  typeOfService: number;
  /** Bytes of each datagram that it is cut into (`UDP_SEGMENT`), or 0. */
  segmentBytes: number;
}

/** A socket whose messages have boundaries. */
export interface DatagramStackSocket extends StackSocket {
  /** Connects it to nobody: connect(2) with `AF_UNSPEC`. @returns 0 or `-errno` */
  disconnect(): number;
  /**
   * Sends one datagram, from ranges of the user's memory that follow one another in it.
   *
   * @param ranges offset and bytes of each range, in turn
   * @param count how many ranges
   * @returns the bytes sent, or `-errno`: EAGAIN, EMSGSIZE, EDESTADDRREQ, ENETUNREACH ...
   */
  send(
    memory: UserMemory,
    ranges: Int32Array,
    count: number,
    parameters: DatagramParameters,
    flags: number,
  ): number;
  /**
   * Hands over the next datagram; bytes beyond the room are lost, unless it is peeked at.
   *
   * @param info is filled in
   * @param flags `MSG_PEEK`
   * @returns how many bytes were copied, or `-errno`: EAGAIN, ECONNREFUSED ...
   */
  receive(
    memory: UserMemory,
    ranges: Int32Array,
    count: number,
    info: DatagramInfo,
    flags: number,
  ): number;
  /** Bytes of the next datagram, 0 when there is none. */
  readonly available: number;
  /** Takes the oldest error that was kept by `IP_RECVERR` or `IPV6_RECVERR`; null for none. */
  takeReport(): ErrorReport | null;
}
