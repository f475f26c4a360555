/**
 * A socket of UDP: RFC 768, RFC 1122 section 4.1, and what Linux adds (udp(7)).
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import { Msg, Sock, SockOpt } from "../../ring/abi/opcodes.ts";
import type { DatagramContext } from "../datagram/context.ts";
import { DatagramSocket } from "../datagram/datagram_socket.ts";
import { SendFlag } from "../option_names.ts";
import { Kind, Slot } from "../datagram/option_rows.ts";
import { copyFromUser, rangesBytes } from "../datagram/user_copy.ts";
import type { Flow, IpAddress } from "../ip/types.ts";
import { sliceChain, takeChain } from "../memory/chains.ts";
import { PacketFlag, Segmentation } from "../packet_table.ts";
import type { DatagramParameters, UserMemory } from "../socket.ts";
import type { Counters } from "../statistics.ts";
import { BindingFlag, type TransportPorts } from "../transport_ports.ts";
import type { SocketFamily } from "../types.ts";
import { pseudoIpv4, pseudoIpv6 } from "../wire/checksum.ts";
import type { Ipv6Address } from "../wire/addresses.ts";
import { Protocol } from "../wire/numbers.ts";
import * as udp from "../wire/udp.ts";
import { UdpCounter } from "./counters.ts";
import type { UdpSocketTable } from "./socket_table.ts";

const IPV4_HEADER = 20;
const IPV6_HEADER = 40;
/** The longest payload: 65535 bytes without the headers of IPv4 and UDP. */
const MAXIMUM_PAYLOAD = 65507;
/** Over IPv6 the length counts no header of IP. */
const MAXIMUM_PAYLOAD_6 = 65527;
/** Linux' `UDP_MAX_SEGMENTS`. */
export const MAXIMUM_SEGMENTS = 128;
const NONE = -1;

/** What sockets of UDP share. */
export interface UdpShared {
  readonly context: DatagramContext;
  readonly table: UdpSocketTable;
  readonly ports: TransportPorts;
  readonly counters: Counters<typeof UdpCounter>;
  /** Is told that a socket is gone. */
  onClose(socket: UdpSocket): void;
}

/** What was corked so far. */
interface Corked {
  readonly way: Flow;
  readonly segmentBytes: number;
  packet: number;
  tail: number;
  bytes: number;
}

/** A socket of UDP. */
export class UdpSocket extends DatagramSocket {
  readonly kind: number = Kind.UDP;
  readonly protocol: number = Protocol.UDP;
  readonly type: number = Sock.DGRAM;
  readonly #shared: UdpShared;
  #binding = NONE;
  #corked: Corked | null = null;

  /** A socket that is bound to nothing. */
  constructor(shared: UdpShared, family: SocketFamily) {
    super(shared.context, family);
    this.#shared = shared;
  }

  /** Whether several datagrams of one sender may be received as one. */
  get coalesces(): boolean {
    return this.options.has(Slot.GRO);
  }

  protected override reserve(address: IpAddress, port: number): number {
    const { ports, table } = this.#shared;
    const { scope } = this.flow;
    const flags = this.#bindingFlags();
    const binding = port === 0
      ? ports.bindEphemeral(address, scope, flags)
      : ports.bind(address, port, scope, flags);
    if (binding < 0) return binding;
    this.#binding = binding;
    this.bound = address;
    this.flow.local = address;
    this.flow.localPort = ports.port(binding);
    table.add(this);
    return 0;
  }

