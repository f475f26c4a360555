/**
 * Path MTU discovery: what routers say (RFC 1191, RFC 8201), and what packetization layers find out
 * (RFC 4821, RFC 8899; the search itself is in `path_mtu_search.ts`).
 *
 * @module
 */

import { type Environment, MINUTE } from "../environment.ts";
import type { Counters } from "../statistics.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import { AgeList } from "./age_list.ts";
import { IpCounter } from "./counters.ts";
import { type CachedPath, type Destination, PathKind } from "./destinations.ts";
import { PathMtuSearch } from "./path_mtu_search.ts";

/** How path MTUs are found out. */
export interface PathMtuOptions {
  /** For how many microseconds what a router said is believed. RFC 8201 section 4: 10 minutes. */
  readonly lifetime: number;
  /**
   * The least path MTU of IPv4 that is believed, in bytes. Of less, this is taken, and routers may
   * take packets apart: a forged error cannot make connections send tiny packets.
   */
  readonly ipv4Minimum: number;
  /** When packetization layers search: never, when long packets seem to vanish, or always. */
  readonly search: "never" | "black-hole" | "always";
  /** Where searches begin, in bytes; at least 1280 for IPv6. RFC 8899 section 5.1.2. */
  readonly base: number;
}

/** The usual. */
export const PATH_MTU: PathMtuOptions = {
  lifetime: 10 * MINUTE,
  ipv4Minimum: 552,
  search: "black-hole",
  base: 1200,
};

/** RFC 1191 section 7.1: MTUs that links have, for routers that do not say theirs. */
const PLATEAUS: readonly number[] = [
  32000,
  17914,
  8166,
  4352,
  2002,
  1492,
  1006,
  508,
  296,
  ipv4.MIN_MTU,
];

/** Finds path MTUs out. */
export class PathMtuDiscovery {
  readonly #environment: Environment;
  readonly #counters: Counters<typeof IpCounter>;
  readonly #options: PathMtuOptions;
  readonly #timer: number;
  /** Destinations whose path MTU will be forgotten. */
  readonly #limited: AgeList<Destination> = new AgeList();

