/**
 * A stack's place among the shards of one host. They have the same interfaces and addresses, and
 * share nothing: each has the flows that a director gives it. What all of them are given, such as
 * messages of ARP or fragments, only shard 0 answers: it speaks for the host.
 *
 * @module
 */

import type { PacketBytes } from "../wire/packet_bytes.ts";
import type { Ipv6Address } from "../wire/addresses.ts";
import { EVERY_SHARD, type FlowDirector } from "./flow_director.ts";
import type { PortClaims } from "./port_holders.ts";

/** What a shard is made of. */
export interface StackShardParts {
  /** Which one it is. */
  readonly index: number;
  /** Says whose a flow is, the same on all shards. */
  readonly director: FlowDirector;
  /** What stable addresses of IPv6 depend on (RFC 7217), the same on all shards: 4 words. */
  readonly addressSecret: readonly number[];
  /** What cookies of TCP Fast Open depend on, the same on all shards: 4 words. */
  readonly fastOpenSecret: readonly number[];
  /** The ports of TCP. */
  readonly tcpPorts: PortClaims;
  /** The ports of UDP. */
  readonly udpPorts: PortClaims;
  /** The identifiers of sockets of ICMP echo. */
  readonly echoIdentifiers: PortClaims;
  /** The protocols of raw sockets. */
  readonly rawProtocols: PortClaims;
  /**
   * Hands a packet that a shard sent to the host itself to another one. Takes over the hold.
   *
   * @param packet begins with its header of IP
   */
  readonly handOver: (shard: number, packet: number) => void;
  /**
   * Gives all others a packet that leaves by an interface for a group, or for everybody. Takes over
   * the hold.
   */
  readonly share: (interfaceIndex: number, packet: number) => void;
  /** Tells the other shards that somebody else has an address of the host's. */
  readonly onDuplicate: (interfaceIndex: number, address: number | Ipv6Address) => void;
}

/** One of several stacks that are one host. */
export class StackShard {
  readonly index: number;
  readonly director: FlowDirector;
  readonly addressSecret: readonly number[];
  readonly fastOpenSecret: readonly number[];
  readonly tcpPorts: PortClaims;
  readonly udpPorts: PortClaims;
  readonly echoIdentifiers: PortClaims;
  readonly rawProtocols: PortClaims;
  readonly handOver: StackShardParts["handOver"];
  readonly share: StackShardParts["share"];
  readonly onDuplicate: StackShardParts["onDuplicate"];

  /** @param parts what it is made of */
  constructor(parts: StackShardParts) {
    this.index = parts.index;
    this.director = parts.director;
    this.addressSecret = parts.addressSecret;
    this.fastOpenSecret = parts.fastOpenSecret;
    this.tcpPorts = parts.tcpPorts;
    this.udpPorts = parts.udpPorts;
    this.echoIdentifiers = parts.echoIdentifiers;
    this.rawProtocols = parts.rawProtocols;
    this.handOver = parts.handOver;
    this.share = parts.share;
    this.onDuplicate = parts.onDuplicate;
  }

  /** Whether another shard speaks for the host. */
  get isSilent(): boolean {
    return this.index !== 0;
  }

  /**
   * Whether this shard is to deliver a packet.
   *
   * @param at where its header of IP is
   * @param length how long it is
   */
  takes(packets: PacketBytes, at: number, length: number): boolean {
    const shard = this.director.directPacket(packets, at, length);
    return shard === this.index || shard === EVERY_SHARD;
  }

  /** Whether an answer to a packet is another shard's matter, although this one was given it. */
  leavesAnswer(packets: PacketBytes, at: number, length: number): boolean {
    return this.isSilent && this.director.directPacket(packets, at, length) === EVERY_SHARD;
  }
}
