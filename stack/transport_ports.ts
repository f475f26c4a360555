/**
 * The ports that are in use: who may bind to what, and which port whoever does not care gets. TCP
 * and UDP have a table each.
 *
 * A _binding_ is an address, a port, an interface, and what its holder allows. Holders that agree
 * in all of it share one binding, which counts them: a hundred thousand connections of one listener
 * take one entry. Bindings are numbers.
 *
 * Two bindings conflict as on Linux: when their addresses overlap (the any-address overlaps all of
 * its family, that of IPv6 those of IPv4 as well unless it is for IPv6 only), so do their
 * interfaces, and not both of them allow it.
 *
 * - UDP: both say `REUSE_ADDRESS`, or both say `REUSE_PORT`.
 * - TCP: both say `REUSE_ADDRESS` and the other one does not listen, or both say `REUSE_PORT`.
 *
 * Where the stack is one of several shards of a host, each entry is claimed among them as well: what
 * another shard has is in use.
 *
 * Ports that are chosen here are hard to guess: RFC 6056.
 *
 * @module
 */

import { Errno } from "../ring/abi/errno.ts";
import { BindingFlag } from "./binding_flag.ts";
import type { IpAddress } from "./ip/types.ts";
import { KeyedHash } from "./keyed_hash.ts";
import { randomBelow, type RandomSource } from "./random.ts";
import type { PortClaims } from "./steering/port_holders.ts";

export { BindingFlag };

/** Bits that follow from the address. */
const IPV6 = 1 << 8;
const ANY = 1 << 9;
const ADDRESS_BITS = IPV6 | ANY;

const { REUSE_ADDRESS, REUSE_PORT, IPV6_ONLY, LISTENING, FOR_CONNECTION, SHARED, UNCLAIMED } =
  BindingFlag;
/** Bits that no option of a socket changes. */
const LASTING: number = ADDRESS_BITS | SHARED | UNCLAIMED;

/** An entry: its address with IPv4 as mapped, the rest, and the next one of its bucket. */
const PORT = 4;
const SCOPE = 5;
const FLAGS = 6;
const COUNT = 7;
const NEXT = 8;
const STRIDE = 9;
const ADDRESS_WORDS = 4;
const MAPPED = 0xffff;
const NONE = -1;
/** Ports are numbers below this. */
const PORT_COUNT = 65536;
/** Words that the port of a connection is chosen by: two addresses, the remote port, the scope. */
const CHOICE_WORDS = 10;
/** RFC 6056 section 3.3.4: counters of the double-hash algorithm; a power of two. */
const COUNTERS = 1024;

/** Tells whether a connection from a port would be one that exists already. */
export interface PortCheck {
  /** @returns whether the port cannot be had, although nobody is bound to it */
  isTaken(port: number): boolean;
}

/** What a table is made of. */
export interface TransportPortsOptions {
  /** How a conflict is judged: as UDP does, or as TCP does. */
  readonly kind: "datagram" | "stream";
  /** How many bindings there are at most. */
  readonly capacity: number;
  /** Where chosen ports come from. */
  readonly random: RandomSource;
  /** The first port that is chosen of its own accord; 32768, as on Linux. */
  readonly firstEphemeral?: number;
  /** The last one; 60999. */
  readonly lastEphemeral?: number;
  /** Where ports are claimed among shards of one host; null where there is one only. */
  readonly claims?: PortClaims | null;
}

/** The ports of one protocol that are in use. */
export class TransportPorts {
  /** How many bindings there are at most. */
  readonly capacity: number;
  readonly #isStream: boolean;
  readonly #random: RandomSource;
  readonly #hash: KeyedHash;
  readonly #first: number;
  readonly #ephemerals: number;
  readonly #heads: Int32Array;
  readonly #mask: number;
  readonly #entries: Int32Array;
  readonly #counters: Uint16Array;
  readonly #address = new Int32Array(ADDRESS_WORDS);
  readonly #choice = new Int32Array(CHOICE_WORDS);
  readonly #claims: PortClaims | null;
  #free = NONE;
  #size = 0;

