/**
 * Packets of which not all fragments have come: how many there may be, and who goes when there are
 * too many.
 *
 * Strangers choose what is kept here, so everything has a bound, and who keeps the most loses
 * first: sources are hashed into buckets, and when there is no room left, the oldest packet of the
 * bucket with the most bytes goes. One source that floods thus pushes out its own packets.
 *
 * @module
 */

import { hashWords, type SipKey } from "../../ring/abi/sip_hash.ts";
import type { Environment } from "../environment.ts";
import { randomTableKey } from "../random.ts";
import type { Counters } from "../statistics.ts";
import { KeyTable } from "../tables/mod.ts";
import { AgeList, type Aging } from "./age_list.ts";
import { IpCounter } from "./counters.ts";
import { FragmentList, FragmentPool, NONE } from "./fragment_list.ts";

/** Words of an IPv4 packet's key: addresses, protocol and identification, interface. */
const IPV4_KEY_WORDS = 4;
/** Words of an IPv6 packet's key: addresses, identification, interface. */
export const IPV6_KEY_WORDS = 10;
const BUCKETS = 64;

/** The bounds of reassembly. */
export interface ReassemblyOptions {
  /** How many packets are put together at a time, at most. */
  readonly packets: number;
  /** How many fragments there are of all of them, at most. */
  readonly fragments: number;
  /** How many fragments one packet has, at most. */
  readonly fragmentsPerPacket: number;
  /** How many bytes all fragments have, headers included, at most. */
  readonly bytes: number;
  /** After how many microseconds a packet of IPv4 is given up. */
  readonly ipv4Timeout: number;
  /** The same for IPv6. */
  readonly ipv6Timeout: number;
}

/** Families, as indices. */
export const Family = { IPV4: 0, IPV6: 1 } as const;

/** One of {@linkcode Family}. */
export type Family = typeof Family[keyof typeof Family];

/** A packet of which not all fragments have come. */
export class Assembly implements Aging<Assembly> {
  /** What has come. */
  readonly fragments: FragmentList;
  /** What its fragments have in common. */
  readonly key: Int32Array = new Int32Array(IPV6_KEY_WORDS);
  family: Family = Family.IPV4;
  /** Whether it is a packet's, not free. */
  isUsed = false;
  /** Where the byte is, from the packet's start, that names the fragment header. IPv6. */
  namedAt = 0;
  /** Overlaps were found: whatever else comes of it is dropped. */
  isRefused = false;
  /** The codepoints of ECN that its fragments had, as bits. */
  codepoints = 0;
  /** The bytes of its fragments, headers included. */
  kept = 0;
  /** Where its source is counted. */
  bucket = 0;
  /** When it is given up, in microseconds. */
  deadline = 0;
  older: Assembly | null = null;
  newer: Assembly | null = null;

  /** @param index its place among all */
  constructor(pool: FragmentPool, readonly index: number) {
    this.fragments = new FragmentList(pool);
  }
}

/** A bounded number of packets that wait for fragments. */
export class Assemblies {
  /** The nodes of their lists. */
  readonly pool: FragmentPool;
  readonly #environment: Environment;
  readonly #counters: Counters<typeof IpCounter>;
  readonly #options: ReassemblyOptions;
  readonly #all: readonly Assembly[];
  readonly #free: Assembly[];
  /** By family: all of one have the same time, so that deadlines are in the order of ages. */
  readonly #ages: readonly AgeList<Assembly>[] = [new AgeList(), new AgeList()];
  readonly #tables: readonly KeyTable[];
  readonly #bucketKey: SipKey;
  readonly #bucketBytes: Float64Array = new Float64Array(BUCKETS);
  #bytes = 0;