  /** @throws {RangeError} when no timer is left */
  constructor(
    environment: Environment,
    counters: Counters<typeof IpCounter>,
    options: PathMtuOptions,
  ) {
    this.#environment = environment;
    this.#counters = counters;
    this.#options = options;
    const owner = environment.timers.register(() => this.#expire());
    this.#timer = environment.timers.take(owner, 0);
    if (this.#timer < 0) throw new RangeError("no timer is left for path MTUs");
  }

  /**
   * A router said that a packet was too long for the next link.
   *
   * @param destination whom the packet was for
   * @param said the MTU that the router told; 0 where it told none
   * @param quotedBytes the length of the packet, as its own header says
   * @returns whether the path MTU is less now
   */
  onTooBig(destination: Destination, said: number, quotedBytes: number): boolean {
    const isIpv4 = typeof destination.address === "number";
    const { pathMtu } = destination;
    const current = Math.min(pathMtu, quotedBytes);
    // RFC 1191 section 5 (MUST): a router that does not say its MTU is helped by the next plateau.
    let mtu = said > 0 || !isIpv4 ? said : plateauBelow(current);
    // RFC 1191 section 3 (MUST): an error never makes a path MTU more.
    // RFC 8201 section 4 (MUST): nor one of IPv6.
    if (mtu >= current) return false;
    if (isIpv4) {
      destination.mayFragment = mtu < this.#options.ipv4Minimum;
      // RFC 1191 section 3 (MUST): never below 68 bytes. Ours is a higher one: see the options.
      // It may be more than the packet had, which leaves once more then, and can be taken apart.
      mtu = Math.min(pathMtu, Math.max(mtu, this.#options.ipv4Minimum));
    }
    // RFC 8201 section 4 (MUST): never below the least MTU of links of IPv6: that is not believed.
    // Atomic fragments are no more: RFC 8021.
    if (!isIpv4 && mtu < ipv6.MIN_MTU) return false;
    // RFC 1191 section 3 (MUST): a packet that was too big makes the path MTU less at once.
    this.#limit(destination, mtu);
    destination.search?.onTooBig(mtu);
    this.#counters.add(IpCounter.PATH_MTU_DECREASED);
    return true;
  }

  #limit(destination: Destination, mtu: number): void {
    this.forget(destination);
    destination.pathMtu = mtu;
    destination.pathMtuUntil = this.#environment.now + this.#options.lifetime;
    destination.invalidate();
    const isFirst = this.#limited.oldest === null;
    this.#limited.push(destination);
    if (isFirst) this.#environment.timers.arm(this.#timer, destination.pathMtuUntil);
  }

  /** Gives up what was known of a destination. */
  forget(destination: Destination): void {
    if (destination.pathMtuUntil === 0) return;
    this.#limited.remove(destination);
    destination.pathMtuUntil = 0;
    destination.pathMtu = Infinity;
  }

  #expire(): void {
    const { now, timers } = this.#environment;
    let { oldest } = this.#limited;
    for (; oldest !== null && oldest.pathMtuUntil <= now; oldest = this.#limited.oldest) {
      // RFC 8201 section 4 (SHOULD): the path may have become better. RFC 1191 section 6.3: this is
      // not tried earlier than 5 minutes after it was told to be worse.
      this.forget(oldest);
      oldest.mayFragment = false;
      // What was found by probes holds until probes find something else; where nobody sends any, a
      // black hole is forgotten like everything else.
      if (oldest.search?.wasProbed) oldest.pathMtu = oldest.search.low;
      else oldest.search = null;
      oldest.invalidate();
      this.#counters.add(IpCounter.PATH_MTU_INCREASED);
    }
    if (oldest !== null) timers.arm(this.#timer, oldest.pathMtuUntil);
  }

  /** Where searches begin. */
  #base(destination: Destination): number {
    const { base } = this.#options;
    return typeof destination.address === "number" ? base : Math.max(base, ipv6.MIN_MTU);
  }

  /** The length of the next probe on a path, 0 for none. */
  probeBytes(path: CachedPath): number {
    const { search: when } = this.#options;
    if (when === "never" || path.kind !== PathKind.UNICAST) return 0;
    const { destination } = path;
    if (when === "always" && destination.search === null) {
      destination.search = new PathMtuSearch();
      this.#begin(destination, path.linkMtu);
    }
    return destination.search?.probeBytes(this.#environment.now, path.linkMtu) ?? 0;
  }

  #begin(destination: Destination, high: number): void {
    const base = Math.min(this.#base(destination), high);
    destination.search!.begin(base, high);
    if (Math.min(destination.pathMtu, high) <= base) return;
    this.#limit(destination, base);
    this.#counters.add(IpCounter.PATH_MTU_DECREASED);
  }

  /** What became of a packet: see `PathFeedback.reportProbe`. */
  report(path: CachedPath, bytes: number, isAcknowledged: boolean): void {
    const { destination } = path;
    if (this.#options.search === "never" || path.kind !== PathKind.UNICAST) return;
    const { now } = this.#environment;
    if (isAcknowledged) {
      if (destination.search?.onArrived(bytes, now)) this.#raise(destination);
      return;
    }
    if (destination.search?.isActive && bytes > destination.search.low) {
      destination.search.onProbeLost(bytes, now);
      return;
    }
    if (bytes <= this.#base(destination)) return;
    destination.search ??= new PathMtuSearch();
    // RFC 8899 section 4.3: where long packets vanish, and nobody says why, may be a black hole.
    this.#begin(destination, path.linkMtu);
  }

  #raise(destination: Destination): void {
    const { low } = destination.search!;
    if (low <= destination.pathMtu) return;
    destination.pathMtu = low;
    destination.invalidate();
    this.#counters.add(IpCounter.PATH_MTU_INCREASED);
  }
}

/** The greatest MTU of the table that is less than a length. */
function plateauBelow(bytes: number): number {
  return PLATEAUS.find((mtu) => mtu < bytes) ?? ipv4.MIN_MTU;
}
