/**
 * Sending: headers, fragments, groups, everybody, and this very stack. RFC 791, RFC 1122 section
 * 3.3, RFC 6437 (flow labels), RFC 6864 (identification), RFC 8200.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import { chainLength, sliceChain } from "../memory/mod.ts";
import { Segmentation } from "../packet_table.ts";
import type { StackShard } from "../steering/stack_shard.ts";
import { putIpv6 } from "../wire/addresses.ts";
import type { Ipv6Address } from "../wire/addresses.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import { Protocol } from "../wire/numbers.ts";
import * as udp from "../wire/udp.ts";
import { putBytes } from "../wire/packet_bytes.ts";
import { GroupScope, groupScope } from "./addresses.ts";
import { pullUp } from "./chain_head.ts";
import type { IpContext } from "./context.ts";
import { IpCounter } from "./counters.ts";
import { type CachedPath, PathKind } from "./destinations.ts";
import { FilterPoint } from "./filter.ts";
import { FlowLabels } from "./flow_labels.ts";
import { Fragmenter, type PartSink } from "./fragmentation.ts";
import { Identifications } from "./identification.ts";
import type { LoopQueue } from "./loop_queue.ts";
import { MAX_PACKET_BYTES, type Routing } from "./routing.ts";
import { hopsOf, mtuOf, nextHeaderBefore } from "./send_values.ts";
import type { Flow, HeaderOutput, IpAddress, IpOutput, IpParameters } from "./types.ts";

/** The most bytes of a transport header. */
const TRANSPORT_HEADER_BYTES = 60;

/** Sends what protocols send. */
export class Output implements IpOutput, HeaderOutput, PartSink {
  readonly #context: IpContext;
  readonly #routing: Routing;
  readonly #loop: LoopQueue;
  readonly #fragmenter: Fragmenter;
  readonly #identifications: Identifications;
  readonly #labels: FlowLabels;
  /** The way of the packet that is being taken apart. */
  #partPath: CachedPath | null = null;

  /** Has sent nothing yet. */
  constructor(context: IpContext, routing: Routing, loop: LoopQueue) {
    this.#context = context;
    this.#routing = routing;
    this.#loop = loop;
    this.#fragmenter = new Fragmenter(context);
    this.#identifications = new Identifications(context.environment.random);
    this.#labels = new FlowLabels(context.environment.random);
  }

  /** See {@linkcode IpOutput.route}. */
  route(flow: Flow): number {
    return this.#routing.route(flow);
  }

  /** See {@linkcode IpOutput.send}. */
  send(flow: Flow, packet: number, protocol: number, parameters: IpParameters): number {
    const path = this.#pathOf(flow);
    if (typeof path === "number") return this.#refuse(packet, IpCounter.REFUSED_ROUTE, -path);
    const { arena } = this.#context;
    const length = arena.next(packet) < 0 ? arena.length(packet) : chainLength(arena, packet);
    return typeof flow.remote === "number"
      ? this.#sendIpv4(flow, path, packet, length, protocol, parameters)
      : this.#sendIpv6(flow, path, packet, length, protocol, parameters);
  }

  /** See {@linkcode HeaderOutput.sendWithHeader}. */
  sendWithHeader(flow: Flow, packet: number, parameters: IpParameters): number {
    const path = this.#pathOf(flow);
    if (typeof path === "number") return this.#refuse(packet, IpCounter.REFUSED_ROUTE, -path);
    const { arena, packets, memory, counters } = this.#context;
    if (chainLength(arena, packet) > path.linkMtu) {
      return this.#refuse(packet, IpCounter.REFUSED_TOO_BIG, Errno.EMSGSIZE);
    }
    if (path.kind === PathKind.BROADCAST && parameters.mayBroadcast !== true) {
      return this.#refuse(packet, IpCounter.REFUSED_BROADCAST, Errno.EACCES);
    }
    const at = arena.start(packet);
    packets.network[packet] = at;
    packets.transport[packet] = at + ipv4.headerBytes(memory, at);
    const source = ipv4.source(memory, at);
    counters.values[IpCounter.IPV4_SENT]++;
    const loops = parameters.loopsMulticast !== false;
    return this.#dispatch(path, packet, source, loops, 0, 0);
  }

