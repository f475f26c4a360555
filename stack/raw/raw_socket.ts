/**
 * A raw socket: sees copies of the packets of one protocol, and sends what others have no socket
 * for. raw(7), RFC 3542 section 3.
 *
 * Over IPv4 packets are received with their header, and sent with one if `IP_HDRINCL` says so; over
 * IPv6 what follows the headers is all there is.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import { Msg, Sock, SockOpt } from "../../ring/abi/opcodes.ts";
import type { DatagramContext } from "../datagram/context.ts";
import { DatagramSocket } from "../datagram/datagram_socket.ts";
import { Ipv6Name } from "../option_names.ts";
import { Kind, Slot } from "../datagram/option_rows.ts";
import { INT_BYTES, intBytes, intOf } from "../option_values.ts";
import { copyFromUser, rangesBytes } from "../datagram/user_copy.ts";
import { isMulticast } from "../ip/addresses.ts";
import type { Flow, HeaderOutput, IcmpError, IpAddress } from "../ip/types.ts";
import { chainLength, gather, sumChain, takeChain } from "../memory/chains.ts";
import { PacketFlag } from "../packet_table.ts";
import { type DatagramParameters, Ready, type UserMemory } from "../socket.ts";
import type { Counters } from "../statistics.ts";
import type { SocketFamily } from "../types.ts";
import type { Ipv6Address } from "../wire/addresses.ts";
import { complement, pseudoIpv6 } from "../wire/checksum.ts";
import { Fault } from "../wire/fault.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { Protocol } from "../wire/numbers.ts";
import { RawCounter } from "./counters.ts";
import { ICMP6_FILTER_BYTES, ICMP_FILTER_BYTES, IcmpFilter } from "./icmp_filter.ts";

/** Sends whatever has a header, and receives nothing. */
export const IPPROTO_RAW = 255;
const MAXIMUM_BYTES = 65535;
const CHECKSUM_BYTES = 2;
const ICMPV6_CHECKSUM = 2;
const SOURCE_AT = 12;

/** What raw sockets share. */
export interface RawShared {
  readonly context: DatagramContext;
  readonly counters: Counters<typeof RawCounter>;
  readonly headers: HeaderOutput;
  /** Is told that a socket is gone. */
  onClose(socket: RawSocket): void;
}

/** A raw socket. */
export class RawSocket extends DatagramSocket {
  readonly kind: number = Kind.RAW;
  readonly protocol: number;
  readonly type: number = Sock.RAW;
  readonly #shared: RawShared;
  readonly #filter: IcmpFilter | null;
  /** Where the checksum of packets of IPv6 is, -1 for nowhere. RFC 3542 section 3.1. */
  #checksumAt = -1;

  /** A socket that sees every packet of a protocol. */
  constructor(shared: RawShared, family: SocketFamily, protocol: number) {
    super(shared.context, family);
    this.#shared = shared;
    this.protocol = protocol;
    if (protocol === IPPROTO_RAW) this.options.values[Slot.HEADER_INCLUDED] = 1;
    const isIcmp = family === "ipv4" && protocol === Protocol.ICMPV4;
    const isIcmp6 = family === "ipv6" && protocol === Protocol.ICMPV6;
    if (isIcmp6) this.#checksumAt = ICMPV6_CHECKSUM;
    this.#filter = isIcmp
      ? new IcmpFilter(ICMP_FILTER_BYTES)
      : isIcmp6
      ? new IcmpFilter(ICMP6_FILTER_BYTES)
      : null;
  }

  protected override reserve(address: IpAddress, _port: number): number {
    this.bound = address;
    this.flow.local = address;
    return 0;
  }

  protected override unreserve(): void {}
  protected override leaveTables(): void {}
  protected override enterTables(): void {}

  protected override portOf(_packet: number): number {
    return this.protocol;
  }

  /** See {@linkcode StackSocket.bind}: it may be bound again as long as it is not connected. */
  override bind(address: IpAddress, port: number, scope: number): number {
    if (!this.isConnected) this.isBound = false;
    return super.bind(address, port, scope);
  }

  /**
   * Looks at a packet, and keeps a copy if it is for this socket.
   *
   * @param packet begins with its network header; its hold stays the caller's
   * @returns whether it was
   */
  offer(packet: number, source: IpAddress, destination: IpAddress): boolean {
    const { environment: { packets } } = this.context;
    const link = packets.interface[packet];
    const { flow } = this;
    if (flow.scope !== 0 && flow.scope !== link) return false;
    if (!this.isBoundFor(destination)) return false;
    if (this.isConnected && !this.isConnectedTo(source, flow.remotePort)) return false;
    const isIpv4 = typeof destination === "number";
    const takesAll = this.options.has(isIpv4 ? Slot.MULTICAST_ALL : Slot.MULTICAST_ALL_6);
    if (
      isMulticast(destination) && !this.memberships.admits(link, destination, source, takesAll)
    ) return false;
    if (this.isShutForReceiving) return true;
    if (this.#isFiltered(packet)) {
      this.#shared.counters.add(RawCounter.DROPPED_FILTER);
      return true;
    }
    this.#keep(packet, source, destination);
    return true;
  }

