/**
 * Which shard of a stack a packet is for: the only one that has its port, what a program says, or
 * else the hash of its flow, so that a flow always meets the same shard.
 *
 * ```text
 *   frame -> one shard has the port ----------------------------> shard
 *        '-> program's rule -> { steerTo } ---------------------> shard
 *                 '-> "default" -> several have the port -> hash -> one of them
 *                          '-> Toeplitz hash -> 128 places -> shard
 * ```
 *
 * It looks at frames as they come from a port, before any stack does, and believes nothing of them:
 * what it cannot read has a shard, too. What concerns every shard goes to every one:
 *
 * - ARP, neighbour and listener discovery: each has its own caches of the same neighbours;
 * - errors of ICMP and replies to echoes: whose packet they are about only its sender knows;
 * - groups, and what is for everybody;
 * - protocols without ports for which several shards have raw sockets; where one has, it gets all;
 * - fragments, which have no ports but for the first: the shard whose flow it is delivers what they
 *   make, the others drop it.
 *
 * @module
 */

import type { IpAddress } from "../ip/types.ts";
import { IPV4_BROADCAST } from "../wire/addresses.ts";
import * as ethernet from "../wire/ethernet.ts";
import { Fault } from "../wire/fault.ts";
import * as icmpv4 from "../wire/icmpv4.ts";
import * as icmpv6 from "../wire/icmpv6.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import { Ipv6Chain, walk } from "../wire/ipv6_chain.ts";
import { EtherType, Protocol } from "../wire/numbers.ts";
import type { PacketBytes } from "../wire/packet_bytes.ts";
import { NOBODY, type PortHolders, SEVERAL } from "./port_holders.ts";
import { MAXIMUM_INPUT_WORDS, type ToeplitzHash } from "./toeplitz.ts";

/** Places that hashes choose from, as network cards have them; a power of two. */
const PLACES = 128;

/** More shards than this are refused. */
export const MAXIMUM_SHARDS = 64;

/** A frame is for every shard. */
export const EVERY_SHARD = -1;

/** What a program's rule sees of a packet, for the call only. */
export interface SteeredPacket {
  /** 4 or 6. */
  readonly version: number;
  /** What it carries. */
  readonly protocol: number;
  /** The source address: a word, or four. */
  readonly source: readonly number[];
  /** The destination address. */
  readonly destination: readonly number[];
  /** The source port; 0 where there is none. */
  readonly sourcePort: number;
  /** The destination port. */
  readonly destinationPort: number;
  /** The hash of its flow: 0 to 2^32 - 1. */
  readonly hash: number;
  /** Bytes of the packet, header included; 0 where a flow is asked for before it has a packet. */
  readonly length: number;
}

/** What a program says about a packet. */
export type Steering = { readonly steerTo: number } | "default";

/** A program's rule. It is to say the same of all packets of a flow. */
export type SteeringRule = (packet: SteeredPacket) => Steering;

/** What a director is made of. */
export interface FlowDirectorOptions {
  /** How many shards there are, 1 to {@linkcode MAXIMUM_SHARDS}. */
  readonly shards: number;
  /** The hash: shards that are to agree have one key. */
  readonly hash: ToeplitzHash;
  /** Whose ports are whose; nobody's where it is missing. */
  readonly ports?: PortHolders;
}

/** Directs frames, and flows, to shards. */
export class FlowDirector {
  /** How many shards there are. */
  readonly shards: number;
  /** Frames for which the program's rule threw, or named no shard. */
  ruleFailures = 0;
  readonly #hash: ToeplitzHash;
  readonly #words = new Int32Array(MAXIMUM_INPUT_WORDS);
  readonly #chain = new Ipv6Chain();
  readonly #ports: PortHolders | null;
  #rule: SteeringRule | null = null;

  /**
   * Makes a director without a rule, which spreads hashes evenly.
   *
   * @throws {RangeError} when there cannot be that many shards
   */
  constructor({ shards, hash, ports }: FlowDirectorOptions) {
    if (!(Number.isInteger(shards) && shards >= 1 && shards <= MAXIMUM_SHARDS)) {
      throw new RangeError(`a stack has 1 to ${MAXIMUM_SHARDS} shards, not ${shards}`);
    }
    this.shards = shards;
    this.#hash = hash;
    this.#ports = ports ?? null;
  }

  /** Sets the program's rule, null for none. */
  configure(rule: SteeringRule | null): void {
    this.#rule = rule;
  }

  /**
   * The shard of a flow, as packets of it arrive.
   *
   * @param source who sends them: its address as words
   * @param destination whom they are for
   * @returns the shard that the hash chooses, whatever a rule says, and whoever has the port
   */
  shardOf(
    source: ArrayLike<number>,
    sourcePort: number,
    destination: ArrayLike<number>,
    destinationPort: number,
  ): number {
    const words = this.#words;
    const count = source.length;
    for (let word = 0; word < count; word++) {
      words[word] = source[word];
      words[count + word] = destination[word];
    }
    words[2 * count] = sourcePort << 16 | destinationPort;
    return this.#shardOf(this.#hash.hash(words, 2 * count + 1));
  }

