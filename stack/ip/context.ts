/**
 * What all parts of IP have in common.
 *
 * @module
 */

import type { Environment } from "../environment.ts";
import type {
  AddressTable,
  EgressOffload,
  Groups,
  Interface,
  InterfaceTable,
  LinkProtocol,
  Neighbours,
  RouteTable,
  Topology,
} from "../iface/types.ts";
import type { PacketMemory } from "../memory/mod.ts";
import type { PacketArena } from "../memory/mod.ts";
import type { PacketTable } from "../packet_table.ts";
import type { Counters } from "../statistics.ts";
import type { StackShard } from "../steering/stack_shard.ts";
import type { Fault } from "../wire/fault.ts";
import { Ipv6Addresses } from "./addresses.ts";
import { IpCounter } from "./counters.ts";
import { type FilterPoint, type PacketFilter, Verdict } from "./filter.ts";
import type { IpOptions } from "./options.ts";

/** What IP asks of links. */
export interface IpLinks {
  /** All interfaces. */
  readonly interfaces: InterfaceTable;
  /** Which addresses are ours, and which one is the source of what. */
  readonly addresses: AddressTable;
  /** The ways to everywhere. */
  readonly routes: RouteTable;
  /** Which groups somebody here listens to. */
  readonly groups: Groups;
  /** Is told of neighbours that were reached. */
  readonly neighbours: Neighbours;
  /** What makes paths stale. */
  readonly topology: Topology;
  /** Takes messages of neighbour discovery. */
  readonly ndp: LinkProtocol;
  /** Takes messages of listener discovery. */
  readonly mld: LinkProtocol;
  /** Takes messages of IGMP. */
  readonly igmp: LinkProtocol;
}

/** Why a packet is reported to its sender: the families say it in their own ways. */
export const Problem = {
  /** Nobody listens at the port. */
  PORT: 0,
  /** Nobody knows the protocol. */
  PROTOCOL: 1,
  /** There is no route. */
  NO_ROUTE: 2,
  /** The next hop does not answer. */
  HOST: 3,
  /** A filter or a route says no. */
  PROHIBITED: 4,
  /** The destination is beyond what the source's address reaches. */
  SCOPE: 5,
  /** No hops were left. */
  HOPS: 6,
  /** Fragments were missing. */
  REASSEMBLY: 7,
  /** It is too long for the next link: `info` is the MTU. */
  TOO_BIG: 8,
  /** A field of a header is wrong: `info` is where, from the packet's start. */
  FIELD: 9,
  /** An option of IPv6 is not known: `info` is where. */
  OPTION: 10,
  /** A first fragment has not got all headers. RFC 7112. */
  CHAIN: 11,
  /** An extension header is where it may not be: `info` is what names it. */
  NEXT_HEADER: 12,
  /** There is a better next hop: `info` is its address. IPv4; that of IPv6 is another message. */
  REDIRECT: 13,
} as const;

/** One of {@linkcode Problem}. */
export type Problem = typeof Problem[keyof typeof Problem];

/** Reports packets to their senders. */
export interface ProblemReporter {
  /**
   * Sends an error about a packet, unless none must be sent. The hold stays the caller's.
   *
   * @param packet begins with its network header; where it came in by is known
   * @param problem what is the matter
   * @param info what else is to be told
   */
  report(packet: number, problem: Problem, info: number): void;
}

/** Everything that a part of IP may need. */
export class IpContext {
  readonly arena: PacketArena;
  readonly packets: PacketTable;
  readonly memory: PacketMemory;
  /** Addresses of IPv6 as objects. */
  readonly ipv6Addresses: Ipv6Addresses = new Ipv6Addresses();
  /** Judges packets, null where all may pass. */
  filter: PacketFilter | null = null;
  /** Which of several shards of a host the stack is; null where it is all of it. */
  shard: StackShard | null = null;
  /** Set as soon as there are links. */
  links!: IpLinks;
  /** Set as soon as there is ICMP. */
  problems!: ProblemReporter;

  /** @param faults what counts bad headers */
  constructor(
    readonly environment: Environment,
    readonly options: IpOptions,
    readonly counters: Counters<typeof IpCounter>,
    readonly faults: Counters<typeof Fault>,
    readonly egress: EgressOffload,
  ) {
    this.arena = environment.arena;
    this.packets = environment.packets;
    this.memory = environment.arena.memory;
  }

  /** Releases a packet, and counts why. */
  drop(packet: number, counter: typeof IpCounter[keyof typeof IpCounter]): void {
    this.counters.values[counter]++;
    this.arena.release(packet);
  }

  /** Counts a bad header. */
  countFault(fault: Fault): void {
    this.faults.values[fault]++;
    this.counters.values[IpCounter.DROPPED_HEADER]++;
  }

  /**
   * Asks the filter for its verdict, and obeys it.
   *
   * @param packet is released unless it may pass
   * @param counter counts it otherwise
   * @returns whether it may pass
   */
  admits(
    point: FilterPoint,
    packet: number,
    link: Interface,
    counter: typeof IpCounter[keyof typeof IpCounter],
  ): boolean {
    const { filter } = this;
    if (filter === null) return true;
    const verdict = filter.judge(point, packet, link);
    if (verdict === Verdict.ACCEPT) return true;
    if (verdict === Verdict.REJECT) this.problems.report(packet, Problem.PROHIBITED, 0);
    this.drop(packet, counter);
    return false;
  }
}