  /**
   * Makes a table without bindings.
   *
   * @param options What it is made of.
   * @throws {RangeError} When there is no port to choose.
   *
   * @example
   * ```ts
   * const random = new SeededRandom(1);
   * const ports = new TransportPorts({ kind: "datagram", capacity: 64, random });
   * const binding = ports.bind(0, 53, 0, 0);
   * ports.bind(0x7f000001, 53, 0, 0); // -EADDRINUSE
   * ports.release(binding);
   * ```
   */
  constructor(options: TransportPortsOptions) {
    const { kind, capacity, random, firstEphemeral = 32768, lastEphemeral = 60999 } = options;
    // RFC 6056 section 3.2 (SHOULD) excepted: not the whole range from 1024 on, but that of Linux,
    // so that ports below it stay for those who ask for them; the options name another one.
    if (!(firstEphemeral >= 1 && firstEphemeral <= lastEphemeral && lastEphemeral < PORT_COUNT)) {
      throw new RangeError(`no port is between ${firstEphemeral} and ${lastEphemeral}`);
    }
    this.capacity = capacity;
    this.#claims = options.claims ?? null;
    this.#isStream = kind === "stream";
    this.#random = random;
    this.#hash = KeyedHash.random(random);
    this.#first = firstEphemeral;
    this.#ephemerals = lastEphemeral - firstEphemeral + 1;
    let buckets = 1;
    while (buckets < capacity && buckets < PORT_COUNT) buckets *= 2;
    this.#mask = buckets - 1;
    this.#heads = new Int32Array(buckets).fill(NONE);
    this.#entries = new Int32Array(capacity * STRIDE);
    for (let entry = capacity - 1; entry >= 0; entry--) {
      this.#entries[entry * STRIDE + NEXT] = this.#free;
      this.#free = entry;
    }
    // RFC 6056 section 3.3.4 (SHOULD): the counters start at random values.
    this.#counters = Uint16Array.from({ length: COUNTERS }, () => random.uint32());
  }

  /** How many bindings there are. */
  get size(): number {
    return this.#size;
  }

  /**
   * Binds to a port.
   *
   * @param address the address, or an any-address
   * @param port 1 to 65535
   * @param scope the interface it is bound to, 0 for none
   * @param flags bits of {@linkcode BindingFlag}
   * @returns the binding, or `-errno`: EADDRINUSE; ENOBUFS when the table is full
   */
  bind(address: IpAddress, port: number, scope: number, flags: number): number {
    const all = this.#read(address, flags) | (this.#claims?.isSuspended ? UNCLAIMED : 0);
    return this.#conflicts(port, scope, all, NONE)
      ? -Errno.EADDRINUSE
      : this.#add(port, scope, all);
  }

