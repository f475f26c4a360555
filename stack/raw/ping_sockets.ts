/**
 * Sockets of ICMP echo without headers: Linux' "ping sockets", for programs that may not have raw
 * ones. Each has an identifier of its own, by which replies and errors find it.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import { Msg, Sock } from "../../ring/abi/opcodes.ts";
import type { DatagramContext } from "../datagram/context.ts";
import { DatagramSocket } from "../datagram/datagram_socket.ts";
import { Kind } from "../datagram/option_rows.ts";
import { copyFromUser, rangesBytes } from "../datagram/user_copy.ts";
import type { EchoListener, Flow, IcmpError, IpAddress } from "../ip/types.ts";
import { chainLength, sumChain, takeChain } from "../memory/chains.ts";
import { type DatagramParameters, Ready, type UserMemory } from "../socket.ts";
import type { Counters } from "../statistics.ts";
import { BindingFlag, TransportPorts } from "../transport_ports.ts";
import type { SocketFamily } from "../types.ts";
import type { Ipv6Address } from "../wire/addresses.ts";
import { complement, pseudoIpv6 } from "../wire/checksum.ts";
import * as icmpv4 from "../wire/icmpv4.ts";
import * as icmpv6 from "../wire/icmpv6.ts";
import { Protocol } from "../wire/numbers.ts";
import { RawCounter } from "./counters.ts";

const MAXIMUM_BYTES = 65507;
const CHECKSUM = 2;
const IDENTIFIER = 4;
const NONE = -1;

/** What ping sockets share. */
interface PingShared {
  readonly context: DatagramContext;
  readonly counters: Counters<typeof RawCounter>;
  readonly identifiers: TransportPorts;
  readonly table: Map<number, PingSocket[]>;
  onClose(): void;
}

/** A socket of ICMP echo. */
export class PingSocket extends DatagramSocket {
  readonly kind: number = Kind.PING;
  readonly protocol: number;
  readonly type: number = Sock.DGRAM;
  readonly #shared: PingShared;
  #binding = NONE;

  /** A socket without an identifier. */
  constructor(shared: PingShared, family: SocketFamily) {
    super(shared.context, family);
    this.#shared = shared;
    this.protocol = family === "ipv4" ? Protocol.ICMPV4 : Protocol.ICMPV6;
  }

  /** Replies of the other family are none of its own. */
  override get isIpv6Only(): boolean {
    return this.family === "ipv6";
  }

  protected override reserve(address: IpAddress, port: number): number {
    const { identifiers, table } = this.#shared;
    const flags = this.family === "ipv6" ? BindingFlag.IPV6_ONLY : 0;
    const { scope } = this.flow;
    const binding = port === 0
      ? identifiers.bindEphemeral(address, scope, flags)
      : identifiers.bind(address, port, scope, flags);
    if (binding < 0) return binding;
    this.#binding = binding;
    this.bound = address;
    this.flow.local = address;
    this.flow.localPort = identifiers.port(binding);
    const list = table.get(this.flow.localPort);
    if (list === undefined) table.set(this.flow.localPort, [this]);
    else list.push(this);
    return 0;
  }

