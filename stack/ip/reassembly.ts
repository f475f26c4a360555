/**
 * Reassembly of fragmented packets of both families: RFC 791 section 3.2, RFC 815, RFC 1122 section
 * 3.3.2, RFC 8200 section 4.5, RFC 5722 (overlaps), RFC 3168 section 5.3 (ECN).
 *
 * @module
 */

import { type Environment, SECOND } from "../environment.ts";
import { sumChain } from "../memory/mod.ts";
import { PacketFlag } from "../packet_table.ts";
import type { Counters } from "../statistics.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { FRAGMENT, type Ipv6Chain } from "../wire/ipv6_chain.ts";
import * as ipv6 from "../wire/ipv6.ts";
import { isIpv4LinkLocal } from "./addresses.ts";
import {
  Assemblies,
  type Assembly,
  Family,
  IPV6_KEY_WORDS,
  type ReassemblyOptions,
} from "./assemblies.ts";
import { IpCounter } from "./counters.ts";
import { NONE, Placement } from "./fragment_list.ts";
import { codepointOf, finishIpv4, finishIpv6, join, REFUSED } from "./joining.ts";

export type { ReassemblyOptions } from "./assemblies.ts";

/** The usual bounds. */
export const REASSEMBLY: ReassemblyOptions = {
  packets: 256,
  fragments: 2048,
  fragmentsPerPacket: 128,
  // There is room for the longest packets that there are.
  bytes: 4 << 20,
  // RFC 1122 section 3.3.2 (SHOULD) excepted: it asks for 60 to 120 s, when identifications came
  // back after longer than that. Linux keeps fragments for 30 s.
  ipv4Timeout: 30 * SECOND,
  // RFC 8200 section 4.5 (MUST): 60 seconds after the first fragment to arrive it is given up.
  ipv6Timeout: 60 * SECOND,
};

/** Takes the first fragment of a packet that was given up, and its hold. */
export type ReassemblyTimeoutHandler = (firstFragment: number) => void;

/** Puts fragments together. */
export class Reassembler {
  readonly #environment: Environment;
  readonly #counters: Counters<typeof IpCounter>;
  readonly #options: ReassemblyOptions;
  readonly #onTimeout: ReassemblyTimeoutHandler;
  readonly #assemblies: Assemblies;
  readonly #key: Int32Array = new Int32Array(IPV6_KEY_WORDS);
  readonly #timer: number;

