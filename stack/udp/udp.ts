/**
 * UDP: finds the sockets that datagrams are for, and tells them of errors. RFC 768, RFC 1122
 * section 4.1, RFC 8200 section 8.1.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import type { DatagramContext } from "../datagram/context.ts";
import { Slot } from "../datagram/option_rows.ts";
import { isMulticast } from "../ip/addresses.ts";
import type { IcmpError, IcmpErrors, IpAddress, TransportProtocol } from "../ip/types.ts";
import { chainLength, dropFront, sliceChain, sumChain } from "../memory/chains.ts";
import { PacketFlag, Segmentation } from "../packet_table.ts";
import { randomTableKey } from "../random.ts";
import { Ready } from "../socket.ts";
import type { Counters } from "../statistics.ts";
import { TransportPorts } from "../transport_ports.ts";
import type { SocketFamily } from "../types.ts";
import type { Ipv6Address } from "../wire/addresses.ts";
import { complement, pseudoIpv4, pseudoIpv6 } from "../wire/checksum.ts";
import { Fault } from "../wire/fault.ts";
import { Protocol } from "../wire/numbers.ts";
import * as udp from "../wire/udp.ts";
import { canCoalesce } from "./coalesce.ts";
import { UdpCounter } from "./counters.ts";
import { UdpSocketTable } from "./socket_table.ts";
import { type UdpShared, UdpSocket } from "./udp_socket.ts";

/** How packets are marked that may be for everybody. */
const MAY_BE_FOR_EVERYBODY = PacketFlag.LINK_BROADCAST | PacketFlag.LOOPED;

/** What UDP is made of. */
export interface UdpParts {
  readonly context: DatagramContext;
  readonly icmp: IcmpErrors;
  readonly counters: Counters<typeof UdpCounter>;
  /** The first port that is chosen for a socket that asks for none; 32768. */
  readonly firstEphemeral?: number;
  /** The last one; 60999. */
  readonly lastEphemeral?: number;
}

/** UDP over IPv4 and IPv6. */
export class Udp implements TransportProtocol {
  readonly protocol: number = Protocol.UDP;
  readonly #context: DatagramContext;
  readonly #icmp: IcmpErrors;
  readonly #counters: Counters<typeof UdpCounter>;
  readonly #table: UdpSocketTable;
  readonly #shared: UdpShared;
  #open = 0;

  /** Makes UDP without sockets. */
  constructor({ context, icmp, counters, firstEphemeral, lastEphemeral }: UdpParts) {
    const { environment: { random }, options: { sockets } } = context;
    this.#context = context;
    this.#icmp = icmp;
    this.#counters = counters;
    const table = new UdpSocketTable(sockets, randomTableKey(random));
    const ports = new TransportPorts({
      kind: "datagram",
      capacity: sockets,
      random,
      firstEphemeral,
      lastEphemeral,
      claims: context.shard?.udpPorts,
    });
    this.#table = table;
    const onClose = () => {
      this.#open--;
    };
    this.#shared = { context, table, ports, counters, onClose };
  }

  /** How many sockets are open. */
  get openSockets(): number {
    return this.#open;
  }

