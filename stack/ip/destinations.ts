/**
 * The destinations that were talked to last, the ways to them, and their path MTUs: the destination
 * cache of RFC 4861 section 5.1 and RFC 1122 section 3.3.1.2.
 *
 * A path is good for as long as nothing has changed that it was made from: the topology has the
 * number that it had, and so has the destination. Nobody is told of changes; whoever has a path
 * looks before using it.
 *
 * @module
 */

import type { Interface, Topology } from "../iface/types.ts";
import type { RandomSource } from "../random.ts";
import { randomTableKey } from "../random.ts";
import { KeyTable } from "../tables/mod.ts";
import type { Aging } from "./age_list.ts";
import { isSame } from "./addresses.ts";
import type { IpAddress, Path } from "./types.ts";
import type { PathMtuSearch } from "./path_mtu_search.ts";

/** Paths to one destination, by the source and the mark that they were asked for with. */
const PATHS_PER_DESTINATION = 4;

const IPV4_KEY_WORDS = 2;
const IPV6_KEY_WORDS = 5;

/** Whom a path leads to. */
export const PathKind = { UNICAST: 0, LOCAL: 1, GROUP: 2, BROADCAST: 3 } as const;

/** One of {@linkcode PathKind}. */
export type PathKind = typeof PathKind[keyof typeof PathKind];

/** What a path is made of. */
export interface PathParts {
  readonly kind: PathKind;
  readonly link: Interface;
  readonly nextHop: IpAddress;
  /** The source that packets have where the flow has not chosen one. */
  readonly source: IpAddress;
  /** The longest packet of the link and the route. */
  readonly linkMtu: number;
}

/** A way to a destination. */
export class CachedPath implements Path {
  readonly interface: number;
  readonly offloadBytes: number;
  readonly isLocal: boolean;
  readonly kind: PathKind;
  readonly link: Interface;
  readonly nextHop: IpAddress;
  readonly source: IpAddress;
  readonly linkMtu: number;
  readonly #topology: Topology;
  readonly #generation: number;
  readonly #version: number;

  /**
   * @param destination whom it leads to
   * @param forSource the source that it was asked for with
   * @param forMark the mark that it was asked for with
   */
  constructor(
    parts: PathParts,
    topology: Topology,
    readonly destination: Destination,
    readonly forSource: IpAddress,
    readonly forMark: number,
  ) {
    this.kind = parts.kind;
    this.link = parts.link;
    this.nextHop = parts.nextHop;
    this.source = parts.source;
    this.linkMtu = parts.linkMtu;
    this.interface = parts.link.index;
    this.isLocal = parts.kind === PathKind.LOCAL;
    this.offloadBytes = this.isLocal ? 0 : parts.link.offloadBytes;
    this.#topology = topology;
    this.#generation = topology.generation;
    this.#version = destination.version;
  }

  /** See {@linkcode Path.mtu}. */
  get mtu(): number {
    const { pathMtu } = this.destination;
    return pathMtu < this.linkMtu ? pathMtu : this.linkMtu;
  }

  /** See {@linkcode Path.isValid}. */
  get isValid(): boolean {
    return this.#generation === this.#topology.generation &&
      this.#version === this.destination.version;
  }
}

/** Somebody packets are sent to. */
export class Destination implements Aging<Destination> {
  /** Who it is. */
  address: IpAddress = 0;
  /** The interface that the address belongs to, or 0. */
  scope = 0;
  /** The path MTU that was found, in bytes; Infinity where the links' is all that is known. */
  pathMtu = Infinity;
  /**
   * Whether the path MTU is less than we believe in: then routers may take apart what is sent.
   */
  mayFragment = false;
  /** When the path MTU is forgotten, in microseconds. */
  pathMtuUntil = 0;
  /** What packetization layers find out, null where they do not. */
  search: PathMtuSearch | null = null;
  /** Changes whenever paths to it are no longer good. */
  version = 0;
  /** Whether it was asked for since the last look of the one who makes room. */
  isRecent = false;
  older: Destination | null = null;
  newer: Destination | null = null;
  readonly #paths: CachedPath[] = [];
  #nextPlace = 0;