  /**
   * Makes a reassembler that has nothing.
   *
   * @param onTimeout is told of packets whose first fragment came, but not all others
   * @throws {RangeError} when no timer is left
   */
  constructor(
    environment: Environment,
    counters: Counters<typeof IpCounter>,
    options: ReassemblyOptions,
    onTimeout: ReassemblyTimeoutHandler,
  ) {
    this.#environment = environment;
    this.#counters = counters;
    this.#options = options;
    this.#onTimeout = onTimeout;
    this.#assemblies = new Assemblies(environment, counters, options);
    const owner = environment.timers.register(() => this.#expire());
    this.#timer = environment.timers.take(owner, 0);
    if (this.#timer < 0) throw new RangeError("no timer is left for reassembly");
  }

  /** How many packets are waited for. */
  get size(): number {
    return this.#assemblies.size;
  }

  /** How many bytes are kept. */
  get bytes(): number {
    return this.#assemblies.bytes;
  }

  /** How many fragments are kept. */
  get fragments(): number {
    return this.#assemblies.pool.used;
  }

  /**
   * Takes a fragment of IPv4, without padding behind it, and its hold.
   *
   * @returns the packet that is whole now, or -1
   */
  addIpv4(packet: number): number {
    const { arena, packets } = this.#environment;
    const { memory } = arena;
    const at = arena.start(packet);
    const key = this.#key;
    // RFC 791 section 3.2 (MUST): source, destination, protocol and identification make the packet.
    key[0] = ipv4.source(memory, at);
    key[1] = ipv4.destination(memory, at);
    key[2] = ipv4.protocol(memory, at) << 16 | ipv4.identification(memory, at);
    // Addresses of the link mean something on their own link only.
    const isScoped = isIpv4LinkLocal(key[0]) || ipv4.isToGroup(memory, at);
    key[3] = isScoped ? packets.interface[packet] : 0;
    const headerBytes = ipv4.headerBytes(memory, at);
    const offset = ipv4.fragmentOffset(memory, at);
    const end = offset + ipv4.totalLength(memory, at) - headerBytes;
    const codepoint = 1 << ipv4.ecn(memory, at);
    const isLast = !ipv4.moreFragments(memory, at);
    return this.#add(packet, Family.IPV4, headerBytes, offset, end, isLast, codepoint, 0);
  }

  /**
   * Takes a fragment of IPv6, without padding behind it, and its hold.
   *
   * @param chain what the walk along its extension headers found
   * @returns the packet that is whole now, or -1
   */
  addIpv6(packet: number, chain: Ipv6Chain): number {
    const { arena, packets } = this.#environment;
    const { memory } = arena;
    const at = arena.start(packet);
    const key = this.#key;
    // RFC 8200 section 4.5 (MUST): source, destination and identification make the packet.
    for (let word = 0; word < 4; word++) {
      key[word] = ipv6.sourceWord(memory, at, word);
      key[4 + word] = ipv6.destinationWord(memory, at, word);
    }
    key[8] = chain.identification;
    const isScoped = key[0] >>> 22 === LINK_LOCAL || key[4] >>> 22 === LINK_LOCAL ||
      ipv6.isToGroup(memory, at);
    key[9] = isScoped ? packets.interface[packet] : 0;
    const headerBytes = chain.payloadAt - at;
    const offset = chain.fragmentOffset;
    const end = offset + chain.payloadBytes;
    const codepoint = 1 << ipv6.ecn(memory, at);
    const isLast = !chain.moreFragments;
    const namedAt = chain.fragmentNamedAt - at;
    return this.#add(packet, Family.IPV6, headerBytes, offset, end, isLast, codepoint, namedAt);
  }

  #add(
    packet: number,
    family: Family,
    headerBytes: number,
    offset: number,
    end: number,
    isLast: boolean,
    codepoint: number,
    namedAt: number,
  ): number {
    const assemblies = this.#assemblies;
    this.#counters.add(IpCounter.FRAGMENTS_RECEIVED);
    if (end === offset) return this.#refuse(packet, IpCounter.DROPPED_FRAGMENT_EMPTY);
    const assembly = assemblies.find(family, this.#key) ?? this.#begin(family);
    if (assembly === null) return this.#refuse(packet, IpCounter.DROPPED_FRAGMENT_ROOM);
    if (assembly.isRefused) return this.#refuse(packet, IpCounter.DROPPED_FRAGMENT_OVERLAP);
    const kept = headerBytes + end - offset;
    if (!assemblies.makeRoom(assembly, kept)) {
      return this.#refuse(packet, IpCounter.DROPPED_FRAGMENT_ROOM);
    }
    const { fragments } = assembly;
    switch (fragments.insert(packet, headerBytes, offset, end, isLast)) {
      case Placement.DUPLICATE:
        return this.#onDuplicate(assembly, packet, headerBytes, end - offset);
      case Placement.OVERLAP:
        return this.#onOverlap(assembly, packet);
      case Placement.FULL:
        return this.#refuse(packet, IpCounter.DROPPED_FRAGMENT_ROOM);
    }
    assembly.codepoints |= codepoint;
    if (offset === 0) assembly.namedAt = namedAt;
    assemblies.keep(assembly, kept);
    // RFC 1122 section 3.2.1.4 (MUST): fragments are put together.
    if (fragments.isComplete) return this.#complete(assembly);
    if (fragments.count < this.#options.fragmentsPerPacket) return NONE;
    this.#counters.add(IpCounter.DROPPED_FRAGMENT_COUNT, fragments.count);
    assemblies.end(assembly);
    return NONE;
  }

  #refuse(packet: number, counter: typeof IpCounter[keyof typeof IpCounter]): number {
    this.#counters.add(counter);
    this.#environment.arena.release(packet);
    return NONE;
  }

  #begin(family: Family): Assembly | null {
    const assembly = this.#assemblies.begin(family, this.#key);
    if (assembly !== null && this.#assemblies.next() === assembly) this.#arm();
    return assembly;
  }

  #onDuplicate(assembly: Assembly, packet: number, headerBytes: number, bytes: number): number {
    // RFC 8200 section 4.5 (MAY): exact duplicates may be dropped, and the packet go on. What has
    // the same place but another sum is an overlap as any other one.
    const { pool } = this.#assemblies;
    const { arena } = this.#environment;
    const node = assembly.fragments.duplicate;
    const sum = sumChain(arena, pool.packet[node], pool.headerBytes[node], bytes);
    if (sumChain(arena, packet, headerBytes, bytes) !== sum) {
      return this.#onOverlap(assembly, packet);
    }
    return this.#refuse(packet, IpCounter.DROPPED_FRAGMENT_DUPLICATE);
  }

  #onOverlap(assembly: Assembly, packet: number): number {
    this.#refuse(packet, IpCounter.DROPPED_FRAGMENT_OVERLAP);
    this.#counters.add(IpCounter.DROPPED_FRAGMENT_OVERLAP, assembly.fragments.count);
    // Identifications of IPv4 come back soon: the next packet that has it may be a good one.
    // RFC 5722 section 4 (MUST): when fragments overlap, all of the packet's are discarded, those
    // yet to come, too.
    // RFC 8200 section 4.5 (MUST): reassembly of the packet is abandoned.
    if (assembly.family === Family.IPV6) this.#assemblies.refuse(assembly);
    else this.#assemblies.end(assembly);
    return NONE;
  }