  /** Makes a socket. @returns it, or `-ENFILE` when there are too many */
  socket(family: SocketFamily): UdpSocket | number {
    if (this.#open === this.#context.options.sockets) return -Errno.ENFILE;
    this.#open++;
    return new UdpSocket(this.#shared, family);
  }

  /** See {@linkcode TransportProtocol.receive}. */
  receive(packet: number, source: IpAddress, destination: IpAddress): void {
    const { environment: { arena, packets } } = this.#context;
    const at = packets.transport[packet];
    const header = at - arena.start(packet);
    const bytes = arena.next(packet) < 0 ? arena.length(packet) : chainLength(arena, packet);
    const fault = arena.length(packet) < header + udp.HEADER_BYTES
      ? Fault.UDP_TOO_SHORT
      : udp.check(arena.memory, at, bytes - header);
    if (fault !== Fault.NONE) return this.#drop(packet, counterOf(fault));
    if (isMulticast(destination) || this.#isForEverybody(packet, destination)) {
      return this.#receiveForMany(packet, header, source, destination);
    }
    const from = udp.sourcePort(arena.memory, at);
    const to = udp.destinationPort(arena.memory, at);
    const link = packets.interface[packet];
    const socket = this.#table.find(destination, to, source, from, link);
    const verified = this.#verify(packet, header, source, destination, socket);
    if (verified !== Fault.NONE) return this.#drop(packet, counterOf(verified));
    if (socket !== undefined) return this.#deliver(socket, packet, header);
    if (this.#context.shard !== null && this.#handOver(packet, from, to)) return;
    // RFC 1122 section 4.1.3.1 (SHOULD): who sends to a port where nobody listens is told so.
    this.#icmp.portUnreachable(packet);
    this.#drop(packet, UdpCounter.DROPPED_NO_SOCKET);
  }

  /**
   * Hands on what this stack sent to the host itself, but not to one of its own sockets.
   *
   * @returns false where no other shard has the port
   */
  #handOver(packet: number, from: number, to: number): boolean {
    const { shard, environment: { packets } } = this.#context;
    if (shard === null || (packets.flags[packet] & PacketFlag.LOOPED) === 0) return false;
    const holder = shard.director.portShard(Protocol.UDP, to, from);
    if (holder < 0 || holder === shard.index) return false;
    this.#counters.add(UdpCounter.HANDED_OVER);
    shard.handOver(holder, packet);
    return true;
  }

  #isForEverybody(packet: number, destination: IpAddress): boolean {
    if (typeof destination !== "number") return false;
    const { addresses, interfaces, environment: { packets } } = this.#context;
    const link = packets.interface[packet];
    // What was for everybody came in a frame for everybody, where there are frames.
    const isPlain = (packets.flags[packet] & MAY_BE_FOR_EVERYBODY) === 0 &&
      interfaces.get(link)?.kind === "ethernet";
    return !isPlain && addresses.isBroadcast(destination, link);
  }

  /** Judges the checksum; what is too long for a link, or not, was summed up by whoever took it. */
  #verify(
    packet: number,
    header: number,
    source: IpAddress,
    destination: IpAddress,
    socket: UdpSocket | undefined,
  ): Fault {
    const { environment: { arena, packets } } = this.#context;
    const { memory } = arena;
    const at = packets.transport[packet];
    // RFC 768 section Fields (MUST): a checksum of zero is none.
    if (!udp.hasChecksum(memory, at)) {
      // RFC 8200 section 8.1 (MUST): over IPv6 there is a checksum, or the datagram is discarded,
      // unless its port was told that tunnels send it such (RFC 6935 section 5).
      const isAllowed = typeof destination === "number" ||
        socket !== undefined && socket.options.has(Slot.NO_CHECKSUM_6_RECEIVE);
      return isAllowed ? Fault.NONE : Fault.UDP_NO_CHECKSUM;
    }
    const known = PacketFlag.CHECKSUM_GOOD | PacketFlag.CHECKSUM_PARTIAL;
    if ((packets.flags[packet] & known) !== 0) return Fault.NONE;
    const length = udp.datagramLength(memory, at);
    const pseudo = typeof destination === "number"
      ? pseudoIpv4(source as number, destination, Protocol.UDP, length)
      : pseudoIpv6(source as Ipv6Address, destination, Protocol.UDP, length);
    const sum = arena.next(packet) < 0
      ? memory.checksummer.sum(at, length)
      : sumChain(arena, packet, header, length);
    // RFC 1122 section 4.1.3.4 (MUST): a wrong checksum discards the datagram in silence.
    return complement(sum + pseudo) === 0 ? Fault.NONE : Fault.UDP_CHECKSUM;
  }

  /** Gives a datagram to a socket. */
  #deliver(socket: UdpSocket, packet: number, header: number): void {
    const { environment: { arena, packets } } = this.#context;
    const { queue } = socket;
    if (socket.isShutForReceiving || socket.isClosed) {
      return this.#drop(packet, UdpCounter.DROPPED_SHUT);
    }
    const at = packets.transport[packet];
    const payloadAt = header + udp.HEADER_BYTES;
    const bytes = udp.datagramLength(arena.memory, at) - udp.HEADER_BYTES;
    if (packets.segmentation[packet] !== Segmentation.UDP) packets.segmentBytes[packet] = 0;
    if (socket.coalesces && this.#coalesce(socket, packet, payloadAt, bytes)) return;
    if (!queue.push(packet, payloadAt, bytes, socket.options.receiveBuffer)) {
      return this.#drop(packet, UdpCounter.DROPPED_QUEUE_FULL);
    }
    this.#counters.add(UdpCounter.RECEIVED);
    socket.owner?.onReady(Ready.IN);
  }

