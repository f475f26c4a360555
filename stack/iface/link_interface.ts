/**
 * An interface: frames in, packets of IP out, and the other way round.
 *
 * ```text
 *   port -> receive() -> [tap] -> frame, station, VLAN, type -> ARP | IPv4 | IPv6
 *   IP -> output() -> next hop's MAC -> [segmentation] -> [checksum] -> header -> [tap] -> port
 * ```
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import type { IpAddress } from "../ip/types.ts";
import { chainLength, copyOut, type PacketArena } from "../memory/mod.ts";
import { PacketFlag, type PacketTable } from "../packet_table.ts";
import type { Counters } from "../statistics.ts";
import {
  isIpv4Multicast,
  isIpv6Multicast,
  MAC_BROADCAST,
  type MacAddress,
  macHigh,
  macLow,
} from "../wire/addresses.ts";
import * as ethernet from "../wire/ethernet.ts";
import { Fault } from "../wire/fault.ts";
import { Cast, MacFilter } from "../wire/mac_filter.ts";
import { EtherType } from "../wire/numbers.ts";
import { LinkCounter } from "./counters.ts";
import type {
  InterfaceDescription,
  InterfaceParts,
  InterfaceStatistics,
} from "./interface_parts.ts";
import type { LinkHooks } from "./link_hooks.ts";
import type { TopologyChanges } from "./topology.ts";
import type { Interface, InterfaceKind, PortOffload, SegmentSink } from "./types.ts";

/** The longest packet that is handed over for segmentation: what a length of 16 bits can say. */
export const MAXIMUM_OFFLOAD_BYTES = 65535;
/** RFC 4861 section 6.3.2: the hop limit until a router says another one. */
export const DEFAULT_HOP_LIMIT = 64;