  /** The path for a source and a mark, or null. */
  pathFor(source: IpAddress, mark: number): CachedPath | null {
    for (const path of this.#paths) {
      if (path.forMark === mark && isSame(path.forSource, source)) return path;
    }
    return null;
  }

  /** Keeps a path, instead of one for the same, or for one of the others if there are many. */
  keep(path: CachedPath): void {
    const paths = this.#paths;
    const place = paths.findIndex(({ forMark, forSource }) =>
      forMark === path.forMark && isSame(forSource, path.forSource)
    );
    if (place >= 0) paths[place] = path;
    else if (paths.length < PATHS_PER_DESTINATION) paths.push(path);
    else {
      paths[this.#nextPlace] = path;
      this.#nextPlace = (this.#nextPlace + 1) % PATHS_PER_DESTINATION;
    }
  }

  /** Forgets all paths: whoever has one asks anew. */
  invalidate(): void {
    this.version++;
    this.#paths.length = 0;
  }
}

/** Destinations, a bounded number of them. */
export class DestinationCache {
  readonly #slots: Destination[] = [];
  readonly #ipv4: KeyTable;
  readonly #ipv6: KeyTable;
  readonly #key: Int32Array = new Int32Array(IPV6_KEY_WORDS);
  readonly #capacity: number;
  readonly #onEvict: (destination: Destination) => void;
  #hand = 0;

  /**
   * Makes a cache that knows nobody.
   *
   * @param capacity how many destinations it knows at most, 1 or more
   * @param onEvict is told of one that makes room
   */
  constructor(
    capacity: number,
    random: RandomSource,
    onEvict: (destination: Destination) => void,
  ) {
    this.#capacity = capacity;
    this.#onEvict = onEvict;
    this.#ipv4 = new KeyTable({
      capacity,
      keyWords: IPV4_KEY_WORDS,
      hashKey: randomTableKey(random),
    });
    this.#ipv6 = new KeyTable({
      capacity,
      keyWords: IPV6_KEY_WORDS,
      hashKey: randomTableKey(random),
    });
  }

  /** How many destinations it knows. */
  get size(): number {
    return this.#slots.length;
  }

  #setKey(address: IpAddress, scope: number): KeyTable {
    const key = this.#key;
    if (typeof address === "number") {
      key[0] = address;
      key[1] = scope;
      return this.#ipv4;
    }
    key[0] = address[0];
    key[1] = address[1];
    key[2] = address[2];
    key[3] = address[3];
    key[4] = scope;
    return this.#ipv6;
  }

  /** Finds a destination. @returns null when it is not known */
  find(address: IpAddress, scope: number): Destination | null {
    const index = this.#setKey(address, scope).lookup(this.#key);
    return index < 0 ? null : this.#slots[index];
  }

  /** Finds a destination, or begins to know it: another one may have to be forgotten. */
  obtain(address: IpAddress, scope: number): Destination {
    const found = this.find(address, scope);
    if (found !== null) {
      found.isRecent = true;
      return found;
    }
    const index = this.#slots.length < this.#capacity ? this.#slots.length : this.#makeRoom();
    const destination = new Destination();
    destination.address = address;
    destination.scope = scope;
    this.#slots[index] = destination;
    this.#setKey(address, scope).insert(this.#key, index);
    return destination;
  }

  /** Forgets one that was not asked for lately: the second-chance rule. @returns its place */
  #makeRoom(): number {
    const slots = this.#slots;
    while (slots[this.#hand].isRecent) {
      slots[this.#hand].isRecent = false;
      this.#hand = (this.#hand + 1) % slots.length;
    }
    const place = this.#hand;
    this.#hand = (this.#hand + 1) % slots.length;
    const evicted = slots[place];
    this.#setKey(evicted.address, evicted.scope).remove(this.#key);
    evicted.invalidate();
    this.#onEvict(evicted);
    return place;
  }
}