  #bindingFlags(): number {
    return (this.options.has(Slot.REUSE_ADDRESS) ? BindingFlag.REUSE_ADDRESS : 0) |
      (this.options.has(Slot.REUSE_PORT) ? BindingFlag.REUSE_PORT : 0) |
      (this.isIpv6Only ? BindingFlag.IPV6_ONLY : 0);
  }

  protected override unreserve(): void {
    this.#shared.table.remove(this);
    this.#shared.ports.release(this.#binding);
  }

  protected override leaveTables(): void {
    if (this.isBound) this.#shared.table.remove(this);
  }

  protected override enterTables(): void {
    if (this.isBound) this.#shared.table.add(this);
  }

  protected override portOf(packet: number): number {
    const { arena, packets } = this.context.environment;
    return udp.sourcePort(arena.memory, packets.transport[packet]);
  }

  protected override nextBytes(packet: number): number {
    const left = this.context.columns.payloadBytes[packet];
    const segment = this.context.environment.packets.segmentBytes[packet];
    return segment === 0 || this.coalesces ? left : Math.min(segment, left);
  }

  /** See {@linkcode OptionHost.onReuseChange}. */
  override onReuseChange(): number {
    if (!this.isBound) return 0;
    const { ports } = this.#shared;
    const changed = ports.change(this.#binding, this.#bindingFlags());
    if (changed < 0) return changed;
    this.#binding = changed;
    return 0;
  }

  /** See {@linkcode StackSocket.setOption}. */
  override setOption(level: number, name: number, value: Uint8Array): number {
    const isShared = level === SockOpt.SOL_SOCKET && name === SockOpt.SO_REUSEPORT;
    if (!isShared) return super.setOption(level, name, value);
    // The groups of the table know who shares a port.
    this.leaveTables();
    const result = super.setOption(level, name, value);
    this.enterTables();
    return result;
  }

  /** See {@linkcode DatagramStackSocket.send}. */
  send(
    memory: UserMemory,
    ranges: Int32Array,
    count: number,
    parameters: DatagramParameters,
    flags: number,
  ): number {
    if (this.isClosed) return -Errno.EBADF;
    if ((flags & Msg.OOB) !== 0) return -Errno.EOPNOTSUPP;
    if (parameters.address !== null && parameters.port === 0) return -Errno.EINVAL;
    const bytes = rangesBytes(ranges, count);
    if (this.#corked !== null) {
      return this.#append(this.#corked, memory, ranges, count, bytes, flags);
    }
    const isIpv6 = typeof (parameters.address ?? this.flow.remote) !== "number";
    if (bytes > (isIpv6 ? MAXIMUM_PAYLOAD_6 : MAXIMUM_PAYLOAD)) return -Errno.EMSGSIZE;
    const bound = this.autobind();
    if (bound < 0) return bound;
    const way = this.flowTo(parameters);
    if (typeof way === "number") return way;
    const error = this.takeError();
    if (error !== 0) return -error;
    // Linux: that it was shut is seen last, where memory is taken.
    if (this.isShutForSending) return -Errno.EPIPE;
    if (!this.hasRoom()) return this.waitForRoom(false);
    this.fillParameters(way, parameters);
    const segmentBytes = parameters.segmentBytes || this.options.values[Slot.SEGMENT];
    if ((flags & SendFlag.MORE) !== 0 || this.options.has(Slot.CORK)) {
      return this.#cork(way, segmentBytes, memory, ranges, count, bytes, flags);
    }
    return segmentBytes > 0 && bytes > segmentBytes
      ? this.#sendSegments(way, segmentBytes, memory, ranges, count, bytes)
      : this.#sendOne(way, memory, ranges, count, 0, bytes);
  }

  /** Sends one datagram. @returns its bytes, or `-errno` */
  #sendOne(
    way: Flow,
    memory: UserMemory,
    ranges: Int32Array,
    count: number,
    from: number,
    bytes: number,
  ): number {
    const { arena } = this.context.environment;
    const packet = takeChain(arena, bytes);
    if (packet < 0) return this.waitForRoom(true);
    copyFromUser(arena, packet, memory, ranges, count, from);
    const result = this.#transmit(way, packet, bytes, 0);
    return result < 0 ? result : bytes;
  }

  /** Cuts a buffer into datagrams, which the interface does where it can: `UDP_SEGMENT`. */
  #sendSegments(
    way: Flow,
    segmentBytes: number,
    memory: UserMemory,
    ranges: Int32Array,
    count: number,
    bytes: number,
  ): number {
    const judged = this.#judgeSegments(way, segmentBytes, bytes);
    if (judged < 0) return judged;
    if (this.#isOffloaded(way, bytes)) {
      const { arena } = this.context.environment;
      const packet = takeChain(arena, bytes);
      if (packet < 0) return this.waitForRoom(true);
      copyFromUser(arena, packet, memory, ranges, count, 0);
      const result = this.#transmit(way, packet, bytes, segmentBytes);
      return result < 0 ? result : bytes;
    }
    for (let from = 0; from < bytes; from += segmentBytes) {
      const part = Math.min(segmentBytes, bytes - from);
      const result = this.#sendOne(way, memory, ranges, count, from, part);
      if (result < 0) return from > 0 ? from : result;
    }
    return bytes;
  }

  #judgeSegments(way: Flow, segmentBytes: number, bytes: number): number {
    const headers = headerBytes(way.remote) + udp.HEADER_BYTES;
    const { mtu = 0 } = this.parameters;
    if (mtu > 0 && headers + segmentBytes > mtu) return -Errno.EINVAL;
    if (way.path !== null && headers + segmentBytes > way.path.mtu) return -Errno.EINVAL;
    if (bytes > segmentBytes * MAXIMUM_SEGMENTS) return -Errno.EINVAL;
    return this.#hasChecksum(way) ? 0 : -Errno.EINVAL;
  }

  #isOffloaded({ path, remote }: Flow, bytes: number): boolean {
    if (path === null) return false;
    // What stays within the stack is never taken apart: its receiver is told where the pieces end.
    return path.isLocal ||
      path.offloadBytes >= headerBytes(remote) + udp.HEADER_BYTES + bytes;
  }

  #hasChecksum({ remote }: Flow): boolean {
    return !this.options.has(typeof remote === "number" ? Slot.NO_CHECK : Slot.NO_CHECKSUM_6_SEND);
  }

  /**
   * Puts a header in front of a payload, and sends it.
   *
   * @param packet a chain; its hold is handed over
   * @param segmentBytes the payload of each datagram that it is taken apart into, or 0
   */
  #transmit(way: Flow, packet: number, bytes: number, segmentBytes: number): number {
    const { arena, packets } = this.context.environment;
    const { counters } = this.#shared;
    const { local, remote, localPort, remotePort } = way;
    const length = udp.HEADER_BYTES + bytes;
    const at = arena.prepend(packet, udp.HEADER_BYTES);
    udp.put(arena.memory, at, localPort, remotePort, length);
    packets.clear(packet);
    packets.transport[packet] = at;
    if (this.#hasChecksum(way)) {
      // RFC 1122 section 4.1.3.4 (MUST): a host generates checksums unless its user says otherwise.
      packets.flags[packet] = PacketFlag.CHECKSUM_PARTIAL;
      udp.putChecksum(arena.memory, at, pseudoSum(local, remote, length));
    }
    if (segmentBytes > 0) {
      packets.segmentation[packet] = Segmentation.UDP;
      packets.segmentBytes[packet] = segmentBytes;
    }
    this.spend(length);
    const result = this.context.output.send(way, packet, Protocol.UDP, this.parameters);
    if (result === -Errno.ENOBUFS) {
      counters.add(UdpCounter.DROPPED_SEND);
      return 0;
    }
    if (result === -Errno.EMSGSIZE) this.tooLong(way);
    if (result < 0) return result;
    counters.add(UdpCounter.SENT, segmentBytes === 0 ? 1 : Math.ceil(bytes / segmentBytes));
    return 0;
  }

  /** Begins a datagram to which more is added. */
  #cork(
    way: Flow,
    segmentBytes: number,
    memory: UserMemory,
    ranges: Int32Array,
    count: number,
    bytes: number,
    flags: number,
  ): number {
    const corked = { way: copyOf(way), segmentBytes, packet: NONE, tail: NONE, bytes: 0 };
    const result = this.#append(corked, memory, ranges, count, bytes, flags);
    if (result >= 0 && corked.packet !== NONE) this.#corked = corked;
    return result;
  }

  /** Adds to what is corked, and sends it unless more is to come. */
  #append(
    corked: Corked,
    memory: UserMemory,
    ranges: Int32Array,
    count: number,
    bytes: number,
    flags: number,
  ): number {
    const { arena } = this.context.environment;
    const limit = typeof corked.way.remote === "number" ? MAXIMUM_PAYLOAD : MAXIMUM_PAYLOAD_6;
    if (corked.bytes + bytes > limit) {
      this.#drop(corked);
      return -Errno.EMSGSIZE;
    }
    const chain = takeChain(arena, bytes);
    if (chain < 0) return this.waitForRoom(true);
    copyFromUser(arena, chain, memory, ranges, count, 0);
    if (corked.packet === NONE) corked.packet = chain;
    else arena.append(corked.tail, chain);
    corked.tail = chain;
    corked.bytes += bytes;
    if ((flags & SendFlag.MORE) !== 0 || this.options.has(Slot.CORK)) return bytes;
    const result = this.#flush(corked);
    return result < 0 ? result : bytes;
  }

  #flush(corked: Corked): number {
    const { way, packet, bytes, segmentBytes } = corked;
    corked.packet = NONE;
    this.#corked = null;
    if (segmentBytes === 0 || bytes <= segmentBytes) return this.#transmit(way, packet, bytes, 0);
    const judged = this.#judgeSegments(way, segmentBytes, bytes);
    if (judged === 0 && this.#isOffloaded(way, bytes)) {
      return this.#transmit(way, packet, bytes, segmentBytes);
    }
    const result = judged < 0 ? judged : this.#transmitSlices(way, packet, bytes, segmentBytes);
    this.context.environment.arena.release(packet);
    return result;
  }

  /** Sends the parts of a chain as datagrams; the hold on the chain stays the caller's. */
  #transmitSlices(way: Flow, packet: number, bytes: number, segmentBytes: number): number {
    const { arena } = this.context.environment;
    for (let from = 0; from < bytes; from += segmentBytes) {
      const part = Math.min(segmentBytes, bytes - from);
      const head = arena.take(0);
      const payload = head < 0 ? NONE : sliceChain(arena, packet, from, part);
      if (payload < 0) {
        if (head >= 0) arena.release(head);
        return -Errno.ENOBUFS;
      }
      arena.append(head, payload);
      const result = this.#transmit(way, head, part, 0);
      if (result < 0) return result;
    }
    return 0;
  }

  #drop(corked: Corked): void {
    if (corked.packet !== NONE) this.context.environment.arena.release(corked.packet);
    corked.packet = NONE;
    this.#corked = null;
  }

  /** See {@linkcode OptionHost.onUncork}. */
  override onUncork(): void {
    if (this.#corked !== null) this.#flush(this.#corked);
  }

  /** See {@linkcode StackSocket.close}. */
  override close(): void {
    if (this.isClosed) return;
    if (this.#corked !== null) this.#drop(this.#corked);
    super.close();
    this.#shared.onClose(this);
  }
}

function headerBytes(remote: IpAddress): number {
  return typeof remote === "number" ? IPV4_HEADER : IPV6_HEADER;
}

/** The sum of the pseudo header, as a partial checksum has it. */
function pseudoSum(local: IpAddress, remote: IpAddress, length: number): number {
  return typeof remote === "number"
    ? pseudoIpv4(local as number, remote, Protocol.UDP, length)
    : pseudoIpv6(local as Ipv6Address, remote, Protocol.UDP, length);
}

function copyOf(way: Flow): Flow {
  return Object.assign(Object.create(Object.getPrototypeOf(way)), way);
}