  /**
   * The shard of packets of a flow of TCP or UDP, as they arrive: see {@linkcode directPacket}.
   *
   * @param source who sends them
   * @param destination whom they are for, of the same family
   */
  directFlow(
    protocol: number,
    source: IpAddress,
    sourcePort: number,
    destination: IpAddress,
    destinationPort: number,
  ): number {
    const count = this.#setFlow(source, sourcePort, destination, destinationPort);
    return this.#decide(count === 1 ? 4 : 6, protocol, count, true, 0);
  }

  /**
   * The same, whoever has the port: where packets go once several shards have it. Connections are
   * made where this says, so that a port can have some of each shard.
   */
  spreadFlow(
    protocol: number,
    source: IpAddress,
    sourcePort: number,
    destination: IpAddress,
    destinationPort: number,
  ): number {
    const count = this.#setFlow(source, sourcePort, destination, destinationPort);
    return this.#spread(count === 1 ? 4 : 6, protocol, count, true, 0, NOBODY);
  }

  /** @returns the words of each address */
  #setFlow(
    source: IpAddress,
    sourcePort: number,
    destination: IpAddress,
    destinationPort: number,
  ): number {
    const words = this.#words;
    let count = 1;
    if (typeof source === "number") {
      words[0] = source;
      words[1] = destination as number;
    } else {
      count = source.length;
      const other = destination as readonly number[];
      for (let word = 0; word < count; word++) {
        words[word] = source[word];
        words[count + word] = other[word];
      }
    }
    words[2 * count] = sourcePort << 16 | destinationPort;
    return count;
  }

  /**
   * The shard that has a port, for what shards send to their own host.
   *
   * @param hash what chooses where several have it
   * @returns {@linkcode NOBODY} where none has
   */
  portShard(protocol: number, port: number, hash: number): number {
    const ports = this.#ports;
    if (ports === null) return NOBODY;
    const holder = ports.holderOf(protocol, port);
    return holder === SEVERAL ? ports.choose(protocol, port, hash) : holder;
  }

  /** Whether any shard but one has a port. */
  isHeldBeside(shard: number, protocol: number, port: number): boolean {
    const holder = this.#ports === null ? NOBODY : this.#ports.holderOf(protocol, port);
    return holder !== NOBODY && holder !== shard;
  }

  /** Which shard has raw sockets for a protocol: see {@linkcode PortHolders.rawHolderOf}. */
  rawHolderOf(protocol: number): number {
    return this.#ports === null ? NOBODY : this.#ports.rawHolderOf(protocol);
  }

  #shardOf(hash: number): number {
    return (hash & PLACES - 1) % this.shards;
  }

  /**
   * Directs a frame of Ethernet.
   *
   * @param at where it starts
   * @param length how long it is
   * @returns the shard, or {@linkcode EVERY_SHARD}
   */
  directFrame(packets: PacketBytes, at: number, length: number): number {
    if (ethernet.check(packets, at, length) !== Fault.NONE) return 0;
    const isForMany = (packets.view.getUint8(at) & GROUP_BIT) !== 0;
    if (isForMany || ethernet.type(packets, at) === EtherType.ARP) return EVERY_SHARD;
    const header = ethernet.headerBytes(packets, at);
    return this.directPacket(packets, at + header, length - header);
  }

  /**
   * Directs a packet of IP.
   *
   * @param at where its header starts
   * @param length how many bytes there are
   * @returns the shard, or {@linkcode EVERY_SHARD}
   */
  directPacket(packets: PacketBytes, at: number, length: number): number {
    if (length < 1) return 0;
    const version = packets.view.getUint8(at) >> 4;
    if (version === 4) return this.#directIpv4(packets, at, length);
    return version === 6 ? this.#directIpv6(packets, at, length) : 0;
  }

  #directIpv4(packets: PacketBytes, at: number, length: number): number {
    if (ipv4.check(packets, at, length) !== Fault.NONE) return 0;
    const destination = ipv4.destination(packets, at);
    if (ipv4.isToGroup(packets, at) || destination === IPV4_BROADCAST) return EVERY_SHARD;
    if (ipv4.isFragment(packets, at)) return EVERY_SHARD;
    const words = this.#words;
    words[0] = ipv4.source(packets, at);
    words[1] = destination;
    const header = ipv4.headerBytes(packets, at);
    const total = ipv4.totalLength(packets, at);
    const protocol = ipv4.protocol(packets, at);
    const hasPorts = total - header >= PORTS_BYTES && isPorted(protocol);
    if (hasPorts) words[2] = packets.view.getInt32(at + header);
    else if (protocol === Protocol.ICMPV4 && total > header) {
      const type = packets.view.getUint8(at + header);
      if (type !== icmpv4.Type.ECHO && type !== icmpv4.Type.TIMESTAMP) return EVERY_SHARD;
    } else if (protocol === Protocol.IGMP) return EVERY_SHARD;
    return this.#decide(4, protocol, 1, hasPorts, total);
  }

  #directIpv6(packets: PacketBytes, at: number, length: number): number {
    if (ipv6.check(packets, at, length) !== Fault.NONE) return 0;
    if (ipv6.isToGroup(packets, at)) return EVERY_SHARD;
    const chain = this.#chain;
    if (walk(packets, at, chain) !== Fault.NONE) return 0;
    if (chain.isFragment) return EVERY_SHARD;
    const words = this.#words;
    for (let word = 0; word < 4; word++) {
      words[word] = ipv6.sourceWord(packets, at, word);
      words[4 + word] = ipv6.destinationWord(packets, at, word);
    }
    const { protocol, payloadAt, payloadBytes } = chain;
    const hasPorts = payloadBytes >= PORTS_BYTES && isPorted(protocol);
    if (hasPorts) words[8] = packets.view.getInt32(payloadAt);
    else if (protocol === Protocol.ICMPV6 && payloadBytes > 0) {
      if (packets.view.getUint8(payloadAt) !== icmpv6.Type.ECHO_REQUEST) return EVERY_SHARD;
    }
    const total = ipv6.HEADER_BYTES + ipv6.payloadLength(packets, at);
    return this.#decide(6, protocol, 4, hasPorts, total);
  }

  /** Asks who has the port, and spreads what nobody has alone. */
  #decide(
    version: number,
    protocol: number,
    addressWords: number,
    hasPorts: boolean,
    length: number,
  ): number {
    const words = this.#words;
    const ports = this.#ports;
    const port = hasPorts ? words[2 * addressWords] & 0xffff : 0;
    const holder = hasPorts && ports !== null ? ports.holderOf(protocol, port) : NOBODY;
    if (holder >= 0) return holder;
    if (ports !== null && !isKnown(protocol)) {
      const raw = ports.rawHolderOf(protocol);
      if (raw !== NOBODY) return raw === SEVERAL ? EVERY_SHARD : raw;
    }
    return this.#spread(version, protocol, addressWords, hasPorts, length, holder);
  }

  /** Asks the rule, then several holders of the port, and else the table. */
  #spread(
    version: number,
    protocol: number,
    addressWords: number,
    hasPorts: boolean,
    length: number,
    holder: number,
  ): number {
    const ports = this.#ports;
    const hash = this.#hash.hash(this.#words, 2 * addressWords + (hasPorts ? 1 : 0));
    if (this.#rule !== null) {
      const steering = this.#askRule(version, protocol, addressWords, hasPorts, hash, length);
      if (steering >= 0) return steering;
    }
    const chosen = holder === SEVERAL && ports !== null
      ? ports.choose(protocol, this.#words[2 * addressWords] & 0xffff, hash)
      : NOBODY;
    return chosen >= 0 ? chosen : this.#shardOf(hash);
  }

  #askRule(
    version: number,
    protocol: number,
    addressWords: number,
    hasPorts: boolean,
    hash: number,
    length: number,
  ): number {
    const words = this.#words;
    const ports = hasPorts ? words[2 * addressWords] : 0;
    return this.#ask(this.#rule!, {
      version,
      protocol,
      source: [...words.subarray(0, addressWords)],
      destination: [...words.subarray(addressWords, 2 * addressWords)],
      sourcePort: ports >>> 16,
      destinationPort: ports & 0xffff,
      hash: hash >>> 0,
      length,
    });
  }

  /** @returns the shard that the rule names, or -1 */
  #ask(rule: SteeringRule, packet: SteeredPacket): number {
    try {
      const steering = rule(packet);
      if (steering === "default") return -1;
      const { steerTo } = steering;
      if (Number.isInteger(steerTo) && steerTo >= 0 && steerTo < this.shards) return steerTo;
    } catch {
      // A rule that fails is one that says nothing.
    }
    this.ruleFailures++;
    return -1;
  }
}

/** The first bit on the wire of an address of Ethernet: it is a group's. */
const GROUP_BIT = 1;
/** Both ports stand at the front of a header. */
const PORTS_BYTES = 4;

/** Whether its packets have shards of their own, whoever looks at them besides. */
function isKnown(protocol: number): boolean {
  return isPorted(protocol) || protocol === Protocol.ICMPV4 || protocol === Protocol.ICMPV6;
}

function isPorted(protocol: number): boolean {
  return protocol === Protocol.TCP || protocol === Protocol.UDP;
}