  protected override unreserve(): void {
    const { identifiers, table } = this.#shared;
    const list = table.get(this.flow.localPort)!;
    list.splice(list.indexOf(this), 1);
    if (list.length === 0) table.delete(this.flow.localPort);
    identifiers.release(this.#binding);
  }

  protected override leaveTables(): void {}
  protected override enterTables(): void {}

  protected override portOf(_packet: number): number {
    return 0;
  }

  /** Whether a reply is for it, which has its identifier. */
  wants(source: IpAddress, destination: IpAddress, link: number): boolean {
    const { flow } = this;
    if ((typeof destination === "number") !== (this.family === "ipv4")) return false;
    if (flow.scope !== 0 && flow.scope !== link) return false;
    if (this.isConnected && !this.isConnectedTo(source, flow.remotePort)) return false;
    return this.isBoundFor(destination);
  }

  /** Puts a reply into the queue, and takes over its hold. */
  enqueue(packet: number): void {
    const { environment: { arena, packets } } = this.context;
    const { counters } = this.#shared;
    const payloadAt = packets.transport[packet] - arena.start(packet);
    const bytes = chainLength(arena, packet) - payloadAt;
    packets.segmentBytes[packet] = 0;
    if (
      this.isShutForReceiving ||
      !this.queue.push(packet, payloadAt, bytes, this.options.receiveBuffer)
    ) {
      counters.add(RawCounter.DROPPED_QUEUE_FULL);
      return arena.release(packet);
    }
    counters.add(RawCounter.REPLIES_RECEIVED);
    this.owner?.onReady(Ready.IN);
  }

  /** See {@linkcode DatagramStackSocket.send}: the message of an echo request. */
  send(
    memory: UserMemory,
    ranges: Int32Array,
    count: number,
    parameters: DatagramParameters,
    flags: number,
  ): number {
    if (this.isClosed) return -Errno.EBADF;
    if ((flags & Msg.OOB) !== 0) return -Errno.EOPNOTSUPP;
    if (this.isShutForSending) return -Errno.EPIPE;
    const bytes = rangesBytes(ranges, count);
    if (bytes > MAXIMUM_BYTES) return -Errno.EMSGSIZE;
    if (bytes < icmpv4.HEADER_BYTES) return -Errno.EINVAL;
    const bound = this.autobind();
    if (bound < 0) return bound;
    const way = this.flowTo(parameters);
    if (typeof way === "number") return way;
    const error = this.takeError();
    if (error !== 0) return -error;
    if (!this.hasRoom()) return this.waitForRoom(false);
    this.fillParameters(way, parameters);
    return this.#transmit(way, memory, ranges, count, bytes);
  }

  #transmit(
    way: Flow,
    memory: UserMemory,
    ranges: Int32Array,
    count: number,
    bytes: number,
  ): number {
    const { environment: { arena, packets }, output } = this.context;
    const { view } = arena.memory;
    const packet = takeChain(arena, bytes);
    if (packet < 0) return this.waitForRoom(true);
    copyFromUser(arena, packet, memory, ranges, count, 0);
    const at = arena.start(packet);
    const isIpv4 = this.family === "ipv4";
    const request = isIpv4 ? icmpv4.Type.ECHO : icmpv6.Type.ECHO_REQUEST;
    if (view.getUint16(at) !== request << 8) {
      arena.release(packet);
      return -Errno.EINVAL;
    }
    view.setUint16(at + IDENTIFIER, this.flow.localPort);
    view.setUint16(at + CHECKSUM, 0);
    const pseudo = isIpv4
      ? 0
      : pseudoIpv6(way.local as Ipv6Address, way.remote as Ipv6Address, Protocol.ICMPV6, bytes);
    view.setUint16(at + CHECKSUM, complement(sumChain(arena, packet, 0, bytes) + pseudo));
    packets.clear(packet);
    packets.transport[packet] = at;
    this.spend(bytes);
    const result = output.send(way, packet, this.protocol, this.parameters);
    if (result === -Errno.ENOBUFS) {
      this.#shared.counters.add(RawCounter.DROPPED_SEND);
      return bytes;
    }
    if (result === -Errno.EMSGSIZE) this.tooLong(way);
    if (result < 0) return result;
    this.#shared.counters.add(RawCounter.REQUESTS_SENT);
    return bytes;
  }

  /** See {@linkcode StackSocket.close}. */
  override close(): void {
    if (this.isClosed) return;
    super.close();
    this.#shared.onClose();
  }
}

/** What ping sockets are made of. */
export interface PingParts {
  readonly context: DatagramContext;
  readonly counters: Counters<typeof RawCounter>;
}

/** All sockets of ICMP echo of a stack. */
export class PingSockets implements EchoListener {
  readonly #shared: PingShared;
  #open = 0;

  /** Makes no socket yet. */
  constructor({ context, counters }: PingParts) {
    const { environment: { random }, options: { sockets } } = context;
    const identifiers = new TransportPorts({
      kind: "datagram",
      capacity: sockets,
      random,
      firstEphemeral: 1,
      lastEphemeral: 65535,
      claims: context.shard?.echoIdentifiers,
    });
    const onClose = () => {
      this.#open--;
    };
    this.#shared = { context, counters, identifiers, table: new Map(), onClose };
  }

  /** How many are open. */
  get openSockets(): number {
    return this.#open;
  }

  /** Makes a socket. @returns it, or `-ENFILE` */
  socket(family: SocketFamily): PingSocket | number {
    if (this.#open === this.#shared.context.options.sockets) return -Errno.ENFILE;
    this.#open++;
    return new PingSocket(this.#shared, family);
  }

  #find(
    identifier: number,
    source: IpAddress,
    destination: IpAddress,
    link: number,
  ): PingSocket | undefined {
    const list = this.#shared.table.get(identifier);
    return list?.find((socket) => socket.wants(source, destination, link));
  }

  /** See {@linkcode EchoListener.onEchoReply}. */
  onEchoReply(
    packet: number,
    identifier: number,
    source: IpAddress,
    destination: IpAddress,
  ): void {
    const { context: { environment: { arena, packets } }, counters } = this.#shared;
    // RFC 1122 section 3.2.2.6 (MUST): replies go to whoever asked.
    const socket = this.#find(identifier, source, destination, packets.interface[packet]);
    if (socket !== undefined) return socket.enqueue(packet);
    counters.add(RawCounter.DROPPED_REPLY_NO_SOCKET);
    arena.release(packet);
  }

  /** See {@linkcode EchoListener.onError}. */
  onError(error: IcmpError): void {
    const { local, remote, localPort, scope } = error.flow;
    const socket = this.#find(localPort, remote, local, scope);
    if (socket?.reported(error, 0, error.quote)) this.#shared.counters.add(RawCounter.ERRORS);
  }
}
