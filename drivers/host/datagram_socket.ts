/**
 * A virtual descriptor for datagrams, over a socket of Node's.
 *
 * ```text
 *            bind, or the first send or connect           close
 *   CREATED -----------------------------------> BOUND ---------> CLOSED
 *      |                                                            ^
 *      +------------------------------------------------------------+
 * ```
 *
 * Node's sockets connect in name only, so that the peer is kept here: it is where datagrams without
 * a destination go, and who others are told apart from. Linux cannot take a datagram back that it
 * was given, and neither can anybody here: sends always complete.
 *
 * @module
 */

import { SocketAddress } from "../../ring/abi/address.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { Op, Poll, Shut, Sock, SockOpt, SqeFlag } from "../../ring/abi/opcodes.ts";
import { AF_INET6, AF_UNSPEC } from "../../ring/abi/sockaddr.ts";
import {
  type Destination,
  destinationOf,
  Destinations,
  Origins,
  readDestination,
  zoned,
} from "./datagram_names.ts";
import { DatagramOptions } from "./datagram_options.ts";
import { LACKING, prepareSend, type SendPlan } from "./datagram_transfers.ts";
import type { Host } from "./host.ts";
import { Inbox, type InboxOwner, MAXIMUM_KEPT_BYTES } from "./inbox.ts";
import { addressOf, readAddress, wildcard } from "./names.ts";
import { type DatagramPort, type DatagramSink, openDatagramPort } from "./node_datagrams.ts";
import { uncancellable } from "../machine/machine.ts";
import type { Operation } from "../machine/operation.ts";
import { prepareReceive } from "../machine/datagram_receive.ts";
import { Polls } from "../machine/polls.ts";
import { isWithin } from "../machine/segments.ts";
import { Sender } from "./sender.ts";

const READ_NORMAL = 0x40;
const WRITE_NORMAL = 0x100;
const WRITE_BAND = 0x200;
const WRITABLE = Poll.OUT | WRITE_NORMAL | WRITE_BAND;
const READABLE = Poll.IN | READ_NORMAL;
const LIMITED_BROADCAST = "255.255.255.255";

/** The peer of a connected socket. */
interface Peer extends Destination {
  readonly address: SocketAddress;
  /** Its sockaddr, with 0 for the port. */
  readonly origin: Uint8Array;
}

/** A datagram socket and what was asked of it. */
export class DatagramSocket implements DatagramSink, InboxOwner {
  readonly fd: number;
  /** `AF_INET` or `AF_INET6`. */
  readonly family: number;
  readonly inbox: Inbox;
  readonly options: DatagramOptions;
  /** `SO_ERROR`: why the last receive failed. */
  failure = 0;
  readonly #host: Host;
  readonly #origins = new Origins();
  readonly #destinations: Destinations;
  readonly #plan: SendPlan = { name: 0, nameLength: 0, segmentBytes: 0 };
  #port: DatagramPort | null = null;
  #sender: Sender | null = null;
  #peer: Peer | null = null;
  #polls: Polls | null = null;
  #isReceivingShut = false;
  #isSendingShut = false;
  #isClosed = false;

  /**
   * @param fd its virtual descriptor
   * @param family of its addresses
   */
  constructor(host: Host, fd: number, family: number) {
    this.#host = host;
    this.fd = fd;
    this.family = family;
    this.inbox = new Inbox(host, this);
    this.options = new DatagramOptions(family);
    this.#destinations = new Destinations(family);
  }

  /** Everything that polls this socket. */
  get polls(): Polls {
    return this.#polls ??= new Polls(this.#host, this, this.#host.rounds);
  }

  /** Node's socket, once it is bound. */
  get port(): DatagramPort | null {
    return this.#port;
  }