  /**
   * Binds to a port that nobody else has, whatever they allow.
   *
   * @returns the binding, or `-errno`: EADDRINUSE when all are taken; ENOBUFS
   */
  bindEphemeral(address: IpAddress, scope: number, flags: number): number {
    const all = this.#read(address, flags);
    // RFC 6056 section 3.3.1 (SHOULD): a random port and, if that is taken, those behind it. Whom
    // the port will talk to is not known, so that none of the algorithms that hash can be used.
    const start = randomBelow(this.#random, this.#ephemerals);
    let port = this.#first + start;
    for (let left = this.#ephemerals; left > 0; left--) {
      if (!this.#isUsed(port, scope, all)) {
        const binding = this.#add(port, scope, all);
        if (binding !== -Errno.EADDRINUSE) return binding;
      }
      port = port + 1 < this.#first + this.#ephemerals ? port + 1 : this.#first;
    }
    return -Errno.EADDRINUSE;
  }

  /**
   * Binds to a port for one connection. Connections to different places may share a port.
   *
   * @param local the address of this end
   * @param remote the address of the other end
   * @param remotePort its port
   * @param scope the interface, 0 for none
   * @param flags bits of {@linkcode BindingFlag}
   * @param check tells which ports already have a connection to that place
   * @returns the binding, or `-errno`: EADDRNOTAVAIL when all are taken; ENOBUFS
   */
  bindConnection(
    local: IpAddress,
    remote: IpAddress,
    remotePort: number,
    scope: number,
    flags: number,
    check: PortCheck,
  ): number {
    const all = this.#read(local, flags | FOR_CONNECTION);
    const offset = this.#hashPlace(remote, remotePort, scope) >>> 0;
    const index = this.#hash.high & (COUNTERS - 1);
    for (let left = this.#ephemerals; left > 0; left--) {
      // RFC 6056 section 3.3.4 (SHOULD): algorithm 4, each place has a sequence of its own, which
      // starts where nobody can guess, and goes on with a counter that few places share.
      const turn = offset + this.#counters[index]++;
      const port = this.#first + turn % this.#ephemerals;
      if (this.#isBound(port) || check.isTaken(port)) continue;
      const binding = this.#add(port, scope, all);
      if (binding !== -Errno.EADDRINUSE) return binding;
    }
    return -Errno.EADDRNOTAVAIL;
  }

  /**
   * Binds one more holder to a port that is in use already, whatever conflicts: a connection that
   * a listener accepted, whose local address is a certain one.
   *
   * @param binding whose port it is, and what is allowed
   * @param address the local address
   * @returns the binding, or `-ENOBUFS`
   */
  share(binding: number, address: IpAddress): number {
    const at = binding * STRIDE;
    const entries = this.#entries;
    const flags = entries[at + FLAGS] & ~(ADDRESS_BITS | LISTENING | UNCLAIMED);
    const all = this.#read(address, flags) | (this.#claims === null ? 0 : SHARED);
    return this.#add(entries[at + PORT], entries[at + SCOPE], all);
  }

  /**
   * Changes what a holder of a binding allows or does.
   *
   * @param flags all its bits of {@linkcode BindingFlag}; with `LISTENING`, conflicts are judged
   * @returns the binding that takes the place of this one, or `-errno`, with this one unchanged:
   * EADDRINUSE, ENOBUFS
   */
  change(binding: number, flags: number): number {
    const at = binding * STRIDE;
    const entries = this.#entries;
    const all = flags & ~LASTING | entries[at + FLAGS] & LASTING;
    if (all === entries[at + FLAGS]) return binding;
    for (let word = 0; word < ADDRESS_WORDS; word++) this.#address[word] = entries[at + word];
    const [port, scope] = [entries[at + PORT], entries[at + SCOPE]];
    const begins = (all & ~entries[at + FLAGS] & LISTENING) !== 0;
    if (begins && this.#conflicts(port, scope, all, binding)) return -Errno.EADDRINUSE;
    if (entries[at + COUNT] === 1 && this.#find(port, scope, all) === NONE) {
      this.#claims?.change(port, entries[at + FLAGS], all);
      entries[at + FLAGS] = all;
      return binding;
    }
    const changed = this.#add(port, scope, all);
    if (changed >= 0) this.release(binding);
    return changed;
  }

  /** Gives up a hold on a binding. */
  release(binding: number): void {
    const entries = this.#entries;
    const at = binding * STRIDE;
    if (--entries[at + COUNT] > 0) return;
    this.#claims?.release(entries[at + PORT], entries[at + FLAGS]);
    const bucket = entries[at + PORT] & this.#mask;
    if (this.#heads[bucket] === binding) this.#heads[bucket] = entries[at + NEXT];
    else {
      let before = this.#heads[bucket];
      while (entries[before * STRIDE + NEXT] !== binding) before = entries[before * STRIDE + NEXT];
      entries[before * STRIDE + NEXT] = entries[at + NEXT];
    }
    entries[at + NEXT] = this.#free;
    this.#free = binding;
    this.#size--;
  }

  /** The port of a binding. */
  port(binding: number): number {
    return this.#entries[binding * STRIDE + PORT];
  }

  /** How many hold a binding. */
  holders(binding: number): number {
    return this.#entries[binding * STRIDE + COUNT];
  }

  /** Reads an address as words, one of IPv4 as mapped. @returns the flags with its bits */
  #read(address: IpAddress, flags: number): number {
    const words = this.#address;
    const rest = flags & ~ADDRESS_BITS;
    if (typeof address === "number") {
      words[0] = words[1] = 0;
      words[2] = MAPPED;
      words[3] = address;
      return address === 0 ? rest | ANY : rest;
    }
    for (let word = 0; word < ADDRESS_WORDS; word++) words[word] = address[word];
    if (words[0] === 0 && words[1] === 0 && words[2] === MAPPED) {
      return words[3] === 0 ? rest | ANY : rest;
    }
    const isAny = (words[0] | words[1] | words[2] | words[3]) === 0;
    return rest | IPV6 | (isAny ? ANY : 0);
  }

  /** Hashes the address that was read, and a place. */
  #hashPlace(remote: IpAddress, remotePort: number, scope: number): number {
    const words = this.#choice;
    for (let word = 0; word < ADDRESS_WORDS; word++) {
      words[word] = this.#address[word];
      words[ADDRESS_WORDS + word] = typeof remote === "number" ? 0 : remote[word];
    }
    if (typeof remote === "number") {
      words[6] = MAPPED;
      words[7] = remote;
    }
    words[8] = remotePort;
    words[9] = scope;
    return this.#hash.hash(words, CHOICE_WORDS);
  }

  /** Whether somebody asked for this port. */
  #isBound(port: number): boolean {
    const entries = this.#entries;
    for (let at = this.#heads[port & this.#mask]; at !== NONE; at = entries[at * STRIDE + NEXT]) {
      const found = at * STRIDE;
      if (entries[found + PORT] === port && (entries[found + FLAGS] & FOR_CONNECTION) === 0) {
        return true;
      }
    }
    return false;
  }

  /** Whether a port overlaps a binding, whatever both allow. */
  #isUsed(port: number, scope: number, flags: number): boolean {
    const entries = this.#entries;
    for (let at = this.#heads[port & this.#mask]; at !== NONE; at = entries[at * STRIDE + NEXT]) {
      if (this.#overlaps(at * STRIDE, port, scope, flags)) return true;
    }
    return false;
  }

  /** Whether a binding other than one hold on `self` would not have this one beside it. */
  #conflicts(port: number, scope: number, flags: number, self: number): boolean {
    const entries = this.#entries;
    for (let at = this.#heads[port & this.#mask]; at !== NONE; at = entries[at * STRIDE + NEXT]) {
      const found = at * STRIDE;
      if (at === self && entries[found + COUNT] === 1) continue;
      if (!this.#overlaps(found, port, scope, flags)) continue;
      if (!this.#tolerates(entries[found + FLAGS], flags)) return true;
    }
    return false;
  }

  #tolerates(theirs: number, ours: number): boolean {
    const both = theirs & ours;
    if ((both & REUSE_PORT) !== 0) return true;
    if ((both & REUSE_ADDRESS) === 0) return false;
    return !this.#isStream || (theirs & LISTENING) === 0;
  }

  #overlaps(found: number, port: number, scope: number, flags: number): boolean {
    const entries = this.#entries;
    if (entries[found + PORT] !== port) return false;
    const theirScope = entries[found + SCOPE];
    if (scope !== 0 && theirScope !== 0 && scope !== theirScope) return false;
    const theirs = entries[found + FLAGS];
    if (((theirs ^ flags) & IPV6) !== 0) {
      const six = (theirs & IPV6) !== 0 ? theirs : flags;
      return (six & ANY) !== 0 && (six & IPV6_ONLY) === 0;
    }
    return ((theirs | flags) & ANY) !== 0 || this.#isSameAddress(found);
  }