/** An interface. */
export class LinkInterface implements Interface, SegmentSink {
  readonly index: number;
  readonly name: string;
  readonly kind: InterfaceKind;
  readonly mac: MacAddress;
  readonly offload: PortOffload;
  /** Which frames are for us. */
  readonly filter: MacFilter;
  isForwarding: boolean;
  /** See {@linkcode Interface.hopLimit}. */
  hopLimit = DEFAULT_HOP_LIMIT;
  // Fields of their own: every packet reads them.
  readonly #arena: PacketArena;
  readonly #packets: PacketTable;
  readonly #counts: Float64Array<ArrayBufferLike>;
  readonly #faults: Counters<typeof Fault>;
  readonly #hooks: LinkHooks;
  readonly #changes: TopologyChanges;
  readonly #padsFrames: boolean;
  readonly #macHigh: number;
  readonly #macLow: number;
  readonly #statistics = {
    ...{ received: 0, receivedBytes: 0, sent: 0, sentBytes: 0 },
    ...{ receivedDropped: 0, sentDropped: 0 },
  };
  #mtu: number;
  #ipv6Mtu: number;
  #isUp = false;
  /** Where the segments of the packet go that is being taken apart. */
  #toHigh = 0;
  #toLow = 0;
  #toType = 0;

  /** Makes an interface, which is down. */
  constructor(parts: InterfaceParts, description: InterfaceDescription) {
    this.#arena = parts.environment.arena;
    this.#packets = parts.environment.packets;
    this.#counts = parts.counters.values;
    this.#faults = parts.faults;
    this.#hooks = parts.hooks;
    this.#changes = parts.changes;
    this.index = description.index;
    this.name = description.name;
    this.kind = description.kind;
    this.mac = description.mac;
    this.offload = description.offload;
    this.isForwarding = description.isForwarding;
    this.#padsFrames = description.padsFrames;
    this.#mtu = description.mtu;
    this.#ipv6Mtu = description.mtu;
    this.#macHigh = macHigh(description.mac);
    this.#macLow = macLow(description.mac);
    this.filter = new MacFilter(description.mac, { groups: description.macGroups });
    this.filter.isPromiscuous = description.isPromiscuous;
  }

  /** See {@linkcode Interface.isUp}. */
  get isUp(): boolean {
    return this.#isUp;
  }

  /** Sets it up or down; whoever knows more than the interface calls this: see `Links`. */
  setUp(isUp: boolean): void {
    this.#isUp = isUp;
    this.#changes.change();
  }

  /** See {@linkcode Interface.mtu}. */
  get mtu(): number {
    return this.#mtu;
  }

  /** See {@linkcode Interface.ipv6Mtu}. */
  get ipv6Mtu(): number {
    return this.#ipv6Mtu;
  }

  /** Changes the MTU of both families. */
  setMtu(mtu: number): void {
    this.#mtu = mtu;
    this.#ipv6Mtu = mtu;
    this.#changes.change();
  }

  /** Changes the MTU of IPv6, as a router advertises it. */
  setIpv6Mtu(mtu: number): void {
    if (mtu === this.#ipv6Mtu) return;
    this.#ipv6Mtu = mtu;
    this.#changes.change();
  }

  /** See {@linkcode Interface.offloadBytes}. */
  get offloadBytes(): number {
    return this.#hooks.egress === null ? this.offload.segmentationBytes : MAXIMUM_OFFLOAD_BYTES;
  }

  /** What it did so far. */
  get statistics(): InterfaceStatistics {
    return { ...this.#statistics };
  }

  /** Takes a frame from the port, or a packet where there are no frames; takes over the hold. */
  receive(packet: number): void {
    const arena = this.#arena;
    const packets = this.#packets;
    const hooks = this.#hooks;
    if (!this.#isUp) return this.#dropReceived(packet, LinkCounter.DROPPED_RECEIVED_DOWN);
    packets.interface[packet] = this.index;
    if (hooks.tap !== null) hooks.tap.onFrame(this.index, "in", packet);
    const bytes = arena.next(packet) < 0 ? arena.length(packet) : chainLength(arena, packet);
    this.#counts[LinkCounter.RECEIVED]++;
    this.#counts[LinkCounter.RECEIVED_BYTES] += bytes;
    this.#statistics.received++;
    this.#statistics.receivedBytes += bytes;
    if (this.kind === "ethernet") this.#receiveFrame(packet);
    else this.#receivePacket(packet);
  }

  #receiveFrame(packet: number): void {
    const arena = this.#arena;
    const packets = this.#packets;
    const hooks = this.#hooks;
    const at = arena.start(packet);
    const { memory } = arena;
    const fault = ethernet.check(memory, at, arena.length(packet));
    if (fault !== Fault.NONE) {
      this.#faults.add(fault);
      return this.#dropReceived(packet, LinkCounter.DROPPED_MALFORMED);
    }
    const cast = this.filter.castOf(memory, at);
    if (cast !== Cast.UNICAST) {
      if (cast === Cast.OTHER && !this.filter.isPromiscuous) {
        return this.#dropReceived(packet, LinkCounter.DROPPED_OTHER_STATION);
      }
      if (cast === Cast.BROADCAST) packets.flags[packet] |= PacketFlag.LINK_BROADCAST;
      else if (cast === Cast.MULTICAST) packets.flags[packet] |= PacketFlag.LINK_MULTICAST;
    }
    // IEEE 802.1Q section 6.9: number 0 is no VLAN, only a priority.
    if (ethernet.vlanId(memory, at) > 0) {
      return this.#dropReceived(packet, LinkCounter.DROPPED_VLAN);
    }
    const type = ethernet.type(memory, at);
    arena.trimFront(packet, ethernet.headerBytes(memory, at));
    packets.network[packet] = arena.start(packet);
    // RFC 1122 section 2.3.3 (MUST): datagrams come and go in frames of Ethernet, whose type says
    // so.
    if (type === EtherType.IPV4) hooks.ip.receiveIpv4(packet, this);
    else if (type === EtherType.IPV6) hooks.ip.receiveIpv6(packet, this);
    else if (type === EtherType.ARP) hooks.arp.receive(packet, this);
    else this.#dropReceived(packet, LinkCounter.DROPPED_TYPE);
  }

  #receivePacket(packet: number): void {
    const arena = this.#arena;
    const packets = this.#packets;
    const hooks = this.#hooks;
    const at = arena.start(packet);
    const version = arena.length(packet) > 0 ? arena.memory.view.getUint8(at) >> 4 : 0;
    packets.network[packet] = at;
    if (version === 4) hooks.ip.receiveIpv4(packet, this);
    else if (version === 6) hooks.ip.receiveIpv6(packet, this);
    else this.#dropReceived(packet, LinkCounter.DROPPED_VERSION);
  }

  #dropReceived(packet: number, counter: (typeof LinkCounter)[keyof typeof LinkCounter]): void {
    this.#counts[counter]++;
    this.#statistics.receivedDropped++;
    this.#arena.release(packet);
  }

  /** See {@linkcode Interface.output}. */
  output(packet: number, nextHop: IpAddress): number {
    if (!this.#isUp) return this.#dropSent(packet, LinkCounter.DROPPED_SENT_DOWN, Errno.ENETDOWN);
    const hooks = this.#hooks;
    if (typeof nextHop === "number") {
      if (this.kind !== "ethernet") return this.transmit(packet, 0, 0, EtherType.IPV4);
      // RFC 1112 section 6.4 (MUST): the group's low 23 bits go into the address on the link.
      if (isIpv4Multicast(nextHop)) {
        const low = 0x5e00_0000 | nextHop & 0x7f_ffff;
        return this.transmit(packet, 0x0100, low, EtherType.IPV4);
      }
      // RFC 1122 section 2.3.2 (MUST): the limited broadcast needs no address to be resolved.
      if (nextHop === -1) return this.broadcast(packet);
      return hooks.ipv4Neighbours.output(this, nextHop, packet);
    }
    if (this.kind !== "ethernet") return this.transmit(packet, 0, 0, EtherType.IPV6);
    if (isIpv6Multicast(nextHop)) return this.transmit(packet, 0x3333, nextHop[3], EtherType.IPV6);
    return hooks.ipv6Neighbours.output(this, nextHop, packet);
  }

  /** See {@linkcode Interface.broadcast}. */
  broadcast(packet: number): number {
    if (!this.#isUp) return this.#dropSent(packet, LinkCounter.DROPPED_SENT_DOWN, Errno.ENETDOWN);
    const high = macHigh(MAC_BROADCAST);
    return this.transmit(packet, high, macLow(MAC_BROADCAST), EtherType.IPV4);
  }

  /**
   * Sends a packet to a station, whatever the state of its neighbour; takes over the hold.
   *
   * @param toHigh the first two bytes of the station's address
   * @param toLow the last four of them
   * @param type what the frame carries
   * @returns 0 or `-errno`
   */
  transmit(packet: number, toHigh: number, toLow: number, type: number): number {
    const arena = this.#arena;
    const packets = this.#packets;
    const hooks = this.#hooks;
    if (packets.segmentation[packet] === 0) return this.#send(packet, toHigh, toLow, type);
    if (chainLength(arena, packet) <= this.offload.segmentationBytes) {
      return this.#send(packet, toHigh, toLow, type);
    }
    if (hooks.egress === null) {
      return this.#dropSent(packet, LinkCounter.DROPPED_SEGMENTATION, Errno.EMSGSIZE);
    }
    this.#toHigh = toHigh;
    this.#toLow = toLow;
    this.#toType = type;
    this.#counts[LinkCounter.SEGMENTED]++;
    return hooks.egress.segment(packet, this);
  }

  /** See {@linkcode SegmentSink.takeSegment}. */
  takeSegment(packet: number): void {
    this.#send(packet, this.#toHigh, this.#toLow, this.#toType);
  }

  #send(packet: number, toHigh: number, toLow: number, type: number): number {
    const packets = this.#packets;
    const hooks = this.#hooks;
    const isPartial = (packets.flags[packet] & PacketFlag.CHECKSUM_PARTIAL) !== 0;
    // What never leaves the stack needs no sum: whoever receives it knows that it is good.
    if (isPartial && !this.offload.checksum && this.kind !== "loopback" && hooks.egress !== null) {
      hooks.egress.completeChecksum(packet);
      this.#counts[LinkCounter.CHECKSUMS_COMPLETED]++;
    }
    if (this.kind === "ethernet") return this.#sendFrame(packet, toHigh, toLow, type);
    if (this.kind === "loopback") {
      packets.flags[packet] = packets.flags[packet] & ~PacketFlag.CHECKSUM_PARTIAL |
        PacketFlag.LOOPED | (isPartial ? PacketFlag.CHECKSUM_GOOD : 0);
    }
    return this.#push(packet);
  }

  #sendFrame(packet: number, toHigh: number, toLow: number, type: number): number {
    const arena = this.#arena;
    const packets = this.#packets;
    let first = packet;
    // Nobody writes into a packet that somebody else holds as well.
    let at = arena.references(packet) > 1 ? -1 : arena.prepend(packet, ethernet.HEADER_BYTES);
    if (at < 0) {
      first = arena.take(ethernet.HEADER_BYTES);
      if (first < 0) return this.#dropSent(packet, LinkCounter.DROPPED_NO_PACKET, Errno.ENOBUFS);
      this.#counts[LinkCounter.SEPARATE_HEADERS]++;
      packets.copy(packet, first);
      arena.append(first, packet);
      at = arena.start(first);
    }
    ethernet.put(arena.memory, at, toHigh, toLow, this.#macHigh, this.#macLow, type);
    return arena.length(first) >= ethernet.MIN_FRAME_BYTES || !this.#padsFrames
      ? this.#push(first)
      : this.#sendShort(first);
  }

  /** Fills a frame up that is short, perhaps: IEEE 802.3 section 3.2.8, RFC 894. */
  #sendShort(packet: number): number {
    const arena = this.#arena;
    const bytes = chainLength(arena, packet);
    const missing = ethernet.MIN_FRAME_BYTES - bytes;
    if (missing <= 0) return this.#push(packet);
    const at = arena.next(packet) < 0 ? arena.extend(packet, missing) : -1;
    if (at >= 0) {
      arena.memory.bytes.fill(0, at, at + missing);
      return this.#push(packet);
    }
    // Somebody else holds a part of it, or it has no room: so few bytes are copied.
    const copy = arena.take(ethernet.MIN_FRAME_BYTES);
    if (copy < 0) return this.#dropSent(packet, LinkCounter.DROPPED_NO_PACKET, Errno.ENOBUFS);
    const start = arena.start(copy);
    copyOut(arena, packet, 0, bytes, start);
    arena.memory.bytes.fill(0, start + bytes, start + ethernet.MIN_FRAME_BYTES);
    this.#copyColumns(packet, copy);
    arena.release(packet);
    return this.#push(copy);
  }

  /** What is known of a packet holds for its copy, whose headers lie elsewhere. */
  #copyColumns(packet: number, copy: number): void {
    const arena = this.#arena;
    const packets = this.#packets;
    packets.copy(packet, copy);
    const network = arena.start(copy) + ethernet.HEADER_BYTES;
    packets.transport[copy] += network - packets.network[packet];
    packets.network[copy] = network;
  }

  #push(packet: number): number {
    const arena = this.#arena;
    const packets = this.#packets;
    const hooks = this.#hooks;
    packets.interface[packet] = this.index;
    const bytes = arena.next(packet) < 0 ? arena.length(packet) : chainLength(arena, packet);
    const sink = this.kind === "loopback" ? hooks.looped : hooks.sink;
    const { tap } = hooks;
    // Whoever takes it from the queue may be done with it before it is looked at.
    if (tap !== null) arena.retain(packet);
    if (!sink.push(this.index, packet)) {
      if (tap !== null) arena.release(packet);
      return this.#dropSent(packet, LinkCounter.DROPPED_QUEUE_FULL, Errno.ENOBUFS);
    }
    if (tap !== null) {
      tap.onFrame(this.index, "out", packet);
      arena.release(packet);
    }
    this.#counts[LinkCounter.SENT]++;
    this.#counts[LinkCounter.SENT_BYTES] += bytes;
    this.#statistics.sent++;
    this.#statistics.sentBytes += bytes;
    return 0;
  }

  #dropSent(
    packet: number,
    counter: (typeof LinkCounter)[keyof typeof LinkCounter],
    reason: number,
  ): number {
    this.#counts[counter]++;
    this.#statistics.sentDropped++;
    this.#arena.release(packet);
    return -reason;
  }
}