  /** The path of a flow, found anew where it is no longer good; or `-errno`. */
  #pathOf(flow: Flow): CachedPath | number {
    const path = flow.path as CachedPath | null;
    if (path !== null && path.isValid) return path;
    const result = this.#routing.route(flow);
    return result < 0 ? result : flow.path as CachedPath;
  }

  #refuse(packet: number, counter: typeof IpCounter[keyof typeof IpCounter], why: number): number {
    this.#context.drop(packet, counter);
    return -why;
  }

  #sendIpv4(
    flow: Flow,
    path: CachedPath,
    packet: number,
    length: number,
    protocol: number,
    parameters: IpParameters,
  ): number {
    const { packets, memory, options: { timeToLive }, counters } = this.#context;
    const { options, fragmentation } = parameters;
    const headerBytes = ipv4.HEADER_BYTES + (options === null ? 0 : options.length);
    const total = headerBytes + length;
    const mtu = mtuOf(path, parameters);
    const isTooLong = this.#isTooLong(path, packet, total, headerBytes, mtu);
    if (total > MAX_PACKET_BYTES || isTooLong && this.#isForbidden(packet, parameters)) {
      return this.#refuse(packet, IpCounter.REFUSED_TOO_BIG, Errno.EMSGSIZE);
    }
    // RFC 1122 section 3.3.6: to everybody only for those who asked to be able to.
    if (path.kind === PathKind.BROADCAST && parameters.mayBroadcast !== true) {
      return this.#refuse(packet, IpCounter.REFUSED_BROADCAST, Errno.EACCES);
    }
    const first = this.#prepend(packet, headerBytes, total);
    if (first < 0) return -Errno.ENOBUFS;
    const at = packets.network[first];
    const mayFragment = fragmentation === "allowed" || isTooLong || path.destination.mayFragment;
    const source = flow.local as number;
    const destination = flow.remote as number;
    // RFC 6864 section 4.1 (MAY): a packet that nobody may take apart has any identification; 0
    // tells nobody anything.
    // RFC 6864 section 4.3 (MUST): others do not repeat theirs too soon.
    const id = mayFragment
      ? this.#identifications.next(source, destination, protocol, this.#standsFor(first, length)) &
        0xffff
      : 0;
    // RFC 1122 section 3.2.1.7 (MUST): whatever does not choose its time to live has that of the
    // settings.
    const hops = hopsOf(parameters.timeToLive, path.kind, timeToLive);
    const service = parameters.typeOfService;
    ipv4.put(memory, at, service, total, id, mayFragment, hops, protocol, source, destination);
    if (options !== null && options.length > 0) {
      putBytes(memory, at + ipv4.HEADER_BYTES, options);
      ipv4.putHeaderBytes(memory, at, headerBytes);
      ipv4.seal(memory, at);
    }
    counters.values[IpCounter.IPV4_SENT]++;
    const loops = parameters.loopsMulticast !== false;
    return this.#dispatch(path, first, source, loops, isTooLong ? mtu : 0, 0);
  }

  #sendIpv6(
    flow: Flow,
    path: CachedPath,
    packet: number,
    length: number,
    protocol: number,
    parameters: IpParameters,
  ): number {
    const { packets, memory, counters, options } = this.#context;
    const { extensions = null } = parameters;
    const extensionBytes = extensions === null ? 0 : extensions.bytes.length;
    const headerBytes = ipv6.HEADER_BYTES + extensionBytes;
    const total = headerBytes + length;
    const mtu = mtuOf(path, parameters);
    const isTooLong = this.#isTooLong(path, packet, total, headerBytes, mtu);
    if (total > MAX_PACKET_BYTES || isTooLong && this.#isForbidden(packet, parameters)) {
      return this.#refuse(packet, IpCounter.REFUSED_TOO_BIG, Errno.EMSGSIZE);
    }
    const first = this.#prepend(packet, headerBytes, total);
    if (first < 0) return -Errno.ENOBUFS;
    const at = packets.network[first];
    let label = parameters.flowLabel;
    if (label === 0 && options.flowLabels) {
      if (flow.label < 0) flow.label = this.#labels.of(flow, protocol);
      label = flow.label;
    }
    const hops = hopsOf(parameters.timeToLive, path.kind, path.link.hopLimit);
    const next = extensions === null ? protocol : extensions.first;
    const payload = extensionBytes + length;
    ipv6.put(memory, at, parameters.typeOfService, label, payload, next, hops);
    const source = flow.local as Ipv6Address;
    putIpv6(memory, ipv6.sourceAt(at), source);
    putIpv6(memory, ipv6.destinationAt(at), flow.remote as Ipv6Address);
    let unfragmentable: number = ipv6.HEADER_BYTES;
    if (extensions !== null) {
      putBytes(memory, at + ipv6.HEADER_BYTES, extensions.bytes);
      unfragmentable += extensions.unfragmentableBytes;
    }
    counters.values[IpCounter.IPV6_SENT]++;
    const loops = parameters.loopsMulticast !== false;
    return this.#dispatch(path, first, source, loops, isTooLong ? mtu : 0, unfragmentable);
  }

  /** How many packets one stands for, at most: each of its segments has an identification. */
  #standsFor(packet: number, length: number): number {
    const { segmentation, segmentBytes } = this.#context.packets;
    return segmentation[packet] === Segmentation.NONE
      ? 1
      : Math.ceil(length / segmentBytes[packet]);
  }

  /** Whether a packet that is too long may not be taken apart. */
  #isForbidden(packet: number, { fragmentation }: IpParameters): boolean {
    // RFC 4821 section 7.4 (MUST): a probe is not taken apart, here or by routers.
    if (fragmentation === "forbidden" || fragmentation === "probe") return true;
    return this.#context.packets.segmentation[packet] !== Segmentation.NONE;
  }

  /** Whether a packet has to be taken apart, or may not be sent. */
  #isTooLong(
    path: CachedPath,
    packet: number,
    total: number,
    headerBytes: number,
    mtu: number,
  ): boolean {
    const { packets } = this.#context;
    if (packets.segmentation[packet] === Segmentation.NONE) {
      return total > mtu;
    }
    // Its segments are what must fit, and those who make them know the path; but the link may have
    // become another one meanwhile.
    const shortest = headerBytes + udp.HEADER_BYTES + packets.segmentBytes[packet];
    return shortest > path.linkMtu || total > Math.max(path.offloadBytes, path.linkMtu);
  }

  /** Puts room for a header in front of a packet. @returns the first segment, or -1 */
  #prepend(packet: number, bytes: number, total: number): number {
    const { arena, packets } = this.#context;
    const transportAt = arena.start(packet);
    if (arena.references(packet) === 1) {
      const at = arena.prepend(packet, bytes);
      if (at >= 0) {
        packets.network[packet] = at;
        packets.transport[packet] = transportAt;
        return packet;
      }
    }
    return this.#prependSegment(packet, bytes, total);
  }

  /** The header gets a packet of its own, in front of one that has no room or other holders. */
  #prependSegment(packet: number, bytes: number, total: number): number {
    const { arena, packets, counters } = this.#context;
    const head = arena.take(bytes);
    if (head < 0) {
      counters.add(IpCounter.REFUSED_MEMORY);
      arena.release(packet);
      return head;
    }
    packets.copy(packet, head);
    arena.append(head, packet);
    const needed = Math.min(total, bytes + TRANSPORT_HEADER_BYTES);
    // Offloads find the transport header behind the network header: both in one segment.
    const first = pullUp(arena, packets, head, needed);
    if (first < 0) {
      counters.add(IpCounter.REFUSED_MEMORY);
      return first;
    }
    packets.network[first] = arena.start(first);
    packets.transport[first] = arena.start(first) + bytes;
    return first;
  }

  /**
   * Sends a packet whose header is complete, and takes over its hold.
   *
   * @param partBytes the most bytes of a part, 0 where it is not taken apart
   * @param unfragmentable for IPv6, the bytes that each fragment has
   */
  #dispatch(
    path: CachedPath,
    packet: number,
    source: IpAddress,
    loops: boolean,
    partBytes: number,
    unfragmentable: number,
  ): number {
    const context = this.#context;
    const { link } = path;
    context.packets.interface[packet] = path.interface;
    if (
      context.filter !== null &&
      !context.admits(FilterPoint.OUTPUT, packet, link, IpCounter.DROPPED_FILTER_OUTPUT)
    ) return -Errno.EPERM;
    if (path.kind >= PathKind.GROUP) {
      // What leaves by loopback comes back by itself: a copy would be a second one.
      if (loops && link.kind !== "loopback") {
        this.#loopCopy(path, packet, source);
        if (context.shard !== null) this.#shareCopy(context.shard, path, packet);
      }
      if (this.#staysHere(path, packet)) {
        context.arena.release(packet);
        return 0;
      }
    }
    // RFC 1122 section 3.3.3 (MUST): nothing longer than the path or the link takes is sent.
    if (partBytes > 0) return this.#fragment(path, packet, partBytes, unfragmentable);
    return this.#transmit(path, packet);
  }

  /** Gives this stack its own copy of what it sends to a group that it listens to, or to all. */
  #loopCopy(path: CachedPath, packet: number, source: IpAddress): void {
    const { arena, packets, links } = this.#context;
    const { address } = path.destination;
    const isWanted = path.kind === PathKind.BROADCAST ||
      links.groups.isMember(path.interface, address, source);
    if (!isWanted) return;
    const copy = sliceChain(arena, packet, 0, chainLength(arena, packet));
    if (copy < 0) return this.#context.counters.add(IpCounter.REFUSED_MEMORY);
    packets.copy(packet, copy);
    if (!this.#loop.push(path.interface, copy)) arena.release(copy);
  }

  /** Gives other shards of the host copies of a datagram, if any of them has its port. */
  #shareCopy(shard: StackShard, path: CachedPath, packet: number): void {
    const { arena, packets, memory } = this.#context;
    const at = packets.network[packet];
    const isIpv4 = memory.view.getUint8(at) >> 4 === 4;
    const protocol = isIpv4 ? ipv4.protocol(memory, at) : ipv6.nextHeader(memory, at);
    if (protocol !== Protocol.UDP) return;
    const port = udp.destinationPort(memory, packets.transport[packet]);
    if (!shard.director.isHeldBeside(shard.index, Protocol.UDP, port)) return;
    const copy = sliceChain(arena, packet, 0, chainLength(arena, packet));
    if (copy < 0) return this.#context.counters.add(IpCounter.REFUSED_MEMORY);
    packets.copy(packet, copy);
    shard.share(path.interface, copy);
  }

  /** Whether a packet for a group must not leave: no hops, or a scope that ends here. */
  #staysHere(path: CachedPath, packet: number): boolean {
    if (path.kind !== PathKind.GROUP || path.link.kind === "loopback") return false;
    const { memory, packets } = this.#context;
    const at = packets.network[packet];
    const isIpv4 = memory.view.getUint8(at) >> 4 === 4;
    const hops = isIpv4 ? ipv4.timeToLive(memory, at) : ipv6.hopLimit(memory, at);
    // RFC 1112 section 6.1: with a time to live of 0 it reaches members on the same host only.
    // RFC 4291 section 2.7 (MUST): what is for a group of scope 1 or 0 does not leave the node.
    return hops === 0 || groupScope(path.destination.address) <= GroupScope.INTERFACE;
  }

  #fragment(path: CachedPath, packet: number, bytes: number, unfragmentable: number): number {
    // A part may be what another packet has to make room for, about which an error is sent.
    const outer = this.#partPath;
    this.#partPath = path;
    const result = unfragmentable === 0
      ? this.#fragmenter.fragmentIpv4(packet, bytes, this)
      : this.#fragmentIpv6(path, packet, bytes, unfragmentable);
    this.#partPath = outer;
    return result;
  }

  #fragmentIpv6(path: CachedPath, packet: number, bytes: number, unfragmentable: number): number {
    const { memory, ipv6Addresses, packets } = this.#context;
    const at = packets.network[packet];
    const source = ipv6Addresses.at(memory, ipv6.sourceAt(at));
    const id = this.#identifications.next(source, path.destination.address, 0);
    const namedAt = nextHeaderBefore(memory.view, at, unfragmentable);
    return this.#fragmenter.fragmentIpv6(packet, bytes, unfragmentable, namedAt, id, this);
  }

  /** See {@linkcode PartSink.takePart}. */
  takePart(part: number): number {
    return this.#transmit(this.#partPath!, part);
  }

  #transmit(path: CachedPath, packet: number): number {
    const { link } = path;
    let result: number;
    if (path.isLocal && link.kind !== "loopback") {
      if (this.#loop.push(path.interface, packet)) return 0;
      this.#context.arena.release(packet);
      result = -Errno.ENOBUFS;
    } else {
      result = path.kind === PathKind.BROADCAST
        ? link.broadcast(packet)
        : link.output(packet, path.nextHop);
    }
    if (result < 0) this.#context.counters.values[IpCounter.DROPPED_OUTPUT]++;
    return result;
  }
}