  #isSameAddress(found: number): boolean {
    const entries = this.#entries;
    const words = this.#address;
    return entries[found + 3] === words[3] && entries[found + 2] === words[2] &&
      entries[found + 1] === words[1] && entries[found] === words[0];
  }

  /** The binding that agrees in everything with what was read. */
  #find(port: number, scope: number, flags: number): number {
    const entries = this.#entries;
    for (let at = this.#heads[port & this.#mask]; at !== NONE; at = entries[at * STRIDE + NEXT]) {
      const found = at * STRIDE;
      const agrees = entries[found + PORT] === port && entries[found + SCOPE] === scope &&
        entries[found + FLAGS] === flags && this.#isSameAddress(found);
      if (agrees) return at;
    }
    return NONE;
  }

  #add(port: number, scope: number, flags: number): number {
    const entries = this.#entries;
    const same = this.#find(port, scope, flags);
    if (same !== NONE) {
      entries[same * STRIDE + COUNT]++;
      return same;
    }
    const entry = this.#free;
    if (entry === NONE) return -Errno.ENOBUFS;
    const refused = this.#claims?.claim(port, flags) ?? 0;
    if (refused < 0) return refused;
    const at = entry * STRIDE;
    this.#free = entries[at + NEXT];
    for (let word = 0; word < ADDRESS_WORDS; word++) entries[at + word] = this.#address[word];
    entries[at + PORT] = port;
    entries[at + SCOPE] = scope;
    entries[at + FLAGS] = flags;
    entries[at + COUNT] = 1;
    const bucket = port & this.#mask;
    entries[at + NEXT] = this.#heads[bucket];
    this.#heads[bucket] = entry;
    this.#size++;
    return entry;
  }
}