  /** Puts a datagram behind the one before it, where both may be received as one: `UDP_GRO`. */
  #coalesce(socket: UdpSocket, packet: number, payloadAt: number, bytes: number): boolean {
    const { queue, options } = socket;
    const { columns, environment: { arena, packets } } = this.#context;
    if (queue.isEmpty || queue.charged > options.receiveBuffer) return false;
    if (!canCoalesce(columns, queue.tail, packet, payloadAt, bytes)) return false;
    if (packets.segmentBytes[queue.tail] === 0) {
      packets.segmentBytes[queue.tail] = columns.payloadBytes[queue.tail];
    }
    queue.extend(dropFront(arena, packet, payloadAt), bytes);
    this.#counters.add(UdpCounter.RECEIVED);
    this.#counters.add(UdpCounter.COALESCED);
    socket.owner?.onReady(Ready.IN);
    return true;
  }

  /** Gives a datagram for a group, or for everybody, to all who want it. */
  #receiveForMany(
    packet: number,
    header: number,
    source: IpAddress,
    destination: IpAddress,
  ): void {
    const { environment: { arena, packets } } = this.#context;
    const at = packets.transport[packet];
    const from = udp.sourcePort(arena.memory, at);
    const link = packets.interface[packet];
    let receiver: UdpSocket | undefined;
    // Owners that are told may close sockets, and open others.
    for (const socket of [...this.#table.at(udp.destinationPort(arena.memory, at))]) {
      if (!this.#wants(socket, source, from, destination, link)) continue;
      if (receiver === undefined) {
        const fault = this.#verify(packet, header, source, destination, socket);
        if (fault !== Fault.NONE) return this.#drop(packet, counterOf(fault));
      } else this.#deliverCopy(receiver, packet, header);
      receiver = socket;
    }
    // RFC 1122 section 3.2.2 (MUST): nobody is told that what was for many is for nobody.
    if (receiver === undefined) this.#drop(packet, UdpCounter.DROPPED_NO_SOCKET);
    else this.#deliver(receiver, packet, header);
  }

  /** Gives slices of a datagram to a socket that is not the last one to get it. */
  #deliverCopy(socket: UdpSocket, packet: number, header: number): void {
    const { environment: { arena, packets } } = this.#context;
    const copy = sliceChain(arena, packet, 0, chainLength(arena, packet));
    if (copy < 0) return this.#counters.add(UdpCounter.DROPPED_NO_PACKET);
    packets.copy(packet, copy);
    this.#counters.add(UdpCounter.COPIED);
    this.#deliver(socket, copy, header);
  }

  /** Whether a datagram for many is for a socket, too, which is bound to its port. */
  #wants(
    socket: UdpSocket,
    source: IpAddress,
    port: number,
    destination: IpAddress,
    link: number,
  ): boolean {
    const { flow, options } = socket;
    if (flow.scope !== 0 && flow.scope !== link) return false;
    const isIpv4 = typeof destination === "number";
    if (isIpv4 ? socket.family === "ipv6" && socket.isIpv6Only : socket.family === "ipv4") {
      return false;
    }
    if (!socket.isBoundFor(destination)) return false;
    if (socket.isConnected && !socket.isConnectedTo(source, port)) return false;
    if (!isMulticast(destination)) return true;
    const takesAll = options.has(isIpv4 ? Slot.MULTICAST_ALL : Slot.MULTICAST_ALL_6);
    return socket.memberships.admits(link, destination, source, takesAll);
  }

  #drop(packet: number, counter: typeof UdpCounter[keyof typeof UdpCounter]): void {
    this.#counters.add(counter);
    this.#context.environment.arena.release(packet);
  }

  /** See {@linkcode TransportProtocol.admitsError}: nobody else can have sent what it is about. */
  admitsError(error: IcmpError): boolean {
    const isKnown = this.#socketOf(error) !== undefined;
    if (!isKnown) this.#counters.add(UdpCounter.DROPPED_ERROR_NO_SOCKET);
    return isKnown;
  }

  /** The socket that sent what an error is about: the connected one, if there is any. */
  #socketOf({ flow }: IcmpError): UdpSocket | undefined {
    const { local, localPort, remote, remotePort, scope } = flow;
    const socket = this.#table.find(local, localPort, remote, remotePort, scope);
    if (socket?.isConnected) return socket;
    // An error does not say by which interface the packet left that it is about.
    for (const { index } of this.#context.interfaces.list()) {
      const other = this.#table.find(local, localPort, remote, remotePort, index);
      if (other?.isConnected || socket === undefined && other !== undefined) return other;
    }
    return socket;
  }

  /** See {@linkcode TransportProtocol.onError}. */
  onError(error: IcmpError): void {
    const socket = this.#socketOf(error);
    if (socket === undefined) return this.#counters.add(UdpCounter.DROPPED_ERROR_NO_SOCKET);
    // RFC 1122 section 4.1.3.3 (MUST): errors are passed to whoever sent; as on Linux only where
    // it is clear whom they concern, or to whoever asks for all.
    const isTold = socket.reported(error, error.flow.remotePort, error.quote + udp.HEADER_BYTES);
    if (isTold) this.#counters.add(UdpCounter.ERRORS);
  }
}

type Counter = typeof UdpCounter[keyof typeof UdpCounter];

function counterOf(fault: Fault): Counter {
  switch (fault) {
    case Fault.UDP_TOO_SHORT:
      return UdpCounter.DROPPED_TOO_SHORT;
    case Fault.UDP_LENGTH:
      return UdpCounter.DROPPED_LENGTH;
    case Fault.UDP_NO_CHECKSUM:
      return UdpCounter.DROPPED_NO_CHECKSUM;
    case Fault.UDP_PORT_ZERO:
      return UdpCounter.DROPPED_PORT_ZERO;
    default:
      return UdpCounter.DROPPED_CHECKSUM;
  }
}