  /** The local name; any address and port 0 before it is bound. */
  get localName(): SocketAddress {
    if (this.#port === null) return wildcard(this.family);
    const { host: hostname, port } = this.#port;
    const name = addressOf({ transport: "udp", hostname, port }, this.family);
    return zoned(name, this.#origins.zone);
  }

  /** The peer's name, or null. */
  get peerName(): SocketAddress | null {
    return this.#peer?.address ?? null;
  }

  /** The value of an option of an int, or undefined where there is none to be had. */
  option(level: number, name: number): number | undefined {
    if (level !== SockOpt.SOL_SOCKET) return this.options.get(level, name);
    switch (name) {
      case SockOpt.SO_ERROR:
        return this.takeFailure();
      case SockOpt.SO_TYPE:
        return Sock.DGRAM;
      case SockOpt.SO_DOMAIN:
        return this.family;
      case SockOpt.SO_PROTOCOL:
        return SockOpt.IPPROTO_UDP;
      case SockOpt.SO_ACCEPTCONN:
      case SockOpt.SO_REUSEPORT:
        return 0;
      default:
        return this.options.get(level, name);
    }
  }

  /** What SO_MEMINFO says: bytes kept, the bound on them, and in the last place what was dropped. */
  memoryInfo(): readonly number[] {
    const { keptBytes, dropped } = this.inbox;
    return [keptBytes, MAXIMUM_KEPT_BYTES, 0, 0, 0, 0, 0, 0, dropped];
  }

  /** BIND. @returns 0 or `-errno` */
  bind(operation: Operation): number {
    if (this.#port !== null) return -Errno.EINVAL;
    const { address, offset } = operation;
    const wanted = readAddress(this.#host.memory, address, offset, this.family);
    return typeof wanted === "number" ? wanted : this.#open(wanted);
  }

  /** CONNECT: names the peer, or with AF_UNSPEC none. @returns 0 or `-errno` */
  connect(operation: Operation): number {
    const { memory } = this.#host;
    const { address, offset: length } = operation;
    if (length >= 2 && isWithin(memory, address, length)) {
      const family = memory.bytes[address] | (memory.bytes[address + 1] << 8);
      if (family === AF_UNSPEC) {
        this.#peer = null;
        return 0;
      }
    }
    const wanted = readDestination(memory, address, length, this.family);
    if (typeof wanted === "number") return wanted;
    const destination = destinationOf(wanted, this.family);
    const refusal = this.#refusal(destination);
    if (refusal !== 0) return refusal;
    const peer = this.#peerAt(wanted);
    const opened = this.#openFor(peer);
    if (opened === 0) this.#peer = peer;
    return opened;
  }

  /** SHUTDOWN. @returns 0 or `-errno` */
  shutdown(operation: Operation): number {
    const how = operation.length;
    if (how < Shut.RD || how > Shut.RDWR) return -Errno.EINVAL;
    // As in Linux, a socket without a peer is shut down although it is told that it cannot be.
    const result = this.#peer === null ? -Errno.ENOTCONN : 0;
    if (how !== Shut.RD) this.#isSendingShut = true;
    if (how !== Shut.WR) {
      this.#isReceivingShut = true;
      this.inbox.shutDown();
    }
    this.onReadiness();
    return result;
  }

  /** Begins a send. @param flags of send(2) */
  send(operation: Operation, flags: number): void {
    const result = this.#begin(operation, flags);
    if (result < 0) this.#host.complete(operation, result, 0);
  }

  /** Begins a receive. @param flags of recv(2) */
  receive(operation: Operation, flags: number): void {
    const result = (flags & LACKING) !== 0
      ? -Errno.ENOTSUP
      : prepareReceive(this.#host.memory, operation, flags);
    // As read(2) has it, nothing is read when nothing is wanted; recv(2) takes a datagram.
    const isNothing = operation.total === 0 && isPlainRead(operation);
    if (result < 0 || isNothing) this.#host.complete(operation, result, 0);
    else this.inbox.receive(operation);
  }

  /**
   * Ends everything on the socket; what Deno was given still goes out.
   *
   * @param released called when the address is free
   */
  close(released: () => void): void {
    this.#isClosed = true;
    this.inbox.close();
    this.#polls?.close();
    const port = this.#port;
    if (port === null) return released();
    this.#host.outstanding++;
    const end = () =>
      port.close(() => {
        this.#host.outstanding--;
        released();
      });
    const sender = this.#sender!;
    if (sender.isIdle) end();
    else sender.onDrained = end;
  }

  /** {@inheritDoc DatagramSink.onDatagram} */
  onDatagram(bytes: Uint8Array<ArrayBuffer>, host: string, port: number): void {
    if (this.#isClosed) return;
    const origin = this.#origins.of(host);
    if (this.#peer !== null && !isFrom(this.#peer, origin, port)) return;
    this.inbox.arrive(bytes, origin, port);
  }

  /** {@inheritDoc DatagramSink.onReceiveError} */
  onReceiveError(errno: number): void {
    if (this.#isClosed || this.inbox.fail(errno)) return;
    this.failure = errno;
    this.onReadiness();
  }

  /** {@inheritDoc InboxOwner.takeFailure} */
  takeFailure(): number {
    const { failure } = this;
    this.failure = 0;
    return failure;
  }

  /** {@inheritDoc InboxOwner.onReadiness} */
  onReadiness(): void {
    this.#polls?.check();
  }

  /** The `poll(2)` events that hold now. */
  events(): number {
    let events = WRITABLE;
    if (this.inbox.isReadable || this.#isReceivingShut) events |= READABLE;
    if (this.#isReceivingShut) events |= Poll.RDHUP | (this.#isSendingShut ? Poll.HUP : 0);
    if (this.failure !== 0) events |= Poll.ERR;
    return events;
  }

  /** Datagrams come by themselves. */
  wantReadable(): void {}

  /** Called when there is more of what was there already. */
  onMore(): void {
    this.#polls?.onMore();
  }

  /** Who is meant by an address: as in Linux, by the one of nobody, this machine. */
  #peerAt(wanted: SocketAddress): Peer {
    const isIPv6 = this.family === AF_INET6;
    const { port } = wanted;
    if (this.#origins.zone === "") this.#origins.zone = wanted.scope;
    const { host } = wanted.isUnspecified
      ? { host: isIPv6 ? "::1" : "127.0.0.1" }
      : destinationOf(wanted, this.family);
    const address = SocketAddress.parse(isIPv6 ? `[${host}]:${port}` : `${host}:${port}`);
    return { host, port, address, origin: this.#origins.of(address.host) };
  }

  /** Linux chooses the local address by the peer's: what it chooses for loopback is known. */
  #openFor({ address, host }: Peer): number {
    if (!address.isLoopback || address.isIPv4Mapped) return this.#openAnywhere();
    if (this.#port !== null) return 0;
    return this.#open(SocketAddress.parse(host.includes(":") ? "[::1]:0" : "127.0.0.1:0"));
  }

  #openAnywhere(): number {
    return this.#port === null ? this.#open(wildcard(this.family)) : 0;
  }

  #open(address: SocketAddress): number {
    const { host, port } = destinationOf(address, this.family);
    if (!this.#host.permissions.mayUse(host, port)) return -Errno.EACCES;
    const { reuseAddress, ipv6Only } = this.options;
    const options = { isIPv6: this.family === AF_INET6, reuseAddress, ipv6Only };
    const opened = openDatagramPort(options, host, port, this);
    if (typeof opened === "number") return opened;
    const applied = this.options.applyAll(opened);
    if (applied !== 0) {
      this.#host.outstanding++;
      opened.close(() => this.#host.outstanding--);
      return applied;
    }
    this.#port = opened;
    if (address.scope !== "") this.#origins.zone = address.scope;
    this.#sender = new Sender(this.#host, opened);
    return 0;
  }

  /** Whether a destination may not be used. @returns 0 or `-errno` */
  #refusal({ host, port }: Destination): number {
    if (this.options.ipv6Only && host.startsWith("::ffff:")) return -Errno.ENETUNREACH;
    if (host === LIMITED_BROADCAST && !this.options.broadcast) return -Errno.EACCES;
    return this.#host.permissions.mayUse(host, port) ? 0 : -Errno.EACCES;
  }

  #begin(operation: Operation, flags: number): number {
    const plan = this.#plan;
    const prepared = prepareSend(this.#host, operation, flags, plan);
    if (prepared < 0) return prepared;
    const destination = plan.name === 0
      ? this.#peer
      : this.#destinations.read(this.#host.memory, plan.name, plan.nameLength);
    // As on Linux the socket gets a port first, also for what cannot be sent then.
    const opened = this.#openAnywhere();
    if (destination === null) return -Errno.EDESTADDRREQ;
    if (typeof destination === "number") return destination;
    if (destination.port === 0) return -Errno.EINVAL;
    const refusal = this.#refusal(destination);
    if (refusal !== 0) return refusal;
    if (this.#isSendingShut) return -Errno.EPIPE;
    if (this.failure !== 0) return -this.takeFailure();
    if (opened !== 0) return opened;
    // What Deno was given it does not give back.
    this.#host.park(operation, uncancellable);
    this.#sender!.send(operation, plan.segmentBytes, destination.host, destination.port);
    return 0;
  }
}

function isPlainRead({ opcode, flags }: Operation): boolean {
  if ((flags & SqeFlag.BUFFER_SELECT) !== 0) return false;
  return opcode === Op.READ || opcode === Op.READV || opcode === Op.READ_FIXED;
}

/** Whether a datagram comes from a peer; its zone is not known. */
function isFrom(peer: Peer, origin: Uint8Array, port: number): boolean {
  if (peer.port !== port) return false;
  // Known senders are the same object, until there are too many of them.
  if (peer.origin === origin) return true;
  if (peer.origin.length !== origin.length) return false;
  for (let index = 0; index < origin.length; index++) {
    if (peer.origin[index] !== origin[index]) return false;
  }
  return true;
}
