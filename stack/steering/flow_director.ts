/**
 * Which shard of a stack a packet is for: what a program says, or else the hash of its flow, so
 * that a flow always meets the same shard.
 *
 * ```text
 *   frame -> program's rule -> { steerTo } ---------------------> shard
 *                 '-> "default" -> Toeplitz hash -> 128 places -> shard
 * ```
 *
 * It looks at frames as they come from a port, before any stack does, and believes nothing of them:
 * what it cannot read has a shard, too. Fragments but the first have no ports: all fragments are
 * hashed by addresses alone, so that they meet where they are put together. ARP, neighbour and
 * listener discovery, and groups concern every shard.
 *
 * @module
 */

import type { RandomSource } from "../random.ts";
import * as ethernet from "../wire/ethernet.ts";
import { Fault } from "../wire/fault.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import { Ipv6Chain, walk } from "../wire/ipv6_chain.ts";
import { EtherType, Protocol } from "../wire/numbers.ts";
import type { PacketBytes } from "../wire/packet_bytes.ts";
import { MAXIMUM_INPUT_WORDS, ToeplitzHash } from "./toeplitz.ts";

/** Places of the table that hashes choose from, as network cards have it; a power of two. */
export const INDIRECTION_PLACES = 128;

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
  /** The source port; 0 where there is none, or it is a fragment. */
  readonly sourcePort: number;
  /** The destination port. */
  readonly destinationPort: number;
  /** The hash of its flow: 0 to 2^32 - 1. */
  readonly hash: number;
  /** Bytes of the packet, header included. */
  readonly length: number;
}

/** What a program says about a packet. */
export type Steering = { readonly steerTo: number } | "default";

/** A program's rule. */
export type SteeringRule = (packet: SteeredPacket) => Steering;

/** What a director is made of. */
export interface FlowDirectorOptions {
  /** How many shards there are, 1 to {@linkcode MAXIMUM_SHARDS}. */
  readonly shards: number;
  /** What the key of the hash is drawn from. */
  readonly random: RandomSource;
  /** The hash, in place of one with a key that is drawn. */
  readonly hash?: ToeplitzHash;
}

/** Directs frames, and flows, to shards. */
export class FlowDirector {
  /** How many shards there are. */
  readonly shards: number;
  /** Frames for which the program's rule threw, or named no shard. */
  ruleFailures = 0;
  readonly #hash: ToeplitzHash;
  readonly #table = new Uint8Array(INDIRECTION_PLACES);
  readonly #words = new Int32Array(MAXIMUM_INPUT_WORDS);
  readonly #chain = new Ipv6Chain();
  #rule: SteeringRule | null = null;

  /**
   * Makes a director without a rule, which spreads hashes evenly.
   *
   * @throws {RangeError} when there cannot be that many shards
   */
  constructor({ shards, random, hash }: FlowDirectorOptions) {
    if (!(Number.isInteger(shards) && shards >= 1 && shards <= MAXIMUM_SHARDS)) {
      throw new RangeError(`a stack has 1 to ${MAXIMUM_SHARDS} shards, not ${shards}`);
    }
    this.shards = shards;
    this.#hash = hash ?? ToeplitzHash.random(random);
    for (let place = 0; place < INDIRECTION_PLACES; place++) this.#table[place] = place % shards;
  }

  /** Sets the program's rule, null for none. */
  configure(rule: SteeringRule | null): void {
    this.#rule = rule;
  }

  /**
   * Sets where hashes lead.
   *
   * @param places a shard for each of {@linkcode INDIRECTION_PLACES}
   * @throws {RangeError} when that are not all of them, or there is no such shard
   */
  setIndirection(places: readonly number[]): void {
    const isGood = places.length === INDIRECTION_PLACES &&
      places.every((shard) => Number.isInteger(shard) && shard >= 0 && shard < this.shards);
    if (!isGood) {
      throw new RangeError(`${INDIRECTION_PLACES} places lead to shards 0 to ${this.shards - 1}`);
    }
    this.#table.set(places);
  }

  /**
   * The shard of a flow, as packets of it arrive.
   *
   * @param source who sends them: its address as words
   * @param destination whom they are for
   * @returns the shard that the hash chooses, whatever a rule says
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

  #shardOf(hash: number): number {
    return this.#table[hash & INDIRECTION_PLACES - 1];
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
    if (ipv4.isToGroup(packets, at)) return EVERY_SHARD;
    const words = this.#words;
    words[0] = ipv4.source(packets, at);
    words[1] = ipv4.destination(packets, at);
    const header = ipv4.headerBytes(packets, at);
    const total = ipv4.totalLength(packets, at);
    const protocol = ipv4.protocol(packets, at);
    const hasPorts = !ipv4.isFragment(packets, at) && total - header >= 4 && isPorted(protocol);
    words[2] = hasPorts ? packets.view.getInt32(at + header) : 0;
    return this.#decide(4, protocol, 1, hasPorts, total);
  }

  #directIpv6(packets: PacketBytes, at: number, length: number): number {
    if (ipv6.check(packets, at, length) !== Fault.NONE) return 0;
    if (ipv6.isToGroup(packets, at)) return EVERY_SHARD;
    const chain = this.#chain;
    if (walk(packets, at, chain) !== Fault.NONE) return 0;
    const words = this.#words;
    for (let word = 0; word < 4; word++) {
      words[word] = ipv6.sourceWord(packets, at, word);
      words[4 + word] = ipv6.destinationWord(packets, at, word);
    }
    const { protocol, isFragment, payloadAt, payloadBytes } = chain;
    const hasPorts = !isFragment && payloadBytes >= 4 && isPorted(protocol);
    words[8] = hasPorts ? packets.view.getInt32(payloadAt) : 0;
    if (protocol === Protocol.ICMPV6 && !isFragment && payloadBytes > 0) {
      const type = packets.view.getUint8(payloadAt);
      // Neighbour discovery: every shard has its own caches of the same neighbours.
      if (type >= FIRST_NEIGHBOUR_TYPE && type <= LAST_NEIGHBOUR_TYPE) return EVERY_SHARD;
    }
    const total = ipv6.HEADER_BYTES + ipv6.payloadLength(packets, at);
    return this.#decide(6, protocol, 4, hasPorts, total);
  }

  /** Asks the rule, and else the table. */
  #decide(
    version: number,
    protocol: number,
    addressWords: number,
    hasPorts: boolean,
    length: number,
  ): number {
    const words = this.#words;
    const hash = this.#hash.hash(words, 2 * addressWords + (hasPorts ? 1 : 0));
    if (this.#rule === null) return this.#shardOf(hash);
    const ports = words[2 * addressWords];
    const steering = this.#ask(this.#rule, {
      version,
      protocol,
      source: [...words.subarray(0, addressWords)],
      destination: [...words.subarray(addressWords, 2 * addressWords)],
      sourcePort: ports >>> 16,
      destinationPort: ports & 0xffff,
      hash: hash >>> 0,
      length,
    });
    return steering < 0 ? this.#shardOf(hash) : steering;
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
const FIRST_NEIGHBOUR_TYPE = 133;
const LAST_NEIGHBOUR_TYPE = 137;

function isPorted(protocol: number): boolean {
  return protocol === Protocol.TCP || protocol === Protocol.UDP;
}
