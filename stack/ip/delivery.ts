/**
 * Handing packets that are for this stack to whom they are for.
 *
 * @module
 */

import type { Icmp } from "../icmp/icmp.ts";
import type { Interface } from "../iface/types.ts";
import { chainLength } from "../memory/mod.ts";
import { PacketFlag } from "../packet_table.ts";
import { NOBODY } from "../steering/port_holders.ts";
import type { StackShard } from "../steering/stack_shard.ts";
import * as igmp from "../wire/igmp.ts";
import { Fault } from "../wire/fault.ts";
import { Protocol } from "../wire/numbers.ts";
import { pullUp } from "./chain_head.ts";
import { type IpContext, Problem } from "./context.ts";
import { IpCounter } from "./counters.ts";
import { FilterPoint } from "./filter.ts";
import type { Protocols } from "./protocols.ts";
import type { IpAddress } from "./types.ts";

/** The most bytes of a transport header. */
const TRANSPORT_HEADER_BYTES = 60;

/** Hands packets to protocols. */
export class Delivery {
  readonly #context: IpContext;
  readonly #protocols: Protocols;
  readonly #icmp: Icmp;

  /** Has delivered nothing yet. */
  constructor(context: IpContext, protocols: Protocols, icmp: Icmp) {
    this.#context = context;
    this.#protocols = protocols;
    this.#icmp = icmp;
  }

  /**
   * Hands on a packet that is whole, and its hold.
   *
   * @param headerBytes what is in front of the transport header
   * @param protocol what that belongs to
   * @param namedAt where the byte is, from the packet's start, that names the protocol
   */
  deliver(
    packet: number,
    link: Interface,
    headerBytes: number,
    protocol: number,
    namedAt: number,
    source: IpAddress,
    destination: IpAddress,
  ): void {
    const context = this.#context;
    const { arena, packets, counters } = context;
    let first = packet;
    if (arena.next(packet) >= 0) {
      const needed = Math.min(chainLength(arena, packet), headerBytes + TRANSPORT_HEADER_BYTES);
      first = pullUp(arena, packets, packet, needed);
      if (first < 0) {
        counters.add(IpCounter.DROPPED_MEMORY);
        return;
      }
    }
    packets.transport[first] = arena.start(first) + headerBytes;
    if (
      context.filter !== null &&
      !context.admits(FilterPoint.INPUT, first, link, IpCounter.DROPPED_FILTER_INPUT)
    ) return;
    const { raw } = this.#protocols;
    let isTaken = false;
    if (raw !== null && raw.listensTo(protocol, typeof source !== "number")) {
      isTaken = raw.onPacket(first, protocol, source, destination);
    }
    counters.values[IpCounter.DELIVERED]++;
    const transport = this.#protocols.get(protocol);
    if (transport !== null) return transport.receive(first, source, destination);
    this.#deliverBuiltIn(first, link, protocol, namedAt, source, destination, isTaken);
  }

  #deliverBuiltIn(
    packet: number,
    link: Interface,
    protocol: number,
    namedAt: number,
    source: IpAddress,
    destination: IpAddress,
    isTaken: boolean,
  ): void {
    if (typeof source === "number") {
      if (protocol === Protocol.ICMPV4) {
        return this.#icmp.receiveIpv4(packet, source, destination as number);
      }
      if (protocol === Protocol.IGMP) return this.#deliverIgmp(packet, link, source, destination);
    } else if (protocol === Protocol.ICMPV6) {
      return this.#icmp.receiveIpv6(packet, link, source, destination);
    }
    this.#dropUnknown(packet, protocol, namedAt, isTaken);
  }

  #deliverIgmp(
    packet: number,
    link: Interface,
    source: IpAddress,
    destination: IpAddress,
  ): void {
    const context = this.#context;
    const { arena, packets, memory, links } = context;
    const first = pullUp(arena, packets, packet, chainLength(arena, packet));
    if (first < 0) {
      context.counters.add(IpCounter.DROPPED_MEMORY);
      return;
    }
    const at = packets.transport[first];
    const bytes = arena.start(first) + arena.length(first) - at;
    const isShort = bytes < igmp.HEADER_BYTES;
    const fault = isShort ? Fault.IGMP_TOO_SHORT : igmp.verify(memory.checksummer, at, bytes);
    if (fault !== Fault.NONE && (packets.flags[first] & PacketFlag.LOOPED) === 0 || isShort) {
      context.countFault(fault);
      return arena.release(first);
    }
    links.igmp.receive(first, link, source, destination);
  }

  #dropUnknown(packet: number, protocol: number, namedAt: number, isTaken: boolean): void {
    const context = this.#context;
    const isIpv6 = namedAt !== IPV4_PROTOCOL_AT;
    // RFC 8200 section 4.7 (MUST): behind no next header nothing is looked at.
    if (isTaken || isIpv6 && protocol === Protocol.NONE) return context.arena.release(packet);
    const { shard } = context;
    const holder = shard === null ? NOBODY : shard.director.rawHolderOf(protocol);
    if (shard !== null && holder !== NOBODY) return this.#leaveToRaw(shard, holder, packet);
    // RFC 1122 section 3.2.2.1 (SHOULD): the sender is told that the protocol is not supported.
    // RFC 8200 section 4 (SHOULD): the next header is not recognized; the pointer names the byte.
    context.problems.report(packet, Problem.PROTOCOL, isIpv6 ? namedAt : 0);
    context.drop(packet, IpCounter.DROPPED_PROTOCOL);
  }

  /** Raw sockets of other shards have their copies, but for what this shard sent to the host. */
  #leaveToRaw(shard: StackShard, holder: number, packet: number): void {
    const context = this.#context;
    const isLooped = (context.packets.flags[packet] & PacketFlag.LOOPED) !== 0;
    if (isLooped && holder >= 0 && holder !== shard.index) return shard.handOver(holder, packet);
    context.drop(packet, IpCounter.DROPPED_OTHER_SHARD);
  }
}

/** Where a header of IPv4 names the protocol. */
export const IPV4_PROTOCOL_AT = 9;