  /** Takes an error about a packet of its protocol. @returns whether it concerns it */
  onError(error: IcmpError): boolean {
    const { local, remote } = error.flow;
    if (this.isClosed || !this.isBoundFor(local)) return false;
    if (this.isConnected && !this.isConnectedTo(remote, this.flow.remotePort)) return false;
    const isWhole = this.options.has(Slot.HEADER_INCLUDED);
    return this.reported(error, 0, isWhole ? error.quotedHeader : error.quote);
  }

  #isFiltered(packet: number): boolean {
    const { arena, packets } = this.context.environment;
    if (this.#filter === null) return false;
    const at = packets.transport[packet];
    const hasType = at < arena.start(packet) + arena.length(packet);
    return hasType && this.#filter.blocks(arena.memory.view.getUint8(at));
  }

  /** Copies a packet into the queue: whoever it is for will change it. */
  #keep(packet: number, source: IpAddress, destination: IpAddress): void {
    const { environment: { arena, packets } } = this.context;
    const { counters } = this.#shared;
    const header = packets.transport[packet] - arena.start(packet);
    const bytes = chainLength(arena, packet);
    if (!this.#isSound(packet, header, bytes - header, source, destination)) {
      return counters.add(RawCounter.DROPPED_CHECKSUM);
    }
    // What would not be kept is not copied either.
    if (this.queue.charged > this.options.receiveBuffer) {
      this.queue.dropped++;
      return counters.add(RawCounter.DROPPED_QUEUE_FULL);
    }
    const copy = gather(arena, packet);
    if (copy < 0) return counters.add(RawCounter.DROPPED_NO_PACKET);
    packets.copy(packet, copy);
    packets.segmentBytes[copy] = 0;
    packets.network[copy] = arena.start(copy);
    packets.transport[copy] = arena.start(copy) + header;
    this.enqueue(copy);
  }

  #isSound(
    packet: number,
    header: number,
    bytes: number,
    source: IpAddress,
    destination: IpAddress,
  ): boolean {
    if (this.#checksumAt < 0 || typeof destination === "number") return true;
    if (bytes < this.#checksumAt + CHECKSUM_BYTES) return false;
    const { arena, packets } = this.context.environment;
    if ((packets.flags[packet] & PacketFlag.CHECKSUM_GOOD) !== 0) return true;
    const pseudo = pseudoIpv6(source as Ipv6Address, destination, this.protocol, bytes);
    // RFC 3542 section 3.1 (MUST): with a checksum's place, what has a wrong one is discarded.
    return complement(sumChain(arena, packet, header, bytes) + pseudo) === 0;
  }

  /**
   * Puts a packet into the queue, and takes over its hold.
   *
   * @param packet begins with its network header
   */
  enqueue(packet: number): void {
    const { environment: { arena, packets } } = this.context;
    const { counters } = this.#shared;
    const payloadAt = this.family === "ipv4" ? 0 : packets.transport[packet] - arena.start(packet);
    const bytes = chainLength(arena, packet) - payloadAt;
    if (!this.queue.push(packet, payloadAt, bytes, this.options.receiveBuffer)) {
      counters.add(RawCounter.DROPPED_QUEUE_FULL);
      return arena.release(packet);
    }
    counters.add(RawCounter.RECEIVED);
    this.owner?.onReady(Ready.IN);
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
    if (this.isShutForSending) return -Errno.EPIPE;
    const bytes = rangesBytes(ranges, count);
    if (bytes > MAXIMUM_BYTES) return -Errno.EMSGSIZE;
    const way = this.flowTo(parameters);
    if (typeof way === "number") return way;
    if (this.family === "ipv6" && typeof way.remote === "number") return -Errno.EINVAL;
    const error = this.takeError();
    if (error !== 0) return -error;
    if (!this.hasRoom()) return this.waitForRoom(false);
    this.fillParameters(way, parameters);
    const { arena, packets } = this.context.environment;
    const packet = takeChain(arena, bytes);
    if (packet < 0) return this.waitForRoom(true);
    copyFromUser(arena, packet, memory, ranges, count, 0);
    packets.clear(packet);
    packets.transport[packet] = arena.start(packet);
    this.spend(bytes);
    const hasHeader = this.family === "ipv4" && this.options.has(Slot.HEADER_INCLUDED);
    const result = hasHeader
      ? this.#sendWhole(way, packet, bytes)
      : this.#sendPayload(way, packet, bytes);
    if (result === -Errno.ENOBUFS) {
      this.#shared.counters.add(RawCounter.DROPPED_SEND);
      return bytes;
    }
    if (result === -Errno.EMSGSIZE) this.tooLong(way);
    if (result < 0) return result;
    this.#shared.counters.add(RawCounter.SENT);
    return bytes;
  }

  #sendPayload(way: Flow, packet: number, bytes: number): number {
    const { environment: { arena }, output } = this.context;
    if (this.#checksumAt >= 0 && typeof way.remote !== "number") {
      if (bytes < this.#checksumAt + CHECKSUM_BYTES) {
        arena.release(packet);
        return -Errno.EINVAL;
      }
      this.#seal(way, packet, bytes);
    }
    return output.send(way, packet, this.protocol, this.parameters);
  }

  /** Writes the checksum where the socket said that it is; it may lie across two segments. */
  #seal({ local, remote }: Flow, packet: number, bytes: number): void {
    const { arena } = this.context.environment;
    const { view } = arena.memory;
    const put = (offset: number, value: number) => {
      let [at, skip] = [packet, offset];
      while (skip >= arena.length(at)) {
        skip -= arena.length(at);
        at = arena.next(at);
      }
      view.setUint8(arena.start(at) + skip, value);
    };
    put(this.#checksumAt, 0);
    put(this.#checksumAt + 1, 0);
    const pseudo = pseudoIpv6(local as Ipv6Address, remote as Ipv6Address, this.protocol, bytes);
    const sum = complement(sumChain(arena, packet, 0, bytes) + pseudo);
    put(this.#checksumAt, sum >> 8);
    put(this.#checksumAt + 1, sum & 0xff);
  }

  /** Sends a packet whose header the program wrote: `IP_HDRINCL`. */
  #sendWhole(way: Flow, packet: number, bytes: number): number {
    const { arena } = this.context.environment;
    const { memory } = arena;
    const at = arena.start(packet);
    const isShort = arena.length(packet) < ipv4.HEADER_BYTES;
    if (isShort || ipv4.headerBytes(memory, at) > arena.length(packet)) {
      arena.release(packet);
      return -Errno.EINVAL;
    }
    // raw(7): length and checksum are always filled in, the source where it is 0.
    memory.view.setUint16(at + 2, bytes);
    if (ipv4.source(memory, at) === 0) memory.view.setInt32(at + SOURCE_AT, way.local as number);
    if (ipv4.check(memory, at, bytes) !== Fault.NONE) {
      arena.release(packet);
      return -Errno.EINVAL;
    }
    ipv4.seal(memory, at);
    return this.#shared.headers.sendWithHeader(way, packet, this.parameters);
  }

  /** See {@linkcode StackSocket.setOption}. */
  override setOption(level: number, name: number, value: Uint8Array): number {
    if (this.#isFilterOption(level, name)) {
      return this.#filter === null ? -Errno.EOPNOTSUPP : this.#filter.set(value);
    }
    if (this.#isChecksumOption(level, name)) return this.#setChecksum(value);
    return super.setOption(level, name, value);
  }

  /** See {@linkcode StackSocket.getOption}. */
  override getOption(level: number, name: number): Uint8Array | number {
    if (this.#isFilterOption(level, name)) return this.#filter?.get() ?? -Errno.EOPNOTSUPP;
    if (this.#isChecksumOption(level, name)) return intBytes(this.#checksumAt);
    return super.getOption(level, name);
  }

  #isFilterOption(level: number, name: number): boolean {
    return this.family === "ipv4"
      ? level === SockOpt.SOL_RAW && name === SockOpt.ICMP_FILTER
      : level === SockOpt.IPPROTO_ICMPV6 && name === SockOpt.ICMPV6_FILTER;
  }

  #isChecksumOption(level: number, name: number): boolean {
    return this.family === "ipv6" && name === Ipv6Name.CHECKSUM &&
      (level === SockOpt.SOL_RAW || level === SockOpt.IPPROTO_IPV6);
  }

  #setChecksum(value: Uint8Array): number {
    if (value.length < INT_BYTES) return -Errno.EINVAL;
    const offset = intOf(value);
    // RFC 3542 section 3.1 (MUST): no other place for ICMPv6, whose checksum is always there.
    if (this.protocol === Protocol.ICMPV6) return -Errno.EINVAL;
    // RFC 3542 section 3.1 (MUST): odd places are refused.
    if (offset > 0 && (offset & 1) !== 0) return -Errno.EINVAL;
    this.#checksumAt = offset < 0 ? -1 : offset;
    return 0;
  }

  /** See {@linkcode StackSocket.close}. */
  override close(): void {
    if (this.isClosed) return;
    super.close();
    this.#shared.onClose(this);
  }
}