  /** Waits for nothing yet. */
  constructor(
    environment: Environment,
    counters: Counters<typeof IpCounter>,
    options: ReassemblyOptions,
  ) {
    this.#environment = environment;
    this.#counters = counters;
    this.#options = options;
    const pool = new FragmentPool(options.fragments);
    this.pool = pool;
    this.#all = Array.from({ length: options.packets }, (_, at) => new Assembly(pool, at));
    this.#free = this.#all.toReversed();
    const capacity = options.packets;
    this.#tables = [IPV4_KEY_WORDS, IPV6_KEY_WORDS].map((keyWords) =>
      new KeyTable({ capacity, keyWords, hashKey: randomTableKey(environment.random) })
    );
    this.#bucketKey = randomTableKey(environment.random);
  }

  /** How many packets are waited for. */
  get size(): number {
    return this.#all.length - this.#free.length;
  }

  /** How many bytes are kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Finds what has a key. */
  find(family: Family, key: Int32Array): Assembly | null {
    const index = this.#tables[family].lookup(key);
    return index === NONE ? null : this.#all[index];
  }

  /** Begins a packet, of which a fragment has come: another one may have to go. */
  begin(family: Family, key: Int32Array): Assembly | null {
    if (this.#free.length === 0 && !this.#evict()) return null;
    const assembly = this.#free.pop()!;
    assembly.key.set(key);
    assembly.family = family;
    assembly.isUsed = true;
    const { ipv4Timeout, ipv6Timeout } = this.#options;
    const timeout = family === Family.IPV6 ? ipv6Timeout : ipv4Timeout;
    assembly.deadline = this.#environment.now + timeout;
    // Who has a prefix of IPv6 has all of its addresses: the first half of one is its source.
    const words = family === Family.IPV6 ? 2 : 1;
    assembly.bucket = hashWords(this.#bucketKey, key, words) & BUCKETS - 1;
    this.#tables[family].insert(key, assembly.index);
    this.#ages[family].push(assembly);
    // An assembly counts even without bytes, so that many small ones are no way around.
    this.#bucketBytes[assembly.bucket]++;
    return assembly;
  }

  /** Makes room for bytes and a node. @returns false when the assembly itself had to go */
  makeRoom(assembly: Assembly, bytes: number): boolean {
    const { bytes: limit, fragments } = this.#options;
    // RFC 8200 section 5 (MUST): packets of 1500 bytes are put together.
    // RFC 1122 section 3.3.2 (MUST): at least 576 bytes.
    while (this.#bytes + bytes > limit || this.pool.used >= fragments) {
      if (!this.#evict() || !assembly.isUsed) return false;
    }
    return true;
  }

  /** Drops the oldest packet of the bucket that has the most. @returns false when there is none */
  #evict(): boolean {
    const bytes = this.#bucketBytes;
    let most = 0;
    for (let bucket = 1; bucket < BUCKETS; bucket++) {
      if (bytes[bucket] > bytes[most]) most = bucket;
    }
    let found: Assembly | null = null;
    for (const ages of this.#ages) {
      let at = ages.oldest;
      while (at !== null && at.bucket !== most) at = at.newer;
      if (at !== null && (found === null || at.deadline < found.deadline)) found = at;
    }
    if (found === null) return false;
    this.#counters.add(IpCounter.REASSEMBLY_EVICTED);
    this.end(found);
    return true;
  }

  /** Counts bytes that an assembly keeps from now on. */
  keep(assembly: Assembly, bytes: number): void {
    assembly.kept += bytes;
    this.#bytes += bytes;
    this.#bucketBytes[assembly.bucket] += bytes;
  }

  /** Releases what has come, but goes on to know the packet: what else comes is refused. */
  refuse(assembly: Assembly): void {
    this.#releaseFragments(assembly);
    assembly.isRefused = true;
  }

  #releaseFragments(assembly: Assembly): void {
    const { fragments, bucket } = assembly;
    const { pool } = this;
    for (let node = fragments.head; node !== NONE; node = pool.next[node]) {
      if (pool.packet[node] !== NONE) this.#environment.arena.release(pool.packet[node]);
    }
    fragments.clear();
    this.#bytes -= assembly.kept;
    this.#bucketBytes[bucket] -= assembly.kept;
    assembly.kept = 0;
  }

  /** Ends an assembly, and releases what is left of it. */
  end(assembly: Assembly): void {
    this.#releaseFragments(assembly);
    const { family } = assembly;
    this.#tables[family].remove(assembly.key);
    this.#ages[family].remove(assembly);
    this.#bucketBytes[assembly.bucket]--;
    assembly.isUsed = false;
    assembly.isRefused = false;
    assembly.codepoints = 0;
    this.#free.push(assembly);
  }

  /** The one whose time is over first, null where none waits. */
  next(): Assembly | null {
    const one = this.#ages[Family.IPV4].oldest;
    const other = this.#ages[Family.IPV6].oldest;
    if (one === null || other === null) return one ?? other;
    return one.deadline <= other.deadline ? one : other;
  }
}