  /** Releases everything. */
  clear(): void {
    const assemblies = this.#assemblies;
    for (let next = assemblies.next(); next !== null; next = assemblies.next()) {
      assemblies.end(next);
    }
  }

  #arm(): void {
    const next = this.#assemblies.next();
    if (next !== null) this.#environment.timers.arm(this.#timer, next.deadline);
  }

  /** Gives up what has waited for too long. */
  #expire(): void {
    const { now, arena } = this.#environment;
    const assemblies = this.#assemblies;
    let next = assemblies.next();
    for (; next !== null && next.deadline <= now; next = assemblies.next()) {
      const { first } = next.fragments;
      this.#counters.add(IpCounter.REASSEMBLY_TIMED_OUT);
      if (first !== NONE) arena.retain(first);
      assemblies.end(next);
      // RFC 1122 section 3.3.2 (MUST): who sent it is told, if the first fragment has come.
      // RFC 8200 section 4.5 (SHOULD): the same.
      if (first !== NONE) this.#onTimeout(first);
    }
    this.#arm();
  }

  /** Makes one packet of what has come. @returns it, or -1 when it is not to be */
  #complete(assembly: Assembly): number {
    const codepoint = codepointOf(assembly.codepoints);
    const { fragments, family, namedAt } = assembly;
    const { pool } = this.#assemblies;
    const headerBytes = pool.headerBytes[fragments.head];
    const { end } = fragments;
    // The first header may be longer than that of the fragment that told the end.
    const isTooLong = family === Family.IPV6
      ? headerBytes - ipv6.HEADER_BYTES - FRAGMENT.SIZE + end > ipv6.MAX_PAYLOAD_BYTES
      : headerBytes + end > ipv4.MAX_PACKET_BYTES;
    if (isTooLong || codepoint === REFUSED) {
      const counter = isTooLong ? IpCounter.DROPPED_REASSEMBLY_LENGTH : IpCounter.DROPPED_ECN_MIX;
      this.#counters.add(counter);
      this.#assemblies.end(assembly);
      return NONE;
    }
    const packet = join(this.#environment, pool, fragments);
    this.#assemblies.end(assembly);
    if (packet < 0) {
      this.#counters.add(IpCounter.DROPPED_REASSEMBLY_MEMORY);
      return NONE;
    }
    if (family === Family.IPV6) {
      finishIpv6(this.#environment, packet, headerBytes, end, codepoint, namedAt);
    } else finishIpv4(this.#environment, packet, headerBytes, end, codepoint);
    const { arena, packets } = this.#environment;
    packets.flags[packet] = packets.flags[packet] & ~PacketFlag.CHECKSUM_GOOD |
      PacketFlag.REASSEMBLED;
    packets.network[packet] = arena.start(packet);
    this.#counters.add(IpCounter.REASSEMBLED);
    return packet;
  }
}

/** The first bits of fe80::/10. */
const LINK_LOCAL = 0xfe80 >>> 6;
